"""Random inputs with heavy-tailed labels: the data set of Kunstner et al. (2024), Figures 4 and 7."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from steepest.component import Component


class HeavyTailedLabels(Component):
    """Labels on m frequency levels, independent of i.i.d. inputs.

    Level i = 0 … m−1 has 2^i classes with 2^(m−i) samples each, so that every level holds 1/m of the samples; this
    imitates π_k ∝ 1/k. Class ids are in order of decreasing frequency. With the default dimension d > n, the set is
    linearly separable.

    Attributes:
        m: number of levels; n = m 2^m samples and c = 2^m − 1 classes (the paper's text says 2^(m+1) − 1).
        inputs: law of each input, "uniform" on [0, 1] as in the paper's main figures, or "gaussian".
        mean: of the Gaussian inputs.
        std: of the Gaussian inputs.
        dimension: d; (m+1) 2^m if None.
        constant_feature: append an input that is always 1.

    >>> data = HeavyTailedLabels(m=3)
    >>> data.num_samples, data.num_classes, data.num_features
    (24, 7, 32)
    >>> data.counts()
    array([8, 4, 4, 2, 2, 2, 2])
    """

    kind: ClassVar[str] = "HeavyTailedLabels"

    m: int = Field(ge=1, le=20)
    inputs: Literal["uniform", "gaussian"] = "uniform"
    mean: float = Field(default=0.0, allow_inf_nan=False)
    std: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    dimension: int | None = Field(default=None, ge=1)
    constant_feature: bool = False

    @model_validator(mode="after")
    def _moments_are_gaussian(self) -> Self:
        if self.inputs == "uniform" and (self.mean, self.std) != (0.0, 1.0):
            raise ValueError(f"mean {self.mean} and std {self.std} are for inputs='gaussian'; uniform inputs have none")
        return self

    @property
    def num_samples(self) -> int:
        """Return the number of samples, n = m 2^m."""
        return self.m << self.m

    @property
    def num_classes(self) -> int:
        """Return the number of classes, c = 2^m − 1."""
        return (1 << self.m) - 1

    @property
    def num_features(self) -> int:
        """Return the number of inputs, d, the constant feature included."""
        d = (self.m + 1) << self.m if self.dimension is None else self.dimension
        return d + self.constant_feature

    def level_of_class(self) -> NDArray[np.int64]:
        """Return the frequency level 0 … m−1 of each class, (c,)."""
        levels = np.arange(self.m, dtype=np.int64)
        return np.repeat(levels, 2**levels)

    def counts(self) -> NDArray[np.int64]:
        """Return the samples of each class, (c,)."""
        return np.int64(2) ** (self.m - self.level_of_class())

    def labels(self) -> NDArray[np.int64]:
        """Return the class of each sample, (n,), in class order."""
        return np.repeat(np.arange(self.num_classes, dtype=np.int64), self.counts())

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw the inputs; the labels are the same at every draw.

        Args:
            generator: where the inputs come from; advanced by the draw.

        Returns:
            X (n, d) float32 and y (n,) int64.
        """
        size = (self.num_samples, self.num_features - self.constant_feature)
        if self.inputs == "uniform":
            X = torch.rand(size, generator=generator)
        else:
            X = torch.randn(size, generator=generator).mul_(self.std).add_(self.mean)
        if self.constant_feature:
            X = torch.cat([X, torch.ones(len(X), 1)], dim=1)
        return X, torch.from_numpy(self.labels())
