"""Line-search gradient descent: its own decrease condition, its bookkeeping, its contract with the closure."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from steepest.optim import LineSearchGD
from steepest.optim.line_search import line_search_

CURVATURES = torch.tensor([0.1, 1.0, 30.0], dtype=torch.float64)
START = torch.tensor([5.0, -3.0, 1.0], dtype=torch.float64)


def quadratic(w: Tensor) -> Tensor:
    return 0.5 * (CURVATURES.to(w.dtype) * w**2).sum(-1)


def closure_for(w: nn.Parameter, calls: list[bool] | None = None):
    def closure() -> Tensor:
        loss = quadratic(w)
        if calls is not None:
            calls.append(torch.is_grad_enabled())
        if torch.is_grad_enabled():
            w.grad = None
            loss.backward()
        return loss

    return closure


def reference(w: np.ndarray, steps: int, eta: float = 1.0) -> tuple[np.ndarray, list[float]]:
    """The equations in numpy: parameters after the steps, and every η."""
    h, etas = CURVATURES.numpy(), []
    for _ in range(steps):
        g, eta = h * w, 1.5 * eta
        while 0.5 * h @ (w - eta * g) ** 2 > 0.5 * h @ w**2 - 0.5 * eta * g @ g:
            eta *= 0.9
        w = w - eta * g
        etas.append(eta)
    return w, etas


def test_agrees_with_the_equations_in_float64():
    w = nn.Parameter(START.clone())
    optimizer, etas = LineSearchGD([w]), []
    for _ in range(50):
        optimizer.step(closure_for(w))
        etas.append(optimizer.state[w]["step_size"])
    expected, expected_etas = reference(START.numpy(), 50)
    np.testing.assert_allclose(etas, expected_etas, rtol=1e-12)
    np.testing.assert_allclose(w.detach(), expected, rtol=1e-12)


def test_each_step_satisfies_the_decrease_condition_and_the_trial_before_it_did_not():
    w = nn.Parameter(START.clone())
    optimizer, previous = LineSearchGD([w], lr=1.0), 1.0
    for _ in range(30):
        before = w.detach().clone()
        loss, g = quadratic(before), CURVATURES * before
        optimizer.step(closure_for(w))
        eta = optimizer.state[w]["step_size"]
        assert quadratic(w.detach()) <= loss - 0.5 * eta * g @ g
        torch.testing.assert_close(w.detach(), before - eta * g, rtol=1e-14, atol=0)
        backtracks = round(math.log(eta / (1.5 * previous)) / math.log(0.9))
        assert eta == pytest.approx(1.5 * previous * 0.9**backtracks, rel=1e-12)
        if backtracks:
            assert quadratic(before - eta / 0.9 * g) > loss - 0.5 * eta / 0.9 * g @ g
        previous = eta


def test_one_step_by_hand():
    w = nn.Parameter(torch.tensor([4.0], dtype=torch.float64))  # f = w²/2 · 1, g = 4; η <= 1 is accepted

    def closure():
        loss = 0.5 * (w**2).sum()
        if torch.is_grad_enabled():
            loss.backward()
        return loss

    optimizer = LineSearchGD([w], lr=1.0)  # trials 1.5, 1.35, 1.215, 1.0935, 0.98415
    assert optimizer.step(closure).item() == 8.0
    assert optimizer.state[w]["step_size"] == pytest.approx(1.5 * 0.9**4, rel=1e-14)
    assert w.item() == pytest.approx(4 * (1 - 0.98415), rel=1e-12)


def test_the_closure_is_asked_for_gradients_once_and_then_for_losses():
    w, calls = nn.Parameter(START.clone()), []
    optimizer = LineSearchGD([w], lr=0.02)  # 0.03 < 1/30 is accepted at once
    optimizer.step(closure_for(w, calls))
    assert calls == [True, False]
    optimizer.step(closure_for(w, calls))
    assert calls[:3] == [True, False, True]
    assert not any(calls[3:])


def test_a_closure_may_return_a_python_number():
    w, v = nn.Parameter(START.clone()), nn.Parameter(START.clone())
    as_tensor, as_number = LineSearchGD([w]), LineSearchGD([v])
    for _ in range(5):
        as_tensor.step(closure_for(w))
        loss = as_number.step(lambda: closure_for(v)().item())
    assert isinstance(loss, float)
    assert torch.equal(w, v)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_runs_searched_together_have_the_bits_of_runs_searched_alone(dtype):
    starts = torch.stack([START, 0 * START, -2 * START, 1e-3 * START]).to(dtype)  # the second run stands at its minimum
    rates = torch.tensor([1.0, 7.0, 1e-4, 30.0], dtype=dtype)
    w, eta = starts.clone(), rates
    for _ in range(10):
        eta = line_search_([w], [CURVATURES.to(dtype) * w], eta, quadratic(w), lambda: quadratic(w), run_axis=True)
    for r in range(4):
        alone = nn.Parameter(starts[r].clone())
        optimizer = LineSearchGD([alone], lr=rates[r].item())
        for _ in range(10):
            optimizer.step(closure_for(alone))
        assert torch.equal(alone, w[r])
        assert optimizer.state[alone]["step_size"] == eta[r].item()
    assert torch.equal(w[1], starts[1])
    assert eta[1] == 7.0


@pytest.mark.parametrize("gradient", [0.0, 5e-9, math.nan])
def test_a_gradient_too_small_or_not_a_number_moves_nothing(gradient):
    w = nn.Parameter(torch.tensor([1.0]))
    optimizer = LineSearchGD([w], lr=0.5)

    def closure():
        w.grad = torch.full_like(w, gradient)
        return torch.tensor(1.0)

    optimizer.step(closure)
    assert w.item() == 1.0
    assert optimizer.state[w]["step_size"] == 0.5


def test_when_no_trial_is_accepted_nothing_moves_and_the_next_step_goes_on_from_there():
    w = nn.Parameter(START.clone())
    optimizer = LineSearchGD([w], lr=1.0, max_backtracks=3)
    optimizer.step(closure_for(w))
    assert torch.equal(w.data, START)
    assert optimizer.state[w]["step_size"] == pytest.approx(1.5 * 0.9**4, rel=1e-14)


def test_state_dict_round_trip_continues_with_the_same_bits():
    straight, resumed = nn.Parameter(START.float()), nn.Parameter(START.float())
    whole, first = LineSearchGD([straight]), LineSearchGD([resumed])
    for _ in range(12):
        whole.step(closure_for(straight))
    for _ in range(5):
        first.step(closure_for(resumed))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = LineSearchGD([resumed], lr=100.0, growth=3.0)
    second.load_state_dict(torch.load(file, weights_only=True))
    for _ in range(7):
        second.step(closure_for(resumed))
    assert torch.equal(straight, resumed)


def test_the_state_is_made_of_numbers():
    w = nn.Parameter(START.clone())
    optimizer = LineSearchGD([w])
    optimizer.step(closure_for(w))
    assert [type(value) for state in optimizer.state_dict()["state"].values() for value in state.values()] == [float]


def test_parameters_with_names_step_as_those_without():
    plain, named = nn.Parameter(START.clone()), nn.Parameter(START.clone())
    without, with_names = LineSearchGD([plain]), LineSearchGD({"w": named}.items())
    for _ in range(5):
        without.step(closure_for(plain))
        with_names.step(closure_for(named))
    assert torch.equal(plain, named)
    assert with_names.param_groups[0]["param_names"] == ["w"]


def test_parameters_without_gradient_stay():
    w, unused = nn.Parameter(START.clone()), nn.Parameter(torch.ones(2))
    optimizer = LineSearchGD([unused, w])
    optimizer.step(closure_for(w))
    assert torch.equal(unused.data, torch.ones(2))
    assert not torch.equal(w.data, START)


def test_the_growth_shrink_and_decrease_given_are_those_used():
    w = nn.Parameter(torch.tensor([1.0], dtype=torch.float64))

    def closure():
        w.grad = w.detach().clone()
        return 0.5 * (w.detach() ** 2).sum()

    # f = w²/2 accepts η <= 2 (1 − c) = 0.5; trials 4, 2, 1, 0.5
    optimizer = LineSearchGD([w], lr=2.0, growth=2.0, shrink=0.5, decrease=0.75)
    optimizer.step(closure)
    assert optimizer.state[w]["step_size"] == 0.5
    assert w.item() == 0.5


# ---- refusals -------------------------------------------------------------------------------------------------------


def test_a_closure_is_required():
    with pytest.raises(ValueError, match=r"^LineSearchGD needs the loss at trial points, got no closure; call step"):
        LineSearchGD([nn.Parameter(START.clone())]).step()


def test_a_closure_that_calls_backward_at_a_trial_is_told_so():
    w = nn.Parameter(START.clone())

    def closure():
        loss = quadratic(w)
        loss.backward()
        return loss

    with pytest.raises(RuntimeError) as error:
        LineSearchGD([w]).step(closure)
    assert "backward() only if torch.is_grad_enabled()" in error.value.__notes__[0]
    assert torch.equal(w.data, START)


def test_sparse_gradients_are_refused():
    table = nn.Embedding(4, 2, sparse=True)

    def closure():
        loss = table(torch.tensor([1])).sum()
        loss.backward()
        return loss

    with pytest.raises(RuntimeError, match="LineSearchGD does not support sparse gradients"):
        LineSearchGD(table.parameters()).step(closure)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": 0.0}, "lr must be finite and > 0, got 0.0"),
        ({"growth": 0.9}, "growth must be finite and >= 1, got 0.9"),
        ({"shrink": 1.0}, r"shrink must be in \(0, 1\), got 1.0"),
        ({"shrink": math.nan}, r"shrink must be in \(0, 1\), got nan"),
        ({"decrease": 0.0}, r"decrease must be in \(0, 1\), got 0.0"),
        ({"max_backtracks": -1}, "max_backtracks must be >= 0, got -1"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        LineSearchGD([nn.Parameter(START.clone())], **options)


def test_a_second_group_is_refused():
    first, second = nn.Parameter(START.clone()), nn.Parameter(START.clone())
    with pytest.raises(ValueError, match="one step size for all parameters, got a second group; pass one list"):
        LineSearchGD([{"params": [first]}, {"params": [second]}])
