"""The softmax unigram model against numpy, scipy's relative entropy and autograd's Hessian."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, rel_entr, softmax

from steepest.errors import UsageError
from steepest.optim import GradientDescent, SignDescent
from steepest.problems import SoftmaxUnigram
from steepest.problems.base import Task
from steepest.runs.lockstep import train_together
from steepest.runs.method import Method
from steepest.runs.spec import Spec

FORMS = [(None, None), ("rarest", -1), ("most frequent", 0)]


def target(d: int, exponent: float) -> np.ndarray:
    p = np.array([k**-exponent for k in range(1, d + 1)])
    return p / p.sum()


def at_random(task: Task, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(v.shape, generator=generator, dtype=v.dtype) for name, v in task.params.items()}


def logits(theta: np.ndarray, place: int | None) -> np.ndarray:
    """Return d logits, with 0 for the reference at `place`."""
    if place is None:
        return theta
    return np.append(theta, 0.0) if place == -1 else np.insert(theta, 0, 0.0)


@pytest.mark.parametrize(("reference", "place"), FORMS)
@pytest.mark.parametrize(("d", "exponent"), [(2, 1.0), (7, 0.5), (12, 2.0)])
def test_the_loss_is_the_relative_entropy(reference, place, d, exponent) -> None:
    task, p = SoftmaxUnigram(num_classes=d, exponent=exponent, reference=reference).setup(0), target(d, exponent)
    theta = at_random(task)
    z = logits(theta["theta"].numpy(), place)
    assert len(z) == d
    losses = task.loss_by_example(theta)
    np.testing.assert_allclose(losses, np.log(p) - log_softmax(z), rtol=1e-12)
    np.testing.assert_allclose(task.weights @ losses, rel_entr(p, softmax(z)).sum(), rtol=1e-12)


@pytest.mark.parametrize(("reference", "place"), FORMS)
def test_gradient_and_hessian_are_those_of_the_softmax(reference, place) -> None:
    task, p = SoftmaxUnigram(num_classes=6, reference=reference).setup(0), target(6, 1.0)
    theta = at_random(task, 1)["theta"]

    def f(x: torch.Tensor) -> torch.Tensor:
        return task.weights @ task.loss_by_example({"theta": x})

    s = softmax(logits(theta.numpy(), place))
    kept = np.arange(6) if place is None else np.delete(np.arange(6), place)
    np.testing.assert_allclose(torch.func.grad(f)(theta), (s - p)[kept], rtol=1e-12)
    hessian = (np.diag(s) - np.outer(s, s))[np.ix_(kept, kept)]
    np.testing.assert_allclose(torch.func.jacrev(torch.func.grad(f))(theta), hessian, rtol=1e-12)


def test_the_task_is_exact_and_the_same_for_every_seed() -> None:
    task, other = (SoftmaxUnigram(num_classes=5).setup(seed) for seed in (0, 1))
    assert torch.equal(task.params["theta"], other.params["theta"])
    assert task.params["theta"].dtype == task.weights.dtype == torch.float64
    assert task.params["theta"].tolist() == [0.0] * 5
    assert torch.equal(task.class_counts, task.weights)
    assert task.classes.tolist() == [0, 1, 2, 3, 4]
    assert task.loss_by_example(task.params).tolist() == pytest.approx((np.log(target(5, 1.0)) + np.log(5)).tolist())


@pytest.mark.parametrize("reference", [None, "rarest", "most frequent"])
def test_runs_in_lockstep_are_the_recursion(reference) -> None:
    problem, p, rates = SoftmaxUnigram(num_classes=8, reference=reference), target(8, 1.0), (0.5, 2.0)
    place = {None: None, "rarest": -1, "most frequent": 0}[reference]
    for method, step in ((GradientDescent, lambda g: g), (SignDescent, np.sign)):
        runs = train_together([Spec(problem=problem, method=Method(method), lr=lr, steps=9) for lr in rates])
        for (outcome, _), lr in zip(runs, rates, strict=True):
            theta, expected = np.zeros(8), []
            for _ in range(10):
                expected.append(rel_entr(p, softmax(theta)).sum())
                g = softmax(theta) - p
                if place is not None:
                    g[place] = 0
                theta = theta - lr * step(g)
            np.testing.assert_allclose(outcome.tables["curves"].column("loss"), expected, rtol=1e-9)


def test_equal_frequencies_leave_nothing_to_learn() -> None:
    task = SoftmaxUnigram(num_classes=9, exponent=0.0).setup(0)
    loss = task.weights @ task.loss_by_example(task.params)
    (gradient,) = torch.autograd.grad(loss, task.params["theta"])
    assert abs(loss.item()) < 1e-15
    assert gradient.abs().max() < 1e-16


def test_a_step_costs_no_matrix_product_and_bad_fields_are_refused() -> None:
    assert SoftmaxUnigram(num_classes=40).work() == (0.0, 40.0, 0.0)
    for fields in ({"num_classes": 1}, {"num_classes": 3, "exponent": -1.0}, {"num_classes": 3, "reference": "last"}):
        with pytest.raises(UsageError, match=r"SoftmaxUnigram\."):
            SoftmaxUnigram(**fields)
