"""`run`, `status` and `report`: the cost, a bar with the time left, then the ledger and the page."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from steepest import distributed
from steepest.claims.lab import Cost, Lab, train
from steepest.claims.verdict import Verdict
from steepest.cli import ledger
from steepest.cli.doctor import damage
from steepest.cli.screen import columns, duration, few, one_line, print_json, screen, warn
from steepest.errors import UsageError
from steepest.runs.lockstep import Lockstep
from steepest.runs.stream import Step

LINE_EVERY_SECONDS = 60.0
Item = TypeVar("Item")
Result = TypeVar("Result")


def opened(open_labs: Callable[[], list[Lab]], *, as_json: bool) -> list[Lab]:
    """Return opened labs; the first time a text is downloaded and cut into tokens, which takes seconds."""
    with screen(stderr=as_json).status("reading papers, texts and the store"):
        return open_labs()


def usable(items: Iterable[Item], act: Callable[[Item], Result], *, named: bool) -> list[Result]:
    """Return what is done with each paper; where none was named, those that cannot be used are left out, with a line."""
    done, refused = [], []
    for item in items:
        try:
            done.append(act(item))
        except UsageError as error:
            refused.append(error)
    if refused and (named or not done):
        raise refused[0]
    for reason in refused:
        warn(f"left out: {one_line(reason)}")
    return done


def costs(labs: Iterable[Lab], jobs: int, *, as_json: bool) -> None:
    """Print runs done and expected by figure, and the time left."""
    if as_json:
        print_json([_cost_json(lab, cost) for lab in labs for cost in map(lab.cost, lab.figures)])
        return
    console = screen()
    for lab in labs:
        _print_costs(console, lab, [lab.cost(figure) for figure in lab.figures], jobs)


def run(labs: Sequence[Lab], jobs: int, lockstep: Lockstep, check_again: str, *, named: bool, as_json: bool) -> None:
    """Show the cost, train with a bar, draw each figure as soon as it is complete, then print ledger and pages.

    Of several processes that `torchrun` has started the first does all this, and the others train with it.
    """
    from steepest.report.page import write_page

    if distributed.rank() > 0:
        deque(train(labs, jobs, lockstep), maxlen=0)
        return
    console = screen(stderr=as_json)
    _train(console, labs, jobs, lockstep)

    def judged(lab: Lab) -> tuple[list[Verdict], Path]:
        rows = lab.ledger()
        return rows, write_page(lab, ledger=rows)

    found = usable(labs, judged, named=named)
    ledger.show([row for rows, _ in found for row in rows], as_json=as_json)
    for page in dict.fromkeys(page for _, page in found):
        console.print(f"The page: [link={page.as_uri()}]{escape(str(page))}[/link]", soft_wrap=True)
    console.print(f"The ledger again: {escape(check_again)}", soft_wrap=True)


def _train(console: Console, labs: Sequence[Lab], jobs: int, lockstep: Lockstep) -> None:
    for lab in labs:
        needed = [lab.cost(figure) for figure in lab.figures]
        if any(cost.done < cost.expected for cost in needed):
            _print_costs(console, lab, needed, jobs)
    drawn: set[tuple[int, str]] = set()
    with Display(console, jobs) as display, closing(train(labs, jobs, lockstep)) as steps:
        for step, complete in steps:
            display.update(step)
            for lab, figure in complete:
                if (id(lab), figure.id) not in drawn:
                    drawn.add((id(lab), figure.id))
                    with suppress(UsageError):  # the page says it, when everything is trained
                        for path in lab.draw(figure).values():
                            display.say(f"{figure.id}: {path}")


def warn_of_damage(labs: Iterable[Lab]) -> None:
    """Name the entries of the stores that are not readable runs."""
    for store in {lab.store.root: lab.store for lab in labs}.values():
        for line in few(damage(store)):
            screen().print(escape(line), soft_wrap=True)


def check_page(output: Path, targets: Sequence[str]) -> None:
    """Refuse an output that is not the name of one page.

    Raises:
        UsageError: several papers, or a folder.
    """
    if len(targets) != 1:
        raise UsageError(f"--output {output}: names one page, but {len(targets)} were asked for; name one paper")
    if output.is_dir():
        raise UsageError(f"--output {output}: is a folder; name the HTML file, as in --output {output / 'report.html'}")


def reports(labs: Sequence[Lab], output: Path | None, *, named: bool, as_json: bool) -> None:
    """Write one page per lab and print where they are."""
    from steepest.report.page import write_page

    pages = usable(labs, lambda lab: str(write_page(lab, output)), named=named)
    print_json(pages) if as_json else print("\n".join(pages))


def _cost_json(lab: Lab, cost: Cost) -> dict[str, object]:
    return {"paper": lab.paper.key, "scale": lab.scale} | asdict(cost)


def _print_costs(console: Console, lab: Lab, needed: Sequence[Cost], jobs: int) -> None:
    table = columns("figure", "runs", "time", last="shows")
    for column in table.columns[1:3]:
        column.justify = "right"
    for figure, cost in zip(lab.figures, needed, strict=True):
        shows = f"{escape(figure.title)}\n[dim]{escape(lab.settings[figure.id].summary())}[/]"
        table.add_row(figure.id, f"{cost.done}/{cost.expected}", _left(cost.seconds_left / jobs), shows)
    total = lab.cost().seconds_left / jobs
    console.print(table)
    console.print(f"\n[bold]{lab.paper.key}[/] at {lab.scale} scale, {jobs} at once: [bold]{_left(total)}[/]")
    console.print(f"[dim]store {escape(str(lab.store.root))}[/]", soft_wrap=True)


def _left(seconds: float, otherwise: str = "done") -> str:
    return f"{duration(seconds)} left" if seconds > 0 else otherwise


class Display:
    """A bar with the time left on a terminal; a line a minute elsewhere."""

    def __init__(self, console: Console, jobs: int) -> None:
        self.console, self.jobs = console, jobs
        self.bar = Progress(
            TextColumn("training"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("runs, {task.fields[left]}"),
            console=console,
            transient=True,
            disable=not console.is_interactive,
        )
        self.task = self.bar.add_task("", total=None, left="…")
        self.last_line = time.monotonic()

    def __enter__(self) -> Display:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def update(self, step: Step) -> None:
        """Show how far the stream has come."""
        left = _left(step.seconds_left / self.jobs, "drawing")
        self.bar.update(self.task, completed=step.done, total=step.expected, left=left)
        now = time.monotonic()
        if not self.console.is_interactive and now - self.last_line >= LINE_EVERY_SECONDS:
            self.last_line = now
            self.say(f"{step.done}/{step.expected} runs, {left}")

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self.console.print(escape(line), soft_wrap=True)
