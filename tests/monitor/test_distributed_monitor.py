"""Two processes read together what one process reads that sees all batches."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from monitor.distributed_monitor import batch
from test_distributed import torchrun

from steepest.monitor import FrequencyMonitor, windows

HERE = Path(__file__).parent


def alone(monitor: FrequencyMonitor) -> FrequencyMonitor:
    """Feed what both processes see, an update of this one for an update of each."""
    for i in range(9):
        (a, y), (b, z) = batch(2 * i), batch(2 * i + 1)
        mask = torch.arange(20) > 0
        monitor.update(losses=torch.cat([a, b]), targets=torch.cat([y, z]), mask=torch.cat([mask, mask]))
    return monitor


def test_one_reduction_at_read_out_adds_up_the_processes(tmp_path: Path, monkeypatch: object) -> None:
    printed = torchrun(str(HERE / "distributed_monitor.py"), str(tmp_path))
    learnt, resumed, fixed, empty, own = json.loads(printed.split("RESULT", 1)[1])
    monkeypatch.setattr(windows, "MAX_WINDOWS", 4)  # type: ignore[attr-defined]
    for found, monitor in ((learnt, FrequencyMonitor(groups=3, window=2)), (resumed, FrequencyMonitor(groups=3, window=2)),
                           (fixed, FrequencyMonitor([1] * 20, groups=3, window=2))):  # fmt: skip
        expected = alone(monitor).read()
        assert found["steps"] == expected.steps.tolist()
        assert found["counts"] == expected.counts.tolist()
        assert found["skipped"] == expected.skipped
        np.testing.assert_allclose(found["sums"], expected.sums, rtol=1e-12)
    assert np.sum(empty["sums"][0]) == 2
    assert np.sum(own["sums"][0]) == 9 * 19
