"""Softmax regression: one affine layer under cross-entropy.

ℓ_i = −log softmax(W x_i + b)_{y_i},   W ∈ R^{c×d}, b ∈ R^c
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from steepest.data.synthetic import HeavyTailedLabels
from steepest.models.affine import affine_init
from steepest.problems.base import Data, Params, Problem, Task, Work


class SoftmaxRegression(Problem):
    """Softmax regression on random inputs with heavy-tailed labels (Kunstner et al. 2024, Figure 4).

    Args:
        data: inputs and labels; drawn anew for each seed.
        bias: whether the layer has b (the paper's has; its theory has none).
        init: PyTorch's default U(±1/√d), or zero as in the theory.
    """

    kind: ClassVar[str] = "SoftmaxRegression"

    lockstep: ClassVar[bool] = True

    data: HeavyTailedLabels
    bias: bool = True
    init: Literal["default", "zero"] = "default"

    def setup(self, seed: int) -> Task:
        """Draw inputs, then W and b, from one generator seeded with `seed`."""
        generator = torch.Generator().manual_seed(seed)
        X, y = self.data.draw(generator)
        W, b = affine_init(X.shape[1], self.data.num_classes, generator)
        if self.init == "zero":
            W, b = torch.zeros_like(W), torch.zeros_like(b)
        params = {"W": W, "b": b} if self.bias else {"W": W}
        return affine_task(X, y, self.data.num_classes, params)

    def work(self) -> Work:
        """Return 4ndc operations (logits, gradient) and nc logits."""
        n, d, c = self.data.num_samples, self.data.num_features, self.data.num_classes
        return Work(flops=4.0 * n * d * c, logits=float(n * c))


def affine_task(X: Tensor, y: Tensor, num_classes: int, params: dict[str, Tensor]) -> Task:
    """Return the task of an affine layer `params` (`W`, perhaps `b`) on inputs X (n, d) with classes y (n,)."""
    return Task(
        params={name: value.requires_grad_() for name, value in params.items()},
        loss=affine_loss,
        data={"X": X, "y": y},
        classes=y,
        class_counts=torch.bincount(y, minlength=num_classes),
        weights=torch.full((len(y),), 1 / len(y), dtype=X.dtype),
        inputs=X,
        output_bias="b" if "b" in params else None,
    )


def affine_loss(at: Params, data: Data) -> Tensor:
    """Return ℓ_i = −log softmax(W x_i + b)_{y_i} of `data` X (n, d), y (n,), shape (n,)."""
    return F.cross_entropy(_logits(data["X"], at["W"], at.get("b")), data["y"], reduction="none")


def _logits(X: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
    """Return X Wᵀ + b, shape (n, c), computed as (W Xᵀ + b)ᵀ where d > c.

    An odd number of classes, such as 2^m − 1, slows the product while the classes are its contiguous axis; with few
    features, transposing the logits would cost more than that.
    """
    if X.shape[1] <= len(W):
        return F.linear(X, W, b)
    return (W @ X.T if b is None else torch.addmm(b[:, None], W, X.T)).T
