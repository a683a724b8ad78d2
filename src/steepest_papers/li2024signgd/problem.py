"""Linearly separable samples with a signal patch and a patch of sparse noise.

    X = (y μ, ξ),   y = ±1 balanced,   μ = e_1,   ξ: s of the other d − 1 coordinates, drawn uniformly, from N(0, σ_p²)

The signal-to-noise ratio is ‖μ‖/(σ_p √s). Two patches, labels y = ±1 and sparse noise are the paper's (Li et al. 2024);
the laws of support and entries, μ and the ratio's definition are ours.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field, model_validator
from torch import Tensor

from steepest.problems.base import Problem, Task, Work
from steepest_papers.li2024signgd.transformer import initial_params, logistic_loss, output_weights, work


class SignalNoise(Problem):
    """Signal and sparse noise, read by the two-layer transformer.

    Args:
        samples: n, even, half of each label.
        dimension: d.
        sparsity: s, non-zero coordinates of a noise patch.
        noise: σ_p.
        init_scale: σ_0.
        key_width: m_k, rows of W_Q and of W_K.
        value_width: m_v, rows of each half of W_V.
        test_points: number of fresh samples, even.
    """

    kind: ClassVar[str] = "li2024signgd.SignalNoise"

    version: ClassVar[int] = 3
    lockstep: ClassVar[bool] = True
    scalars: ClassVar[tuple[str, ...]] = ("noise", "init_scale")

    samples: Annotated[int, Field(ge=2, multiple_of=2)] = 20
    dimension: Annotated[int, Field(ge=2)] = 1000
    sparsity: Annotated[int, Field(ge=1)] = 20
    noise: Annotated[float, Field(gt=0)] = 0.5
    init_scale: Annotated[float, Field(gt=0)] = 0.02
    key_width: Annotated[int, Field(ge=1)] = 16
    value_width: Annotated[int, Field(ge=1)] = 8
    test_points: Annotated[int, Field(ge=2, multiple_of=2)] = 400

    @model_validator(mode="after")
    def _noise_fits(self) -> SignalNoise:
        if self.sparsity >= self.dimension:
            raise ValueError(f"sparsity {self.sparsity} must be below dimension {self.dimension}; μ has one coordinate")
        return self

    def setup(self, seed: int) -> Task:
        """Draw training noise, weights, then test noise, from one generator seeded with `seed`."""
        generator = torch.Generator().manual_seed(seed)
        mu = torch.eye(1, self.dimension)
        noise = dense(*self._noise(self.samples, generator), self.dimension)
        params = initial_params(self.dimension, self.key_width, self.value_width, self.init_scale, generator)
        support, entries = self._noise(self.test_points, generator)
        data = {
            "a": output_weights(self.value_width),
            "y": balanced_labels(self.samples),
            "patches": torch.cat([mu, noise]),
            "key_signs": (noise @ params["W_K"].detach().T).sign(),
            "test_signal": mu,
            "test_y": balanced_labels(self.test_points),
            "test_support": support.int(),
            "test_entries": entries,
        }
        return two_class_task(params, data)

    def work(self) -> Work:
        """Return the cost of an update."""
        return work(1 + self.samples, self.dimension, self.key_width, self.value_width)

    def _noise(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        support, entries = sparse_noise(count, self.dimension - 1, self.sparsity, generator)
        return support + 1, self.noise * entries


def two_class_task(params: dict[str, Tensor], data: dict[str, Tensor]) -> Task:
    """Return the task of the transformer on `data` with patches and labels y (n,) ±1."""
    classes = (data["y"] < 0).long()
    return Task(
        params=params,
        loss=logistic_loss,
        data=data,
        classes=classes,
        class_counts=torch.bincount(classes, minlength=2),
        weights=torch.full((len(classes),), 1 / len(classes)),
    )


def balanced_labels(count: int) -> Tensor:
    """Return +1 and −1 in turn, shape (count,).

    >>> balanced_labels(4)
    tensor([ 1., -1.,  1., -1.])
    """
    return 1 - 2 * (torch.arange(count) % 2).float()


def sparse_noise(count: int, dimension: int, sparsity: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return supports, s different coordinates of each patch drawn uniformly, and N(0, 1) entries; both (count, s)."""
    support = torch.rand(count, dimension, generator=generator).topk(sparsity).indices
    return support, torch.randn(count, sparsity, generator=generator)


def dense(support: Tensor, entries: Tensor, dimension: int) -> Tensor:
    """Return noise patches, shape (count, d).

    >>> dense(torch.tensor([[2, 0]]), torch.tensor([[5.0, -1.0]]), 4)
    tensor([[-1.,  0.,  5.,  0.]])
    """
    return torch.zeros(len(support), dimension).scatter_(1, support.long(), entries)
