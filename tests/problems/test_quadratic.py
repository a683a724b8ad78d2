"""The weighted quadratic against its closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from steepest.optim import GradientDescent, SignDescent
from steepest.problems import WeightedQuadratic
from steepest.runs.execute import execute
from steepest.runs.method import Method
from steepest.runs.spec import Spec


def weights(c: int, exponent: float) -> np.ndarray:
    pi = np.array([k**-exponent for k in range(1, c + 1)])
    return pi / pi.sum()


def curves(problem: WeightedQuadratic, method: Any, lr: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean loss, shape (T + 1,), and ½ w_k², shape (T + 1, c)."""
    spec = Spec(problem=problem, method=Method(method), lr=lr, steps=steps, by_class=True)
    table = execute(spec).tables["curves"]
    halves = np.asarray(table.column("class").combine_chunks().flatten()).reshape(steps + 1, -1)
    return table.column("loss").to_numpy(), halves


@pytest.mark.parametrize(("c", "exponent", "start"), [(5, 1.0, 1.0), (7, 0.5, -3.0), (3, 2.0, 0.25)])
def test_gradient_descent_contracts_each_coordinate_by_its_weight(c: int, exponent: float, start: float) -> None:
    problem = WeightedQuadratic(num_coordinates=c, exponent=exponent, start=start)
    pi, t, lr = weights(c, exponent), np.arange(21)[:, None], 1.5
    expected = 0.5 * (start * (1 - lr * pi) ** t) ** 2
    loss, halves = curves(problem, GradientDescent, lr, 20)
    np.testing.assert_allclose(halves, expected, rtol=1e-11)
    np.testing.assert_allclose(loss, expected @ pi, rtol=1e-11)


def test_sign_descent_moves_all_coordinates_alike() -> None:
    _, halves = curves(WeightedQuadratic(num_coordinates=6), SignDescent, 0.125, 5)
    expected = np.repeat(0.5 * (1 - 0.125 * np.arange(6))[:, None] ** 2, 6, axis=1)
    np.testing.assert_allclose(halves, expected, rtol=1e-14)


def test_the_task_is_exact_and_the_same_for_every_seed() -> None:
    task, other = (WeightedQuadratic(num_coordinates=4, start=2.0).setup(seed) for seed in (0, 1))
    assert torch.equal(task.params["w"], other.params["w"])
    assert task.params["w"].tolist() == [2.0] * 4
    assert task.params["w"].dtype == task.weights.dtype == torch.float64
    np.testing.assert_allclose(task.weights.numpy(), weights(4, 1.0), rtol=1e-15)
    assert torch.equal(task.class_counts, task.weights)
    assert task.classes.tolist() == [0, 1, 2, 3]
    assert task.loss_by_example(task.params).tolist() == [2.0] * 4
    (gradient,) = torch.autograd.grad(task.loss_by_example(task.params) @ task.weights, task.params["w"])
    torch.testing.assert_close(gradient, 2.0 * task.weights)


def test_a_step_costs_no_matrix_product() -> None:
    assert WeightedQuadratic(num_coordinates=40).work() == (0.0, 40.0, 0.0)
