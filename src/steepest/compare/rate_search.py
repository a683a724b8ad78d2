"""The search for rates, in stages in which every optimizer gets the same number of runs of the same length.

    probes     seven decades around the start, an eighth of the updates, one seed; the best is the centre
    round 1    three half decades around the centre, every seed
    round 2, 3 two more rates each, every seed: beyond the edge where the best lies there, else halfway to its neighbours
    round 4, 5 the same for all, as long as the best rate of some optimizer lies at an edge

What a stage needs follows from the runs before it, so a comparison can be stopped at any time and continued.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from steepest.compare.budget import LEAST_ROUNDS, PROBE_SHARE, PROBES, RATES, Sizes
from steepest.compare.contenders import Contender
from steepest.compare.problem_file import ProblemFile
from steepest.runs.spec import Spec
from steepest.runs.store import Store
from steepest.runs.stream import Step, lookup, stream
from steepest.runs.sweep import Grid, Known, Part, Progress, Sweep, decades

ROUNDS = 5
GROUPS, ROWS = 10, 50


class Stage:
    """A stage of the search.

    Attributes:
        name: probes, round 1, …
        sweep: its runs.
        rates: how many each optimizer has had at full length.
        pending: those that are not known yet.
        searches: the state of each optimizer by label.
    """

    def __init__(self, name: str, sweep: Sweep, rates: int, known: Known) -> None:
        self.name, self.sweep, self.rates = name, sweep, rates
        self.searches = {method.label: search for method, search in sweep.searches(known).items()}
        self.pending = [spec for search in self.searches.values() for spec in search.pending]

    @property
    def best(self) -> dict[str, float]:
        """Return the best exponent by label, once nothing is pending."""
        return {label: search.best for label, search in self.searches.items() if search.best is not None}

    @property
    def has_best_at_edge(self) -> bool:
        """Return whether the best rate of an optimizer whose rate is searched lies at an edge of its grid."""
        grids = {method.label: grid for method, grid in self.sweep.optimizers.items() if grid.tuned}
        return any(self.best[label] in (grid.exponents[0], grid.exponents[-1]) for label, grid in grids.items())


@dataclass(frozen=True)
class Comparison:
    """A plan: a problem, optimizers, and the stages in which their rates are searched; `steepest.runs.stream` trains it.

    Attributes:
        problem: what is trained.
        contenders: the optimizers.
        sizes: number of updates, and where the search starts.
        seeds: of the runs; the probes use the first.
    """

    problem: ProblemFile
    contenders: tuple[Contender, ...]
    sizes: Sizes
    seeds: tuple[int, ...]
    _sweeps: dict[Any, Sweep] = field(default_factory=dict, repr=False, compare=False)

    def stages(self, known: Known) -> Iterator[Stage]:
        """Yield the stages so far: those whose runs are all known, and the next one."""
        centres: dict[str, float] = {}
        if self.sizes.starts:
            stage = Stage("probes", self._probes(), 0, known)
            yield stage
            if stage.pending:
                return
            centres = stage.best
        grids = {c.label: c.rate or around(centres[c.label]) for c in self.contenders}
        for number in range(1, ROUNDS + 1):
            rates = max(len(grid.exponents) for grid in grids.values())
            stage = Stage(f"round {number}", self._sweep(grids, self.sizes.steps, self.seeds), rates, known)
            yield stage
            if stage.pending or not self.sizes.starts or (number >= LEAST_ROUNDS and not stage.has_best_at_edge):
                return
            grids |= {label: wider(grids[label], stage.best[label]) for label in self.sizes.starts}

    def progress(self, known: Known) -> Progress:
        """Return the runs so far, those needed next, and how many more the smallest number of rounds needs."""
        *_, last = stages = list(self.stages(known))
        explored = {spec.id: spec for stage in stages for spec in stage.sweep.progress(known).explored}
        if not last.pending:
            return Progress(list(explored.values()), [])
        later = max(0, RATES - last.rates) * len(self.seeds)
        return Progress(list(explored.values()), last.pending, [(spec, later) for spec in self._typical()])

    def parts(self) -> list[Part]:
        """Return the whole: a stage needs every run of the one before."""
        return [self.progress]

    def complete(self, store: Store) -> list[Stage]:
        """Return the stages of which the store has every run; the last round among them decides."""
        return [stage for stage in self.stages(lookup(store)) if not stage.pending]

    def train(self, store: Store, jobs: int, deadline: float) -> Generator[Step, None, None]:
        """Train what the store lacks, up to a time of `time.monotonic()`; yield progress."""
        with closing(stream([self], store, jobs)) as steps:
            for step in steps:
                yield step
                if time.monotonic() > deadline:
                    return

    def _typical(self) -> list[Spec]:
        """Return a run of full length of each searched optimizer, from which the cost of later ones is estimated."""
        if not self.sizes.starts:
            return []
        grids = {label: Grid(exponents=(float(start),)) for label, start in self.sizes.starts.items()}
        sweep = self._sweep(grids, self.sizes.steps, self.seeds)
        return [sweep.spec(method, grid.exponents[0], self.seeds[0]) for method, grid in sweep.optimizers.items()]

    def _probes(self) -> Sweep:
        reach = PROBES // 2
        grids = {label: decades(start - reach, start + reach) for label, start in self.sizes.starts.items()}
        return self._sweep(grids, max(1, self.sizes.steps // PROBE_SHARE), self.seeds[:1])

    def _sweep(self, grids: Mapping[str, Grid], steps: int, seeds: tuple[int, ...]) -> Sweep:
        key = (tuple(grids.items()), steps, seeds)
        if key not in self._sweeps:
            methods = {contender.label: contender.method for contender in self.contenders}
            self._sweeps[key] = Sweep(
                problem=self.problem,
                optimizers={methods[label]: grid for label, grid in grids.items()},
                steps=steps,
                seeds=seeds,
                groups=self._groups,
                refine=None,
                extend=0,
                every=max(1, steps // ROWS),
            )
        return self._sweeps[key]

    @cached_property
    def _groups(self) -> int | None:
        classes = self.problem.contents.train.num_classes
        return min(GROUPS, classes) if classes > 1 else None


def around(exponent: float) -> Grid:
    """Return three half decades.

    >>> around(-2).exponents
    (-2.5, -2.0, -1.5)
    """
    return Grid(exponents=(exponent - 0.5, exponent, exponent + 0.5))


def wider(grid: Grid, best: float) -> Grid:
    """Return the grid with two more rates: beyond an edge where the best lies there, else the midpoints beside it.

    >>> wider(around(0), 0.5).exponents, wider(around(0), 0.0).exponents
    ((-0.5, 0.0, 0.5, 1.0, 1.5), (-0.5, -0.25, 0.0, 0.25, 0.5))
    """
    rates = grid.exponents
    place = rates.index(best)
    if place == 0:
        more = (best - 0.5, best - 1.0)
    elif place == len(rates) - 1:
        more = (best + 0.5, best + 1.0)
    else:
        more = ((rates[place - 1] + best) / 2, (best + rates[place + 1]) / 2)
    return Grid(exponents=(*rates, *more))
