"""Softmax regression against its formulas in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from steepest.data.synthetic import HeavyTailedLabels
from steepest.problems.base import Task
from steepest.problems.softmax_regression import SoftmaxRegression, affine_task
from steepest.runs.train import example_weights, loss_by_class, mean_loss

PROBLEM = SoftmaxRegression(data=HeavyTailedLabels(m=4))


def direct(task: Task) -> tuple[Tensor, Tensor]:
    """Return losses ℓ_i and residuals softmax(z_i) − e_{y_i} in float64, sample by sample."""
    assert task.inputs is not None
    W = task.params["W"].detach().double()
    b = task.params["b"].detach().double() if "b" in task.params else torch.zeros(len(W), dtype=torch.float64)
    losses, residuals = [], []
    for x, y in zip(task.inputs.double(), task.classes, strict=True):
        z = W @ x + b
        p = torch.exp(z) / torch.exp(z).sum()
        losses.append(-torch.log(p[y]))
        residuals.append(p - torch.eye(len(W), dtype=torch.float64)[y])
    return torch.stack(losses), torch.stack(residuals)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dimension", [None, 5])  # more features than classes, and fewer
def test_losses_and_gradients_are_those_of_the_formulas(bias: bool, dimension: int | None) -> None:
    task = SoftmaxRegression(data=HeavyTailedLabels(m=4, dimension=dimension), bias=bias).setup(3)
    assert task.inputs is not None
    losses, residuals = direct(task)
    found = task.loss_by_example(task.params)
    torch.testing.assert_close(found.detach().double(), losses, rtol=2e-6, atol=0)
    found.mean().backward()
    gradient = residuals.T @ task.inputs.double() / len(losses)
    torch.testing.assert_close(task.params["W"].grad.double(), gradient, rtol=1e-4, atol=1e-8)  # type: ignore[union-attr]
    assert set(task.params) == ({"W", "b"} if bias else {"W"})
    if bias:
        torch.testing.assert_close(task.params["b"].grad.double(), residuals.mean(0), rtol=1e-4, atol=1e-8)  # type: ignore[union-attr]


def test_means_by_class_and_overall_come_from_the_losses() -> None:
    task = PROBLEM.setup(0)
    losses, _ = direct(task)
    by_class = loss_by_class(task, task.loss_by_example(task.params).detach())
    expected = torch.stack([losses[task.classes == k].mean() for k in range(15)])
    torch.testing.assert_close(by_class, expected, rtol=2e-6, atol=0)
    assert mean_loss(task, losses) == pytest.approx(float(losses.mean()))


@pytest.mark.parametrize(("weighting", "power"), [("none", 0.0), ("inverse", 1.0), ("inverse-sqrt", 0.5)])
def test_class_weights_are_powers_of_the_inverse_count(weighting: str, power: float) -> None:
    task = PROBLEM.setup(0)
    counts = task.class_counts[task.classes].double()
    expected = counts**-power / (counts**-power).sum()
    torch.testing.assert_close(example_weights(task, weighting).double(), expected, rtol=1e-6, atol=0)  # type: ignore[arg-type]


def test_the_seed_draws_inputs_first_and_then_the_layer() -> None:
    generator = torch.Generator().manual_seed(9)
    X, y = PROBLEM.data.draw(generator)
    task = PROBLEM.setup(9)
    assert task.inputs is not None
    assert torch.equal(task.inputs, X)
    assert torch.equal(task.classes, y)
    assert task.class_counts.tolist() == PROBLEM.data.counts().tolist()
    W = (torch.rand(15, 80, generator=generator) * 2 - 1) / 80**0.5
    torch.testing.assert_close(task.params["W"].detach(), W, rtol=1e-5, atol=1e-7)
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in task.params.values())


def test_other_inits_and_no_bias_keep_the_data() -> None:
    tasks = [
        PROBLEM.changed(**c).setup(2) for c in ({}, {"init": "zero"}, {"bias": False}, {"bias": False, "init": "zero"})
    ]
    assert all(torch.equal(task.inputs, tasks[0].inputs) for task in tasks)  # type: ignore[arg-type]
    assert torch.equal(tasks[0].params["W"], tasks[2].params["W"])
    for task in tasks[1::2]:
        assert not any(parameter.any() for parameter in task.params.values())
        torch.testing.assert_close(task.loss_by_example(task.params), torch.full((64,), 15.0).log())


def test_the_work_of_a_step_is_two_matrix_products() -> None:
    n, d, c = 64, 80, 15
    assert PROBLEM.work()[:2] == (2 * 2 * n * d * c, n * c)


def test_classes_that_do_not_occur_are_counted_as_zero() -> None:
    task = affine_task(torch.ones(2, 3), torch.tensor([0, 2]), 4, {"W": torch.zeros(4, 3)})
    assert task.class_counts.tolist() == [1, 0, 1, 0]
    assert task.weights.tolist() == [0.5, 0.5]
    assert loss_by_class(task, torch.tensor([1.0, 2.0])).isnan().tolist() == [False, True, False, True]
