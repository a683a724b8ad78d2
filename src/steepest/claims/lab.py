"""The laboratory: a paper, or one of its figures, at a scale and in a store. What the command line does, as calls.

lab = Lab.open("smith2026tails/fig1")
for step in lab.stream(): ...        # train what is missing
lab.ledger()                         # verdicts
lab.draw(figure)                     # SVG, PDF and CSV; `steepest.report.page.write_page(lab)` writes the page
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from steepest import distributed
from steepest.claims.installed import find_paper
from steepest.claims.paper import Draw, Drawing, Figure, Paper, Results, Settings
from steepest.claims.verdict import Verdict
from steepest.errors import UsageError, foreign, unknown
from steepest.files import sha256, write_atomically
from steepest.runs.lockstep import Lockstep
from steepest.runs.store import Store, default_store, parsed, store_errors
from steepest.runs.stream import Agenda, Step, lookup, stream
from steepest.runs.sweep import Plan

OUT_OF_REACH_HOURS = 24.0


@dataclass(frozen=True)
class Cost:
    """What a figure still needs: runs done, runs expected, estimated CPU seconds left."""

    figure: str
    done: int
    expected: int
    seconds_left: float


@dataclass(frozen=True)
class Lab:
    """Figures of a paper with their settings, in a store.

    Attributes:
        paper: the paper.
        figures: those selected, in the order in which they run.
        settings: their sizes by figure id.
        scale: `smoke`, `quick`, `laptop`, `medium` or `paper`.
        variant: the changed settings, as in `m=8`; empty for the scale as declared.
        store: where runs are kept.
    """

    paper: Paper
    figures: tuple[Figure, ...]
    settings: Mapping[str, Settings]
    scale: str
    variant: str
    store: Store

    @classmethod
    def open(
        cls,
        target: str,
        *,
        scale: str = "laptop",
        changes: Mapping[str, Any] | None = None,
        store: Store | str | Path | None = None,
        read_only: bool = False,
        paths: Iterable[str | Path] = (),
    ) -> Lab:
        """Open `PAPER` or `PAPER/FIGURE`.

        Args:
            target: a paper's key, or key/figure.
            scale: which sizes.
            changes: settings to replace, in every selected figure that has the field.
            store: a store or its folder.
            read_only: only look; the store is not created.
            paths: folders of further papers.

        Raises:
            UsageError: an unknown paper, figure, scale or field, or a refused value.
            StoreError: the store cannot be used.
        """
        key, _, name = target.partition("/")
        paper = find_paper(key, paths)
        figures = (paper.figure(name),) if name else paper.at(scale)
        changes = dict(changes or {})
        settings = {figure.id: _settings(figure, scale, changes, only=len(figures) == 1) for figure in figures}
        _check_fields(changes, settings)
        variant = "-".join(f"{name}={value}" for name, value in sorted(changes.items()))
        opened = store if isinstance(store, Store) else Store(store or default_store(), read_only=read_only)
        return cls(paper, figures, settings, scale, variant, opened)

    def results(self, figure: Figure) -> Results:
        """Return what the store knows of a figure, as its code is now."""
        plans = {name: plan.fresh() for name, plan in self.plans[figure.id].items()}
        return Results(plans, self.settings[figure.id], self.store)

    @cached_property
    def plans(self) -> dict[str, Mapping[str, Plan]]:
        """Return the plans of every figure, by figure id and name."""
        return {
            figure.id: foreign(
                f"{self.paper.key}/{figure.id}: its plans cannot be made",
                partial(figure.planned, self.settings[figure.id]),
            )
            for figure in self.figures
        }

    def cost(self, figure: Figure | None = None) -> Cost:
        """Return what a figure, or all of them together, still need on this machine; shared runs count once."""
        names = [figure.id] if figure else list(self.plans)
        step = Agenda([plan.fresh() for name in names for plan in self.plans[name].values()], lookup(self.store)).step()
        return Cost(figure.id if figure else "all", step.done, step.expected, step.seconds_left)

    def stream(self, jobs: int = 1, lockstep: Lockstep = "auto") -> Iterator[Step]:
        """Write the thresholds to the store, then train what is missing; yield progress."""
        return (step for step, _ in train([self], jobs, lockstep))

    def ledger(self) -> list[Verdict]:
        """Return one verdict per claim; at paper scale, claims not run whose cost exceeds a day are out of reach."""
        rows = self.paper.ledger(self.store, self.scale, [(figure, self.results(figure)) for figure in self.figures])
        if self.scale != "paper":
            return rows
        hours = {figure.id: self.cost(figure).seconds_left / 3600 for figure in self.figures}
        return [row.out_of_reach(hours[row.figure]) if hours[row.figure] > OUT_OF_REACH_HOURS else row for row in rows]

    @property
    def folder(self) -> Path:
        """Return where figures and the page of this paper, scale and variant are written."""
        readable = re.sub(r"[^\w=.-]+", "_", self.variant)[:60]
        digest = sha256(self.variant.encode())[:6]
        name = f"{self.scale}-{readable}-{digest}" if self.variant else self.scale
        return self.store.root / "reports" / self.paper.key / name

    def draw(self, figure: Figure, *, again: bool = False) -> dict[str, Path]:
        """Write a complete figure as SVG, PDF and CSV, unless it is up to date; return the SVG by drawing name."""
        results = self.results(figure)
        if not results.complete:
            return {}
        stamp = self.folder / f"{figure.id}.json"
        digest = _digest(results, figure, self.paper.package)
        drawn = _stamped(stamp)
        if again or drawn.get("digest") != digest:
            drawn = {"digest": digest, "names": self._draw(figure, results)}
            write_atomically(stamp, json.dumps(drawn).encode())
        return {name: self.folder / f"{name}.svg" for name in drawn["names"]}

    def _draw(self, figure: Figure, results: Results) -> list[str]:
        from steepest.claims.figures import style

        place = f"{self.paper.key}/{figure.id}"
        footer = [f"{place} at {self.scale} scale: {results.settings.summary()}"]
        paper_scale = figure.scales.get("paper")
        if paper_scale is not None and paper_scale != results.settings:
            footer.append(f"the paper's scale: {paper_scale.summary()}")
        with style(), store_errors(self.folder):
            return [
                name
                for name, draw in figure.draw.items()
                if foreign(
                    f"{place}: {name} cannot be drawn", partial(_saved, draw, results, self.folder, name, footer)
                )
            ]


def train(
    labs: Sequence[Lab], jobs: int = 1, lockstep: Lockstep = "auto"
) -> Generator[tuple[Step, list[tuple[Lab, Figure]]], None, None]:
    """Train what labs of one store lack, by the same workers; yield progress, and the figures that need no further run."""
    for lab in labs if distributed.rank() == 0 else ():
        lab.paper.register(lab.store, lab.figures)
    figures = [(lab, figure) for lab in labs for figure in lab.figures]
    places, plans = [], []
    for place, (lab, figure) in enumerate(figures):
        plans += [plan.fresh() for plan in lab.plans[figure.id].values()]
        places += [place] * len(lab.plans[figure.id])
    with closing(stream(plans, labs[0].store, jobs, lockstep)) as steps:
        for step in steps:
            lacking = {places[plan] for plan in step.lacking}
            yield step, [one for place, one in enumerate(figures) if place not in lacking]


def _saved(draw: Draw, results: Results, folder: Path, name: str, footer: Sequence[str]) -> bool:
    """Draw and write; return whether there was something to draw."""
    from steepest.claims.figures import save

    drawing = draw(results)
    if drawing is None:
        return False
    if not isinstance(drawing, Drawing):
        raise TypeError(f"{drawing!r} is no Drawing")
    save(drawing, folder, name, footer)
    return True


def _settings(figure: Figure, scale: str, changes: Mapping[str, Any], *, only: bool) -> Settings:
    declared = figure.settings(scale)
    return declared.changed(**{k: v for k, v in changes.items() if only or k in declared.changeable()})


def _check_fields(changes: Mapping[str, Any], settings: Mapping[str, Settings]) -> None:
    for name in changes:
        known = {field for sizes in settings.values() for field in sizes.changeable()}
        if name not in known:
            raise unknown("setting", name, known)


def _digest(results: Results, figure: Figure, package: str) -> str:
    """Return a digest of everything a drawing depends on: the runs, the settings and the code that draws."""
    known = lookup(results.store)
    parts = [results.settings.summary(), figure.id]
    parts += [item.id for plan in results.plans.values() for item in plan.progress(known).explored]
    files = [Path(__file__).with_name(name) for name in ("figures.py", "drawings.py")]
    files += _files(package or _module(figure.plans).partition(".")[0])
    files += [file for draw in figure.draw.values() for file in _files(_module(draw))]
    parts += [f"{file.name} {sha256(file.read_bytes())}" for file in files]
    return sha256("\n".join(parts).encode())


def _module(function: Any) -> str:
    return str(getattr(getattr(function, "func", function), "__module__", ""))


def _files(module: str) -> list[Path]:
    """Return the file of a module; of a package all files, with those of its folders."""
    place = Path(getattr(sys.modules.get(module), "__file__", None) or "")
    return sorted(place.parent.rglob("*.py")) if place.name == "__init__.py" else [place] if place.name else []


def _stamped(stamp: Path) -> dict[str, Any]:
    try:
        drawn = parsed(stamp.read_bytes()) or {}
        names = drawn.get("names")
        complete = isinstance(names, list) and all((stamp.parent / f"{name}.svg").is_file() for name in names)
    except OSError:
        return {}
    return drawn if complete else {}


def parse_changes(assignments: Iterable[str]) -> dict[str, Any]:
    """Return `key=value` strings as a dict; values are JSON where they parse, text otherwise.

    Raises:
        UsageError: no `=` in it.

    >>> parse_changes(["m=8", "seeds=[0,1,2]", "name=wiki"])
    {'m': 8, 'seeds': [0, 1, 2], 'name': 'wiki'}
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise UsageError(f"--set {assignment!r}: expected key=value, as in --set m=8")
        try:
            changes[key] = json.loads(value)
        except ValueError:
            changes[key] = value
    return changes
