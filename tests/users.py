"""Code of a user's, for tests."""

from __future__ import annotations

import sys
import types


def module(name: str, text: str) -> types.ModuleType:
    """Return a module whose source no one can read, as in a notebook."""
    made = types.ModuleType(name)
    sys.modules[name] = made
    exec(compile(text, "<cell>", "exec"), vars(made))  # noqa: S102
    return made
