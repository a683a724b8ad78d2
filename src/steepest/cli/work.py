"""`run`, `status` and `report`: progress with time left, then the ledger and the page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from steepest.cli.show import ledger, summary
from steepest.errors import UsageError
from steepest.lab import Cost, Lab
from steepest.runner import Step

LINE_EVERY_SECONDS = 60.0


def run_lab(lab: Lab, jobs: int, *, dry_run: bool, as_json: bool) -> None:
    """Show the cost, run with a bar, draw each figure as soon as it is complete, then print ledger and page."""
    console = Console(stderr=as_json)
    costs = [lab.cost(figure) for figure in lab.figures]
    if dry_run or any(cost.done < cost.expected for cost in costs):
        _print_costs(console, lab, costs, jobs)
    if dry_run:
        if as_json:
            print(json.dumps([asdict(cost) for cost in costs], indent=1))
        return
    _train(console, lab, jobs)
    rows = lab.ledger()
    ledger(rows, as_json=as_json)
    page = lab.report()
    again = f"steepest check {_target(lab)}"
    console.print(
        f"{summary(rows)}\nThe page: [link={page.as_uri()}]{page}[/link]\nThe ledger again: {again}", highlight=False
    )


def _train(console: Console, lab: Lab, jobs: int) -> None:
    undrawn = list(lab.figures)
    with _Display(console) as display:
        for step in lab.stream(jobs):
            display.update(step, jobs)
            for figure in lab.complete(step):
                if figure in undrawn:
                    undrawn.remove(figure)
                    for path in lab.draw(figure).values():
                        display.say(f"{figure.id}: {path}")


def show_status(labs: Iterable[Lab], *, as_json: bool) -> None:
    """Print runs done and expected by figure."""
    labs = list(labs)
    if as_json:
        rows = [
            {"paper": lab.paper.key, "scale": lab.scale} | asdict(lab.cost(figure))
            for lab in labs
            for figure in lab.figures
        ]
        print(json.dumps(rows, indent=1))
        return
    console = Console()
    for lab in labs:
        _print_costs(console, lab, [lab.cost(figure) for figure in lab.figures], jobs=1)
        damaged = lab.store.foreign()
        if damaged:
            console.print(f"{len(damaged)} entries of {lab.store.runs} are not readable runs; see `steepest doctor`")


def write_reports(labs: Sequence[Lab], output: Path | None, *, as_json: bool) -> None:
    """Write one page per lab and print where they are."""
    if output is not None and len(labs) != 1:
        raise UsageError(f"--output {output}: names one page, but {len(labs)} papers were asked for; name one paper")
    pages = [lab.report(output) for lab in labs]
    print(json.dumps([str(page) for page in pages]) if as_json else "\n".join(map(str, pages)))


def _print_costs(console: Console, lab: Lab, costs: Sequence[Cost], jobs: int) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("figure", "shows", "sizes"):
        table.add_column(name, overflow="fold")
    for name in ("runs", f"time left, {jobs} at once"):
        table.add_column(name, justify="right", no_wrap=True)
    for figure, cost in zip(lab.figures, costs, strict=True):
        sizes = lab.settings[figure.id].summary()
        table.add_row(
            figure.id, figure.title, sizes, f"{cost.done}/{cost.expected}", duration(cost.seconds_left / jobs)
        )
    total = sum(cost.seconds_left for cost in costs) / jobs
    console.print(table)
    console.print(
        f"{lab.paper.key} at {lab.scale} scale: about {duration(total)} left; store {lab.store.root}", highlight=False
    )


def duration(seconds: float) -> str:
    """Return a duration for people.

    >>> duration(0), duration(42.4), duration(600), duration(7_200), duration(400_000)
    ('-', '42 s', '10 min', '2.0 h', '4.6 days')
    """
    if seconds <= 0:
        return "-"
    if seconds < 99.5:
        return f"{max(1, round(seconds))} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def _target(lab: Lab) -> str:
    whole = lab.figures == lab.paper.figures
    target = lab.paper.key if whole else f"{lab.paper.key}/{lab.figures[0].id}"
    scale = "" if lab.scale == "laptop" else f" --scale {lab.scale}"
    return target + scale + "".join(f" --set {change}" for change in lab.variant.split("-") if change)


class _Display:
    """A bar on a terminal; a line a minute elsewhere."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]} left"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("runs", total=None, left="…")
        self.last_line = time.monotonic()

    def __enter__(self) -> _Display:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def update(self, step: Step, jobs: int) -> None:
        """Show the progress of the stream."""
        left = duration(step.seconds_left / jobs)
        self.bar.update(self.task, completed=step.done, total=step.expected, left=left)
        due = time.monotonic() - self.last_line >= LINE_EVERY_SECONDS
        if due and not self.console.is_terminal:
            self.last_line = time.monotonic()
            self.say(f"{step.done}/{step.expected} runs, {left} left")

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self.console.print(line, highlight=False, soft_wrap=True)
