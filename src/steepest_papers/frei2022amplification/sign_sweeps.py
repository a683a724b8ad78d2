"""Sweeps of gradient descent, sign descent and Adam over rates and dimensions, and three ways to choose a rate.

specified   10⁰ for gradient descent and 10⁻³ for the others, at which the hypothesis about sign steps was formed
training    smallest final training loss of the worst seed, the rule of every sweep
held-out    of the rates within one standard error of the smallest error on noisy test labels, the middle one

The training loss of a network that is homogeneous in W has no best rate: from α ≫ ω on, a larger α only scales W, and where
the data are fitted the loss falls with the scale. The held-out error is flat over decades; the middle of what is as good as
the best is far from both ends.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import Field

from steepest.claims.paper import Results, Settings
from steepest.optim import Adam, SignDescent
from steepest.runs.method import Method
from steepest.runs.results import Best, NotRun, Undecided
from steepest.runs.store import Run
from steepest.runs.sweep import Plan, Search, Seeds, Sweep, decades, learning_rate
from steepest_papers.frei2022amplification.measures import predicted
from steepest_papers.frei2022amplification.probes import Neurons, Predictions
from steepest_papers.frei2022amplification.problem import XORClusters
from steepest_papers.frei2022amplification.sizes import GD, STEPS, descents

SIGN = Method(SignDescent, "Sign")
ADAM = Method(Adam, "Adam", betas=(0.9, 0.999))
SPECIFIED = {GD: 0, SIGN: -3, ADAM: -3}
MOMENTS = (0, 1, STEPS)
ROTATED = "rotated"


class SignSizes(Settings):
    """Sizes of the sweeps.

    Args:
        dimensions: p, ascending, with σ = 1/√p. Optimizers are compared at the last; the others show the trend.
        samples: n.
        width: m of the sweeps.
        specified_width: m of the runs at the specified rates.
        flip_rate: η.
        init_scale: ω.
        seeds: they draw data, flips and initial neurons.
    """

    dimensions: Annotated[tuple[int, ...], Field(min_length=3)] = (25, 50, 100)
    samples: Annotated[int, Field(ge=1)] = 400
    width: Annotated[int, Field(ge=2, multiple_of=2)] = 100
    specified_width: Annotated[int, Field(ge=2, multiple_of=2)] = 400
    flip_rate: Annotated[float, Field(ge=0, lt=0.5)] = 0.1
    init_scale: Annotated[float, Field(gt=0)] = 1e-3
    seeds: Seeds = (0, 1, 2, 3, 4)

    @property
    def main(self) -> str:
        """Return the name of the sweep at the largest p."""
        return sweep_name(self.dimensions[-1])

    def problem(self, dimension: int) -> XORClusters:
        """Return the problem at one p."""
        return XORClusters(
            samples=self.samples,
            dimension=dimension,
            width=self.width,
            noise=1 / math.sqrt(dimension),
            flip_rate=self.flip_rate,
            init_scale=self.init_scale,
        )

    def summary(self) -> str:
        """Return all sizes in one line."""
        p = " ".join(map(str, self.dimensions))
        return (
            f"n={self.samples}, p={p}, σ=1/√p, m={self.width} ({self.specified_width} at the specified rates), "
            f"η={self.flip_rate:g}, ω={self.init_scale:g}, T={STEPS}, seeds {' '.join(map(str, self.seeds))}"
        )


def sweep_name(dimension: int) -> str:
    """Return the name of the sweep at one p.

    >>> sweep_name(25)
    'p = 25'
    """
    return f"p = {dimension}"


def specified_name(method: Method) -> str:
    """Return the name of the runs of an optimizer at its specified rate."""
    return f"{method.label} as specified"


def plans(sizes: SignSizes) -> dict[str, Plan]:
    """Return runs at the specified rates, sweeps at every p, and sweeps at the largest with means off the axes."""
    methods = (GD, SIGN, ADAM)
    largest = sizes.problem(sizes.dimensions[-1])
    wide = largest.changed(width=sizes.specified_width)
    found: dict[str, Plan] = {
        specified_name(method): descents(wide, learning_rate(SPECIFIED[method]), sizes.seeds, method)
        for method in methods
    }
    for p in sizes.dimensions:
        found[sweep_name(p)] = _sweep(sizes.problem(p), methods, sizes.seeds)
    found[ROTATED] = _sweep(largest.changed(means="random"), (SIGN, ADAM), sizes.seeds)
    return found


def _sweep(problem: XORClusters, methods: tuple[Method, ...], seeds: tuple[int, ...]) -> Sweep:
    """Return every decade within three of the specified rate, with every seed, for all optimizers alike."""
    return Sweep(
        problem=problem,
        optimizers={method: decades(SPECIFIED[method] - 3, SPECIFIED[method] + 3) for method in methods},
        steps=STEPS,
        seeds=seeds,
        groups=None,
        refine=None,
        probes=(Neurons(at=MOMENTS), Predictions(at=MOMENTS)),
        every=10,
        extend=0,
    )


def as_specified(results: Results, method: Method) -> Best:
    """Return an optimizer at its specified rate."""
    runs = results.calculations(specified_name(method))
    return Best(method.label, float(SPECIFIED[method]), tuple(runs), None)


def by_training_loss(results: Results, method: Method) -> Best:
    """Return an optimizer of the sweep at the largest p, at its rate of least training loss."""
    return results.sweep(results.settings.main).best(method.label)


def by_held_out_error(results: Results, method: Method, plan: str | None = None, *, decisive: bool = True) -> Best:
    """Return an optimizer at its rate of least error on noisy test labels.

    Args:
        results: of the figure.
        method: the optimizer.
        plan: name of the sweep; None takes the one at the largest p.
        decisive: raise where the rate decides nothing; False returns it with its `trouble`.

    Raises:
        NotRun: runs are missing.
        Undecided: the rate lies at an edge of its grid.
    """
    search = complete(results, plan or results.settings.main, method)
    found = finished(search)
    errors = np.array([[predicted(run, "noisy_error") for run in runs] for runs in found.values()])
    best = errors[errors.mean(axis=1).argmin()]
    as_good = np.flatnonzero(errors.mean(axis=1) <= best.mean() + best.std(ddof=1) / len(best) ** 0.5)
    exponent = list(found)[as_good[(len(as_good) - 1) // 2]]
    at_edge = exponent in (min(search.table), max(search.table))
    trouble = f"{method.label}: the most accurate rate 10^{exponent:g} is at the edge of its grid" if at_edge else None
    if trouble and decisive:
        raise Undecided(trouble)
    return Best(method.label, exponent, tuple(found[exponent]), trouble)


def complete(results: Results, plan: str, method: Method) -> Search:
    """Return an optimizer's search.

    Raises:
        NotRun: runs are missing.
    """
    search = results.sweep(plan).searches[method.label]
    if search.best is None:
        raise NotRun(f"{method.label}: {len(search.pending)} runs are missing")
    return search


def finished(search: Search) -> dict[float, list[Run]]:
    """Return the runs at every rate at which no seed diverged, by ascending exponent."""
    runs = {exponent: search.runs(exponent) for exponent in sorted(search.table)}
    return {exponent: at for exponent, at in runs.items() if all(run.state == "done" for run in at)}
