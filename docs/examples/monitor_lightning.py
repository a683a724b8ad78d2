"""The monitor in Lightning: one callback; it is kept in Lightning's checkpoints."""

from __future__ import annotations

import sys

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from steepest.data.frequency import zipf
from steepest.monitor import FrequencyMonitor
from steepest.monitor.lightning import FrequencyCallback

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
C, D = 300, 32


class Classifier(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Linear(D, C)

    def training_step(self, batch: list[Tensor], _: int) -> dict[str, Tensor]:
        x, y = batch
        losses = F.cross_entropy(self.model(x), y, reduction="none")
        return {"loss": losses.mean(), "losses": losses, "targets": y}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


pl.seed_everything(0, verbose=False)
y = torch.multinomial(torch.from_numpy(zipf(C)), 4096, replacement=True)
data = TensorDataset(torch.randn(C, D)[y] + torch.randn(4096, D), y)
monitor = FrequencyMonitor(data, groups=5, window=20)  # counts the classes of the dataset
trainer = pl.Trainer(
    max_steps=STEPS,
    callbacks=[FrequencyCallback(monitor)],
    accelerator="cpu",
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(Classifier(), DataLoader(data, batch_size=64, shuffle=True))
print(monitor.read())
