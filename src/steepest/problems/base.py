"""What a problem is: data, model and loss, with the class of each example.

A *problem* is a frozen description; `setup(seed)` makes its *task*, the tensors themselves. Training, the mean loss, the
class-weighted loss and the loss by class all read the one vector `task.loss_by_example(params)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from steepest.spec import Component

Params = Mapping[str, Tensor]


class Work(NamedTuple):
    """What one full-batch step costs: floating-point operations in matrix products, and logits pushed through the loss."""

    flops: float
    logits: float


@dataclass(frozen=True)
class Task:
    """A problem made concrete for one seed.

    Attributes:
        params: the model at initialisation; leaf tensors that require a gradient.
        loss_by_example: ℓ_i at given params, shape (n,).
        classes: class y_i of each example, shape (n,), int64, in 0 … c−1.
        class_counts: n_k, shape (c,); a measure π_k where the problem has no integer counts. A class may be absent.
        weights: share of each example in the mean loss, shape (n,), summing to 1.
        inputs: X of an affine task, shape (n, d), for probes that need it; None elsewhere.
    """

    params: dict[str, Tensor]
    loss_by_example: Callable[[Params], Tensor]
    classes: Tensor
    class_counts: Tensor
    weights: Tensor
    inputs: Tensor | None = None


class Problem(Component):
    """Data + model + loss. A subclass states its fields and implements `setup` and `work`."""

    def setup(self, seed: int) -> Task:
        """Return the task; `seed` draws the data (where it is random) and then the initial params."""
        raise NotImplementedError(f"{type(self).__name__} must implement setup(seed)")

    def work(self) -> Work:
        """Return the cost of one step."""
        raise NotImplementedError(f"{type(self).__name__} must implement work()")
