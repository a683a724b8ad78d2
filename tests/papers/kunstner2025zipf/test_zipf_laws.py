"""The limit laws against integrals and finite sums, and every number that the project expects of them, to its digits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import zeta

from steepest.data.frequency import zipf
from steepest.theory.bigram import gd_relative_error, sign_relative_error
from steepest_papers.kunstner2025zipf.bounds import gradient_norm, gradient_times, linear_bound, sublinear_bound
from steepest_papers.kunstner2025zipf.laws import (
    against_limit,
    best_rank,
    exponential_integral,
    gd_limit,
    gd_tail,
    gd_updates_of,
    sign_limit,
    sign_rank,
    sign_updates_of,
)


def gd_sums(alpha: float, taus: list[float], d: int) -> list[float]:
    pi = zipf(d, alpha)
    return [gd_relative_error(pi, gd_updates_of(tau, d, alpha)) for tau in taus]


def sign_sums(alpha: float, taus: list[float], d: int) -> list[float]:
    pi = zipf(d, alpha)
    return [sign_relative_error(pi, sign_updates_of(tau, d, alpha)).error for tau in taus]


def rounded(values: list[float], digits: int) -> list[float]:
    return [round(value, digits) for value in values]


@pytest.mark.parametrize(("p", "x"), [(2.0, 0.5), (1.5, 2.0), (1 / 0.7, 0.1), (4.0, 3.0)])
def test_the_exponential_integral_is_its_integral(p: float, x: float) -> None:
    integral = quad(lambda u: np.exp(-x * u) * u**-p, 1, np.inf)[0]
    assert exponential_integral(p, x) == pytest.approx(integral, rel=1e-6)


@pytest.mark.parametrize("alpha", [0.3, 0.5, 0.8])
def test_the_flat_limit_is_the_integral_that_the_sum_becomes(alpha: float) -> None:
    for tau in (0.25, 1.0, 4.0):  # Σ k^−α exp(−τ (d/k)^α) / Σ k^−α over k = u d
        integral = quad(lambda u, tau=tau: (1 - alpha) * u**-alpha * np.exp(-tau * u**-alpha), 0, 1)[0]
        assert gd_limit(tau, alpha) == pytest.approx(integral, rel=1e-6)


@pytest.mark.parametrize("tau", [4.0, 16.0, 256.0])
def test_the_steep_limit_is_the_integral_of_the_sum(tau: float) -> None:
    integral = quad(lambda k: k**-2.0 * (1 - k**-2.0) ** tau, 1, np.inf)[0] / zeta(2)
    assert gd_limit(tau, 2.0) == pytest.approx(integral, rel=1e-6)


FLAT, ZIPF, STEEP = [0.25, 1, 2, 4], [0.25, 0.5, 0.75, 0.9], [4, 16, 64, 256]


def test_gradient_descent_has_the_expected_limits() -> None:
    assert rounded([gd_limit(t, 0.5) for t in FLAT], 4) == [0.5177, 0.1485, 0.0375, 0.0032]
    assert rounded([gd_limit(t, 1.0) for t in ZIPF], 4) == [0.75, 0.5, 0.25, 0.1]
    assert rounded([gd_limit(t, 2) for t in STEEP], 4) == [0.2470, 0.1316, 0.0670, 0.0336]
    assert rounded([gd_tail(t, 2) for t in STEEP], 4) == [0.2694, 0.1347, 0.0673, 0.0337]


@pytest.mark.parametrize(
    ("alpha", "taus", "d", "sums"),
    [
        (0.5, FLAT, 1_000, [0.5171, 0.1461, 0.0363, 0.0030]),
        (0.5, FLAT, 1_000_000, [0.5177, 0.1484, 0.0375, 0.0032]),
        (1.0, ZIPF, 1_000, [0.604, 0.387, 0.176, 0.075]),
        (1.0, ZIPF, 10_000, [0.642, 0.412, 0.186, 0.072]),
        (1.0, ZIPF, 1_000_000, [0.679, 0.440, 0.202, 0.072]),
        (2.0, STEEP, 10_000, [0.2458, 0.1315, 0.0669, 0.0336]),
    ],
)
def test_gradient_descent_has_the_expected_sums(alpha: float, taus: list[float], d: int, sums: list[float]) -> None:
    assert gd_sums(alpha, taus, d) == pytest.approx(sums, abs=6e-4 if alpha == 1 else 5e-5)  # half of the last digit


def test_the_flat_sum_is_near_its_limit_at_ten_thousand_classes() -> None:
    assert gd_sums(0.5, FLAT, 10_000) == pytest.approx([gd_limit(t, 0.5) for t in FLAT], abs=2e-3)


def test_at_zipfs_law_the_limit_is_approached_as_one_over_log_d() -> None:
    decades = range(3, 7)
    gaps = np.array([1 - tau - np.array([gd_sums(1.0, [tau], 10**m)[0] for m in decades]) for tau in (0.25, 0.5)])
    assert (np.diff(gaps, axis=1) < 0).all()
    scaled = gaps * np.arange(3, 7)  # gap · log d settles: changes by less than a fifth over three decades
    assert (np.ptp(scaled, axis=1) < 0.2 * scaled.mean(axis=1)).all()


SIGN = [1.0, 2.0, 4.0, 8.0]


def test_sign_descent_has_the_expected_limits() -> None:
    assert rounded([sign_limit(t, 1.0) for t in SIGN], 4) == [0.3040, 0.1216, 0.0358, 0.0094]
    assert rounded([sign_limit(t, 2.0) for t in SIGN], 4) == [0.4620, 0.1848, 0.0543, 0.0142]
    assert rounded([sign_limit(t, 0.25) for t in SIGN[:3]], 4) == [0.1667, 0.1301, 0.0705]
    assert rounded([sign_limit(t, 0.5) for t in ZIPF[:3]], 4) == [0.75, 0.5, 0.25]
    assert rounded([best_rank(t, 1.0) for t in SIGN], 4) == [2.0, 1.25, 1.0625, 1.0156]
    assert np.isnan(sign_limit(0.5, 1.0))  # τ² < 1/(2^α − 1)


def test_the_steep_limit_is_the_minimum_over_the_one_coordinate_that_moves() -> None:
    u = np.linspace(0, 1, 100_001)
    for tau in SIGN:
        r = ((1 - u) ** 2 + (u / tau) ** 2).min() / zeta(2)
        assert sign_limit(tau, 1.0) == pytest.approx(float(r), rel=1e-6)


@pytest.mark.parametrize(("alpha", "tau"), [(0.25, 1.0), (0.25, 4.0), (0.4, 2.0)])
def test_the_flat_limit_of_sign_descent_is_the_best_over_the_rank(alpha: float, tau: float) -> None:
    x = np.linspace(1e-4, 1, 200_001)
    moving = x ** (1 - 2 * alpha) * quad(lambda u: (u**-alpha - 1) ** 2, 0, 1)[0]
    r = (moving + (1 - x) * x ** (-2 * alpha) / (4 * tau**2)) / quad(lambda u: u ** (-2 * alpha), 0, 1)[0]
    assert sign_limit(tau, alpha) == pytest.approx(float(r.min()), rel=1e-6)


def best_on_grid(alpha: float, tau: float, d: int) -> tuple[float, float]:
    """Return r and φ at the best φ = d^{j/256}, by the sum as it is written; nothing of the library but the law."""
    k, T = np.arange(1, d + 1.0), sign_updates_of(tau, d, alpha)
    delta, phis = k**-alpha, d ** (np.arange(257) / 256)
    first, second = np.cumsum(delta), np.cumsum(delta**2)
    n, h = np.minimum(np.floor(phis * (1 + 1e-12)), d).astype(int), phis**-alpha
    r = (second[n - 1] - 2 * h * first[n - 1] + n * h**2 + (d - n) * h**2 / (4 * T**2)) / second[-1]
    return float(r.min()), float(phis[r.argmin()])


@pytest.mark.parametrize(
    ("alpha", "taus", "d", "sums"),
    [
        (1.0, SIGN, 1_000, [0.3039, 0.1216, 0.0358, 0.0094]),
        (1.0, SIGN, 1_000_000, [0.3040, 0.1216, 0.0358, 0.0095]),
        (2.0, SIGN, 10_000, [0.4623, 0.1848, 0.0545, 0.0144]),
        (0.25, SIGN[:3], 10_000, [0.1613, 0.1248, 0.0652]),
        (0.25, SIGN[:3], 1_000_000, [0.1661, 0.1295, 0.0698]),
        (0.5, ZIPF[:3], 10_000, [0.560, 0.353, 0.171]),
        (0.5, ZIPF[:3], 1_000_000, [0.620, 0.387, 0.174]),
    ],
)
def test_sign_descent_has_the_expected_sums(alpha: float, taus: list[float], d: int, sums: list[float]) -> None:
    grid = [best_on_grid(alpha, tau, d)[0] for tau in taus]
    assert grid == pytest.approx(sums, abs=6e-4 if alpha == 0.5 else 5.1e-5)  # half of the last digit
    exact = sign_sums(alpha, taus, d)
    assert all(ours <= theirs * (1 + 1e-9) for ours, theirs in zip(exact, grid, strict=True))
    assert exact == pytest.approx(grid, rel=0.02, abs=1e-5)


def test_the_best_step_leaves_the_expected_ranks_moving() -> None:
    assert rounded([best_on_grid(1.0, tau, 1_000)[1] for tau in SIGN], 2) == [2.02, 1.24, 1.06, 1.03]
    pi = zipf(1_000_000)
    assert [sign_rank(pi, tau, 1.0) for tau in SIGN] == pytest.approx([best_rank(t, 1.0) for t in SIGN], rel=1e-5)


def test_bounds_at_the_root_of_the_vocabulary() -> None:
    pi = zipf(10_000)
    assert round(gd_relative_error(pi, 100), 4) == 0.3425
    assert round(sublinear_bound(pi, 100), 3) == 10.217
    assert round(linear_bound(10_000, 100), 4) == 0.9802
    H, W = (1 / np.arange(1, 10_001)).sum(), (pi**2).sum()
    assert sublinear_bound(pi, 100) == pytest.approx((1 / H) * 10_000 * W / 200 / (W / 2))  # L ‖W*‖²/2t over L(0) − L*


def test_the_gradient_norm_is_that_of_the_model_coordinate_by_coordinate() -> None:
    delta, T = zipf(50), 9
    eta = sign_relative_error(delta, T).reach / T
    left = sum(x - T * eta if x >= T * eta else eta / 2 for x in delta.tolist())
    assert gradient_norm(delta, T) == pytest.approx(left / delta.sum(), rel=1e-12)


def test_a_small_gradient_takes_d_over_log_d() -> None:
    numbers = gradient_times(10_000)  # for T ≫ √d all but one coordinate are at η/2 = π_1/2T, of Σ π = 1
    assert numbers["updates"] == pytest.approx(10_000 * zipf(10_000)[0] / (2 * 0.1), rel=0.01)
    assert numbers["slope_error"] < 0.01


def test_the_table_of_a_law_says_how_it_is_approached() -> None:
    taus, sizes = np.array([1.0, 2.0, 3.0]), [10, 100, 1000]
    numbers, tables = against_limit(
        lambda pi, tau, alpha: tau + 1 / len(pi), lambda tau, alpha: tau if tau < 3 else np.nan, 1.0, taus, sizes
    )
    assert numbers == pytest.approx({"gap_smallest": 0.1, "gap_largest": 1e-3, "steps_down": 1})
    rows = tables["law"].to_pylist()
    assert {(row["d"], row["tau"]) for row in rows} == {(d, tau) for d in (0, *sizes) for tau in (1, 2, 3)}
    assert next(row["r"] for row in rows if (row["d"], row["tau"]) == (100, 2)) == 2.01
    away, _ = against_limit(lambda pi, tau, alpha: tau * len(pi), lambda tau, alpha: 0.0, 1.0, taus, sizes)
    assert away["steps_down"] == 0
