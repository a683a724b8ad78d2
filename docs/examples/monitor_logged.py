"""Logits that were logged by some other run: `partial_fit` in the style of scikit-learn, then a table by class."""

from __future__ import annotations

import numpy as np

from steepest.data.frequency import zipf
from steepest.monitor import FrequencyMonitor

C = 50
draw = np.random.default_rng(0)
batches = []
for _ in range(20):
    targets = draw.choice(C, 200, p=zipf(C))
    logits = draw.normal(size=(200, C)) + 6 / (1 + targets[:, None]) * np.eye(C)[targets]  # frequent classes are known
    batches.append((logits.astype(np.float32), targets))

monitor = FrequencyMonitor(groups=4, window=10)
for logits, targets in batches:
    monitor.partial_fit(logits, targets)

print(monitor.read())
print(monitor.read().by_class().slice(0, 3).to_pylist())
