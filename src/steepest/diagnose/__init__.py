"""Is the tail of my data heavy, and what does it do to training? Counts classes, fits the tail, predicts, advises.

    from steepest.diagnose import diagnose
    found = diagnose("corpus.txt")
    found.tail.alpha, found.summary.rarest_half, found.advice

Names are imported when first used, so that a process that only counts starts fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steepest.diagnose.diagnosis import Diagnosis, diagnose
    from steepest.diagnose.spectrum import Spectrum
    from steepest.diagnose.tail import fit_tail

_HOMES = {
    "Diagnosis": "steepest.diagnose.diagnosis",
    "Spectrum": "steepest.diagnose.spectrum",
    "diagnose": "steepest.diagnose.diagnosis",
    "fit_tail": "steepest.diagnose.tail",
}
__all__ = ["Diagnosis", "Spectrum", "diagnose", "fit_tail"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'steepest.diagnose' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
