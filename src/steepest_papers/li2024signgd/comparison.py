"""Three optimizers over noise scales and numbers of samples, at one rate each: the setting, its runs, and what they share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from steepest.claims.paper import Results, Settings
from steepest.runs.method import Method
from steepest.runs.spec import Spec
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan, Seeds
from steepest_papers.li2024signgd.methods import GD, MAIN, RATES
from steepest_papers.li2024signgd.probes import Features, Predictions
from steepest_papers.li2024signgd.problem import SignalNoise

MAIN_SAMPLES, MAIN_NOISE = 20, 0.5
LOUD = 2.0  # the largest noise scale
QUIET = 0.1  # the smallest

Counts = Annotated[tuple[int, ...], Field(min_length=1)]
Scales = Annotated[tuple[float, ...], Field(min_length=1)]


class ComparisonSizes(Settings):
    """Sizes of the comparison.

    Args:
        samples: the n of the phase picture; 20 among them.
        noises: the σ_p; 0.1, 0.5 and 2 among them.
        dimension: d.
        sparsity: s.
        init_scale: σ_0.
        key_width: m_k.
        value_width: m_v.
        steps: updates of SignGD and Adam; gradient descent has twice as many.
        seeds: they draw data and initial weights.
    """

    samples: Counts = (10, 20, 80)
    noises: Scales = (0.1, 0.2, 0.5, 1.0, 2.0)
    dimension: Annotated[int, Field(ge=2)] = 1000
    sparsity: Annotated[int, Field(ge=1)] = 20
    init_scale: Annotated[float, Field(gt=0)] = 0.02
    key_width: Annotated[int, Field(ge=1)] = 16
    value_width: Annotated[int, Field(ge=1)] = 8
    steps: Annotated[int, Field(ge=1)] = 300
    seeds: Seeds = (0, 1, 2, 3, 4)

    def problem(self, samples: int = MAIN_SAMPLES, noise: float = MAIN_NOISE) -> SignalNoise:
        """Return the problem of one cell of the phase picture."""
        return SignalNoise(
            samples=samples,
            noise=noise,
            dimension=self.dimension,
            sparsity=self.sparsity,
            init_scale=self.init_scale,
            key_width=self.key_width,
            value_width=self.value_width,
        )

    def summary(self) -> str:
        """Return all sizes in one line."""
        return (
            f"n={' '.join(map(str, self.samples))}, σ_p={' '.join(f'{noise:g}' for noise in self.noises)}, "
            f"d={self.dimension}, s={self.sparsity}, σ_0={self.init_scale:g}, m_k={self.key_width}, "
            f"m_v={self.value_width}, T={self.steps} and {2 * self.steps}, seeds {' '.join(map(str, self.seeds))}"
        )


def cell(method: Method, samples: int = MAIN_SAMPLES, noise: float = MAIN_NOISE) -> str:
    """Return the name of a plan: a method in one cell of the phase picture.

    >>> cell(GD, noise=0.1)
    'GD, n = 20, σ = 0.1'
    """
    return f"{method.label}, n = {samples}, σ = {noise:g}"


def runs_of(sizes: ComparisonSizes, method: Method, samples: int, noise: float) -> Calculations:
    """Return a method's runs in one cell, one for each seed, probed at the end."""
    steps = 2 * sizes.steps if method == GD else sizes.steps
    probes = (Features(at=(steps,)), Predictions(at=(steps,)))
    problem = sizes.problem(samples, noise)
    return Calculations(
        tuple(
            Spec(problem=problem, method=method, lr=RATES[method], steps=steps, seed=seed, probes=probes)
            for seed in sizes.seeds
        )
    )


def plans(sizes: ComparisonSizes) -> dict[str, Plan]:
    """Return every method in every cell."""
    cells = ((method, n, noise) for method in MAIN for n in sizes.samples for noise in sizes.noises)
    return {cell(*where): runs_of(sizes, *where) for where in cells}


def by_noise(results: Results, method: Method) -> dict[float, list[Run]]:
    """Return a method's runs at n = 20, by noise scale."""
    return {noise: results.calculations(cell(method, noise=noise)) for noise in results.settings.noises}


def by_samples(results: Results, method: Method) -> dict[int, list[Run]]:
    """Return a method's runs at σ_p = 0.5, by number of samples."""
    return {n: results.calculations(cell(method, n)) for n in results.settings.samples}
