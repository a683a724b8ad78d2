"""What TensorBoard and Weights & Biases get, read back from their files."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path

import pytest
import torch

from steepest.monitor import FrequencyMonitor
from steepest.monitor.exporters import log_wandb, scalars, write_tensorboard


def monitor() -> FrequencyMonitor:
    made = FrequencyMonitor([4, 2, 2], groups=2, window=2)
    for step in (10, 20, 30):
        losses = torch.tensor([1.0, 1.0, 2.0, 5.0]) * step / 20
        made.update(losses=losses, targets=torch.tensor([0, 0, 1, 2]), step=step, correct=torch.tensor([1, 1, 0, 1]))
    return made


EXPECTED = {
    "frequency/loss_group_01": 0.75,
    "frequency/loss_group_02": 2.625,
    "frequency/accuracy_group_01": 1.0,
    "frequency/accuracy_group_02": 0.5,
    "frequency/lag_group_02": 1.875,
}


def test_scalars_are_of_the_latest_complete_window() -> None:
    assert scalars(monitor().read()) == EXPECTED
    assert scalars(FrequencyMonitor().read()) == {}


def test_tensorboard_files_hold_the_numbers_and_the_words(tmp_path: Path) -> None:
    from tensorboardX import SummaryWriter
    from tensorboardX.proto.event_pb2 import Event

    with SummaryWriter(str(tmp_path)) as writer:
        write_tensorboard(monitor().read(), writer)
        write_tensorboard(FrequencyMonitor().read(), writer)
    (file,) = tmp_path.iterdir()
    raw, found, words = file.read_bytes(), {}, ""
    while raw:
        (length,) = struct.unpack("<Q", raw[:8])
        event = Event.FromString(raw[12 : 12 + length])
        raw = raw[16 + length :]
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found[value.tag] = value.simple_value
                assert event.step == 20
            else:
                words = value.tensor.string_val[0].decode()
    assert found == EXPECTED
    assert "Group 2 (2 classes)" in words or "No group lags" in words


@pytest.mark.filterwarnings("ignore")
def test_an_offline_wandb_run_holds_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    with wandb.init(mode="offline", dir=str(tmp_path), project="p") as run:
        log_wandb(monitor().read(), run)
        log_wandb(FrequencyMonitor().read(), run)
        summary = json.loads(json.dumps(dict(run.summary)))
    assert {name: summary[name] for name in EXPECTED} == EXPECTED
    assert summary["frequency/step"] == 20
    (file,) = tmp_path.rglob("*.wandb")
    deadline = time.monotonic() + 60  # wandb's own process may write a moment after the run has ended
    while b"frequency/lag_group_02" not in file.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.05)
