"""Training throughput of our language model against Hugging Face `transformers`' GPT-2 of the same shape.

    pip install transformers                       # only for the other side; not a dependency of the package
    python benchmarks/gpt_throughput.py            results/gpt_throughput.json: both sizes, 1 and 2 threads
    python benchmarks/gpt_throughput.py --quick    laptop size, one thread: a minute; prints, writes nothing

A step is forward, backward, torch's fused Adam, and the summed loss of every class. All sides of a shape take turns in
one process; a block is a few steps. Times are CPU seconds on one thread and wall seconds on two.
"""

from __future__ import annotations

import argparse
import gc
import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from machine_facts import machine_facts
from torch import Tensor

from steepest.models import gpt
from steepest.models.gpt import GPTShape, flops_per_token
from steepest.models.products import times_transposed
from steepest.optim import Adam

RESULT = Path(__file__).parent / "results" / "gpt_throughput.json"
GEMM_SIZE = 2048
BLOCKS = 8
STEPS = {"laptop": 10, "medium": 1}  # of a block, after one that is dropped
GEMMS = {
    "float32": (times_transposed, torch.float32),  # the faster library
    "bfloat16": (times_transposed, torch.bfloat16),
    "torch.mm float32": (torch.mm, torch.float32),
}
Step = Callable[[], float]


class Size(NamedTuple):
    """A model, its vocabulary c and the windows B of a step."""

    shape: GPTShape
    num_classes: int
    windows: int

    @property
    def tokens(self) -> int:
        return self.windows * self.shape.length


SIZES = {
    "laptop": Size(GPTShape(depth=2, heads=4, width=128, hidden=512, length=32), 4096, 32),
    "medium": Size(GPTShape(depth=4, heads=4, width=256, hidden=1024, length=256), 16_384, 8),
}
SIDES = {
    "ours fp32": ("ours", "float32", {}),
    "ours bf16": ("ours", "bfloat16", {}),
    "hf fp32": ("hf", "float32", {}),
    "hf bf16": ("hf", "bfloat16", {}),
    "hf fp32, no loss by class": ("hf", "float32", {"by_class": False}),
    "hf bf16, no loss by class": ("hf", "bfloat16", {"by_class": False}),
    "hf fp32, fused gelu": ("hf", "float32", {"activation": "gelu_pytorch_tanh"}),
    "hf bf16, fused gelu": ("hf", "bfloat16", {"activation": "gelu_pytorch_tanh"}),
}


def windows(size: Size) -> tuple[Tensor, Tensor]:
    """Draw token ids and the ids after them from a Zipf law, as text has them."""
    ranks = torch.arange(1, size.num_classes + 1, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.multinomial(1 / ranks, size.windows * (size.shape.length + 1), replacement=True, generator=generator)
    drawn = drawn.view(size.windows, size.shape.length + 1)
    return drawn[:, :-1].contiguous(), drawn[:, 1:].contiguous()


def ours(size: Size, precision: str) -> Step:
    """Return one training step of `steepest.models.gpt`."""
    shape = GPTShape(**(vars(size.shape) | {"precision": precision}))
    params = {
        name: p.requires_grad_()
        for name, p in gpt.init(shape, size.num_classes, torch.Generator().manual_seed(0)).items()
    }
    optimizer = Adam(list(params.values()), lr=1e-3)
    tokens, targets = windows(size)
    weights = torch.full((size.tokens,), 1 / size.tokens)
    by_class = torch.zeros(size.num_classes)

    def step() -> float:
        optimizer.zero_grad()
        objective, losses = gpt.objective(params, tokens, targets, weights, shape, None)
        objective.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        by_class.zero_().index_add_(0, targets.flatten(), losses)
        return float(objective.detach())

    return step


def hf(size: Size, precision: str, by_class: bool = True, activation: str = "gelu_new") -> Step:
    """Return one training step of `GPT2LMHeadModel` without dropout; bfloat16 is torch's autocast."""
    from transformers import GPT2Config, GPT2LMHeadModel

    shape = size.shape
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=size.num_classes, n_positions=shape.length, n_embd=shape.width, n_layer=shape.depth,
        n_head=shape.heads, n_inner=shape.hidden, activation_function=activation, tie_word_embeddings=False,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, use_cache=False, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    tokens, targets = windows(size)
    totals = torch.zeros(size.num_classes)

    def step() -> float:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16) if precision == "bfloat16" else nullcontext():
            found = model(tokens, labels=targets, shift_labels=targets)
        found.loss.backward()
        optimizer.step()
        if by_class:
            with torch.no_grad():
                losses = F.cross_entropy(found.logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
            totals.zero_().index_add_(0, targets.flatten(), losses)
        return float(found.loss.detach())

    return step


def clock(threads: int) -> float:
    """CPU seconds of the only thread, or wall seconds."""
    return process_time() if threads == 1 else perf_counter()


def gemm_rate(product: Callable[[Tensor, Tensor], Tensor], dtype: torch.dtype, threads: int) -> float:
    """Return the best rate of three square matrix products, in operations per second."""
    a, b = (torch.rand(GEMM_SIZE, GEMM_SIZE).to(dtype) for _ in range(2))
    product(a, b)
    seconds = []
    for _ in range(3):
        started = clock(threads)
        product(a, b)
        seconds.append(clock(threads) - started)
    return 2 * GEMM_SIZE**3 / min(seconds)


def measure(name: str, threads: int, blocks: int, steps: int) -> dict[str, Any]:
    """Return the seconds per step of every block of every side, and what they amount to."""
    torch.set_num_threads(threads)
    size, load = SIZES[name], machine_facts()["load_average"]
    makers = {"ours": ours, "hf": hf}
    sides = {side: makers[maker](size, precision, **options) for side, (maker, precision, options) in SIDES.items()}
    first = {side: step() for side, step in sides.items()}
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    gemm: dict[str, list[float]] = {name: [] for name in GEMMS}
    for block in range(blocks):
        for kind, rates in gemm.items():
            rates.append(gemm_rate(*GEMMS[kind], threads))
        for side in sorted(sides, reverse=block % 2 == 1):
            gc.collect()
            sides[side]()
            started = clock(threads)
            for _ in range(steps):
                sides[side]()
            seconds[side].append((clock(threads) - started) / steps)
    return {
        "size": name,
        "threads": threads,
        "first_loss": first,
        "gemm_rate": {kind: max(rates) for kind, rates in gemm.items()},
        "sides": {side: summary(size, side, seconds[side], gemm) for side in sides},
        "ratios": dict(ratios(seconds)),
        "load_average": [load, machine_facts()["load_average"]],
    }


def summary(size: Size, side: str, seconds: list[float], gemm: dict[str, list[float]]) -> dict[str, Any]:
    """Return tokens per second, and the fraction of the best GEMM rate in the side's precision."""
    flops = flops_per_token(size.shape, size.num_classes) * size.tokens
    return {
        "seconds_per_step": seconds,
        "best_tokens_per_second": size.tokens / min(seconds),
        "median_tokens_per_second": size.tokens / median(seconds),
        "fraction_of_gemm_rate": flops / min(seconds) / max(gemm[SIDES[side][1]]),
    }


def ratios(seconds: dict[str, list[float]]) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the throughput of ours over theirs: of the best blocks, and the median over the pairs of a block."""
    for mine, theirs in ((a, b) for a in seconds for b in seconds if a.startswith("ours") and b.startswith("hf")):
        pairs = [b / a for a, b in zip(seconds[mine], seconds[theirs], strict=True)]
        yield f"{mine} / {theirs}", {"best": min(seconds[theirs]) / min(seconds[mine]), "median": median(pairs)}


def show(found: dict[str, Any]) -> None:
    print(f"\n{found['size']}, {found['threads']} thread(s), load {found['load_average']}")
    for side, row in found["sides"].items():
        print(
            f"  {side:26s} {row['best_tokens_per_second']:8.0f} tok/s best {row['median_tokens_per_second']:8.0f} median,"
            f" {row['fraction_of_gemm_rate']:.0%} of GEMM, first loss {found['first_loss'][side]:.3f}"
        )
    print("  GEMM: " + ", ".join(f"{kind} {rate / 1e9:.0f} GFLOP/s" for kind, rate in found["gemm_rate"].items()))
    for pair, ratio in found["ratios"].items():
        print(f"  {pair:50s} {ratio['best']:.2f} best, {ratio['median']:.2f} median", flush=True)


def keep(found: dict[str, Any]) -> None:
    """Put one measurement into the result file, beside those of other sizes and threads."""
    import transformers

    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    found |= {"machine": machine_facts(), "transformers": transformers.__version__}
    result[f"{found['size']}, {found['threads']} thread(s)"] = found
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="laptop size, one thread, few blocks; writes nothing")
    parser.add_argument("--size", choices=SIZES, help="default: both")
    parser.add_argument("--threads", type=int, choices=(1, 2), help="default: both")
    options = parser.parse_args()
    if options.quick:
        show(measure("laptop", 1, 5, 5))
        return
    for threads in [options.threads] if options.threads else (1, 2):
        for size in [options.size] if options.size else SIZES:
            found = measure(size, threads, BLOCKS, STEPS[size])
            show(found)
            keep(found)


if __name__ == "__main__":
    main()
