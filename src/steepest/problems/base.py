"""What a problem is: data, model and loss, with the class of each example where there are classes.

A *problem* is a frozen description; `setup(seed)` makes its *task*, the tensors themselves. Training, the mean loss, the
class-weighted loss and the loss by class all read the same per-example losses ℓ_i, from the same forward pass.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from steepest.component import Component
from steepest.errors import UsageError
from steepest.owner import is_ours

Params = Mapping[str, Tensor]
Data = Mapping[str, Tensor]
Objective = Callable[[Params, Tensor, Tensor, int], tuple[Tensor, Tensor]]


def derived_seed(*numbers: int) -> int:
    """Return a seed that differs for different numbers: 32 bits of a SHA-256, all that torch's CPU generator uses.

    >>> derived_seed(0, 1) == derived_seed(0, 1), derived_seed(0, 1) == derived_seed(1, 0)
    (True, False)
    """
    return int.from_bytes(hashlib.sha256(repr(numbers).encode()).digest()[:4], "big")


class Work(NamedTuple):
    """What one step costs: floating-point operations in matrix products, logits pushed through the loss, and the rest.

    Attributes:
        flops: of matrix products and convolutions.
        logits: pushed through the loss.
        touched: numbers read or written by everything else (activations, optimizer), where that counts.
    """

    flops: float
    logits: float
    touched: float = 0.0

    def times(self, count: float) -> Work:
        """Return the cost of `count` such steps."""
        return Work(*(count * part for part in self))


@dataclass(frozen=True)
class Batches:
    """How a task is read that does not go through the model at once: item by item, in chunks.

    An item is what is read together: an image with its label, or a window of text with the next token of each position.
    The examples of item j are j·e … (j+1)·e − 1 among the task's classes.

    Attributes:
        objective: (params, items (b,), weights (b·e,), key) → Σ_i w_i ℓ_i, differentiable, and ℓ (b·e,), detached. The
            key fixes the dropout noise.
        losses: (params, items) → ℓ (b·e,), without gradient and dropout.
        num_items: number of items.
        examples_per_item: e.
        per_chunk: items in one forward pass.
        per_update: items in an update; None takes all, which is gradient descent without noise.
        seed: of the order in which items are read, drawn anew for every epoch; None keeps the order.
        noisy: whether `objective` has dropout, so that its losses are not those of evaluation.
    """

    objective: Objective
    losses: Callable[[Params, Tensor], Tensor]
    num_items: int
    examples_per_item: int
    per_chunk: int
    per_update: int | None
    seed: int | None
    noisy: bool = False

    def items(self, update: int) -> Tensor:
        """Return the items of update number `update`, counted from 0: the next ones of an endless row of epochs."""
        if self.per_update is None:
            return torch.arange(self.num_items)
        positions = torch.arange(update * self.per_update, (update + 1) * self.per_update)
        epochs = positions // self.num_items
        parts = [
            self._order(epoch)[positions[epochs == epoch] % self.num_items] for epoch in torch.unique(epochs).tolist()
        ]
        return torch.cat(parts)

    def examples(self, items: Tensor) -> Tensor:
        """Return the examples of some items, shape (b·e,)."""
        e = self.examples_per_item
        return (items[:, None] * e + torch.arange(e)).flatten()

    def _order(self, epoch: int) -> Tensor:
        if self.seed is None:
            return torch.arange(self.num_items)
        generator = torch.Generator().manual_seed(derived_seed(self.seed, epoch))
        return torch.randperm(self.num_items, generator=generator)


@dataclass(frozen=True)
class Task:
    """A problem made concrete for one seed. Regression, flows and policies have no classes.

    Attributes:
        params: the model at initialisation; leaf tensors that require a gradient.
        loss: ℓ_i at given params and data, shape (n,).
        data: the tensors that `loss` reads; with `Problem.lockstep`, all that depends on the seed beside the params.
        classes: class y_i of each example, shape (n,), int64, in 0 … c−1; None without classes.
        class_counts: n_k, shape (c,); a measure π_k where the problem has no integer counts. A class may be absent. None
            without classes.
        weights: share of each example in the mean loss, shape (n,), summing to 1; None for 1/n each (see `shares`).
        inputs: X of an affine task, shape (n, d), for probes that need it; None elsewhere.
        batches: how examples are read in chunks and mini-batches; None where one forward pass takes all.
        held_out: the same model on data that is not trained on, or None.
        output_bias: name of the param that is added to the logits, or None.
    """

    params: dict[str, Tensor]
    loss: Callable[[Params, Data], Tensor]
    data: Data
    classes: Tensor | None = None
    class_counts: Tensor | None = None
    weights: Tensor | None = None
    inputs: Tensor | None = None
    batches: Batches | None = None
    held_out: Task | None = None
    output_bias: str | None = None

    def loss_by_example(self, params: Params) -> Tensor:
        """Return ℓ_i at `params`, shape (n,)."""
        return self.loss(params, self.data)

    def known_classes(self) -> tuple[Tensor, Tensor]:
        """Return the class of each example and the class counts.

        Raises:
            UsageError: a task without classes.
        """
        if self.classes is None:
            raise UsageError("this problem has no classes, and a measure asks for them; leave the measure out")
        counts = torch.bincount(self.classes) if self.class_counts is None else self.class_counts
        return self.classes, counts

    @cached_property
    def shares(self) -> Tensor:
        """Return the share of each example in the mean loss: `weights`, or 1/n for each of the n losses.

        Raises:
            UsageError: a loss that is not a vector.
        """
        if self.weights is not None:
            return self.weights
        with torch.no_grad():
            losses = self.loss_by_example(self.params)
        if losses.dim() != 1:
            shape = tuple(losses.shape)
            raise UsageError(
                f"Task.loss gives a tensor of shape {shape}; it must give one loss per example, shape (n,)"
            )
        return torch.full_like(losses, 1 / len(losses))


def batched_task(
    params: dict[str, Tensor],
    batches: Batches,
    classes: Tensor | None = None,
    num_classes: int = 0,
    *,
    held_out: Task | None = None,
    output_bias: str | None = None,
) -> Task:
    """Return the task of a model that is read in chunks.

    Args:
        params: the model at initialisation.
        batches: how it is read.
        classes: class of each example, shape (items, e) or (items·e,); None without classes.
        num_classes: c.
        held_out: validation data.
        output_bias: name of the param that is added to the logits.
    """
    y, n = None if classes is None else classes.flatten(), batches.num_items * batches.examples_per_item
    if y is not None and len(y) != n:
        raise ValueError(f"{len(y)} classes do not fit {batches.num_items} items of {batches.examples_per_item}")

    def loss(at: Params, _: Data) -> Tensor:
        chunks = torch.split(torch.arange(batches.num_items), batches.per_chunk)
        return torch.cat([batches.losses(at, items).cpu() for items in chunks])

    return Task(
        params={name: value.requires_grad_() for name, value in params.items()},
        loss=loss,
        data={},
        classes=y,
        class_counts=None if y is None else torch.bincount(y, minlength=num_classes),
        weights=torch.full((n,), 1 / n),
        batches=batches,
        held_out=held_out,
        output_bias=output_bias,
    )


class Problem(Component):
    """Data + model + loss. A subclass states its fields and implements `setup` and `work`.

    Attributes:
        lockstep: whether runs may train as one stacked computation (`steepest.runs.lockstep`). It takes a `Task.loss` that
            reads what depends on the seed, or on `scalars`, from its arguments alone, that `torch.func.vmap` can stack, and
            tasks that agree in all shapes. It is not inherited: a subclass says it again.
        scalars: fields that change numbers of the task but no shape and no line of the loss; runs that differ in them may
            share a stack.
    """

    lockstep: ClassVar[bool] = False
    scalars: ClassVar[tuple[str, ...]] = ()

    @cached_property
    def has_classes(self) -> bool:
        """Whether its tasks have classes. One is made to see, so a problem of yours that is slow to make says so itself."""
        return is_ours(type(self)) or self.setup(0).classes is not None

    def setup(self, seed: int) -> Task:
        """Return the task; `seed` draws the data (where it is random) and then the initial params."""
        raise NotImplementedError(f"{type(self).__name__} must implement setup(seed)")

    def work(self) -> Work:
        """Return the cost of one update."""
        raise NotImplementedError(f"{type(self).__name__} must implement work()")

    def evaluation(self) -> Work:
        """Return the cost of what a run evaluates beside its updates: by default one more pass, at the last step."""
        return self.work()
