"""Training as a generator of events; whoever iterates decides what to measure, store or stop.

One forward pass per step gives ℓ_i, from which everything is read: the objective that is differentiated, the mean loss,
the loss by class and by frequency group.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest.problems.base import Task

Weighting = Literal["none", "inverse", "inverse-sqrt"]


@dataclass(frozen=True)
class Event:
    """The state before update `step`.

    Attributes:
        step: number of updates made so far.
        losses: ℓ_i, shape (n,), detached.
        objective: the weighted mean that is minimised.
        params: the live params; `.grad` holds the objective's gradient, except at the last event.
    """

    step: int
    losses: Tensor
    objective: float
    params: dict[str, Tensor]


def example_weights(task: Task, weighting: Weighting = "none") -> Tensor:
    """Return the share of each example in the objective Σ_i w_{y_i} ℓ_i / Σ_i w_{y_i}, shape (n,).

    `inverse` is w_k = 1/n_k, the plain mean of the class losses; `inverse-sqrt` is w_k = 1/√n_k. Absent classes have no
    example and so no weight (Kunstner et al. 2024, appendix on reweighted losses).
    """
    if weighting == "none":
        return task.weights
    counts = task.class_counts[task.classes].to(task.weights.dtype)
    weights = task.weights / (counts if weighting == "inverse" else counts.sqrt())
    return weights / weights.sum()


def loss_by_class(task: Task, losses: Tensor) -> Tensor:
    """Return the mean loss of each class, shape (c,), float64; NaN where a class is absent."""
    weights = task.weights.double()
    zeros = torch.zeros(len(task.class_counts), dtype=torch.float64)
    total = zeros.index_add(0, task.classes, losses.double() * weights)
    return total / zeros.index_add(0, task.classes, weights)


def mean_loss(task: Task, losses: Tensor) -> float:
    """Return the unweighted mean loss Σ_i ℓ_i/n in float64."""
    return float(losses.double() @ task.weights.double())


def train(task: Task, optimizer: Optimizer, steps: int, weighting: Weighting = "none") -> Iterator[Event]:
    """Make `steps` full-batch updates of `task.params`; yield before each and after the last.

    Ends early after yielding an event whose losses are not finite.
    """
    weights = example_weights(task, weighting)
    for step in range(steps + 1):
        losses = task.loss_by_example(task.params)
        objective = losses @ weights
        value = float(objective.detach())
        if step < steps:
            for param in task.params.values():
                param.grad = None
            torch.autograd.backward(objective)
        yield Event(step, losses.detach(), value, task.params)
        if step == steps or not math.isfinite(value):
            return
        optimizer.step(_closure(task, weights, objective.detach()))


def _closure(task: Task, weights: Tensor, objective: Tensor) -> Callable[[], Any]:
    """Return what an optimizer may call: its gradients are there already; with gradients off, it is at a trial point."""

    def evaluate() -> Any:
        return objective if torch.is_grad_enabled() else task.loss_by_example(task.params) @ weights

    return evaluate
