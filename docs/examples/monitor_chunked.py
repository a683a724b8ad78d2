"""A language model's last layer without its logits: a chunked loss that tells the losses by frequency for free."""

from __future__ import annotations

import sys

import torch
from torch import nn

from steepest.data.frequency import zipf
from steepest.monitor import FrequencyMonitor, frequency_cross_entropy

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
C, D, T = 5000, 64, 32

torch.manual_seed(0)
frequencies = torch.from_numpy(zipf(C))
embedding, trunk, head = nn.Embedding(C, D), nn.GRU(D, D, batch_first=True), nn.Linear(D, C)
optimizer = torch.optim.AdamW([*embedding.parameters(), *trunk.parameters(), *head.parameters()], lr=1e-3)
monitor = FrequencyMonitor(groups=10, window=20)

for _ in range(STEPS):
    tokens = torch.multinomial(frequencies, 8 * (T + 1), replacement=True).view(8, T + 1)
    hidden, _ = trunk(embedding(tokens[:, :-1]))
    loss = frequency_cross_entropy(hidden, head.weight, tokens[:, 1:], head.bias, monitor=monitor)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

print(monitor.read())
