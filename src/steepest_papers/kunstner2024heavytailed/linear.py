"""The linear experiment: softmax regression on random inputs with heavy-tailed labels, full batch.

Inputs are uniform noise; labels are independent of them and heavy-tailed: m levels of classes, level i = 0 … m−1 holding
2^i classes of 2^(m−i) samples each. The frequency groups are the levels, G = m. The paper has m = 11 and T = 1000.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

from pydantic import Field

from steepest.claims.claim import Claim
from steepest.claims.measures import gap, least, rarest
from steepest.claims.paper import Settings
from steepest.data.synthetic import HeavyTailedLabels
from steepest.problems import SoftmaxRegression
from steepest.runs.method import Method
from steepest.runs.sweep import Grid, Plan, Seeds, Sweep
from steepest_papers.kunstner2024heavytailed.optimizers import (
    ADAM,
    GD,
    LINEAR_RATES,
    PAPER_DIMENSION,
    around,
    linear_grid,
)

PAPER_M, PAPER_STEPS = 11, 1000
SHOWN = ("GD-m", "GD+m", "Adam-m", "Adam+m")
RULE = (
    "T(m) = 1000·c(m)/c(11) with c(m) = 2^m − 1: gradient flow learns class k in a time ∝ 1/π_k (Theorem 3), and the rarest "
    "class has 1/π_c ∝ c. Learning-rate grids move by the 1/d rule of optimizers.py."
)


class LinearSizes(Settings):
    """Sizes of the linear experiment.

    Args:
        m: number of levels.
        seeds: they draw inputs and initial weights.
    """

    m: Annotated[int, Field(ge=2, le=20)]
    seeds: Seeds = (0, 1, 2)

    def summary(self) -> str:
        """Return m, c, n, d, T and the seeds."""
        data = HeavyTailedLabels(m=self.m)
        sizes = f"m={self.m}, c={data.num_classes}, n={data.num_samples}, d={data.num_features}, T={horizon(self.m)}"
        return f"{sizes}, seeds {' '.join(map(str, self.seeds))}"


def horizon(m: int) -> int:
    """Return T(m) = 1000·c(m)/c(11), rounded.

    >>> horizon(7), horizon(8), horizon(11)
    (62, 125, 1000)
    """
    return max(1, round(PAPER_STEPS * HeavyTailedLabels(m=m).num_classes / HeavyTailedLabels(m=PAPER_M).num_classes))


def linear_sweep(sizes: LinearSizes, methods: Iterable[Method]) -> Sweep:
    """Return the two-stage sweep of some optimizers."""
    data = HeavyTailedLabels(m=sizes.m)
    return Sweep(
        problem=SoftmaxRegression(data=data),
        optimizers={method: linear_grid(method, data.num_features) for method in methods},
        steps=horizon(sizes.m),
        seeds=sizes.seeds,
        groups=sizes.m,
    )


def linear_plan(name: str, methods: Sequence[Method]) -> Callable[[LinearSizes], dict[str, Plan]]:
    """Return the plans of a figure with one sweep, given its name and its optimizers."""
    return lambda sizes: {name: linear_sweep(sizes, methods)}


def gap_claims(prefix: str, plan: str) -> tuple[Claim, ...]:
    """Return the main claims of Figure 4 on a sweep of gradient descent and Adam, with and without momentum."""
    return tuple(
        claim
        for tag, m, words in (("", "-m", "without momentum"), ("-momentum", "+m", "with momentum"))
        for claim in (
            Claim(f"{prefix}-gd-rare{tag}", rarest(plan, f"GD{m}").at_most(0.15, fails=0.5)).says(
                f"GD {words} makes little progress on the rarest level"
            ),
            Claim(f"{prefix}-adam-all{tag}", least(plan, f"Adam{m}").at_least(0.5, fails=0.15)).says(
                f"Adam {words} makes progress on every level"
            ),
            Claim(f"{prefix}-gap{tag}", gap(plan, f"GD{m}", f"Adam{m}").at_least(0.15, fails=0.05)).says(
                f"Adam ends below GD, both {words}"
            ),
        )
    )


def stiffness(mean: float, variance: float, d: int, n: int) -> float:
    """Return about the largest eigenvalue of XᵀX/n: d μ² + s² (1 + √(d/n))²."""
    return d * mean**2 + variance * (1 + math.sqrt(d / n)) ** 2


def mean_size(mean: float, std: float) -> float:
    """Return E|x| of x ~ N(μ, s²)."""
    t = mean / std
    return std * math.sqrt(2 / math.pi) * math.exp(-(t**2) / 2) + mean * math.erf(t / math.sqrt(2))


def gaussian_grid(method: Method, data: HeavyTailedLabels) -> Grid:
    """Return the grid for Gaussian inputs: five decades around the rate with the effect of the paper's on uniform ones.

    GD's stable step is inverse to the largest eigenvalue of XᵀX/n (uniform inputs: μ = 1/2, s² = 1/12); Adam's step
    changes a logit by α ‖x‖₁ ≈ α d E|x|, with E|x| = 1/2 (derived by us).

    Raises:
        KeyError: a method other than GD and Adam, for which no such rule is stated.
    """
    n, d = data.num_samples, data.num_features
    factors = {
        GD: stiffness(0.5, 1 / 12, d, n) / stiffness(data.mean, data.std**2, d, n),
        ADAM: 0.5 / mean_size(data.mean, data.std),
    }
    factor = factors[method]
    return around(LINEAR_RATES[method][0] + math.log10(factor * PAPER_DIMENSION / d))
