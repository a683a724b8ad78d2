"""Errors that a user can act on, and the exit codes that they carry.

| code | meaning |
|---|---|
| 0 | done |
| 1 | `check` found a contradicted claim |
| 2 | usage: an unknown name, option, field or value |
| 3 | data: a corpus or artefact that cannot be read, verified or fetched |
| 4 | store: not writable, full, or not a store; any other file that cannot be read or written |
| 5 | memory: it ran out, or a worker process was killed |
| 130 | interrupted; what was finished is kept |
| 141 | whoever read the output has gone, as `head` does; nothing is printed |
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import TypeVar

Result = TypeVar("Result")


class SteepestError(Exception):
    """An expected failure: one line that names the thing, the value, the reason and the way out."""

    exit_code = 2


class UsageError(SteepestError):
    """An unknown name, option, field or value."""


class DataError(SteepestError):
    """A corpus or artefact that cannot be read, verified or fetched."""

    exit_code = 3


class StoreError(SteepestError):
    """A store that is not writable, full, damaged or not a store."""

    exit_code = 4


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Return the error for a mistyped `name`, with the nearest known names.

    >>> str(unknown("figure", "fig44", ["fig4", "fig5"]))
    "unknown figure 'fig44'; did you mean fig4 or fig5? (known: fig4, fig5)"
    """
    known = sorted(known)
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return UsageError(f"unknown {kind} {name!r}{hint} (known: {', '.join(known)})")


def foreign(
    failing: str,
    call: Callable[[], Result],
    passed: tuple[type[BaseException], ...] = (SteepestError, OSError, MemoryError),
) -> Result:
    """Return what code of somebody else's returns; whatever it raises is one line.

    Args:
        failing: what then failed, as in "paper tails cannot be imported".
        call: the code.
        passed: what is raised as it is, besides Ctrl-C.

    Raises:
        UsageError: the code raised anything else, even an order to exit.
    """
    try:
        return call()
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, *passed)):
            raise
        raise UsageError(f"{failing}: {_described(error)}") from error


def _described(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - even its text may raise
        text = ""
    return text if isinstance(error, SteepestError) else ": ".join(filter(None, (type(error).__name__, text)))


def say(message: str) -> None:
    """Print a message as one line on stderr, if there is one; what could move the cursor is shown as ?."""
    if sys.stderr is not None:
        line = " ".join(message.split())
        print("steepest: " + "".join(c if c.isprintable() else "?" for c in line), file=sys.stderr, flush=True)
