"""The linear experiment: softmax regression on random inputs with heavy-tailed labels, full batch.

Inputs are uniform noise; labels are independent of them and heavy-tailed: m levels of classes, level i = 0 … m−1 holding
2^i classes of 2^(m−i) samples each. The frequency groups are the levels, G = m. The paper has m = 11 and T = 1000.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from steepest.data.synthetic import HeavyTailedLabels
from steepest.paper import Settings
from steepest.problems import SoftmaxRegression
from steepest.spec import Method
from steepest.sweep import Seeds, Sweep
from steepest_papers.kunstner2024heavytailed.optimizers import linear_grid

PAPER_M, PAPER_STEPS = 11, 1000
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
