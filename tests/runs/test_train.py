from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from steepest.data.synthetic import HeavyTailedLabels
from steepest.optim import GradientDescent, LineSearchGD
from steepest.problems import SoftmaxRegression, WeightedQuadratic
from steepest.problems.base import Data, Params, Task
from steepest.problems.softmax_regression import affine_task
from steepest.runs.execute import execute
from steepest.runs.method import Method
from steepest.runs.spec import Spec
from steepest.runs.train import Weighting, adjust_logits, example_weights, loss_by_class, mean_loss, train
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM, ADAM_M, GD, GD_M

COUNTS = np.array([9, 4, 0, 2, 1])


def affine(*, num_features: int = 7, bias: bool = True) -> Task:
    """A small task whose class 2 is absent; labels are not sorted."""
    generator = torch.Generator().manual_seed(5)
    y = torch.arange(5).repeat_interleave(torch.as_tensor(COUNTS))[torch.randperm(16, generator=generator)]
    X = torch.randn(16, num_features, generator=generator)
    params = {"W": torch.randn(5, num_features, generator=generator), "b": torch.randn(5, generator=generator)}
    return affine_task(X, y, 5, params if bias else {"W": params["W"]})


def reference(task: Task, params: Params, weights: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """ℓ_i and the gradient Σ_i a_i (p_i − e_{y_i}) x_iᵀ of the weighted mean, in float64 from the definition."""
    assert task.inputs is not None
    X, y = task.inputs.double().numpy(), task.classes.numpy()
    value = {name: tensor.detach().double().numpy() for name, tensor in params.items()}
    exponentials = np.exp(X @ value["W"].T + value.get("b", 0.0))
    P = exponentials / exponentials.sum(axis=1, keepdims=True)
    residual = (P - np.eye(P.shape[1])[y]) * weights[:, None]
    gradient = {"W": residual.T @ X, "b": residual.sum(axis=0)}
    return -np.log(P[np.arange(len(y)), y]), {name: gradient[name] for name in value}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("num_features", [3, 5, 6, 40])  # c = 5: below, at and above the change of layout
def test_every_event_has_the_losses_and_the_gradient_of_its_params(num_features: int, bias: bool) -> None:
    task = affine(num_features=num_features, bias=bias)
    for event in train(task, GradientDescent(task.params.values(), lr=0.3, momentum=0.5), steps=4):
        losses, gradient = reference(task, event.params, np.full(16, 1 / 16))
        np.testing.assert_allclose(event.losses.numpy(), losses, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(event.objective, losses.mean(), rtol=1e-5)
        if event.step < 4:
            for name, param in event.params.items():
                assert param.grad is not None
                np.testing.assert_allclose(param.grad.numpy(), gradient[name], rtol=1e-4, atol=1e-6)


def test_one_event_before_each_update_and_one_after_the_last() -> None:
    task = affine()
    seen = [
        (event.step, event.params["b"].detach().clone(), event.params["b"].grad)
        for event in train(task, GradientDescent(task.params.values(), lr=0.25), steps=3)
    ]
    assert [step for step, _, _ in seen] == [0, 1, 2, 3]
    for (_, before, gradient), (_, after, _) in pairwise(seen):
        assert gradient is not None
        torch.testing.assert_close(after, before - 0.25 * gradient)
    assert len(list(train(affine(), GradientDescent(affine().params.values(), lr=1.0), steps=0))) == 1


def test_one_forward_pass_per_event() -> None:
    task, passes = affine(), []

    def counted(at: Params, data: Data) -> Tensor:
        passes.append(1)
        return task.loss(at, data)

    list(train(replace(task, loss=counted), GradientDescent(task.params.values(), lr=0.1), steps=5))
    assert len(passes) == 6


def test_loss_by_class_is_the_mean_over_the_samples_of_the_class() -> None:
    task = affine()
    losses = torch.rand(16, generator=torch.Generator().manual_seed(1))
    y = task.classes.numpy()
    expected = [losses.numpy()[y == k].astype(np.float64).mean() if COUNTS[k] else np.nan for k in range(5)]
    found = loss_by_class(task, losses)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(mean_loss(task, losses), losses.numpy().astype(np.float64).mean(), rtol=1e-7)


@pytest.mark.parametrize(("weighting", "power"), [("none", 0.0), ("inverse", 1.0), ("inverse-sqrt", 0.5)])
def test_weightings_against_their_definition(weighting: Weighting, power: float) -> None:
    task, present = affine(), COUNTS > 0
    class_weights = COUNTS[present] ** -power  # w_k of the classes that occur
    losses = torch.rand(16, generator=torch.Generator().manual_seed(2))
    means = loss_by_class(task, losses).numpy()[present]
    expected = (class_weights * COUNTS[present] * means).sum() / (class_weights * COUNTS[present]).sum()
    shares = example_weights(task, weighting)
    np.testing.assert_allclose(float(losses @ shares), expected, rtol=1e-6)
    np.testing.assert_allclose(float(shares.sum()), 1.0, rtol=1e-6)
    if weighting == "inverse":
        np.testing.assert_allclose(expected, means.mean(), rtol=1e-6)


@pytest.mark.parametrize("weighting", ["none", "logit-adjusted"])
def test_without_class_weights_all_samples_count_alike(weighting: Weighting) -> None:
    task = affine()
    assert torch.equal(example_weights(task, weighting), task.weights)
    torch.testing.assert_close(task.weights, torch.full((16,), 1 / 16))


def test_class_weights_of_hand_counts() -> None:
    task = affine()
    n_k = torch.tensor([9, 4, 0, 2, 1])[task.classes].double()
    root = n_k**-0.5 / (9 / 3 + 4 / 2 + 2 / 2**0.5 + 1)
    torch.testing.assert_close(example_weights(task, "inverse").double(), 1 / n_k / 4)
    torch.testing.assert_close(example_weights(task, "inverse-sqrt").double(), root)


def test_the_penalty_is_in_the_objective_and_in_the_gradient_of_every_param() -> None:
    task, l2 = affine(), 0.7
    for event in train(task, GradientDescent(task.params.values(), lr=0.3), steps=3, weighting="inverse", l2=l2):
        assert task.inputs is not None
        exact = {name: p.detach().double().requires_grad_() for name, p in event.params.items()}
        losses = F.cross_entropy(task.inputs.double() @ exact["W"].T + exact["b"], task.classes, reduction="none")
        shares = example_weights(task, "inverse").double()
        penalty = l2 / 2 * torch.cat([exact["W"].flatten(), exact["b"]]).square().sum()
        assert float(penalty.detach()) > 0.2  # it is no detail here
        value = losses @ shares + penalty
        torch.autograd.backward(value)
        np.testing.assert_allclose(event.objective, float(value.detach()), rtol=1e-6)
        np.testing.assert_allclose(event.losses.numpy(), losses.detach().numpy(), rtol=1e-5, atol=1e-6)
        if event.step < 3:
            for name, param in event.params.items():
                torch.testing.assert_close(param.grad, exact[name].grad, rtol=1e-5, atol=1e-6, check_dtype=False)


def test_gd_on_the_penalised_quadratic_contracts_by_its_closed_form() -> None:
    c, lr, l2 = 6, 0.8, 0.25
    task = WeightedQuadratic(num_coordinates=c).setup(0)
    pi = task.class_counts.numpy()
    for event in train(task, GradientDescent([task.params["w"]], lr=lr), steps=12, l2=l2):
        w = (1 - lr * (pi + l2)) ** event.step
        np.testing.assert_allclose(event.params["w"].detach().numpy(), w, rtol=1e-12)
        np.testing.assert_allclose(event.objective, 0.5 * (pi + l2) @ w**2, rtol=1e-12)
        np.testing.assert_allclose(event.losses.numpy(), 0.5 * w**2, rtol=1e-12)


def test_a_line_search_sees_the_penalty() -> None:
    task, l2, start = WeightedQuadratic(num_coordinates=1).setup(0), 3.0, 1.0
    list(train(task, LineSearchGD([task.params["w"]], lr=1.0), steps=1, l2=l2))
    eta = 1.5 * start  # f = ½ (1 + λ) w², accepted when (1 − (1 + λ) η)² ≤ 1 − (1 + λ) η
    while (1 - (1 + l2) * eta) ** 2 > 1 - (1 + l2) * eta:
        eta *= 0.9
    assert float(task.params["w"].detach()) == pytest.approx(1 - (1 + l2) * eta, rel=1e-12)


@pytest.mark.parametrize("method", [GD_M, ADAM], ids=["GD+m", "Adam-m"])
def test_the_logit_adjusted_loss_has_the_trajectory_of_its_definition(method: Method) -> None:
    """Brute force: the cross-entropy of z + log π in float64, with torch's optimizer, from the unadjusted start."""
    task = affine()
    assert task.inputs is not None
    X, y = task.inputs.double(), task.classes
    prior = torch.as_tensor(np.maximum(COUNTS, 1) / np.maximum(COUNTS, 1).sum())
    brute = {name: p.detach().double().requires_grad_() for name, p in task.params.items()}
    its = (
        torch.optim.SGD(brute.values(), lr=0.1, momentum=0.9)
        if method == GD_M
        else torch.optim.Adam(brute.values(), lr=0.1, betas=(0.0, 0.999))
    )
    adjust_logits(task)
    for event in train(task, method.build(task.params, 0.1), steps=6, weighting="logit-adjusted"):
        losses = F.cross_entropy(X @ brute["W"].T + brute["b"] + prior.log(), y, reduction="none")
        np.testing.assert_allclose(event.losses.numpy(), losses.detach().numpy(), rtol=2e-5, atol=2e-6)
        np.testing.assert_allclose(
            event.params["W"].detach().numpy(), brute["W"].detach().numpy(), rtol=2e-4, atol=2e-5
        )
        its.zero_grad()
        torch.autograd.backward(losses.mean())
        its.step()


def test_logits_without_a_bias_cannot_be_adjusted() -> None:
    with pytest.raises(ValueError, match="needs a model whose logits have a bias"):
        adjust_logits(affine(bias=False))


def test_a_logit_adjusted_run_starts_at_the_entropy_of_the_labels() -> None:
    """At W = 0, b = log π the loss is −Σ_k π_k log π_k, and its gradient in the bias is zero."""
    problem = SoftmaxRegression(data=HeavyTailedLabels(m=4), init="zero")
    pi = HeavyTailedLabels(m=4).counts() / 64
    run = execute(Spec(problem=problem, method=GD, lr=0.1, steps=0, weighting="logit-adjusted"))
    assert run.facts["initial_loss"] == pytest.approx(-(pi * np.log(pi)).sum(), rel=1e-6)


def test_the_weighted_mean_is_what_is_minimised() -> None:
    task = affine()
    shares = example_weights(task, "inverse").double().numpy()
    event = next(iter(train(task, GradientDescent(task.params.values(), lr=0.1), steps=1, weighting="inverse")))
    losses, gradient = reference(task, event.params, shares)
    np.testing.assert_allclose(event.objective, losses @ shares, rtol=1e-5)
    assert event.params["W"].grad is not None
    np.testing.assert_allclose(event.params["W"].grad.numpy(), gradient["W"], rtol=1e-4, atol=1e-6)


def test_training_stops_after_the_event_that_is_not_finite() -> None:
    task = WeightedQuadratic(num_coordinates=3).setup(0)
    events = [(e.step, e.objective) for e in train(task, GradientDescent([task.params["w"]], lr=1e200), steps=9)]
    assert [step for step, _ in events] == [0, 1]
    assert events[0][1] == pytest.approx(0.5)
    assert events[1][1] == np.inf


def test_the_closure_serves_a_line_search() -> None:
    task = WeightedQuadratic(num_coordinates=4).setup(0)
    pi = task.class_counts.numpy()
    optimizer = LineSearchGD([task.params["w"]], lr=1.0)
    w, eta = np.ones(4), 1.0
    for event in train(task, optimizer, steps=6):
        np.testing.assert_allclose(event.params["w"].detach().numpy(), w, rtol=1e-12)
        value, gradient = 0.5 * pi @ w**2, pi * w
        eta *= 1.5
        while 0.5 * pi @ (w - eta * gradient) ** 2 > value - 0.5 * eta * gradient @ gradient:
            eta *= 0.9
        w = w - eta * gradient
    assert optimizer.state[task.params["w"]]["step_size"] != 1.0


@pytest.mark.parametrize(
    ("m", "method", "exponent", "steps", "first", "last"),
    [
        (4, GD, -1, 20, 2.710241, 2.259812),
        (7, GD, -2, 200, 4.921695, 3.865722),
        (7, ADAM_M, -3, 200, 4.921695, 0.390322),
        (8, ADAM_M, -3, 50, 5.557399, 1.738262),
    ],
)
def test_golden_losses_of_the_released_code(
    m: int, method: Method, exponent: int, steps: int, first: float, last: float
) -> None:
    problem = SoftmaxRegression(data=HeavyTailedLabels(m=m))
    facts = execute(Spec(problem=problem, method=method, lr=10.0**exponent, steps=steps)).facts
    assert facts["initial_loss"] == pytest.approx(first, rel=1e-4)
    assert facts["final_loss"] == pytest.approx(last, rel=1e-4)


def test_the_same_spec_gives_the_same_bytes() -> None:
    problem = SoftmaxRegression(data=HeavyTailedLabels(m=5))
    spec = Spec(problem=problem, method=GD_M, lr=0.01, steps=30, groups=5, by_class=True)
    assert execute(spec).tables["curves"].equals(execute(spec).tables["curves"])
