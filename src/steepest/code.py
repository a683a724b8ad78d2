"""Whose code something is, and a digest of code of the user's."""

from __future__ import annotations

import hashlib
import inspect
import sys
from typing import Any

OURS = ("steepest", "steepest_papers")
KNOWN = {"torch", "numpy", "scipy", "pyarrow", "pydantic"}


def is_ours(thing: Any) -> bool:
    """Return whether a class or function belongs to this package, whose versions are bumped by hand."""
    return thing.__module__.partition(".")[0] in OURS


def is_library(thing: Any) -> bool:
    """Return whether a class or function belongs to the standard library or to a library that this package depends on."""
    top = thing.__module__.partition(".")[0]
    return top in sys.stdlib_module_names - {"__main__"} or top in KNOWN


def digest(thing: Any) -> str:
    """Return a digest of the source of a class or function."""
    return hashlib.sha256(inspect.getsource(thing).encode()).hexdigest()[:20]
