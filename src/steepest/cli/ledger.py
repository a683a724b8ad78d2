"""The ledger on the screen: one row per claim, grouped by figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from steepest.claims.verdict import State, Verdict
from steepest.cli.screen import number, print_json, screen
from steepest.glossary import symbols_in

MARKS: Mapping[State, str] = {
    "supported": "[green]✔ supported[/]",
    "contradicted": "[red]✘ contradicted[/]",
    "undecided": "[yellow]? undecided[/]",
    "not run": "[dim]· not run[/]",
    "out of reach": "[dim]∞ out of reach[/]",
}

MARK_WIDTH = len("✘ contradicted")


def show(rows: Sequence[Verdict], run_again: str = "", *, as_json: bool) -> None:
    """Print the ledger, its symbols, its summary and, where runs are missing, the command that trains them, if one is given."""
    if as_json:
        print_json([row.as_json() for row in rows])
        return
    console = screen()
    table(console, rows)
    for symbol in symbols_in(" ".join(row.says for row in rows)):
        console.print(f"\n[dim]{escape(symbol.name)}: {escape(symbol.meaning)}[/]", end="")
    console.print(f"\n\n[bold]{summary(rows)}[/]")
    if run_again and any(row.verdict == "not run" for row in rows):
        console.print(f"Train what is missing: {escape(run_again)}", soft_wrap=True)


def table(console: Console, rows: Sequence[Verdict]) -> None:
    """Print one row per claim under the heading of its figure."""
    for (figure, scale, setting), group in groupby(rows, key=lambda row: (row.figure, row.scale, row.setting)):
        console.print(f"\n[bold]{escape(figure)}[/]  [dim]{scale} scale: {escape(setting)}[/]")
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True, min_width=MARK_WIDTH)
        grid.add_column(overflow="fold")
        for row in group:
            grid.add_row(MARKS[row.verdict], _body(row))
        console.print(grid)


def summary(rows: Sequence[Verdict]) -> str:
    """Return the ledger in one line.

    >>> summary([])
    'no claims'
    """
    counts = Counter(row.verdict for row in rows)
    return ", ".join(f"{counts[state]} {state}" for state in MARKS if counts[state]) or "no claims"


def _body(row: Verdict) -> str:
    marks = "".join(
        f"  [magenta]{mark}[/]" for mark in (row.kind, row.edited and "thresholds edited") if mark != "paper"
    )
    found = f"[bold]{number(row.measured)}[/] {escape(_spread(row))}· " if row.measured is not None else ""
    reason = f"\n[dim]{escape(row.reason)}[/]" if row.reason else ""
    head = f"[bold]{escape(row.claim)}[/]  [dim]{escape(row.where)}[/]{marks}"
    return f"{head}\n{escape(row.says)}\n{found}[dim]{_thresholds(row)}[/]{reason}"


def _spread(row: Verdict) -> str:
    if row.seeds == 0:
        return ""
    span = f"[{number(row.interval[0])}, {number(row.interval[1])}], " if row.interval else ""
    return f"{span}{row.seeds} seeds "


def _thresholds(row: Verdict) -> str:
    holds, fails = ("≥", "≤") if row.holds > row.fails else ("≤", "≥")
    return f"holds {holds} {number(row.holds)}, fails {fails} {number(row.fails)}"
