"""Papers: figures with their settings by scale, plans, claims and drawings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib import import_module
from importlib.resources import files
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from steepest.claims.claim import Claim, Kind, placed
from steepest.claims.verdict import Finding, Verdict, judge
from steepest.component import Component
from steepest.errors import UsageError, foreign, unknown
from steepest.runs.results import NotRun, SweepResults, missing
from steepest.runs.store import Run, Store
from steepest.runs.stream import lookup
from steepest.runs.sweep import Calculations, Plan, Sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


RECORD = {"paper": str, "claim": str, "holds": (int, float), "fails": (int, float), "time": str}  # of thresholds


class Settings(Component):
    """The sizes of a figure's experiment at one scale."""

    @classmethod
    def changeable(cls) -> Collection[str]:
        """Return the names of the settings that a user may change."""
        return cls.model_fields

    def summary(self) -> str:
        """Return the sizes in one line, for every figure and ledger row."""
        return ", ".join(f"{name}={value}" for name, value in dict(self).items())


@dataclass(frozen=True)
class Drawing:
    """A picture and the numbers in it.

    Attributes:
        canvas: the matplotlib figure.
        data: what is plotted, one row per point; the column `run` names the run behind it.
    """

    canvas: Canvas
    data: pa.Table


class Results(Mapping[str, "SweepResults | list[Run]"]):
    """What a store knows of a figure: results by plan name.

    Attributes:
        settings: the sizes.
        store: where the runs are.
    """

    def __init__(self, plans: Mapping[str, Plan], settings: Any, store: Store) -> None:
        self.plans, self.settings, self.store = plans, settings, store

    def __getitem__(self, name: str) -> SweepResults | list[Run]:
        plan = self.plans[name]
        return self.sweep(name) if isinstance(plan, Sweep) else self.calculations(name)

    def __iter__(self) -> Any:
        return iter(self.plans)

    def __len__(self) -> int:
        return len(self.plans)

    @cached_property
    def _sweeps(self) -> dict[str, SweepResults]:
        return {name: SweepResults(p, self.store) for name, p in self.plans.items() if isinstance(p, Sweep)}

    def sweep(self, name: str) -> SweepResults:
        """Return the results of the sweep `name`."""
        return self._sweeps[name]

    def calculations(self, name: str) -> list[Run]:
        """Return the runs of the calculations `name`.

        Raises:
            NotRun: some are missing.
        """
        plan = self.plans[name]
        if not isinstance(plan, Calculations):
            raise TypeError(f"{name} is a sweep")
        found = [self.store.get(item.id) for item in plan.calculations]
        if None in found:
            raise NotRun(f"{name}: {missing(found.count(None), 'run')}")
        return [run for run in found if run is not None]

    def run(self, name: str) -> Run:
        """Return the run of the single calculation `name`."""
        (run,) = self.calculations(name)
        return run

    @property
    def complete(self) -> bool:
        """Return whether nothing is pending."""
        return not any(plan.progress(lookup(self.store)).pending for plan in self.plans.values())


Draw = Callable[[Results], Drawing | None]


@dataclass(frozen=True)
class Figure:
    """A figure of a paper, or a part of the paper without a figure (a table, a section).

    Attributes:
        id: short name, unique in its paper.
        title: what it shows.
        statement: what the paper says with it, in our words.
        scales: settings by scale: `smoke` for tests, `quick` for a first look where the figure is one of the paper's main
            ones, `laptop`, `medium` where a GPU helps, and the paper's own sizes as `paper`.
        plans: settings → what has to be run, by name.
        claims: what it claims.
        draw: by name of the drawing, what draws it from the results; None where there is nothing to draw at these sizes.
        rule: how the laptop's sizes follow from the paper's.
        where: the place in the paper, for claims without their own.
        kind: of those claims: the paper's, an erratum of it, or ours.
        steps: results → the rows of the view with the slider (step, method, group, loss); None: the first sweep's groups.
    """

    id: str
    title: str
    statement: str
    scales: Mapping[str, Settings]
    plans: Callable[[Any], Mapping[str, Plan]]
    claims: tuple[Claim, ...]
    draw: Mapping[str, Draw]
    rule: str
    where: str = ""
    kind: Kind = "paper"
    steps: Callable[[Results], pa.Table] | None = None

    def __post_init__(self) -> None:
        """Refuse fields of a wrong type, which would fail later and elsewhere."""
        _check(self, "scales", Settings)
        _check(self, "draw", Callable)
        if not (isinstance(self.claims, Sequence) and all(isinstance(claim, Claim) for claim in self.claims)):
            raise UsageError(f"Figure.claims = {self.claims!r}: give a tuple of claims")
        if outside := [name for name in self.draw if Path(name).name != name]:
            raise UsageError(f"Figure.draw: {outside[0]!r} is no name of a file; leave out the folder")
        object.__setattr__(self, "claims", placed(self.where, *self.claims, kind=self.kind))

    def settings(self, scale: str, changes: Mapping[str, Any] | None = None) -> Settings:
        """Return the settings at a scale, with `changes` applied.

        Raises:
            UsageError: an unknown scale or field, or a refused value.
        """
        if scale not in self.scales:
            raise unknown(f"scale of {self.id}", scale, self.scales)
        return self.scales[scale].changed(**dict(changes or {}))

    def planned(self, settings: Settings) -> Mapping[str, Plan]:
        """Return what has to be run, by name.

        Raises:
            TypeError: `plans` returned something else.
        """
        plans = self.plans(settings)
        if not (isinstance(plans, Mapping) and all(isinstance(plan, Sweep | Calculations) for plan in plans.values())):
            raise TypeError(f"{plans!r} is no mapping from names to sweeps and calculations")
        return plans

    def results(self, settings: Settings, store: Store) -> Results:
        """Return what `store` knows of the figure."""
        return Results(self.planned(settings), settings, store)


@dataclass(frozen=True)
class Paper:
    """A paper and its executable figures. The module of a figure is imported when the figure is asked for.

    Attributes:
        key: folder name: first author, year, keyword.
        modules: by figure id, in the order in which they run, cheap first: the module of the package that defines the
            figure as `FIGURE`, `module:NAME` for another name, or a figure itself.
        package: name of the package; needed where figures are named by modules.
        advice: ids of claims that say something on a topic of `steepest diagnose`, by topic.
    """

    key: str
    title: str
    authors: str
    year: int
    arxiv: str
    modules: Mapping[str, str | Figure]
    package: str = ""
    advice: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse fields of a wrong type, which would fail later and elsewhere."""
        _check(self, "modules", str | Figure)
        if not self.modules:
            raise UsageError("Paper.modules is empty; name at least one figure and its module")

    def figure(self, name: str) -> Figure:
        """Return the figure `name`.

        Raises:
            UsageError: an unknown figure, with the nearest names, or one that cannot be imported.
        """
        if name not in self.modules:
            raise unknown(f"figure of {self.key}", name, self.modules)
        place = self.modules[name]
        if isinstance(place, Figure):
            return place
        module, _, attribute = place.partition(":")
        where = f"{self.key}/{name}"
        loaded = foreign(f"{where} cannot be imported", partial(import_module, f"{self.package}.{module}"), passed=())
        found = getattr(loaded, attribute or "FIGURE", None)
        if not isinstance(found, Figure) or found.id != name:
            raise UsageError(f"{where}: {place} defines no figure with this id")
        return found

    @property
    def readme(self) -> str:
        """Return the README.md of the package as Markdown: scope, what differs, how it was validated; empty without one."""
        return foreign(f"{self.key}: README.md cannot be read", partial(_readme, self.package), passed=())

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Return all figures in the order in which they run.

        Raises:
            UsageError: one cannot be imported, or two claims have the same id.
        """
        found = tuple(map(self.figure, self.modules))
        counts = Counter(claim.id for figure in found for claim in figure.claims)
        if twice := [name for name, count in counts.items() if count > 1]:
            raise UsageError(f"{self.key}: several claims are called {', '.join(twice)}; rename all but one")
        return found

    def at(self, scale: str) -> tuple[Figure, ...]:
        """Return the figures that have sizes at `scale`.

        Raises:
            UsageError: a scale that no figure has.
        """
        known = {scale: None for figure in self.figures for scale in figure.scales}
        if scale not in known:
            raise unknown(f"scale of {self.key}", scale, known)
        return tuple(figure for figure in self.figures if scale in figure.scales)

    def register(self, store: Store, figures: Iterable[Figure]) -> None:
        """Write the claims' thresholds to the store's log before their runs; unchanged ones are not repeated."""
        last = {(r["paper"], r["claim"]): _thresholds(r) for r in store.read_log("thresholds", RECORD)}
        for claim in (claim for figure in figures for claim in figure.claims):
            if last.get((self.key, claim.id)) != (claim.holds, claim.fails):
                record = {"paper": self.key, "claim": claim.id, "holds": claim.holds, "fails": claim.fails}
                store.append("thresholds", record | {"time": _now()})

    def ledger(self, store: Store, scale: str, results: Iterable[tuple[Figure, Results]]) -> list[Verdict]:
        """Return one verdict per claim of some figures, given their results."""
        edits = _edits(store, self.key)
        return [
            _verdict(self, figure, claim, scale, found, edits.get(claim.id, ""))
            for figure, found in results
            for claim in figure.claims
        ]


def _check(owner: Any, name: str, kind: Any) -> None:
    """Refuse a field that is no mapping from names to things of a kind."""
    value = getattr(owner, name)
    if not (isinstance(value, Mapping) and all(isinstance(k, str) and isinstance(v, kind) for k, v in value.items())):
        expected = getattr(kind, "__name__", kind)
        raise UsageError(f"{type(owner).__name__}.{name} = {value!r}: give a mapping from names to {expected}")


def _readme(package: str) -> str:
    place = files(package) / "README.md" if package else None
    return place.read_text(encoding="utf-8") if place is not None and place.is_file() else ""


def _verdict(paper: Paper, figure: Figure, claim: Claim, scale: str, results: Results, edited: str) -> Verdict:
    failing = f"{paper.key}/{figure.id}: claim {claim.id} cannot be measured"
    finding: Finding = foreign(failing, partial(judge, claim, results))
    return Verdict(
        paper=paper.key,
        figure=figure.id,
        claim=claim.id,
        kind=claim.kind or figure.kind,
        where=claim.where,
        says=claim.sentence,
        scale=scale,
        setting=results.settings.summary(),
        verdict=finding.verdict,
        measured=finding.measured,
        interval=finding.interval,
        holds=claim.holds,
        fails=claim.fails,
        seeds=finding.seeds,
        runs=finding.runs,
        evidence=finding.evidence,
        reason=finding.reason,
        edited=edited,
    )


def _thresholds(record: Mapping[str, Any]) -> tuple[float, float]:
    return record["holds"], record["fails"]


def _edits(store: Store, paper: str) -> dict[str, str]:
    """Return, for each claim whose thresholds changed after they were first written, what they were."""
    history: dict[str, list[dict[str, Any]]] = {}
    for record in store.read_log("thresholds", RECORD):
        if record["paper"] == paper:
            history.setdefault(record["claim"], []).append(record)
    changes = {claim: [next(same) for _, same in groupby(rs, _thresholds)] for claim, rs in history.items()}
    return {
        claim: "thresholds were edited; before: "
        + "; ".join(f"holds {r['holds']:g}, fails {r['fails']:g} until {n['time']}" for r, n in pairwise(rs))
        for claim, rs in changes.items()
        if len(rs) > 1
    }


def _now() -> str:
    import time

    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
