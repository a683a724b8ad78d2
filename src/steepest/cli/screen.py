"""What every screen shares: the console, numbers, durations, JSON and the command to type next."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

SHOWN_LINES = 5


def screen(*, stderr: bool = False) -> Console:
    """Return the console; without a terminal it writes plain text."""
    return Console(stderr=stderr, highlight=False)


def columns(*names: str, last: str) -> Table:
    """Return a table whose columns keep their width, except the last, which wraps."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0), expand=False)
    for name in names:
        table.add_column(name, no_wrap=True)
    table.add_column(last, overflow="fold")
    return table


def warn(line: str) -> None:
    """Print a line beside the answer, on the error stream."""
    screen(stderr=True).print(line, markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=1, ensure_ascii=False))


def one_line(error: Exception) -> str:
    """Return an error's text in one line of printable letters."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(str(error).split()))


def few(lines: Sequence[str]) -> list[str]:
    """Return the first lines, and how many more there are.

    >>> few([]), few(["a"]), few(list("abcdefg"))[-2:]
    ([], ['a'], ['e', 'and 2 more'])
    """
    more = len(lines) - SHOWN_LINES
    return [*lines[:SHOWN_LINES], *([f"and {more} more"] if more > 0 else [])]


def number(value: float | None) -> str:
    """Return a number for a table.

    >>> number(0.12345), number(None), number(1.5e-9), number(12345.6)
    ('0.123', '', '1.5e-09', '1.23e+04')
    """
    return "" if value is None else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Return a duration for people.

    >>> duration(0), duration(42.4), duration(600), duration(7_200), duration(400_000)
    ('1 s', '42 s', '10 min', '2.0 h', '4.6 days')
    """
    if seconds < 99.5:
        return f"{max(1, round(seconds))} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:,.1f} days"


def command(*arguments: str) -> str:
    """Return a command line of this program as the user can type it, also where it is not on the PATH."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        program = ["python", "-m", "steepest"]
    else:
        program = ["steepest" if shutil.which("steepest") else str(called)]
    return shlex.join([*program, *arguments])
