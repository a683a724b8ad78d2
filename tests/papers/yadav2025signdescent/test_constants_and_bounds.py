"""Smoothness, adaptive smoothness and upper bounds: brute force, numpy loops and published numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import rel_entr, softmax

from steepest.data.frequency import zipf
from steepest_papers.yadav2025signdescent import bounds, constants, geometry


def random_softmax(d: int, count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(d, 0.3), count)


@pytest.mark.parametrize("kept", [None, 3])
def test_no_vector_of_the_ball_exceeds_the_curvature_and_one_attains_it(kept) -> None:
    s, rng = random_softmax(4, 30), np.random.default_rng(1)
    found = geometry.curvatures(s, kept)
    n = kept or 4
    for i, distribution in enumerate(s):
        H = (np.diag(distribution) - np.outer(distribution, distribution))[:n, :n]
        x = rng.normal(size=(20_000, n)) * (rng.random((20_000, n)) < 0.6) + 1e-9
        for norm, order in (("l1", 1), ("l2", 2), ("linf", np.inf)):
            inside = x / np.linalg.norm(x, order, axis=1)[:, None]
            largest = np.einsum("ni,ij,nj->n", inside, H, inside).max()
            assert largest <= found[norm][i] + 1e-12
            assert largest >= (0.8 if norm == "linf" else 0.97) * found[norm][i]


def test_structured_points_attain_the_constants() -> None:
    half = np.array([[0.5, 0.5, 0.0, 0.0]])
    assert {norm: float(value[0]) for norm, value in geometry.curvatures(half).items()} == pytest.approx(
        {"l1": 0.25, "l2": 0.5, "linf": 1.0}
    )
    assert float(geometry.curvatures(half[:, :2], kept=1)["l2"][0]) == pytest.approx(0.25)  # d = 2 with a reference
    assert float(geometry.curvatures(half[:, :2], kept=1)["linf"][0]) == pytest.approx(0.25)


def test_draws_find_the_constants_in_every_dimension() -> None:
    numbers, _ = geometry.curvature(draws=20_000, seed=0)
    for d in geometry.DIMENSIONS:
        assert 0.4999 <= numbers[f"l2_{d}"] <= 0.5 + 1e-12
        assert 0.9999 <= numbers[f"linf_{d}"] <= 1 + 1e-12
        assert 0.2499 <= numbers[f"l1_{d}"] <= 0.25 + 1e-12
    assert numbers["alr_l2_2"] == pytest.approx(0.25, abs=1e-6)
    assert numbers["alr_linf_2"] == pytest.approx(0.25, abs=1e-6)


def test_lipschitz_pairs_come_near_to_the_bound_and_not_beyond() -> None:
    for ratio in constants.lipschitz(pairs=4_000, seed=0).values():
        assert 0.99 < ratio <= 1 + 1e-9


@pytest.mark.parametrize("d", [2, 6, 12])
def test_adaptive_smoothness_is_half_of_the_dimension_and_bounds_every_hessian(d) -> None:
    found = constants.adaptive_smoothness(d)
    assert found["trace"] == pytest.approx(d / 2, rel=1e-6)
    assert found["least_D"] == pytest.approx(0.5, rel=1e-4)
    for s in random_softmax(d, 200):
        hessian = np.diag(s) - np.outer(s, s)
        assert np.linalg.eigvalsh(0.5 * np.eye(d) - hessian).min() > -1e-12
        assert np.linalg.eigvalsh(np.diag(s) - hessian).min() > -1e-12  # along a trajectory a trace of 1 is enough


# d: largest share of the bound and f at t = 100 in ℓ∞, the same in ℓ2; normalised GD at T = 100 and its bound, at T = 1000.
# At d = 10 000 and T = 100 normalised GD oscillates so widely that the order of a sum moves its least loss: 0.11 to 0.17.
PUBLISHED = {
    100: (0.0823, 0.00047, 0.0159, 0.00788, 0.01704, 0.2132, 0.00087),
    1_000: (0.0558, 0.00103, 0.0109, 0.10479, 0.06495, 2.4254, 0.01081),
    10_000: (0.0444, 0.00288, 0.0044, 0.44503, None, 24.87, 0.04173),
}


@pytest.mark.parametrize("d", PUBLISHED)
def test_published_trajectories(d) -> None:
    decay, _ = bounds.weight_decay(d, 299)
    constant = bounds.constant_step(d, (100, 1_000))
    share, at_100, share_2, at_100_2, loss, bound, later = PUBLISHED[d]
    assert round(decay["share_linf"], 4) == share
    assert round(decay["loss_linf"], 5) == at_100
    assert round(decay["share_l2"], 4) == share_2
    assert round(decay["loss_l2"], 5) == at_100_2
    if loss is not None:
        assert round(constant["loss_100"], 5) == loss
    assert constant["loss_100"] < 0.01 * bound or d < 10_000
    assert constant["bound_100"] == pytest.approx(bound, rel=3e-4)
    assert round(constant["loss_1000"], 5) == later


def test_weight_decay_is_the_recursion_written_out() -> None:
    p, theta, R = zipf(40), np.zeros(40), np.log(40) / 2
    losses = []
    for t in range(20):
        gamma = 2 / (t + 2)
        theta = (1 - gamma) * theta - gamma * R * np.sign(softmax(theta) - p)
        losses.append(rel_entr(p, softmax(theta)).sum())
    curves = bounds.weight_decay(40, 120)[1]["curves"]
    np.testing.assert_allclose(curves["loss_linf"].to_numpy()[:20], losses, rtol=1e-10)
    np.testing.assert_allclose(curves["bound_linf"].to_numpy(), 2 * np.log(40) ** 2 / (np.arange(1, 121) + 2))


def test_the_descent_lemma_would_not_hold_with_half_of_the_constant(monkeypatch) -> None:
    honest = bounds.descent(60, 60)
    assert all(slack <= 1e-12 for slack in honest.values())
    monkeypatch.setattr(bounds, "SMOOTHNESS", {"l1": 0.05, "l2": 0.05, "linf": 0.25})
    assert all(slack > 1e-6 for slack in bounds.descent(60, 60).values())
