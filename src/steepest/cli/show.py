"""Listings: papers, figures, claims, runs and the ledger, as tables or JSON."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from steepest.errors import UsageError
from steepest.paper import Figure, Paper, find_paper
from steepest.store import Run, Store, default_store
from steepest.verdict import State, Verdict

if TYPE_CHECKING:
    from steepest.cli.app import Common
    from steepest.lab import Lab

MARKS: Mapping[State, str] = {
    "supported": "[green]✔ supported[/]",
    "contradicted": "[red]✘ contradicted[/]",
    "undecided": "[yellow]? undecided[/]",
    "not run": "[dim]· not run[/]",
    "out of reach": "[dim]∞ out of reach[/]",
}


def listing(papers: Mapping[str, Paper], *, as_json: bool) -> None:
    """Print papers with their figures."""
    if as_json:
        print(json.dumps([_paper_json(paper) for paper in papers.values()], indent=1, ensure_ascii=False))
        return
    console = Console()
    for paper in papers.values():
        console.print(
            f"[bold]{paper.key}[/]  {escape(paper.title)}\n{escape(paper.authors)}, {paper.year}, arXiv {paper.arxiv}"
        )
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in ("figure", "claims", "shows"):
            table.add_column(name)
        for figure in paper.figures:
            table.add_row(figure.id, str(len(figure.claims)), escape(figure.title))
        console.print(table)
        console.print(f"next: steepest show {paper.key}/{paper.figures[0].id}, or steepest run {paper.key} --dry-run\n")


def target(name: str, open_lab: Callable[[], Lab], common: Common) -> None:
    """Print a run, a figure or a paper."""
    if re.fullmatch(r"[0-9a-f]{6,20}", name):
        _run(_find_run(Store(common.store or default_store()), name), as_json=common.json)
    elif "/" in name:
        _figure(open_lab(), as_json=common.json)
    else:
        listing({name: find_paper(name, common.paper)}, as_json=common.json)


def ledger(rows: Sequence[Verdict], *, as_json: bool) -> None:
    """Print the ledger."""
    if as_json:
        print(json.dumps([row.as_json() for row in rows], indent=1, ensure_ascii=False))
        return
    console = Console()
    for figure, group in groupby(rows, key=lambda row: (row.paper, row.figure, row.scale, row.setting)):
        console.print(f"\n[bold]{figure[1]}[/]  [dim]{figure[2]} scale: {escape(figure[3])}[/]", highlight=False)
        for row in group:
            console.print(Padding(_ledger_row(row), (0, 0, 0, 2)), highlight=False)


def _ledger_row(row: Verdict) -> str:
    kind = "" if row.kind == "paper" else f" [magenta]{row.kind}[/]"
    edited = " [magenta]thresholds edited[/]" if row.edited else ""
    found = f"{number(row.measured)} {_span(row)}; " if row.measured is not None else ""
    reason = f" [dim]({escape(row.reason)})[/]" if row.reason else ""
    head = f"{MARKS[row.verdict]}  [bold]{row.claim}[/]{kind}{edited}  [dim]{escape(row.where)}[/]"
    return f"{head}\n{escape(row.says)}\n[dim]{found}{_thresholds(row)}[/]{reason}"


def summary(rows: Sequence[Verdict]) -> str:
    """Return the ledger in one line.

    >>> summary([])
    'no claims'
    """
    counts = Counter(row.verdict for row in rows)
    return ", ".join(f"{counts[state]} {state}" for state in MARKS if counts[state]) or "no claims"


def number(value: float | None) -> str:
    """Return a number for a table.

    >>> number(0.12345), number(None), number(1.5e-9), number(12345.6)
    ('0.123', '', '1.5e-09', '1.23e+04')
    """
    return "" if value is None else f"{value:.3g}"


def _span(row: Verdict) -> str:
    if row.interval is None or row.seeds == 0:
        return "(exact)" if row.interval else ""
    return f"[{number(row.interval[0])}, {number(row.interval[1])}] over {row.seeds} seeds".replace("[", "\\[")


def _thresholds(row: Verdict) -> str:
    up = row.holds > row.fails
    return f"holds if {'≥' if up else '≤'} {number(row.holds)}, fails if {'≤' if up else '≥'} {number(row.fails)}"


def _paper_json(paper: Paper) -> dict[str, Any]:
    facts = {
        "paper": paper.key,
        "title": paper.title,
        "authors": paper.authors,
        "year": paper.year,
        "arxiv": paper.arxiv,
    }
    return facts | {"figures": [_figure_json(figure) for figure in paper.figures]}


def _figure_json(figure: Figure) -> dict[str, Any]:
    claims = [
        {"claim": c.id, "where": c.where, "says": c.says, "holds": c.holds, "fails": c.fails, "kind": c.kind}
        for c in figure.claims
    ]
    scales = {name: settings.model_dump(mode="json") for name, settings in figure.scales.items()}
    return {"figure": figure.id, "title": figure.title, "scales": scales, "claims": claims}


def _figure(lab: Lab, *, as_json: bool) -> None:
    figure = lab.figures[0]
    if as_json:
        print(json.dumps(_figure_json(figure), indent=1, ensure_ascii=False))
        return
    console = Console()
    console.print(
        f"[bold]{lab.paper.key}/{figure.id}[/]  {escape(figure.title)}\n{escape(figure.statement)}", highlight=False
    )
    for name, settings in figure.scales.items():
        console.print(f"  {name:>7}: {escape(settings.summary())}", highlight=False)
    console.print(f"Rule of the reduced sizes: {escape(figure.rule)}", highlight=False)
    for plan, results in lab.results(figure).plans.items():
        console.print(f"  plan {plan}: {type(results).__name__}", highlight=False)
    ledger([row for row in lab.ledger() if row.figure == figure.id], as_json=False)


def _find_run(store: Store, prefix: str) -> Run:
    found = [path.name for path in store.runs.glob(f"{prefix}*")]
    if len(found) != 1:
        what = "no run begins" if not found else f"{len(found)} runs begin"
        raise UsageError(
            f"{what} with {prefix!r} in {store.root}; `steepest check --json` and the CSV of a figure name runs"
        )
    run = store.get(found[0])
    if run is None:
        raise UsageError(f"run {found[0]} in {store.root} is damaged; repeat `steepest run` to train it again")
    return run


def _run(run: Run, *, as_json: bool) -> None:
    facts = {"run": run.id, "folder": str(run.folder), "state": run.state, "seconds": run.seconds, "facts": run.facts}
    shown = facts | {"spec": run.spec, "environment": run.environment, "files": sorted(run.files)}
    if as_json:
        print(json.dumps(shown, indent=1, ensure_ascii=False))
        return
    Console().print_json(json.dumps(shown, ensure_ascii=False))
