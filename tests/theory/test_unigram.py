"""Updates needed on the softmax unigram model, against plain loops in numpy, torch's Adam and published counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, rel_entr, softmax

from steepest.data.frequency import zipf
from steepest.optim import Adam, GradientDescent
from steepest.runs.method import Method
from steepest.theory import unigram
from steepest.theory.unigram import (
    FRACTIONS,
    SMOOTHNESS,
    Contender,
    contenders,
    cross_entropy_and_gradient,
    distance,
    frequencies,
    initial_loss,
    solution,
    trajectory,
    updates_needed,
)

STEPS = {
    "Sign": np.sign,
    "Sign 1/L": lambda g: np.abs(g).sum() * np.sign(g),
    "NormGD": lambda g: g / np.linalg.norm(g),
    "GD": lambda g: g,
    "GD 1/L": lambda g: g,
}
ORDERS = {"l1": 1, "l2": 2, "linf": np.inf}


def first_hits(p: np.ndarray, step, rates, most: int = 600, pinned: int | None = None) -> list[int]:
    """Return the first update at which any rate has come down to each fraction, by loops over rates and updates."""
    start = rel_entr(p, 1 / len(p)).sum()
    found = np.full(len(FRACTIONS), most + 1)
    for rate in rates:
        theta = np.zeros(len(p))
        for t in range(most + 1):
            reached = rel_entr(p, softmax(theta)).sum() <= start * np.array(FRACTIONS)
            found = np.minimum(found, np.where(reached, t, found))
            if t >= found.max():
                break
            g = softmax(theta) - p
            if pinned is not None:
                g[pinned] = 0
            theta = theta - rate * step(g)
    return found.tolist()


def test_a_trajectory_is_a_plain_loop_that_knows_its_step() -> None:
    p, theta = zipf(7), np.zeros(7)
    path = trajectory(frequencies(p), lambda theta, g, t: theta - 0.5**t * g.sign())
    for t, (point, loss, gradient) in zip(range(5), path, strict=False):
        np.testing.assert_allclose(point[0], theta, atol=1e-15)
        np.testing.assert_allclose(gradient[0], softmax(theta) - p, atol=1e-15)
        assert loss == pytest.approx(rel_entr(p, softmax(theta)).sum())
        theta = theta - 0.5**t * np.sign(softmax(theta) - p)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(("d", "alpha"), [(12, 1.0), (60, 0.5), (60, 1.5)])
def test_counts_are_those_of_a_plain_loop(name, d, alpha) -> None:
    p = frequencies(zipf(d, alpha))
    contender = contenders(p)[name]
    assert updates_needed(p, contender).updates.tolist() == first_hits(p.numpy(), STEPS[name], contender.rates)


@pytest.mark.parametrize("pinned", [0, -1])
@pytest.mark.parametrize("name", ["Sign", "Sign 1/L", "GD 1/L"])
def test_a_reference_keeps_its_logit(name, pinned) -> None:
    p = frequencies(zipf(30))
    contender = contenders(p, pinned)[name]
    found = updates_needed(p, contender, reference=pinned).updates
    assert found.tolist() == first_hits(p.numpy(), STEPS[name], contender.rates, pinned=pinned)


def test_adam_is_torchs() -> None:
    p, target = frequencies(zipf(20)), 0.05
    found = updates_needed(p, Contender(Method(Adam), (0.2,)), [target])
    theta = torch.zeros(20, dtype=torch.float64, requires_grad=True)
    optimizer, losses = torch.optim.Adam([theta], lr=0.2), []
    for _ in range(int(found.updates[0]) + 1):
        optimizer.zero_grad()
        loss = (p * (p.log() - torch.log_softmax(theta, 0))).sum()
        loss.backward()
        losses.append(loss.item() / initial_loss(p))
        optimizer.step()
    assert losses[-1] <= target < min(losses[:-1])


# d: sign descent at 1/L, sign descent, GD at 1/L, normalised GD; ε = .25, .1, .05, .02
COUNTS = {
    100: ([2, 3, 3, 4], [2, 3, 5, 7], [12, 26, 42, 73], [2, 6, 9, 15]),
    316: ([2, 3, 4, 5], [2, 4, 5, 8], [25, 64, 112, 206], [3, 11, 18, 30]),
    1000: ([2, 4, 4, 6], [2, 4, 6, 8], [53, 156, 295, 582], [6, 18, 37, 72]),
    3162: ([3, 4, 5, 6], [3, 4, 6, 9], [113, 384, 778, 1644], [8, 32, 83, 177]),
    10_000: ([3, 4, 5, 7], [3, 4, 6, 10], [238, 943, 2057, 4644], None),
}


@pytest.mark.parametrize("d", COUNTS)
def test_published_counts(d) -> None:
    p = frequencies(zipf(d))
    everyone = contenders(p)
    for name, counts in zip(("Sign 1/L", "Sign", "GD 1/L", "NormGD"), COUNTS[d], strict=True):
        if counts is not None:
            assert updates_needed(p, everyone[name]).updates.tolist() == counts, name


def test_published_counts_where_normalised_gd_oscillates_too_little_to_depend_on_rounding() -> None:
    p = frequencies(zipf(10_000))
    assert updates_needed(p, contenders(p)["NormGD"], [0.25, 0.1]).updates.tolist() == [10, 48]


@pytest.mark.parametrize(
    ("d", "count", "rate"), [(30, 4, 8), (100, 8, 11.3), (300, 16, 32), (1000, 19, 32), (3000, 41, 45.3)]
)
def test_published_counts_of_tuned_gradient_descent(d, count, rate) -> None:
    p = frequencies(zipf(d))
    found = updates_needed(p, contenders(p)["GD"], [0.05])
    assert found.updates.tolist() == [count]
    assert found.rates[0] == pytest.approx(rate, rel=0.01)


def test_a_grid_that_does_not_fit_gives_the_same_counts(monkeypatch) -> None:
    p = frequencies(zipf(50))
    together = {name: updates_needed(p, contender) for name, contender in contenders(p).items()}
    monkeypatch.setattr(unigram, "CHUNK", 120)
    for name, contender in contenders(p).items():
        apart = updates_needed(p, contender)
        assert apart.updates.tolist() == together[name].updates.tolist()
        assert set(apart.rates) <= set(contender.rates)


def test_what_is_not_reached_in_time_has_no_count(monkeypatch) -> None:
    p = frequencies(zipf(100))
    for chunk in (2**19, 10):
        monkeypatch.setattr(unigram, "CHUNK", chunk)
        hits = updates_needed(p, contenders(p)["GD 1/L"], most=41)
        np.testing.assert_array_equal(hits.updates, [12, 26, np.nan, np.nan])
        np.testing.assert_array_equal(hits.rates, [2, 2, np.nan, np.nan])


def test_loss_and_gradient_against_scipy_and_autograd_far_from_zero() -> None:
    p = frequencies([5, 1, 3])
    theta = torch.tensor([[900.0, -900.0, 3.0], [0.1, 0.2, -0.3]], dtype=torch.float64, requires_grad=True)
    loss, gradient = cross_entropy_and_gradient(theta.detach(), p)
    expected = -(log_softmax(theta.detach().numpy(), axis=1) * p.numpy()).sum(1)
    np.testing.assert_allclose(loss, expected, rtol=1e-14)
    autograd = torch.autograd.grad(-(torch.log_softmax(theta, 1) @ p).sum(), theta)[0]
    torch.testing.assert_close(gradient, autograd)


@pytest.mark.parametrize("norm", ORDERS)
@pytest.mark.parametrize("counts", [[5, 1, 3], [7, 2, 2, 1, 90]])
def test_the_nearest_minimiser(norm, counts) -> None:
    p, order = frequencies(counts), ORDERS[norm]
    log_p = np.log(p.numpy())
    least = minimize_scalar(lambda c: np.linalg.norm(log_p - c, order), bounds=(-9, 9), options={"xatol": 1e-12})
    assert distance(p, norm) == pytest.approx(least.fun, rel=1e-7)
    np.testing.assert_allclose(softmax(solution(p, norm)), p, rtol=1e-13)
    pinned = solution(p, norm, reference=1)
    assert pinned[1] == 0
    np.testing.assert_allclose(softmax(pinned), p, rtol=1e-13)
    assert distance(p, norm, reference=1) == pytest.approx(np.linalg.norm(log_p - log_p[1], order))


def test_published_distances_and_initial_losses() -> None:
    p = {d: frequencies(zipf(d)) for d in (10, 100, 1000, 10_000, 100_000)}
    for d, loss in {100: 0.92439, 1000: 1.71674, 10_000: 2.60306, 100_000: 3.54492}.items():
        assert round(initial_loss(p[d]), 5) == loss
    for d, ratio in {10: 0.6954, 100: 0.9234, 1000: 0.9850, 10_000: 0.9975, 100_000: 0.9996}.items():
        assert round(distance(p[d], "l2") / np.sqrt(d), 4) == ratio
        assert distance(p[d], "linf") == pytest.approx(np.log(d) / 2, rel=1e-13)
    for d, ratio in {10: 1.824, 100: 8.041, 1000: 40.663, 10_000: 234.579, 100_000: 1507.745}.items():
        complexity = {norm: SMOOTHNESS[norm] * distance(p[d], norm) ** 2 for norm in ("l2", "linf")}
        assert round(complexity["l2"] / complexity["linf"], 3) == ratio


def test_refusals() -> None:
    for counts in ([3], [[1, 2]], [1, 0], [1, -1], [1, np.inf]):
        with pytest.raises(ValueError, match="at least two numbers above 0; leave absent classes out"):
            frequencies(counts)
    with pytest.raises(ValueError, match="equally frequent"):
        updates_needed(frequencies([2, 2, 2]), Contender(Method(GradientDescent), (1.0,)))
