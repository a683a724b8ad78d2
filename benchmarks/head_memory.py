"""Memory and time of the head's cross-entropy, forward and backward: ours in chunks against torch's plain two calls.

    python benchmarks/head_memory.py     writes results/head_memory.json: about 4 minutes, 10 GiB for the plain side

c = 50,257, D = 768, n = 16 × 1024. Each variant runs in a process of its own. Its memory is the peak of the resident set
over what is resident before the call (hidden, W, b, targets and a small warm-up), less the gradients of those three.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import torch
import torch.nn.functional as F
from machine_facts import machine_facts
from torch import Tensor

from steepest.models.cross_entropy import head_cross_entropy

RESULT = Path(__file__).parent / "results" / "head_memory.json"
ROWS, CLASSES, WIDTH = 16 * 1024, 50_257, 768
VARIANTS = ("ours float32", "ours bfloat16", "plain bfloat16", "plain float32")
NEEDED = 11 << 30  # bytes that the plain side takes at all rows


def memory(field: str) -> int:
    """Return VmRSS or VmHWM of this process, or MemAvailable of the machine, in bytes."""
    source = "/proc/meminfo" if field == "MemAvailable" else "/proc/self/status"
    lines = Path(source).read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def leaves(n: int, c: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(n, WIDTH, generator=generator).to(dtype).requires_grad_()
    W = (0.02 * torch.randn(c, WIDTH, generator=generator)).requires_grad_()
    return hidden, W, torch.zeros(c, requires_grad=True), torch.randint(c, (n,), generator=generator)


def differentiate(side: str, hidden: Tensor, W: Tensor, b: Tensor, targets: Tensor) -> float:
    """Leave the gradients in the leaves and return the mean loss."""
    if side == "ours":
        mean, _ = head_cross_entropy(hidden, W, b, targets, torch.full((len(targets),), 1 / len(targets)))
    else:
        logits = F.linear(hidden, W.to(hidden.dtype), b.to(hidden.dtype))
        mean = F.cross_entropy(logits.float(), targets)
        del logits
    mean.backward()  # type: ignore[no-untyped-call]
    return mean.item()


def one(variant: str, n: int) -> dict[str, Any]:
    """Measure one variant in this process."""
    torch.set_num_threads(1)
    side, precision = variant.split()
    dtype = getattr(torch, precision)
    differentiate(side, *leaves(600, 1000, dtype))
    inputs = leaves(n, CLASSES, dtype)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from what is resident now
    before, cpu, wall = memory("VmRSS"), process_time(), perf_counter()
    loss = differentiate(side, *inputs)
    cpu, wall = process_time() - cpu, perf_counter() - wall
    gradients = sum(leaf.grad.nbytes for leaf in inputs[:3] if leaf.grad is not None)
    growth = memory("VmHWM") - before
    return {
        "variant": variant,
        "rows": n,
        "loss": loss,
        "cpu_seconds": cpu,
        "wall_seconds": wall,
        "growth_gib": growth / 2**30,
        "gradients_gib": gradients / 2**30,
        "beyond_gradients_gib": (growth - gradients) / 2**30,
        "gflops": 6 * n * CLASSES * WIDTH / cpu / 1e9,
    }


def rows(variant: str) -> int:
    """Return all rows, or a quarter where the plain side would not fit."""
    return ROWS // 4 if variant.startswith("plain") and memory("MemAvailable") < NEEDED else ROWS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", choices=VARIANTS, help="measure one in this process and print it as JSON")
    parser.add_argument("--rows", type=int, default=ROWS)
    options = parser.parse_args()
    if options.variant:
        print(json.dumps(one(options.variant, options.rows)))
        return
    machine, found = machine_facts(), []
    for variant in VARIANTS:
        command = [sys.executable, __file__, "--variant", variant, "--rows", str(rows(variant))]
        found.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(json.dumps(found[-1]), flush=True)
    machine |= {"threads": 1, "load_average_after": machine_facts()["load_average"]}
    result = {"machine": machine, "classes": CLASSES, "width": WIDTH, "variants": found}
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
