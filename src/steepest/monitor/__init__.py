"""The frequency monitor: loss and accuracy by class frequency, in two lines of any PyTorch loop.

    monitor = FrequencyMonitor(class_counts, groups=10)
    ...
    monitor.update(logits, targets)               # or, cheaper, update(losses=…, targets=…)
    print(monitor.read())                         # which groups lag, by how much, since when

Integrations are in `steepest.monitor.huggingface`, `.lightning`, `.exporters` and `.terminal`. Names are imported when
first used, and no framework but torch is.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steepest.monitor.loss import frequency_cross_entropy
    from steepest.monitor.reading import Reading
    from steepest.monitor.watch import FrequencyMonitor

_HOMES = {
    "FrequencyMonitor": "steepest.monitor.watch",
    "Reading": "steepest.monitor.reading",
    "frequency_cross_entropy": "steepest.monitor.loss",
}
__all__ = ["FrequencyMonitor", "Reading", "frequency_cross_entropy"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'steepest.monitor' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
