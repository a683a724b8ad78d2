"""Sweeps of gradient descent, sign descent and Adam over rates and dimensions, and three ways to choose a rate.

specified   10⁰ for gradient descent and 10⁻³ for the others, at which the hypothesis about sign steps was formed
training    smallest final training loss of the worst seed, the rule of every sweep
held-out    error on noisy test labels, mean over seeds: the smallest rate within one standard error of the best one

The training loss of a network that is homogeneous in W has no best rate: from α ≫ ω on, a larger α only scales W, and where
the data are fitted the loss falls with the scale. Held-out error is flat there, and the one-standard-error rule takes the
start of the plateau (L. Breiman et al. 1984, *Classification and regression trees*, section 3.4.3).
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from steepest.optim import Adam, SignDescent
from steepest.paper import Results, Settings
from steepest.results import Best, NotRun, Undecided
from steepest.spec import Method
from steepest.store import Run
from steepest.sweep import Plan, Search, Seeds, Sweep, decades
from steepest_papers.frei2022amplification.measures import predicted
from steepest_papers.frei2022amplification.probes import Neurons, Predictions
from steepest_papers.frei2022amplification.problem import XORClusters
from steepest_papers.frei2022amplification.sizes import GD, STEPS

SIGN = Method(SignDescent, "Sign")
ADAM = Method(Adam, "Adam", betas=(0.9, 0.999))
SPECIFIED = {GD: 0, SIGN: -3, ADAM: -3}
MOMENTS = (0, 1, STEPS)
ROTATED = "rotated"
Rule = Literal["specified", "training", "held-out"]


class SignSizes(Settings):
    """Sizes of the sweeps.

    Args:
        dimensions: p, ascending, with σ = 1/√p. Optimizers are compared at the last; the others show the trend.
        samples: n.
        width: m, number of neurons.
        flip_rate: η.
        init_scale: ω.
        seeds: they draw data, flips and initial neurons.
    """

    dimensions: Annotated[tuple[int, ...], Field(min_length=3)] = (25, 50, 100)
    samples: Annotated[int, Field(ge=1)] = 400
    width: Annotated[int, Field(ge=2, multiple_of=2)] = 400
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
        return (
            f"n={self.samples}, p={' '.join(map(str, self.dimensions))}, m={self.width}, σ=1/√p, η={self.flip_rate:g}, "
            f"ω={self.init_scale:g}, T={STEPS}, seeds {' '.join(map(str, self.seeds))}"
        )


def sweep_name(dimension: int) -> str:
    """Return the name of the sweep at one p.

    >>> sweep_name(25)
    'p = 25'
    """
    return f"p = {dimension}"


def plans(sizes: SignSizes) -> dict[str, Plan]:
    """Return the three optimizers at every p, and sign descent and Adam at the largest with means off the axes."""
    found: dict[str, Plan] = {
        sweep_name(p): _sweep(sizes.problem(p), (GD, SIGN, ADAM), sizes.seeds) for p in sizes.dimensions
    }
    rotated = sizes.problem(sizes.dimensions[-1]).changed(means="random")
    return found | {ROTATED: _sweep(rotated, (SIGN, ADAM), sizes.seeds)}


def _sweep(problem: XORClusters, methods: tuple[Method, ...], seeds: tuple[int, ...]) -> Sweep:
    """Return every decade from three below the specified rate to two above, with every seed, for all optimizers alike."""
    return Sweep(
        problem=problem,
        optimizers={method: decades(SPECIFIED[method] - 3, SPECIFIED[method] + 2) for method in methods},
        steps=STEPS,
        seeds=seeds,
        groups=None,
        refine=None,
        probes=(Neurons(at=MOMENTS), Predictions(at=MOMENTS)),
        every=10,
        extend=0,
    )


def select(results: Results, plan: str, method: Method, rule: Rule, *, decisive: bool = True) -> Best:
    """Return an optimizer at the rate that a rule chooses.

    Args:
        results: of the figure.
        plan: name of the sweep.
        method: the optimizer.
        rule: how to choose.
        decisive: raise where the rate decides nothing; False returns it with its `trouble`.

    Raises:
        NotRun: runs are missing.
        Undecided: the rate lies at an edge of its grid, or none made progress.
    """
    if rule == "training":
        return results.sweep(plan).best(method.label, decisive=decisive)
    search = complete(results, plan, method)
    if rule == "specified":
        exponent, trouble = float(SPECIFIED[method]), None
    else:
        exponent, trouble = _most_accurate(search)
    if trouble and decisive:
        raise Undecided(trouble)
    return Best(method.label, exponent, tuple(search.runs(exponent)), trouble)


def complete(results: Results, plan: str, method: Method) -> Search:
    """Return an optimizer's search.

    Raises:
        NotRun: runs are missing.
    """
    search = results.sweep(plan).searches[method.label]
    if search.best is None:
        raise NotRun(f"{method.label}: {len(search.pending)} runs are missing")
    return search


def _most_accurate(search: Search) -> tuple[float, str | None]:
    """Return the exponent that the one-standard-error rule takes, and what is wrong if it lies at an edge."""
    found = finished(search)
    errors = np.array([[predicted(run, "noisy_error") for run in runs] for runs in found.values()])
    means = errors.mean(axis=1)
    best = errors[means.argmin()]
    enough = means <= best.mean() + best.std(ddof=1) / len(best) ** 0.5
    chosen = list(found)[int(enough.argmax())]
    if chosen not in (min(search.table), max(search.table)):
        return chosen, None
    return chosen, f"{search.method.label}: the most accurate rate 10^{chosen:g} is at the edge of its grid"


def finished(search: Search) -> dict[float, list[Run]]:
    """Return the runs at every rate at which no seed diverged, by ascending exponent."""
    runs = {exponent: search.runs(exponent) for exponent in sorted(search.table)}
    return {exponent: at for exponent, at in runs.items() if all(run.state == "done" for run in at)}
