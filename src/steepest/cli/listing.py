"""`list` and `show`: papers, a figure with its sweeps, a run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from steepest.claims.lab import Lab
from steepest.claims.paper import Figure, Paper
from steepest.cli import ledger
from steepest.cli.screen import columns, command, number, one_line, print_json, screen
from steepest.errors import StoreError, UsageError
from steepest.runs.results import SweepResults
from steepest.runs.store import Damaged, Run, Store, default_store, read_run
from steepest.runs.sweep import Calculations, Grid, Sweep


def papers(found: Iterable[tuple[str, Paper | UsageError]], typed: Sequence[str], *, as_json: bool) -> None:
    """Print papers with their figures; one that cannot be used is a line that says why.

    Args:
        found: papers by name.
        typed: options that the next command needs too.
        as_json: print JSON.
    """
    if as_json:
        print_json([_paper_json(name, paper) for name, paper in found])
        return
    console = screen()
    for name, paper in found:
        if isinstance(paper, UsageError):
            console.print(f"[bold]{escape(name)}[/]  [red]{escape(one_line(paper))}[/]\n")
            continue
        console.print(f"[bold]{escape(paper.key)}[/]")
        console.print(
            escape(f"{paper.title}\n{paper.authors}, {paper.year}{paper.arxiv and f', arXiv {paper.arxiv}'}\n")
        )
        table = columns("figure", "claims", last="shows")
        for figure_id in paper.modules:
            table.add_row(figure_id, *_row_of(paper, figure_id))
        console.print(table)
        first = f"{paper.key}/{next(iter(paper.modules))}"
        following = (command(verb, first, *typed) for verb in ("show", "run"))
        console.print(f"\nNext: {next(following)}\n      {next(following)}", soft_wrap=True)


def _row_of(paper: Paper, figure_id: str) -> tuple[str, str]:
    try:
        figure = paper.figure(figure_id)
    except UsageError as error:
        return "", f"[red]{escape(one_line(error))}[/]"
    return str(len(figure.claims)), escape(figure.title)


def figure(lab: Lab, *, as_json: bool) -> None:
    """Print what a figure says, its sizes, its sweeps and its verdicts."""
    shown = lab.figures[0]
    if as_json:
        print_json(_figure_json(shown))
        return
    console = screen()
    console.print(
        f"[bold]{escape(lab.paper.key)}/{escape(shown.id)}[/]  {escape(shown.title)}\n{escape(shown.statement)}\n"
    )
    table = columns("scale", last="settings (--set) and sizes")
    for name, settings in shown.scales.items():
        rows = dict.fromkeys((_fields(settings), settings.summary()))
        table.add_row(name, escape("\n".join(rows)))
    console.print(table)
    console.print(f"\nHow the sizes follow from the paper's: {escape(shown.rule)}")
    for name, plan in lab.plans[shown.id].items():
        console.print()
        _plan(console, name, plan, lab)
    ledger.table(console, lab.ledger())


def is_run(name: str) -> bool:
    """Return whether a name looks like the first digits of a run's id.

    >>> is_run("0b1e27"), is_run("0b1e2"), is_run("smith2026tails")
    (True, False, False)
    """
    return re.fullmatch(r"[0-9a-f]{6,20}", name) is not None


def run(prefix: str, root: Path | None, *, as_json: bool) -> None:
    """Print a run: what was found, what was run, on what."""
    found = _find_run(Store(root or default_store(), read_only=True), prefix)
    facts = {"run": found.id, "state": found.state, "seconds": found.seconds, "lockstep": found.lockstep}
    if as_json:
        shown = {"facts": found.facts, "spec": found.spec, "environment": found.environment}
        print_json(facts | shown | {"folder": str(found.folder), "files": sorted(found.files)})
        return
    console = screen()
    table = columns("run", last=found.id)
    for name, value in (facts | found.facts).items():
        if name != "run":
            table.add_row(escape(name), escape(number(value) if isinstance(value, float) else str(value)))
    table.add_row("environment", escape(", ".join(f"{k} {v}" for k, v in found.environment.items())))
    for name in sorted(found.files):
        if name.endswith(".parquet"):
            rows = found.table(name.removesuffix(".parquet"))
            table.add_row(escape(name), escape(f"{rows.num_rows} rows: {', '.join(rows.column_names)}"))
    console.print(table)
    console.print(f"\nIn {escape(str(found.folder))}; its description:", soft_wrap=True)
    console.print_json(data=found.spec, highlight=console.is_terminal)


def _find_run(store: Store, prefix: str) -> Run:
    found = [path.name for path in store.runs.glob(f"{prefix}*")]
    if len(found) != 1:
        what = "no run begins" if not found else f"{len(found)} runs begin"
        way_out = f"`{command('check', '--json')}` and the CSV of a figure name runs"
        raise UsageError(f"{what} with {prefix!r} in {store.root}; {way_out}")
    try:
        return read_run(store.runs / found[0], found[0])
    except Damaged as reason:
        way_out = f"repeat `{command('run')}` to train it again"
        raise StoreError(f"run {found[0]} in {store.root} is damaged: {reason}; {way_out}") from None


def _plan(console: Console, name: str, plan: Sweep | Calculations, lab: Lab) -> None:
    if isinstance(plan, Calculations):
        done = len(plan.calculations) - len(plan.progress(lambda item: lab.store.get(item.id)).pending)
        console.print(f"[bold]{escape(name)}[/]  {done} of {len(plan.calculations)} calculations done")
        return
    console.print(
        f"[bold]{escape(name)}[/]  {escape(repr(plan.problem))}, {plan.steps} steps, seeds {_row(plan.seeds)}"
    )
    table = columns("optimizer", "grid of rates", "best", last="runs")
    for label, search in SweepResults(plan, lab.store).searches.items():
        done = len(search.explored) - len(search.pending)
        best = "-" if search.best is None else f"10^{search.best:g}"
        trouble = f"  [yellow]{escape(search.trouble.removeprefix(f'{label}: '))}[/]" if search.trouble else ""
        table.add_row(escape(label), _rates(plan.optimizers[search.method]), best, f"{done} done{trouble}")
    console.print(table)


def _rates(grid: Grid) -> str:
    if not grid.tuned:
        return "no tuning"
    first, last = grid.exponents[0], grid.exponents[-1]
    return f"10^{first:g} to 10^{last:g}"


def _row(values: Sequence[object]) -> str:
    return " ".join(map(str, values))


def _fields(settings: Any) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.model_dump(mode="json").items())


def _paper_json(name: str, paper: Paper | UsageError) -> dict[str, Any]:
    if isinstance(paper, UsageError):
        return {"paper": name, "broken": one_line(paper)}
    about = {field: getattr(paper, field) for field in ("title", "authors", "year", "arxiv")}
    return {"paper": paper.key} | about | {"figures": [_loaded_json(paper, figure_id) for figure_id in paper.modules]}


def _loaded_json(paper: Paper, figure_id: str) -> dict[str, Any]:
    try:
        return _figure_json(paper.figure(figure_id))
    except UsageError as error:
        return {"figure": figure_id, "broken": one_line(error)}


def _figure_json(figure: Figure) -> dict[str, Any]:
    claims = [
        {"claim": c.id, "where": c.where, "says": c.sentence, "holds": c.holds, "fails": c.fails, "kind": c.kind}
        for c in figure.claims
    ]
    scales = {name: settings.model_dump(mode="json") for name, settings in figure.scales.items()}
    return {"figure": figure.id, "title": figure.title, "scales": scales, "claims": claims}
