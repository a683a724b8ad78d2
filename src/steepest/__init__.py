"""steepest: a laboratory and library of descent methods for PyTorch.

Why do Adam and sign-based methods beat gradient descent, and when? Every claim of the papers that answer it can be
re-measured here (`steepest check`), and the parts are ordinary library parts.

Names are imported when first used, so that `import steepest` is instant.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steepest.runs.method import Method
    from steepest.runs.results import SweepResults
    from steepest.runs.store import Store
    from steepest.runs.stream import run
    from steepest.runs.sweep import Sweep, decades, untuned

_HOMES = {
    "Method": "steepest.runs.method",
    "Store": "steepest.runs.store",
    "Sweep": "steepest.runs.sweep",
    "SweepResults": "steepest.runs.results",
    "decades": "steepest.runs.sweep",
    "run": "steepest.runs.stream",
    "untuned": "steepest.runs.sweep",
}
__all__ = ["Method", "Store", "Sweep", "SweepResults", "decades", "run", "untuned"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("steepest")
    if name not in _HOMES:
        raise AttributeError(f"module 'steepest' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
