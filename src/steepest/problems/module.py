"""Any `torch.nn.Module` on labelled data, as a task: its losses by example, read in chunks or mini-batches.

ℓ_i = loss(module(x_i), y_i),   cross-entropy −log softmax(module(x_i))_{y_i} unless another is given

A run's state is its params, nothing else. Batch norm therefore takes mean and variance from the items that are read
together, in training and in evaluation; dropout draws its noise from the number of the update and is off in evaluation;
params that need no gradient stay as they are; a module that changes a buffer in its forward pass is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, replace_all_batch_norm_modules_

from steepest.errors import UsageError
from steepest.problems.base import Batches, Params, Task, batched_task

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Examples:
    """Items and what is to be predicted of each.

    Attributes:
        inputs: one row per item, shape (n, …).
        targets: class ids, shape (n,), or (n, e) for e examples an item (a token at every position); floating-point
            targets of any shape (n, …) have no classes and count as one.
    """

    inputs: Tensor
    targets: Tensor

    @property
    def classes(self) -> Tensor:
        """Return the class of each example, shape (n, e), int64."""
        if self.targets.is_floating_point():
            return torch.zeros(len(self.targets), 1, dtype=torch.int64)
        return self.targets.reshape(len(self.targets), -1).long()

    @property
    def num_classes(self) -> int:
        """Return the number of classes that occur."""
        return len(np.unique(self.classes.numpy()))


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return −log softmax(z)_y of logits z (b, …, c) and classes y (b, …), in the shape of y.

    >>> cross_entropy(torch.zeros(1, 2, 4), torch.tensor([[0, 3]])).exp()
    tensor([[4., 4.]])
    """
    return F.cross_entropy(outputs.flatten(0, -2), targets.flatten(), reduction="none").view(targets.shape)


def module_task(
    module: nn.Module,
    train: Examples,
    loss: Loss = cross_entropy,
    *,
    held_out: Examples | None = None,
    per_update: int | None = None,
    per_chunk: int = 256,
    seed: int | None = None,
) -> Task:
    """Return the task of a module, which starts from the params that it has.

    Args:
        module: from inputs (b, …) to outputs; its own params are not changed.
        train: what it is trained on.
        loss: (outputs, targets) → one number per example, shape (b,) or (b, e).
        held_out: data that is evaluated and not trained on.
        per_update: items in an update; None takes all.
        per_chunk: items that go through the module together.
        seed: of the order of the items; None keeps theirs.

    Raises:
        UsageError: no param to train, classes below 0, a loss that is not one number per example, a module that changes
            a buffer.

    Example:
        >>> module = nn.Linear(2, 3)
        >>> task = module_task(module, Examples(torch.eye(2), torch.tensor([0, 2])))
        >>> torch.equal(task.loss_by_example(task.params), cross_entropy(module(torch.eye(2)), torch.tensor([0, 2])))
        True
    """
    replace_all_batch_norm_modules_(module)
    params = {name: p.detach().clone() for name, p in module.named_parameters() if p.requires_grad}
    if not params:
        raise UsageError(
            f"{type(module).__name__} has no parameter that requires a gradient; there is nothing to train"
        )
    num_classes = _num_classes(train, held_out)
    noisy = _is_noisy(module, params, train, loss, per_chunk)

    def task(data: Examples, held_out: Task | None = None) -> Task:
        size = min(per_update, len(data.inputs)) if per_update else None
        batches = Batches(
            objective=_objective(module, data, loss, noisy=noisy),
            losses=_evaluation(module, data, loss),
            num_items=len(data.inputs),
            examples_per_item=data.classes.shape[1],
            per_chunk=per_chunk,
            per_update=size,
            seed=seed,
            noisy=noisy,
        )
        return batched_task(params, batches, data.classes, num_classes, held_out=held_out)

    return task(train, None if held_out is None else task(held_out))


def _num_classes(*parts: Examples | None) -> int:
    classes = torch.cat([part.classes.flatten() for part in parts if part is not None])
    if classes.numel() == 0 or int(classes.min()) < 0:
        found = "there are none" if classes.numel() == 0 else f"one is {int(classes.min())}"
        raise UsageError(f"targets must be class ids from 0, {found}; leave out what is not to be predicted")
    return int(classes.max()) + 1


def _losses(module: nn.Module, params: Params, data: Examples, loss: Loss, items: Tensor) -> Tensor:
    """Return ℓ of the examples of some items, shape (b·e,)."""
    outputs = functional_call(module, dict(params), (data.inputs[items],))
    found = loss(outputs, data.targets[items])
    expected = len(items) * data.classes.shape[1]
    if found.numel() != expected or found.dim() == 0:
        raise UsageError(
            f"loss must return one number per example, {expected} here, got shape {tuple(found.shape)}; "
            "reduction='none' gives that"
        )
    return found.flatten()


def _objective(module: nn.Module, data: Examples, loss: Loss, *, noisy: bool) -> Callable[..., tuple[Tensor, Tensor]]:
    def objective(at: Params, items: Tensor, weights: Tensor, key: int) -> tuple[Tensor, Tensor]:
        found = _noisy_losses(module, at, data, loss, items, key) if noisy else _losses(module, at, data, loss, items)
        return found @ weights.to(found), found.detach()

    return objective


def _noisy_losses(module: nn.Module, at: Params, data: Examples, loss: Loss, items: Tensor, key: int) -> Tensor:
    """Return ℓ in training mode, its noise drawn from `key`."""
    module.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key)
        return _losses(module, at, data, loss, items)


def _evaluation(module: nn.Module, data: Examples, loss: Loss) -> Callable[[Params, Tensor], Tensor]:
    @torch.no_grad()
    def losses(at: Params, items: Tensor) -> Tensor:
        module.eval()
        return _losses(module, at, data, loss, items)

    return losses


@torch.no_grad()
def _is_noisy(module: nn.Module, params: Params, data: Examples, loss: Loss, per_chunk: int) -> bool:
    """Return whether training mode changes the losses of a few items, and refuse buffers that a pass changes."""
    items = torch.arange(min(per_chunk, len(data.inputs)))
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    training = _noisy_losses(module, params, data, loss, items, key=0)
    for name, buffer in module.named_buffers():
        if not torch.equal(buffer, before[name]):
            raise UsageError(
                f"{type(module).__name__} changes its buffer {name} in the forward pass, so that its losses depend on "
                "what was read before; turn that off (for normalisation layers, track_running_stats=False)"
            )
    module.eval()
    return not torch.allclose(training, _losses(module, params, data, loss, items), rtol=1e-4, equal_nan=True)
