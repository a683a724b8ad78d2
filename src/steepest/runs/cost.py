"""What this machine can do, measured once per process; used to show costs before they are spent."""

from __future__ import annotations

import time
from functools import cache

import torch

from steepest.problems.base import Work

# Fitted to the runs of the core paper at laptop scale, on processors with and without AVX-512, two workers side by side.
SHARE_OF_GEMM_RATE = 0.8
SECONDS_PER_LOGIT = 5e-9
SECONDS_PER_NUMBER = 6e-10
SECONDS_PER_RUN = 0.05


@cache
def gemm_rate(size: int = 1024, repeats: int = 4) -> float:
    """Return the best measured rate of float32 matrix products on one thread, in operations per CPU second."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        a = torch.ones(size, size)
        times = []
        for _ in range(repeats):
            started = time.process_time()
            torch.mm(a, a)
            times.append(time.process_time() - started)
    finally:
        torch.set_num_threads(before)
    return 2 * size**3 / min(times)


def seconds(work: Work) -> float:
    """Return the estimated CPU seconds of some work: matrix products near the GEMM rate, the rest at nominal rates."""
    rest = work.logits * SECONDS_PER_LOGIT + work.touched * SECONDS_PER_NUMBER
    return work.flops / (SHARE_OF_GEMM_RATE * gemm_rate()) + rest + SECONDS_PER_RUN
