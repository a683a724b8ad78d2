"""Lightning: watched as unwatched, its accumulated loss left aside, kept in its checkpoints."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from steepest.monitor import FrequencyMonitor
from steepest.monitor.lightning import FrequencyCallback

C, N = 6, 48

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own, about workers and torch's internals


def data() -> TensorDataset:
    generator = torch.Generator().manual_seed(0)
    return TensorDataset(torch.randn(N, 5, generator=generator), torch.randint(C, (N,), generator=generator) ** 2 // C)


class Classifier(pl.LightningModule):
    def __init__(self, road: str) -> None:
        super().__init__()
        self.model, self.road = nn.Sequential(nn.Linear(5, 8), nn.Dropout(0.2), nn.Linear(8, C)), road
        self.seen: list[tuple[float, int]] = []

    def training_step(self, batch: list[Tensor], _: int) -> Any:
        x, y = batch
        logits = self.model(x)
        losses = F.cross_entropy(logits, y, reduction="none")
        self.seen += zip(losses.tolist(), y.tolist(), strict=True)
        given = {"logits": logits} if self.road == "logits" else {"losses": losses}
        return losses.mean() if self.road == "bare" else {"loss": losses.mean(), **given, "targets": y}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.05)


def fit(
    road: str, callbacks: list[Any], epochs: int = 3, resume: Path | None = None, **options: Any
) -> tuple[Any, Any]:
    torch.manual_seed(0)
    quiet = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
    }
    trainer = pl.Trainer(
        max_epochs=epochs, callbacks=callbacks, accelerator="cpu", accumulate_grad_batches=2, **(quiet | options)
    )
    module = Classifier(road)
    trainer.fit(module, DataLoader(data(), batch_size=8), ckpt_path=resume)
    return module, trainer


@pytest.mark.parametrize("road", ["logits", "losses"])
def test_a_watched_module_has_the_bits_of_an_unwatched_one(road: str) -> None:
    monitor = FrequencyMonitor(data(), groups=3, num_classes=C, by_class=True)
    watched, _ = fit(road, [FrequencyCallback(monitor)])
    plain, _ = fit(road, [])
    assert all(torch.equal(a, b) for a, b in zip(watched.parameters(), plain.parameters(), strict=True))
    table = monitor.read().by_class().to_pandas()
    for k in range(C):
        mine = [loss for loss, label in watched.seen if label == k]
        assert table["count"][k] == len(mine)
        assert np.isnan(table.loss[k]) if not mine else table.loss[k] == pytest.approx(np.mean(mine), rel=1e-5)


def test_a_checkpoint_holds_the_monitor_and_training_goes_on_with_it(tmp_path: Path) -> None:
    whole, first, second = (FrequencyMonitor(groups=3, window=4) for _ in range(3))
    fit("losses", [FrequencyCallback(whole)], epochs=2)
    _, trainer = fit("losses", [FrequencyCallback(first)], epochs=1)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    saved = torch.load(tmp_path / "a.ckpt", weights_only=True)
    assert set(saved["callbacks"]["steepest.monitor"]) == set(first.state_dict())
    fit("losses", [FrequencyCallback(second)], epochs=2, resume=tmp_path / "a.ckpt")
    assert second.read().steps.tolist() == whole.read().steps.tolist()
    assert np.array_equal(second.read().count, whole.read().count)


def test_groups_are_logged_where_the_trainer_logs(tmp_path: Path) -> None:
    monitor = FrequencyMonitor(data(), groups=3)
    fit("logits", [FrequencyCallback(monitor)], logger=CSVLogger(tmp_path), log_every_n_steps=3)
    with (tmp_path / "lightning_logs" / "version_0" / "metrics.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    reading = monitor.read()
    assert float(last["frequency/loss_group_01"]) == pytest.approx(reading.loss[-1, 0])
    assert float(last["frequency/accuracy_group_03"]) == pytest.approx(reading.accuracy[-1, 2])


def test_a_step_that_shows_nothing_is_one_clear_line() -> None:
    with pytest.raises(ValueError, match="training_step must return"):
        fit("bare", [FrequencyCallback(FrequencyMonitor(groups=3))])
