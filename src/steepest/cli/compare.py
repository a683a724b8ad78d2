"""`compare`: optimizers on a problem of the user's, within a budget of time."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from steepest.cli.options import COMMON, Common, use_cache, worker_processes

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from steepest.compare import Answer, Comparison
    from steepest.runs.store import Store


EXAMPLES = """\
  steepest new problem my_problem.py               a file to start from
  steepest compare my_problem.py --budget 2min
  steepest compare my_problem.py --optimizers Adam Muon SGD+m@10^-1.5"""


def compare(
    problem: Path,
    /,
    *,
    optimizers: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=(), show_default=False)] = (),
    budget: str = "10min",
    steps: int | None = None,
    seeds: int = 3,
    jobs: int | None = None,
    common: Common = COMMON,
) -> None:
    """Compare optimizers on your own problem.

    The file is run: it defines model() and data(). Every optimizer gets the
    same number of runs; the same command goes on where it stopped.

    Parameters
    ----------
    problem
        A Python file, as `steepest new problem` writes it.
    optimizers
        SGD SGD+m NormSGD NormSGD+m Sign Sign+m Signum
        RescaledSign AdaGrad Adam AdamW Muon, or one like
        torch.optim.RMSprop; Adam@10^-2.5 fixes the rate
        [default: SGD+m NormSGD+m Sign+m Adam].
    budget
        Time to spend: 90s, 10min, 2h.
    steps
        Updates in a run [default: the file's, else what the budget allows].
    seeds
        Runs at each rate, three or more.
    jobs
        Worker processes, one thread each [default: one per core].
    """
    import time

    from steepest.cli.screen import print_json, screen
    from steepest.compare import ProblemFile, prepared
    from steepest.compare.budget import seconds
    from steepest.compare.contenders import DEFAULT
    from steepest.compare.page import write_page
    from steepest.runs.store import Store, default_store

    started = time.monotonic()
    use_cache(common)
    jobs, console = worker_processes(jobs), screen(stderr=common.json)
    with console.status("reading the problem and timing an update"):
        opened, store = ProblemFile.open(problem), Store(common.store or default_store())
        limit = seconds(budget)
        comparison = prepared(opened, optimizers or DEFAULT, limit, steps, seeds, jobs, store)
    _say_plan(console, comparison)
    found = _answered(console, comparison, store, jobs, started + limit)
    again = _again(problem, found, common)
    page = write_page(opened, found, store, again)
    if common.json:
        print_json(found.as_json() | {"again": again, "page": str(page)})
        return
    _show(console, found)
    console.print(f"\nThe leader again: {again}", soft_wrap=True, markup=False)
    console.print(f"The page: {page}", soft_wrap=True, markup=False)


def _say_plan(console: Console, comparison: Comparison) -> None:
    """Print what is trained before it is."""
    from steepest.compare.budget import PROBE_SHARE, PROBES, RATES

    sizes, seeds = comparison.sizes, len(comparison.seeds)
    console.print(f"{comparison.problem.name}: {comparison.problem.summary()}", markup=False)
    if sizes.starts:
        probes = f"{PROBES} probes of {max(1, sizes.steps // PROBE_SHARE)} updates"
        rates = f"{RATES} rates or more at {seeds} seeds, {sizes.steps:,} updates each"
        console.print(f"For each of {', '.join(sizes.starts)}: {probes}, then {rates}\n", markup=False)


def _answered(console: Console, comparison: Comparison, store: Store, jobs: int, deadline: float) -> Answer:
    """Train up to the deadline, and return the answer of the rounds that are complete.

    Raises:
        UsageError: not even the first one is.
    """
    from steepest.cli.work import Display
    from steepest.compare import answer
    from steepest.errors import UsageError
    from steepest.runs.results import NotRun

    with Display(console, jobs) as display, closing(comparison.train(store, jobs, deadline)) as steps:
        for step in steps:
            display.update(step)
    stages = comparison.complete(store)
    try:
        found = answer(stages, store)
    except NotRun as missing:
        spent = f"the budget is spent after {step.done} of about {step.expected} runs"
        raise UsageError(f"{spent}, and {missing}; the same command goes on") from None
    if step.done < step.expected:
        console.print(f"The budget is spent; this is the answer of {stages[-1].name}. The same command goes on.\n")
    return found


def _again(problem: Path, found: Answer, common: Common) -> str:
    """Return the command that trains the leader at its rate."""
    from steepest.cli.screen import command

    rate = f"{found.leader.label}@10^{found.leader.exponent:g}"
    sizes = ["--steps", str(found.sweep.steps), "--seeds", str(len(found.sweep.seeds))]
    places = {"--store": common.store, "--cache": common.cache}
    typed = [str(part) for place in places.items() if place[1] for part in place]
    return command("compare", str(problem), "--optimizers", rate, *sizes, *typed)


def _show(console: Console, found: Answer) -> None:
    """Print the recommendation, where every optimizer ends, and what it got."""
    from rich.markup import escape

    console.print(f"[bold]{escape(found.headline)}[/]")
    for reason in found.reasons():
        console.print(escape(reason))
    console.print()
    console.print(_ends(found))
    for row in found.rows:
        if row.trouble:
            console.print(f"[yellow]{escape(row.trouble)}[/]")
    console.print()
    console.print(_spent(found))


def _ends(found: Answer) -> Table:
    from steepest.cli.screen import columns

    optional = {"rarest group ρ": "rarest", "held out": "held_out"}
    shown = {title: name for title, name in optional.items() if any(getattr(row, name) for row in found.rows)}
    titles = ["optimizer", "rate", "final loss", *shown]
    table = columns(*titles[:-1], last=titles[-1])
    for row in found.rows:
        values = [str(getattr(row, name) or "") for name in shown.values()]
        table.add_row(row.label, f"10^{row.exponent:g}", str(row.loss), *values)
    return table


def _spent(found: Answer) -> Table:
    from steepest.cli.screen import columns, number

    table = columns("optimizer", "runs", "updates", "CPU ms/update", last="CPU s")
    for row in found.rows:
        table.add_row(row.label, str(row.runs), f"{row.updates:,}", number(1000 * row.update), number(row.seconds))
    return table
