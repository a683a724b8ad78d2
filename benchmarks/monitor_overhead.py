"""What the frequency monitor costs a training step of a GPT-2-like model with 50,257 classes on a CPU.

    python benchmarks/monitor_overhead.py            results/monitor_overhead.json: both sizes, about ten minutes
    python benchmarks/monitor_overhead.py --quick    two blocks of the narrow size; prints, writes nothing

A step is forward, backward and torch's fused Adam, on one thread. All sides take turns in one process, block by block. The
cost of a side is told twice: as its CPU seconds over those of its plain side (median over blocks, with the smallest and the
largest), and as the share of the step that is spent inside of `monitor.update`, which is far less noisy and is what the
targets are held against where a monitor is added to an unchanged step.

The narrow size is the harder one: its head makes up most of the step, so that reading the logits weighs most.
"""

from __future__ import annotations

import argparse
import gc
import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from machine_facts import machine_facts
from torch import Tensor

from steepest.data.frequency import zipf
from steepest.models import gpt
from steepest.models.gpt import GPTShape
from steepest.monitor import FrequencyMonitor, frequency_cross_entropy
from steepest.optim import Adam

RESULT = Path(__file__).parent / "results" / "monitor_overhead.json"
C = 50_257
EVERY = 4
TARGETS = {"losses": 0.01, "logits": 0.05, f"logits, every={EVERY}": 0.05 / EVERY}  # of the step, at most
FASTER = "chunked, monitor"  # its step is to be faster than the plain one


class Size(NamedTuple):
    shape: GPTShape
    windows: int
    blocks: int


SIZES = {
    "narrow": Size(GPTShape(depth=4, heads=4, width=256, hidden=1024, length=256), 4, 6),
    "GPT-2 small": Size(GPTShape(depth=12, heads=12, width=768, hidden=3072, length=256), 4, 6),
}
SIDES = {  # name: its plain side
    "plain": None,
    "plain, losses by example": None,
    "losses": "plain, losses by example",
    "logits": "plain",
    f"logits, every={EVERY}": "plain",
    "chunked": "plain",
    FASTER: "plain",
}


class Step:
    """One side: its own monitor, the model and optimizer that all share."""

    def __init__(
        self, side: str, params: dict[str, Tensor], optimizer: Adam, data: tuple[Tensor, Tensor], shape: GPTShape
    ):
        self.side, self.params, self.optimizer, self.data, self.shape = side, params, optimizer, data, shape
        counts = (1e9 * torch.from_numpy(zipf(C))).long()
        self.monitor = FrequencyMonitor(counts, every=EVERY if "every" in side else 1)
        self.inside = 0.0  # CPU seconds in the monitor

    def __call__(self) -> float:
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return float(loss.detach())

    def loss(self) -> Tensor:
        tokens, targets = self.data
        W, b = self.params["head.weight"], self.params["head.bias"]
        h = gpt.hidden(self.params, tokens, self.shape, None)
        if "chunked" in self.side:
            watched = self.monitor if self.side == FASTER else None
            return frequency_cross_entropy(h, W, targets.flatten(), b, monitor=watched)
        logits = F.linear(h, W, b)
        if "losses" in self.side:
            losses = F.cross_entropy(logits, targets.flatten(), reduction="none")
            if self.side == "losses":
                self.timed(lambda: self.monitor.update(losses=losses, targets=targets.flatten()))
            return losses.mean()
        if "logits" in self.side:
            self.timed(lambda: self.monitor.update(logits, targets.flatten()))
        return F.cross_entropy(logits, targets.flatten())

    def timed(self, update: Callable[[], None]) -> None:
        started = process_time()
        update()
        self.inside += process_time() - started


def windows(size: Size) -> tuple[Tensor, Tensor]:
    """Draw token ids and the ids after them from a Zipf law."""
    number, generator = size.windows * (size.shape.length + 1), torch.Generator().manual_seed(0)
    drawn = torch.multinomial(torch.from_numpy(zipf(C)), number, replacement=True, generator=generator)
    drawn = drawn.view(size.windows, -1)
    return drawn[:, :-1].contiguous(), drawn[:, 1:].contiguous()


def measure(name: str, blocks: int | None = None) -> dict[str, Any]:
    """Return the seconds of every block of every side, and what they amount to."""
    size, load = SIZES[name], machine_facts()["load_average"]
    drawn = gpt.init(size.shape, C, torch.Generator().manual_seed(0))
    params = {key: p.requires_grad_() for key, p in drawn.items()}
    optimizer, data = Adam(list(params.values()), lr=1e-4), windows(size)
    steps = {side: Step(side, params, optimizer, data, size.shape) for side in SIDES}
    for step in steps.values():
        step()
        step.inside, step.monitor.updates = 0.0, 0
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    for block in range(blocks or size.blocks):
        for side in sorted(SIDES, reverse=block % 2 == 1):
            gc.collect()
            count = EVERY if "every" in side else 1
            started = process_time()
            for _ in range(count):
                steps[side]()
            seconds[side].append((process_time() - started) / count)
    return {
        "size": name,
        "tokens": data[0].numel(),
        "sides": {side: summary(steps[side], seconds, plain) for side, plain in SIDES.items()},
        "load_average": [load, machine_facts()["load_average"]],
    }


def summary(step: Step, seconds: dict[str, list[float]], plain: str | None) -> dict[str, Any]:
    """Return seconds, ratios to the plain side by block, the share inside of the monitor, and whether it is as wanted."""
    mine = seconds[step.side]
    found: dict[str, Any] = {"seconds_per_step": mine, "median_seconds": median(mine)}
    if plain is None:
        return found
    ratios = [a / b for a, b in zip(mine, seconds[plain], strict=True)]
    found |= {"ratio": median(ratios), "ratios": [min(ratios), max(ratios)], "against": plain}
    if step.side in TARGETS:
        calls = len(mine) * (EVERY if "every" in step.side else 1)
        share = step.inside / calls / median(seconds[plain])
        found |= {"share_in_update": share, "target": TARGETS[step.side], "met": share <= TARGETS[step.side]}
    if step.side == FASTER:
        found |= {"target": "a ratio below 1", "met": max(ratios) < 1}
    return found


def show(found: dict[str, Any]) -> None:
    print(f"\n{found['size']}, {found['tokens']} tokens, {C:,} classes, load {found['load_average']}")
    for side, row in found["sides"].items():
        line = f"  {side:26s} {row['median_seconds']:7.2f} s"
        if "ratio" in row:
            low, high = row["ratios"]
            line += f"   ratio {row['ratio']:.3f} ({low:.3f} to {high:.3f})"
        if "share_in_update" in row:
            line += f"   in update {row['share_in_update']:.3%}, target {row['target']:.2%}"
        print(line + (f": {'met' if row['met'] else 'MISSED'}" if "met" in row else ""), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two blocks of the narrow size; writes nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.quick:
        show(measure("narrow", 2))
        return
    result: dict[str, Any] = {}
    for name in SIZES:
        result[name] = measure(name) | {"machine": machine_facts()}
        show(result[name])
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
