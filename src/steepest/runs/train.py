"""Training as a generator of events; whoever iterates decides what to measure, store or stop.

One forward pass per step gives ℓ_i, from which everything is read: the objective that is differentiated, the mean loss,
the loss by class and by frequency group.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest import distributed
from steepest.problems.base import Batches, Params, Task, derived_seed

Weighting = Literal["none", "inverse", "inverse-sqrt", "logit-adjusted"]


@dataclass(frozen=True)
class Event:
    """The state before update `step`.

    Attributes:
        step: number of updates made so far.
        losses: ℓ of the examples that were read, detached.
        objective: the weighted mean that is minimised, over the examples that were read.
        params: the live params; `.grad` holds the objective's gradient, except at the last event.
        examples: which examples were read; None where all were.
    """

    step: int
    losses: Tensor
    objective: float
    params: dict[str, Tensor]
    examples: Tensor | None = None


def example_weights(task: Task, weighting: Weighting = "none") -> Tensor:
    """Return the share of each example in the objective Σ_i w_{y_i} ℓ_i / Σ_i w_{y_i}, shape (n,).

    `inverse` is w_k = 1/n_k, the plain mean of the class losses; `inverse-sqrt` is w_k = 1/√n_k. Absent classes have no
    example and so no weight (Kunstner et al. 2024, appendix on reweighted losses).
    """
    if weighting in ("none", "logit-adjusted"):
        return task.shares
    classes, counts = task.known_classes()
    counts = counts[classes].to(task.shares.dtype)
    weights = task.shares / (counts if weighting == "inverse" else counts.sqrt())
    return weights / weights.sum()


def adjust_logits(task: Task) -> None:
    """Add log π_k to the output bias before training: the logit-adjusted loss.

    The logit-adjusted loss of Menon et al. (2021, eq. 10, τ = 1) is the cross-entropy of z + log π. A model with an
    output bias b has it exactly when its bias starts at b + log π, since both have the same gradients; the losses
    recorded are those of the adjusted logits. Classes without examples count as one.

    Raises:
        ValueError: a task without output bias.
    """
    if task.output_bias is None:
        raise ValueError("the logit-adjusted loss needs a model whose logits have a bias")
    counts = task.known_classes()[1].clamp(min=1).double()
    bias = task.params[task.output_bias]
    with torch.no_grad():
        bias += (counts / counts.sum()).log().to(bias)


def loss_by_class(task: Task, losses: Tensor) -> Tensor:
    """Return the mean loss of each class, shape (c,), float64; NaN where a class is absent."""
    classes, counts = task.known_classes()
    weights = task.shares.double()
    zeros = torch.zeros(len(counts), dtype=torch.float64)
    total = zeros.index_add(0, classes, losses.double() * weights)
    return total / zeros.index_add(0, classes, weights)


def mean_loss(task: Task, losses: Tensor) -> float:
    """Return the unweighted mean loss Σ_i ℓ_i/n in float64."""
    return float(losses.double() @ task.shares.double())


def evaluate(task: Task, params: Params) -> Tensor:
    """Return ℓ of all examples at `params`, shape (n,), without gradient and dropout; processes share the chunks."""
    if task.batches is None:
        with torch.no_grad():
            return task.loss_by_example(params)
    batches = task.batches
    losses = torch.zeros(batches.num_items * batches.examples_per_item)
    for _, items in _chunks(torch.arange(batches.num_items), batches):
        losses[batches.examples(items)] = batches.losses(params, items).float().cpu()
    return distributed.total(losses)


def penalty(params: Params, l2: float) -> Tensor:
    """Return λ/2 ‖w‖² over all params, biases included."""
    return 0.5 * l2 * torch.stack([param.square().sum() for param in params.values()]).sum()


def train(
    task: Task,
    optimizer: Optimizer,
    steps: int,
    weighting: Weighting = "none",
    *,
    l2: float = 0.0,
    start: int = 0,
) -> Iterator[Event]:
    """Update `task.params` up to `steps` times; yield before each update and after the last.

    Ends early after yielding an event whose objective is not finite. The last event has the losses of all examples.

    Args:
        task: what is trained; its params change in place.
        optimizer: over the task's params.
        steps: T.
        weighting: class weights of the objective. In a mini-batch they are normalised within it.
        l2: λ of the penalty λ/2 ‖w‖² that is added to the objective.
        start: number of updates that the params have behind them.
    """
    shares = example_weights(task, weighting)
    read = _all_at_once if task.batches is None else _in_chunks
    for step in range(start, steps + 1):
        if step < steps:
            for param in task.params.values():
                param.grad = None
        event = read(task, shares, l2, step, step == steps)
        yield event
        if step == steps or not math.isfinite(event.objective):
            return
        optimizer.step(_closure(task, shares, l2, event))


def _all_at_once(task: Task, shares: Tensor, l2: float, step: int, last: bool) -> Event:
    losses = task.loss_by_example(task.params)
    objective = losses @ shares
    if l2:
        objective = objective + penalty(task.params, l2)
    if not last:
        torch.autograd.backward(objective)
    return Event(step, losses.detach(), float(objective.detach()), task.params)


def _in_chunks(task: Task, shares: Tensor, l2: float, step: int, last: bool) -> Event:
    """Read the items of one update chunk by chunk, adding up gradients over chunks and processes."""
    batches = _batches(task)
    if last:
        losses = evaluate(task, task.params)
        return Event(step, losses, objective_value(task, losses, shares, l2), task.params)
    items = batches.items(step)
    whole = batches.per_update is None
    mass = 1.0 if whole else shares[batches.examples(items)].sum()
    value, found, examples = torch.zeros((), dtype=torch.float64), [torch.zeros(0)], [items[:0]]
    for number, chunk in _chunks(items, batches):
        rows = batches.examples(chunk)
        key = derived_seed(step, number)
        objective, losses = batches.objective(task.params, chunk, shares[rows] / mass, key)
        torch.autograd.backward(objective)
        value += objective.detach().double().cpu()
        found.append(losses.float().cpu())
        examples.append(rows)
    distributed.sum_gradients(task.params.values())
    value = distributed.total(value)
    if l2:
        value += _add_penalty(task.params, l2)
    read = None if whole and distributed.size() == 1 else torch.cat(examples)
    return Event(step, torch.cat(found), float(value), task.params, read)


def _chunks(items: Tensor, batches: Batches) -> Sequence[tuple[int, Tensor]]:
    """Return the numbered chunks that this process reads; several processes share even a single chunk."""
    most = min(batches.per_chunk, math.ceil(len(items) / distributed.size()))
    return distributed.share(list(enumerate(torch.split(items, most))))


def _add_penalty(params: Params, l2: float) -> Tensor:
    added = penalty(params, l2)
    torch.autograd.backward(added)
    return added.detach().double().cpu()


def objective_value(task: Task, losses: Tensor, shares: Tensor, l2: float) -> float:
    """Return Σ_i share_i ℓ_i + λ/2 ‖w‖² for the losses of all examples."""
    value = float(losses.double() @ shares.double())
    return value + float(penalty(task.params, l2).detach()) if l2 else value


def _batches(task: Task) -> Batches:
    assert task.batches is not None
    return task.batches


def _closure(task: Task, shares: Tensor, l2: float, event: Event) -> Callable[[], Any]:
    """Return what an optimizer may call: its gradients are there already; with gradients off, it is at a trial point."""

    def evaluate_again() -> Any:
        if torch.is_grad_enabled():
            return torch.tensor(event.objective, dtype=event.losses.dtype)
        if event.examples is not None:
            return _batch_value(task, shares, l2, event.step)
        losses = evaluate(task, task.params)
        value = losses @ shares
        return value + penalty(task.params, l2) if l2 else value

    return evaluate_again


def _batch_value(task: Task, shares: Tensor, l2: float, step: int) -> Tensor:
    """Return the objective of the mini-batch of update `step` at the present params."""
    batches = _batches(task)
    items = batches.items(step)
    weights = shares[batches.examples(items)]
    losses = torch.cat([batches.losses(task.params, chunk).cpu() for chunk in torch.split(items, batches.per_chunk)])
    value = losses @ weights / weights.sum()
    return value + penalty(task.params, l2).cpu() if l2 else value
