"""Weighted quadratic: the simplest problem in which frequency slows gradient descent.

f(w) = Σ_k π_k · ½ w_k²,   π_k ∝ k^−α
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from steepest.data.frequency import zipf
from steepest.problems.base import Data, Params, Problem, Task, Work


class WeightedQuadratic(Problem):
    """Weighted quadratic in float64 (Kunstner et al. 2024, Figure 6); each coordinate is a class with one example.

    Gradient descent contracts coordinate k by 1 − α π_k a step; sign descent and Adam move all coordinates alike.

    Args:
        num_coordinates: c.
        exponent: α of π_k ∝ k^−α.
        start: w_k(0), the same for all k.
    """

    kind: ClassVar[str] = "WeightedQuadratic"

    lockstep: ClassVar[bool] = True

    num_coordinates: int
    exponent: float = 1.0
    start: float = 1.0

    def setup(self, seed: int) -> Task:  # noqa: ARG002 - nothing is random
        """Return the task, the same for every seed."""
        c = self.num_coordinates
        pi = torch.as_tensor(zipf(c, self.exponent))
        w = torch.full((c,), self.start, dtype=torch.float64, requires_grad=True)
        return Task({"w": w}, _half_square, {}, classes=torch.arange(c), class_counts=pi, weights=pi)

    def work(self) -> Work:
        """Return no matrix product and c scalar losses."""
        return Work(flops=0.0, logits=float(self.num_coordinates))


def _half_square(at: Params, _: Data) -> Tensor:
    return 0.5 * at["w"] ** 2
