"""The monitor with Hugging Face Accelerate: as in a plain loop; `read` adds up the processes, so all of them call it."""

from __future__ import annotations

import sys

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from steepest.data.frequency import zipf
from steepest.monitor import FrequencyMonitor

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
C, D = 300, 32

torch.manual_seed(0)
accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
y = torch.multinomial(torch.from_numpy(zipf(C)), 4096, replacement=True)
data = TensorDataset(torch.randn(C, D)[y] + torch.randn(4096, D), y)
model = nn.Linear(D, C)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model, optimizer, loader = accelerator.prepare(model, optimizer, DataLoader(data, batch_size=64, shuffle=True))
monitor = FrequencyMonitor(data, groups=5, window=20)

step = 0
while step < STEPS:
    for x, targets in loader:
        with accelerator.accumulate(model):
            losses = F.cross_entropy(model(x), targets, reduction="none")
            monitor.update(losses=losses, targets=targets, step=step)
            accelerator.backward(losses.mean())
            optimizer.step()
            optimizer.zero_grad()
        step += accelerator.sync_gradients
        if step == STEPS:
            break

reading = monitor.read()
accelerator.print(reading)
accelerator.end_training()
