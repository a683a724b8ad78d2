from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from steepest_papers.kunstner2024heavytailed.theory_flows import (
    descend,
    gradient_flow_bounds,
    gradient_flow_loss,
    gradient_flow_margin,
    gradient_flow_margin_lambert,
    losses,
    negative_gradient,
    odds,
    sign_flow_bounds,
    sign_flow_loss,
    solve_flow,
    time_to_fraction,
)

TIMES = np.array([0.0, 0.1, 1.0, 10.0, 100.0, 1000.0])


def zipf(c: int) -> np.ndarray:
    pi = 1 / np.arange(1, c + 1)
    return np.asarray(pi / pi.sum())


def slope(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.polyfit(x, y, 1)[0])


def test_negative_gradient_is_minus_autograd() -> None:
    pi, rng = zipf(4), np.random.default_rng(0)
    W = torch.tensor(rng.normal(size=(4, 4)), requires_grad=True)
    by_class = cross_entropy(1.7 * W.T, torch.arange(4), reduction="none")
    (gradient,) = torch.autograd.grad(by_class @ torch.tensor(pi), W)
    np.testing.assert_allclose(negative_gradient(W.detach().numpy(), pi, 1.7), -gradient.numpy(), atol=1e-15)
    np.testing.assert_allclose(losses(W.detach().numpy(), 1.7), by_class.detach().numpy(), rtol=1e-13)


@pytest.mark.parametrize("c", [2, 3, 10])
def test_closed_form_solves_the_full_matrix_flow(c: int) -> None:
    pi = zipf(c)
    W = solve_flow(pi, TIMES)
    closed = gradient_flow_loss(np.outer(TIMES, pi), c)
    assert np.abs(losses(W) - closed).max() <= 1e-8
    u = gradient_flow_margin(np.outer(TIMES, pi), c)
    np.testing.assert_allclose(np.diagonal(W, axis1=1, axis2=2), (1 - 1 / c) * u, atol=1e-7)
    off = W[:, ~np.eye(c, dtype=bool)].reshape(len(TIMES), c, c - 1)
    rows = np.broadcast_to(u[:, None, :], (len(TIMES), c, c))[:, ~np.eye(c, dtype=bool)].reshape(off.shape)
    np.testing.assert_allclose(off, -rows / c, atol=1e-7)


@given(st.floats(0, 600), st.integers(3, 100_000))
@settings(max_examples=50, deadline=None)
def test_wright_and_lambert_forms_agree(s: float, c: int) -> None:
    if (1 + c * s) / (c - 1) < 700:
        assert abs(gradient_flow_margin(s, c) - gradient_flow_margin_lambert(s, c)) <= 1e-9


@given(st.floats(0, 1e9), st.integers(2, 100_000))
@settings(max_examples=50, deadline=None)
def test_margin_satisfies_its_equation_and_gives_the_loss(s: float, c: int) -> None:
    u = float(gradient_flow_margin(s, c))
    assert np.exp(u) + (c - 1) * u == pytest.approx(1 + c * s, rel=1e-9, abs=1e-9)
    assert float(gradient_flow_loss(s, c)) == pytest.approx(np.log1p((c - 1) * np.exp(-u)), rel=1e-9)
    p = np.exp(u) / (np.exp(u) + c - 1)
    assert float(odds(s, c)) == pytest.approx(p / (1 - p), rel=1e-6)


def test_one_class_has_no_flow() -> None:
    with pytest.raises(ValueError, match="at least 2 classes"):
        odds(1.0, 1)


def test_gradient_descent_approaches_the_flow_linearly_in_the_step() -> None:
    pi, t = zipf(5), 8.0
    errors = [np.abs(losses(descend(pi, t / n, n)[-1]) - gradient_flow_loss(pi * t, 5)).max() for n in (40, 80, 160)]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.05)


def test_losses_of_all_classes_collapse_in_rescaled_time() -> None:
    pi, s = zipf(4), np.array([0.5, 5.0, 50.0])
    times = np.unique(np.outer(s, 1 / pi))
    found = losses(solve_flow(pi, times))
    curves = [[found[np.searchsorted(times, x / pi[k]), k] for x in s] for k in range(4)]
    assert np.ptp(np.array(curves), axis=0).max() < 1e-8


@pytest.mark.parametrize("c", [2, 10, 1000])
def test_gradient_flow_loses_like_one_over_rescaled_time(c: int) -> None:
    assert abs(float(gradient_flow_loss(1e6, c)) * 1e6 - (1 - 1 / c)) <= 1e-3
    s = np.geomspace(1e3, 1e6, 30)
    assert slope(np.log(s), np.log(gradient_flow_loss(s, c))) == pytest.approx(-1, abs=0.01)
    pi = zipf(100)
    assert slope(np.log(pi), np.log(gradient_flow_loss(pi * 1e7, c))) == pytest.approx(-1, abs=0.01)


def test_published_values_of_the_gradient_flow() -> None:
    assert float(gradient_flow_loss(0.1, 1000)) == pytest.approx(6.80787, abs=6e-6)
    assert np.log(1000) - (1 - 1 / 1000) * 0.1 == pytest.approx(6.80786, abs=6e-6)
    for s, product in ((10, 14.17126), (100, 1.173135), (1e4, 1.001937), (1e5, 1.000198)):  # margin by bisection
        assert float(gradient_flow_loss(s, 50_000)) * s == pytest.approx(product, rel=1e-6)


@given(st.floats(1, 1e8), st.integers(2, 100_000))
@settings(max_examples=50, deadline=None)
def test_bounds_hold(s: float, c: int) -> None:
    low, high = gradient_flow_bounds(s, c)
    assert low <= gradient_flow_loss(s, c) <= high
    low, high = sign_flow_bounds(s / 1e7, c)
    assert low * (1 - 1e-12) <= sign_flow_loss(s / 1e7, c) <= high * (1 + 1e-12)


def test_sign_descent_is_the_sign_flow_for_every_class() -> None:
    c, step, count = 7, 0.1, 120
    t = step * np.arange(count + 1)
    found = losses(descend(zipf(c), step, count, "sign"))
    assert np.abs(found - sign_flow_loss(t, c)[:, None]).max() <= 1e-6
    late = t >= 5 + 0.5 * np.log(c)
    for k in range(c):
        assert slope(t[late], np.log(found[late, k])) == pytest.approx(-2, abs=0.01)


def test_sign_descent_does_not_see_the_frequencies() -> None:
    pi = zipf(6)
    paths = [descend(q, 0.1, 100, "sign") for q in (pi, pi[::-1], np.full(6, 1 / 6), pi**3)]
    assert all(np.array_equal(path, paths[0]) for path in paths)
    assert not np.array_equal(descend(pi, 0.1, 100), descend(pi[::-1], 0.1, 100))


def test_inputs_of_norm_r_rescale_time() -> None:
    pi, r = zipf(3), 1.5
    found = losses(solve_flow(pi, TIMES[:5], radius=r), r)
    np.testing.assert_allclose(found, gradient_flow_loss(r**2 * np.outer(TIMES[:5], pi), 3), atol=1e-8)
    signs = losses(descend(pi, 0.1, 50, "sign", r), r)
    np.testing.assert_allclose(signs[-1], sign_flow_loss(r * 5.0, 3), rtol=1e-9)


def test_normalized_flow_only_reparametrises_time() -> None:
    pi = zipf(4)
    found = losses(solve_flow(pi, np.array([0.5, 2.0, 6.0]), "normalized"))
    u = np.log(3 / np.expm1(found))  # the margin behind each loss, and the rescaled time behind each margin
    rescaled = (np.exp(u) + 3 * u - 1) / 4
    np.testing.assert_allclose(rescaled / rescaled[:, :1], np.tile(pi / pi[0], (3, 1)), rtol=1e-7)


def test_weights_one_over_frequency_remove_frequency() -> None:
    pi = zipf(4)
    found = losses(solve_flow(pi * pi**-1.0, TIMES[:5]))
    assert np.ptp(found, axis=1).max() < 1e-12
    root = losses(solve_flow(pi * pi**-0.5, TIMES[:5]))
    np.testing.assert_allclose(root, gradient_flow_loss(np.outer(TIMES[:5], np.sqrt(pi)), 4), atol=1e-8)


@pytest.mark.parametrize(
    ("c", "gradient"),
    [
        (100, (82.650506, 938.01691, 3856.0966)),
        (1000, (501.16026, 12667.694, 47824.296)),
        (10_000, (2638.8068, 157096.84, 660662.26)),
    ],
)
def test_times_to_fractions_under_zipf(c: int, gradient: tuple[float, ...]) -> None:
    for fraction, slow in zip((0.5, 0.1, 0.01), gradient, strict=True):  # margin and time by bisection
        assert time_to_fraction(fraction, c, "gradient") == pytest.approx(slow, rel=1e-6)
        closed = 0.5 * np.log((c - 1) / (c**fraction - 1))
        assert time_to_fraction(fraction, c, "sign") == pytest.approx(closed, rel=1e-9)
