"""The monitor in a plain PyTorch loop: two lines, then what they saw, in words and as a file."""

from __future__ import annotations

import sys

import torch
import torch.nn.functional as F
from torch import nn

from steepest.data.frequency import zipf
from steepest.monitor import FrequencyMonitor

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 500
C, D = 1000, 64

torch.manual_seed(0)
frequencies = torch.from_numpy(zipf(C))
prototypes = torch.randn(C, D)
model = nn.Linear(D, C)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

monitor = FrequencyMonitor(groups=5, window=50)  # no class counts: they are learnt

for _ in range(STEPS):
    y = torch.multinomial(frequencies, 512, replacement=True)
    logits = model(prototypes[y] + torch.randn(512, D))
    losses = F.cross_entropy(logits, y, reduction="none")
    monitor.update(losses=losses, targets=y)
    optimizer.zero_grad()
    losses.mean().backward()
    optimizer.step()

print(monitor.read())
monitor.save("monitor.parquet")
