"""The exponent against laws it was drawn from, and against the likelihood maximised by scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import zeta

from steepest.data.frequency import zipf
from steepest.diagnose.spectrum import Spectrum
from steepest.diagnose.tail import fit_tail, rank_slope


def drawn(alpha: float, classes: int, seed: int) -> np.ndarray:
    """Return class sizes n ≥ 1 with p(n) ∝ n^−α, exactly."""
    return np.random.default_rng(seed).zipf(alpha, classes)


@pytest.mark.parametrize("alpha", [1.7, 2.0, 2.5])
def test_the_exponent_is_that_of_the_law_and_maximises_the_likelihood(alpha):
    n = drawn(alpha, 20_000, 0)
    fit = fit_tail(Spectrum.of(n))
    assert fit is not None
    assert abs(fit.alpha - alpha) < 4 * fit.standard_error
    tail = n[n >= fit.n_min]
    assert fit.classes == len(tail)
    best = minimize_scalar(
        lambda a: a * np.log(tail).mean() + np.log(zeta(a, fit.n_min)), bounds=(1.05, 3), method="bounded"
    ).x
    assert fit.alpha == pytest.approx(best, abs=0.01)
    assert fit.standard_error == pytest.approx((best - 1) / len(tail) ** 0.5, rel=0.02)


def test_the_interval_holds_95_percent_of_the_time():
    """Of 60 samples about 3 miss; 9 or more would be a chance of 0.2 %. The law begins at 1, where it is fitted often."""
    fits = [fit_tail(Spectrum.of(drawn(2.2, 1_500, seed))) for seed in range(60)]
    misses = sum(not fit.interval[0] <= 2.2 <= fit.interval[1] for fit in fits if fit is not None and fit.n_min < 5)
    assert misses < 9


def test_zipf_ranks_are_alpha_two():
    fit = fit_tail(Spectrum.of((1e7 * zipf(20_000)).astype(np.int64)))
    assert fit is not None
    assert fit.alpha == pytest.approx(2, abs=0.06)
    assert fit.rank_exponent == pytest.approx(1, abs=0.06)
    assert fit.rank_interval[0] < fit.rank_exponent < fit.rank_interval[1]


def test_the_distance_is_the_largest_gap_of_the_distributions():
    n = drawn(2.0, 5_000, 1)
    fit = fit_tail(Spectrum.of(n))
    assert fit is not None
    tail = np.sort(n[n >= fit.n_min])
    sizes = np.unique(tail)
    law = 1 - zeta(fit.alpha, sizes + 1) / zeta(fit.alpha, fit.n_min)
    seen = np.searchsorted(tail, sizes, side="right") / len(tail)
    assert fit.distance == pytest.approx(np.abs(law - seen).max(), abs=2e-3)


def test_sizes_that_fall_exponentially_are_told_from_a_power_law():
    fit = fit_tail(Spectrum.of(np.random.default_rng(0).geometric(0.05, 5_000)))
    assert fit is None or (fit.better_law == "a log-normal fits better" and fit.log_ratio < 0 and fit.p_value < 0.1)


@pytest.mark.parametrize(
    "counts",
    [
        np.full(1000, 50),  # alike
        [9, 8, 7, 6, 5, 4, 3],  # few
        [
            999,
            996,
            994,
            991,
            988,
            987,
            985,
            981,
            980,
            979,
            975,
            971,
            966,
            961,
            940,
            910,
            799,
            775,
            628,
        ],  # 20 Newsgroups
    ],
)
def test_where_there_is_no_heavy_tail_none_is_fitted(counts):
    assert fit_tail(Spectrum.of(counts)) is None


def test_ten_million_classes_are_fitted_on_the_largest():
    small = Spectrum.from_dict({int(n): 1 for n in np.unique(drawn(2.0, 3_000, 0)) if n > 2} | {2: 40, 1: 10_000_000})
    fit = fit_tail(small)
    assert fit is not None
    assert fit.n_min >= 2


def test_the_slope_of_the_ranks():
    assert rank_slope(Spectrum.of((1e9 * zipf(3_000, 1.3)).astype(np.int64))) == pytest.approx(1.3, abs=1e-3)
    assert rank_slope(Spectrum.of([7])) is None
