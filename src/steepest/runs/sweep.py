"""Sweeps: optimizers × learning rates × seeds, in two stages, with the selection rule of the paper.

Stage 1 runs whole decades of learning rates with the first seed; stage 2 half decades within one decade of the best rate,
with every seed where that can matter. Both grids are extended, a bounded number of times, while their best rate lies at an
edge. `Sweep.progress(known)` says which specs are still needed given what is known, so a sweep can stop and go on anywhere.

Selection (Kunstner et al. 2024, released code): the rate with the smallest final training objective, taking the worst
seed. A run that diverged, or ended above 1.5 times its initial objective, counts as its initial objective.

Stage 2 selects the same rate with fewer runs (derived by us). More seeds can only raise the worst of a rate, so a rate
whose first seed ends above the worst seed of another cannot be selected. All rates run with the first seed; then the rate
that is ahead gets its other seeds, until the one ahead has them all. The rule and the rates are the same for every method.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, islice, product
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol

from pydantic import AfterValidator, Field, SerializeAsAny

from steepest.component import Component
from steepest.errors import UsageError
from steepest.problems.base import Problem, Work
from steepest.runs.method import Method
from steepest.runs.probe import Probe
from steepest.runs.spec import Calculation, Family, Runnable, Spec
from steepest.runs.store import Run, Store
from steepest.runs.train import Weighting

Known = Callable[[Runnable], Run | None]
FEW = 200  # files of absent runs that are looked for one by one; with more, the folder is listed


@dataclass(frozen=True)
class Lookup:
    """Finds the stored run of a runnable."""

    store: Store

    def __call__(self, runnable: Runnable) -> Run | None:
        return self.store.get(runnable.id)

    def now(self) -> Known:
        """Return a lookup that is fast for many runs; it sees the store as it is now."""
        absent, present = 0, None

        def known(runnable: Runnable) -> Run | None:
            nonlocal absent, present
            if present is not None and runnable.id not in present:
                return None
            run = self.store.get(runnable.id)
            absent += run is None
            if absent == FEW and present is None:
                present = frozenset(_names(self.store))
            return run

        return known


def _names(store: Store) -> list[str]:
    with suppress(FileNotFoundError):  # of a store that is only read
        return os.listdir(store.runs)
    return []


def at_once(known: Known) -> Known:
    """Return what answers many questions at once, and for this moment only."""
    return known.now() if isinstance(known, Lookup) else known


def _ascending(exponents: tuple[float, ...]) -> tuple[float, ...]:
    for exponent in exponents:
        if not -300 <= exponent <= 300:
            raise ValueError(f"a learning rate 10^{exponent} is not a finite number above 0")
    return tuple(sorted(set(exponents)))


def _distinct_seeds(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError("a seed occurs twice; give each once")
    return seeds


Seeds = Annotated[tuple[int, ...], Field(min_length=1), AfterValidator(_distinct_seeds)]


def _distinct_labels(optimizers: Mapping[Method, Grid]) -> Mapping[Method, Grid]:
    if not optimizers:
        raise ValueError("nothing to compare; give at least one optimizer")
    labels = [method.label for method in optimizers]
    if len(set(labels)) < len(labels):
        raise ValueError(f"two optimizers share a label among {', '.join(labels)}; give each its own label")
    return optimizers


class Grid(Component):
    """Learning rates 10^e for ascending exponents e.

    Args:
        exponents: the e of stage 1.
        tuned: False where the method finds its own step (line search): one rate, no edges, no stages.
    """

    kind: ClassVar[str] = "Grid"

    exponents: Annotated[tuple[float, ...], Field(min_length=1), AfterValidator(_ascending)]
    tuned: bool = True


def decades(first: int, last: int) -> Grid:
    """Return the grid of whole decades 10^first … 10^last.

    >>> decades(-2, 0).exponents
    (-2.0, -1.0, 0.0)
    """
    return Grid(exponents=tuple(float(e) for e in range(first, last + 1)))


def untuned(lr: float = 1.0) -> Grid:
    """Return the grid of a method that needs no tuning, at `lr`.

    Raises:
        UsageError: a learning rate that is not a finite number above 0.
    """
    if not (math.isfinite(lr) and lr > 0):
        raise UsageError(f"untuned({lr}): a learning rate must be a finite number above 0")
    return Grid(exponents=(math.log10(lr),), tuned=False)


def learning_rate(exponent: float) -> float:
    """Return 10^exponent."""
    return float(10.0**exponent)


class Sweep(Component):
    """A problem, its optimizers with their grids, a horizon and seeds.

    Args:
        problem: shared by all runs.
        optimizers: `{method: grid}`.
        steps: updates per run, T.
        seeds: at least three for a verdict; stage 1 uses the first.
        groups: frequency groups recorded; left out, ten where the problem has classes.
        weighting: class weights of the objective.
        refine: half-width of stage 2 in decades; None runs the whole stage-1 grid with every seed and stops there.
        extend: how many times each of the two grids (stage 1, stage 2) may grow at an edge.
        by_class: record the loss of every class.
        probes: further measurements in every run.
        every: updates between two rows of the curves; None records every step.
        l2: λ of a penalty λ/2 ‖w‖² in the objective.
        device: where the params live.
    """

    problem: SerializeAsAny[Problem]
    optimizers: Annotated[Mapping[Method, Grid], AfterValidator(_distinct_labels)]
    steps: Annotated[int, Field(ge=1)]
    seeds: Seeds = (0, 1, 2)
    groups: int | None = 10
    weighting: Weighting = "none"
    refine: float | None = 1.0
    extend: Annotated[int, Field(ge=0)] = 3
    by_class: bool = False
    probes: tuple[SerializeAsAny[Probe], ...] = ()
    every: Annotated[int, Field(ge=1)] | None = None
    l2: float = 0.0
    device: str = "cpu"

    def fresh(self) -> Sweep:
        """Return the same sweep, with the ids of its runs computed again: code that was edited meanwhile gives new runs."""
        return self.changed()

    @cached_property
    def recorded_groups(self) -> int | None:
        """Return the frequency groups recorded: those asked for, or ten where the problem has classes."""
        return self.groups if "groups" in self.model_fields_set or self.problem.has_classes else None

    def spec(self, method: Method, exponent: float, seed: int) -> Spec:
        """Return the spec of one run of the sweep."""
        return self.specs(method, [exponent], [seed])[0]

    def specs(self, method: Method, exponents: Iterable[float], seeds: Iterable[int]) -> list[Spec]:
        """Return the specs of one method at some rates, each with all of `seeds`."""
        if method not in self._planned:
            self._planned[method] = self._first.beside(method=method), {}
        example, planned = self._planned[method]
        found = []
        for key in product(exponents, seeds):
            if key not in planned:
                planned[key] = example.beside(lr=learning_rate(key[0]), seed=key[1])
            found.append(planned[key])
        return found

    @cached_property
    def _planned(self) -> dict[Method, tuple[Spec, dict[tuple[float, int], Spec]]]:
        """Return one spec of each method, and all by exponent and seed, as far as they were asked for."""
        return {}

    @cached_property
    def _first(self) -> Spec:
        """Return the spec from which all others are made, so that what they share is described once."""
        shared = {name: value for name, value in self.fields().items() if name in Spec.model_fields}
        method = next(iter(self.optimizers))
        return Spec(**shared | {"method": method, "lr": 1.0, "seed": self.seeds[0], "groups": self.recorded_groups})

    def searches(self, known: Known) -> dict[Method, Search]:
        """Return the state of every method's search."""
        known = at_once(known)
        return {method: Search(self, method, known) for method in self.optimizers}

    def progress(self, known: Known) -> Progress:
        """Return the specs looked at so far, those needed next, and how many more are expected after them."""
        known = at_once(known)
        explored, pending, later = zip(*(part(known) for part in self.parts()), strict=True)
        return Progress(*(list(chain.from_iterable(lists)) for lists in (explored, pending, later)))

    def parts(self) -> list[Part]:
        """Return the search of each method, which goes on without the others."""
        return [partial(self._progress_of, method) for method in self.optimizers]

    def _progress_of(self, method: Method, known: Known) -> Progress:
        search = Search(self, method, known)
        explored = search.explored
        later = max(0, self._expected(self.optimizers[method]) - len(explored))
        return Progress(explored, search.pending, [(explored[0], later)] if search.pending else [])

    def _expected(self, grid: Grid) -> int:
        seeds = len(self.seeds)
        if not grid.tuned:
            return seeds
        if self.refine is None:
            return len(grid.exponents) * seeds
        fine, shared = 2 * int(2 * self.refine) + 1, 2 * int(self.refine) + 1
        return len(grid.exponents) + fine - shared + seeds - 1


class Progress(NamedTuple):
    """How far a plan has come: its runs, not the progress ρ of a training.

    Attributes:
        explored: specs looked at so far, pending ones included.
        pending: specs needed next.
        later: for each unfinished search: its first spec, as its name, and how many runs are expected after `explored`.
    """

    explored: Sequence[Runnable]
    pending: Sequence[Runnable]
    later: Sequence[tuple[Runnable, int]] = ()

    @property
    def expected_later(self) -> int:
        """Return the number of runs expected after those explored."""
        return sum(count for _, count in self.later)


Part = Callable[[Known], Progress]


class Trainable(Protocol):
    """A plan, or anything that `steepest.runs.stream.stream` can train: it says what it still needs, given what is known."""

    def parts(self) -> Sequence[Part]:
        """Return its parts: each says how far it is, and is asked again when all that it needed next is there."""


class Search:
    """The state of one method's search for its learning rate, recomputed from the known runs.

    Attributes:
        explored: specs looked at so far, pending ones included.
        pending: specs needed next.
        rates: the exponents of the last grid, in ascending order.
        table: `selection_loss` of the worst seed by exponent, for those of `rates` that every seed has run.
        best: the selected exponent, or None while pending.
        trouble: why no verdict can rest on the selected rate, or None.
    """

    def __init__(self, sweep: Sweep, method: Method, known: Known) -> None:
        self.sweep, self.method, self.known = sweep, method, known
        self._explored: dict[str, Spec] = {}
        self._counted: dict[str, float] = {}  # selection losses of known runs
        self.pending: list[Spec] = []
        self.rates: list[float] = []
        self.table: dict[float, float] = {}
        self.best: float | None = None
        self.trouble: str | None = None
        self._search(sweep.optimizers[method])

    def _search(self, grid: Grid) -> None:
        reach = self.sweep.refine
        if reach is None or not grid.tuned:
            self._settle(self._grown(grid.exponents, self._with_every_seed, step=1 if grid.tuned else 0))
            return
        coarse = self._grown(grid.exponents, self._with_first_seed, step=1)
        if coarse:
            centre = _argmin(coarse)
            fine = [centre + half / 2 for half in range(-int(2 * reach), int(2 * reach) + 1)]
            self._settle(self._grown(fine, self._contest, step=0.5))

    def _grown(
        self, exponents: Iterable[float], losses: Callable[[list[float]], dict[float, float]], step: float
    ) -> dict[float, float]:
        """Return the selection losses of a grid, grown while its best lies at an edge; empty while runs are pending."""
        self.rates = sorted(exponents)
        for left in reversed(range(self.sweep.extend + 1)):
            table = losses(self.rates)
            if not (table and step and left and self._at_edge(_argmin(table))):
                break
            beyond = self.rates[0] - step if _argmin(table) == self.rates[0] else self.rates[-1] + step
            self.rates = sorted([*self.rates, beyond])
        return table

    def _with_every_seed(self, exponents: list[float]) -> dict[float, float]:
        return self._losses(exponents, self.sweep.seeds)

    def _with_first_seed(self, exponents: list[float]) -> dict[float, float]:
        return self._losses(exponents, self.sweep.seeds[:1])

    def _contest(self, exponents: list[float]) -> dict[float, float]:
        """Return the worst-seed losses of the rates that led at some point, the best included; only those run every seed."""
        table = self._with_first_seed(exponents)
        complete: dict[float, float] = {}
        while table and (ahead := _argmin(table | complete)) not in complete:
            found = self._with_every_seed([ahead])
            if not found:
                return {}
            complete |= found
        return complete

    def _losses(self, exponents: list[float], seeds: tuple[int, ...]) -> dict[float, float]:
        """Return the worst selection loss of some seeds by exponent; empty while runs are pending."""
        specs = self.sweep.specs(self.method, exponents, seeds)
        self._explored |= {spec.id: spec for spec in specs}
        counted, known = self._counted, self.known
        self.pending = []
        for spec in specs:
            if spec.id not in counted:
                if run := known(spec):
                    counted[spec.id] = selection_loss(run.facts)
                else:
                    self.pending.append(spec)
        if self.pending:
            return {}
        losses = iter([counted[spec.id] for spec in specs])
        return {e: max(islice(losses, len(seeds))) for e in exponents}

    @property
    def explored(self) -> list[Spec]:
        """Return the specs looked at so far, in the order of the search."""
        return list(self._explored.values())

    def _settle(self, table: dict[float, float]) -> None:
        if not table:
            return
        self.table, self.best = table, _argmin(table)
        if all(self._hopeless(self.best, seed) for seed in self.sweep.seeds):
            self.trouble = f"{self.method.label}: no learning rate of the grid made progress"
        elif self.sweep.optimizers[self.method].tuned and self._at_edge(self.best):
            self.trouble = f"{self.method.label}: the best learning rate 10^{self.best:g} is at the edge of its grid"

    def _at_edge(self, exponent: float) -> bool:
        return exponent in (self.rates[0], self.rates[-1])

    def runs(self, exponent: float) -> list[Run]:
        """Return the known runs at one exponent, in order of seed."""
        found = [self.known(self.sweep.spec(self.method, exponent, seed)) for seed in self.sweep.seeds]
        return [run for run in found if run is not None]

    def finished(self) -> dict[float, list[Run]]:
        """Return the runs at the exponents of `table` at which no seed diverged, in ascending order."""
        runs = {exponent: self.runs(exponent) for exponent in sorted(self.table)}
        return {exponent: at for exponent, at in runs.items() if all(run.state == "done" for run in at)}

    def _hopeless(self, exponent: float, seed: int) -> bool:
        facts = self._run(exponent, seed).facts
        return selection_loss(facts) >= float(facts["initial_objective"])

    def _run(self, exponent: float, seed: int) -> Run:
        run = self.known(self.sweep.spec(self.method, exponent, seed))
        if run is None:
            raise KeyError(f"{self.method.label} at 10^{exponent:g}, seed {seed} has not been run")
        return run


def selection_loss(facts: Mapping[str, Any]) -> float:
    """Return the final objective, or the initial one where the run diverged or ended above 1.5 times it.

    >>> selection_loss({"initial_objective": 2.0, "final_objective": 0.5})
    0.5
    >>> selection_loss({"initial_objective": 2.0, "final_objective": 3.1})
    2.0
    >>> selection_loss({"initial_objective": 2.0, "final_objective": None})
    2.0
    """
    initial, final = float(facts["initial_objective"]), facts["final_objective"]
    return initial if final is None or final > 1.5 * initial else float(final)


def _argmin(table: Mapping[float, float]) -> float:
    return min(table, key=lambda exponent: (table[exponent], exponent))


@dataclass(frozen=True)
class Calculations:
    """A fixed list of calculations or single runs; it answers `progress()` like a sweep."""

    calculations: tuple[Runnable, ...]

    def fresh(self) -> Calculations:
        """Return the same calculations, with ids computed again: code that was edited meanwhile gives new runs."""
        examples: dict[Family, Spec] = {}
        return Calculations(tuple(_fresh(item, examples) for item in self.calculations))

    def progress(self, known: Known) -> Progress:
        """Return all of them, and those not known yet."""
        known = at_once(known)
        return Progress(list(self.calculations), [c for c in self.calculations if known(c) is None])

    def parts(self) -> list[Part]:
        """Return the whole."""
        return [self.progress]


def _fresh(item: Runnable, examples: dict[Family, Spec]) -> Runnable:
    """Return the same run described anew; what a family shares is described once."""
    if not isinstance(item, Spec):
        return item.changed()
    if item.family not in examples:
        examples[item.family] = item.changed()
    return examples[item.family].beside(lr=item.lr, seed=item.seed)


Plan = Sweep | Calculations


def calculate(
    function: Callable[..., Any],
    options: Mapping[str, Any] | None = None,
    *,
    seeds: Sequence[int | None] = (None,),
    takes: float | Work = 0.5,
) -> Calculations:
    """Return the plan of one calculation, or of one for each seed; arguments as of `Calculation`."""
    return Calculations(tuple(Calculation(function, options or {}, seed, takes) for seed in seeds))
