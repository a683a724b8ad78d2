"""What the page of a paper shows of one figure and of the runs behind it, as records for the template."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from steepest.claims.paper import Figure, Results, Settings
from steepest.claims.verdict import Verdict
from steepest.data.corpus import Corpus
from steepest.data.images import ImageSet
from steepest.report.plots import Gauge, gauge, learning_rate_plot
from steepest.report.shell import data_uri
from steepest.report.steps import group_steps, steps_plot
from steepest.runs.results import SweepResults
from steepest.runs.spec import Spec
from steepest.runs.store import Store
from steepest.runs.stream import lookup
from steepest.runs.sweep import Grid, Plan, Sweep, learning_rate


@dataclass(frozen=True)
class Row:
    """A row of the ledger with its gauge."""

    verdict: Verdict

    @property
    def gauge(self) -> Gauge | None:
        """Return where the interval lies."""
        return gauge(self.verdict)

    @property
    def signs(self) -> tuple[str, str]:
        """Return the inequality signs of `holds` and `fails`."""
        return ("≥", "≤") if self.verdict.holds > self.verdict.fails else ("≤", "≥")


@dataclass(frozen=True)
class Picture:
    """A drawing as data URIs: the SVG, and its numbers as gzipped CSV."""

    name: str
    svg: str
    csv: str
    wide: bool


@dataclass(frozen=True)
class TuningCost:
    """What tuning one method cost.

    Attributes:
        declared: the learning rates declared.
        beyond: rates added past the ends of that grid.
        selected: the selected rate, or None while runs are missing.
        trouble: why the rate decides nothing, or empty.
    """

    plan: str
    method: str
    declared: tuple[float, ...]
    beyond: tuple[float, ...]
    rates: int
    runs: int
    seconds: float
    selected: float | None
    trouble: str


@dataclass(frozen=True)
class Source:
    """Text or images that the runs read."""

    name: str
    licence: str
    attribution: str


class Chapter:
    """A figure of the paper on the page.

    Args:
        figure: the figure.
        settings: its sizes.
        ledger: its verdicts.
        drawings: SVG files by drawing name; the CSV lies beside each.
        store: where its runs are.
    """

    def __init__(
        self, figure: Figure, settings: Settings, ledger: Iterable[Verdict], drawings: Mapping[str, Path], store: Store
    ) -> None:
        self.figure, self.settings = figure, settings
        self.rows = [Row(verdict) for verdict in ledger]
        self.pictures = [_picture(name, path) for name, path in drawings.items()]
        self._results: Results = figure.results(settings, store)

    @property
    def says(self) -> str:
        """Return who says what the figure shows: the paper, or this project where all of its claims are ours."""
        own = bool(self.rows) and all(row.verdict.kind == "ours" for row in self.rows)
        return "This project says" if own else "The paper says"

    @cached_property
    def sweeps(self) -> dict[str, SweepResults]:
        """Return the results of its sweeps by plan name."""
        plans = self._results.plans
        return {name: self._results.sweep(name) for name, plan in plans.items() if isinstance(plan, Sweep)}

    @cached_property
    def _swept(self) -> dict[str, list[dict[str, Any]]]:
        return {name: results.to_arrow().to_pylist() for name, results in self.sweeps.items()}

    @cached_property
    def plots(self) -> dict[str, dict[str, Any]]:
        """Return the learning-rate plots of its sweeps by plan name, leaving out those without runs and choices."""
        return {
            name: learning_rate_plot(rows, self.figure.id, _objective(self.sweeps[name].sweep))
            for name, rows in self._swept.items()
            if len({row["lr"] for row in rows}) > 1
        }

    @cached_property
    def steps(self) -> dict[str, Any] | None:
        """Return the stepped view of the figure, or of the first of its sweeps with frequency groups; None without."""
        if self.figure.steps is not None:
            rows = self.figure.steps(self._results) if self.complete else None
            return None if rows is None else steps_plot(rows, "class decile, 1 = most frequent")
        tables = (group_steps(results) for results in self.sweeps.values())
        return next((steps_plot(table) for table in tables if table is not None), None)

    @cached_property
    def runs(self) -> list[dict[str, Any]]:
        """Return its stored runs, each once."""
        plans = self._results.plans
        rows = [row for name in plans for row in (self._swept[name] if name in self._swept else self._calculated(name))]
        return list({row["run"]: row for row in rows}.values())

    def _calculated(self, name: str) -> list[dict[str, Any]]:
        items = self._results.plans[name].progress(lookup(self._results.store)).explored
        stored = [(item, run) for item in items if (run := self._results.store.get(item.id))]
        return [
            {
                "method": run.spec["kind"].rpartition(".")[2],
                "lr": None,
                "seed": getattr(item, "seed", None),
                "state": run.state,
                "final_loss": None,
                "seconds": run.seconds,
                "run": run.id,
            }
            for item, run in stored
        ]

    @property
    def complete(self) -> bool:
        """Return whether none of its runs is missing."""
        return self._results.complete

    @property
    def budgets(self) -> list[TuningCost]:
        """Return what each method of each sweep cost."""
        return [
            _tuning_cost(name, method.label, grid, self.sweeps[name], self._swept[name])
            for name, results in self.sweeps.items()
            for method, grid in results.sweep.optimizers.items()
        ]

    @property
    def sources(self) -> list[Source]:
        """Return the texts and images that its plans read."""
        used = [part for plan in self._results.plans.values() for part in _data(plan)]
        return [Source(type(data).__name__, data.licence, data.attribution) for data in used]

    @property
    def environments(self) -> dict[str, dict[str, Any]]:
        """Return the environment of every run by its id."""
        stored = (self._results.store.get(row["run"]) for row in self.runs)
        return {run.id: run.environment for run in stored if run}


def environments(chapters: Iterable[Chapter]) -> list[tuple[dict[str, Any], int, str, str]]:
    """Return the distinct environments, each with the number of its runs, and the time of the first and of the last."""
    by_run = {run: environment for chapter in chapters for run, environment in chapter.environments.items()}
    times: dict[str, list[str]] = {}
    for environment in by_run.values():
        machine = {name: value for name, value in environment.items() if name != "time"}
        times.setdefault(json.dumps(machine, sort_keys=True), []).append(environment["time"])
    return [(json.loads(machine), len(ended), min(ended), max(ended)) for machine, ended in times.items()]


def sources(chapters: Iterable[Chapter]) -> list[Source]:
    """Return the distinct corpora in order of appearance."""
    return list(dict.fromkeys(source for chapter in chapters for source in chapter.sources))


def _data(plan: Plan) -> Iterator[Corpus | ImageSet]:
    """Yield the corpora and image sets of a plan, those in the fields of its problems too."""
    if isinstance(plan, Sweep):
        parts: list[Any] = [plan.problem]
    else:
        given = [item.problem if isinstance(item, Spec) else item.options for item in plan.calculations]
        parts = [part for one in given for part in (one.values() if isinstance(one, Mapping) else [one])]
    for part in parts:
        inside = (part, getattr(part, "corpus", None), getattr(part, "data", None))
        yield from (data for data in inside if isinstance(data, Corpus | ImageSet))


def _objective(sweep: Sweep) -> str:
    return "final training loss" if sweep.weighting == "none" else f"final objective ({sweep.weighting})"


def _tuning_cost(
    plan: str, label: str, grid: Grid, results: SweepResults, swept: Sequence[Mapping[str, Any]]
) -> TuningCost:
    rows = [row for row in swept if row["method"] == label]
    search = results.searches[label]
    rates = sorted({row["lr"] for row in rows})
    declared = tuple(learning_rate(exponent) for exponent in grid.exponents)
    return TuningCost(
        plan=plan,
        method=label,
        declared=declared,
        beyond=tuple(rate for rate in rates if not declared[0] <= rate <= declared[-1]),
        rates=len(rates),
        runs=len(rows),
        seconds=sum(row["seconds"] for row in rows),
        selected=None if search.best is None else learning_rate(search.best),
        trouble=search.trouble or "",
    )


def _picture(name: str, path: Path) -> Picture:
    svg = path.read_bytes()
    csv = gzip.compress(path.with_suffix(".csv").read_bytes(), mtime=0)
    return Picture(name, data_uri("image/svg+xml", svg), data_uri("application/gzip", csv), _points_wide(svg) > 360)


def _points_wide(svg: bytes) -> float:
    """Return the width that an SVG states, in points."""
    width = re.search(rb'<svg[^>]*\swidth="([\d.]+)pt"', svg)
    return float(width[1]) if width else 0.0
