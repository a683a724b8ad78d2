"""Started by `torchrun` in two processes: each watches every other batch; the first prints what they read together."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from steepest import distributed
from steepest.monitor import FrequencyMonitor, windows


def batch(i: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(i)
    y = torch.randint(3 + i, (20,), generator=generator)  # later batches have more classes
    return torch.rand(20, generator=generator, dtype=torch.float64), y


def feed(monitor: FrequencyMonitor, updates: range) -> None:
    for i in updates:
        losses, y = batch(2 * i + distributed.rank())
        monitor.update(losses=losses, targets=y, mask=torch.arange(20) > 0)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with distributed.joined():
        monitor = FrequencyMonitor(groups=3, window=2)
        feed(monitor, range(6))
        monitor.save(folder / "run.parquet")
        resumed = FrequencyMonitor.load(folder / "run.parquet")
        if distributed.rank() == 1:
            windows.MAX_WINDOWS = 4  # this process merges its windows earlier than the other one
        for watch in (monitor, resumed):
            feed(watch, range(6, 9))
        fixed = FrequencyMonitor([1] * 20, groups=3, window=2)
        feed(fixed, range(9))
        empty = FrequencyMonitor(groups=3)
        if distributed.rank() == 1:
            empty.update(losses=torch.ones(2), targets=torch.tensor([0, 1]))
        readings = [of.read() for of in (monitor, resumed, fixed, empty)]
        alone = monitor.read(reduce=False)
        if distributed.rank() == 0:
            printed = [
                {"steps": r.steps.tolist(), "sums": r.sums.tolist(), "counts": r.counts.tolist(), "skipped": r.skipped}
                for r in [*readings, alone]
            ]
            print("RESULT" + json.dumps(printed).replace("NaN", "null"))
