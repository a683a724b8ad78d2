"""Sign descent, exactly: against matrices and single coordinates that are stepped without any formula."""

from __future__ import annotations

import numpy as np
import pytest

from steepest.data.frequency import zipf
from steepest.theory.bigram import gd_relative_error, sign_relative_error, sign_updates
from steepest_papers.kunstner2025zipf.dynamics import (
    best_exact_error,
    conditionals,
    curve,
    descend,
    exact_distances,
    exact_error,
    exact_updates,
    model_error,
)
from steepest_papers.kunstner2025zipf.sign_model import updates


def test_formulas_are_exact_on_the_trained_matrix() -> None:
    pi = zipf(30)
    target = conditionals(pi, 0)
    gd = curve(descend(pi, target, "GD", 1 / pi[0]), 100)
    sign = curve(descend(pi, target, "Sign", 0.013), 41)
    assert gd[-1] == pytest.approx(4.1239249875689004e-05, rel=1e-12)
    assert sign[-1] == pytest.approx(0.009514518358492518, rel=1e-12)
    assert gd == pytest.approx(np.array([gd_relative_error(pi, t) for t in range(101)]), rel=1e-9, abs=1e-12)
    assert sign == pytest.approx(np.array([exact_error(pi, 0.013, t) for t in range(42)]), rel=1e-9, abs=1e-12)


def stepped(delta: np.ndarray, eta: float, T: int) -> np.ndarray:
    w = np.zeros_like(delta)
    for _ in range(T):
        w -= eta * np.sign(w - delta)
    return np.abs(w - delta)


@pytest.mark.parametrize("T", [1, 2, 7, 16])
def test_distances_are_those_of_stepping(T: int) -> None:
    delta = np.random.default_rng(1).random(200)
    assert exact_distances(delta, 0.0931, T) == pytest.approx(stepped(delta, 0.0931, T), abs=1e-12)


def test_weights_count_coordinates() -> None:
    delta = np.array([0.7, 0.31, 0.05])
    weight = np.array([1.0, 2.0, 5.0])
    repeated = np.repeat(delta, weight.astype(int))
    assert exact_error(delta, 0.11, 6, weight) == pytest.approx(exact_error(repeated, 0.11, 6))
    assert best_exact_error(delta, 6, weight) == pytest.approx(best_exact_error(repeated, 6))


def test_the_model_is_what_the_assumption_says() -> None:
    left = [0.7 - 4 * 0.1, 0.05, 0.05]
    assert model_error(np.array([0.7, 0.31, 0.02]), 0.1, 4) == pytest.approx(
        np.square(left).sum() / (0.7**2 + 0.31**2 + 0.02**2)
    )
    pi, T = zipf(300), 20
    best = sign_relative_error(pi, T)
    assert best.error == pytest.approx(model_error(pi, best.reach / T, T), rel=1e-9)


def test_the_best_exact_step_is_no_worse_than_a_search_by_stepping() -> None:
    pi = zipf(200)
    for T in (8, 9):
        reaches = pi[0] * np.geomspace(0.02, 2, 300)
        searched = min(float((stepped(pi, h / T, T) ** 2).sum() / (pi**2).sum()) for h in reaches)
        assert best_exact_error(pi, T) == pytest.approx(searched, rel=0.02)


def test_horizons_are_the_first_of_their_parity() -> None:
    pi = zipf(300)
    for odd in (False, True):
        T = exact_updates(pi, 0.1, odd=odd)
        assert T is not None
        assert (T % 2 == 1) is odd
        assert best_exact_error(pi, T) <= 0.1 < best_exact_error(pi, T - 2)


def test_the_parity_of_the_horizon_decides_between_flat_and_the_root_of_d() -> None:
    numbers, tables = updates((100, 1_000, 10_000))
    assert tables["updates"]["even"].to_pylist() == [8.0, 8.0, 8.0]
    model = [sign_updates(zipf(d), 0.1) for d in (100, 1_000, 10_000)]
    assert tables["updates"]["model"].to_pylist() == model
    assert numbers["even_off"] == pytest.approx(0.5)
    ratios = np.array(tables["updates"]["odd"].to_pylist()) / model
    assert (np.diff(ratios) > 0).all()
    assert 1.8 < ratios[-1] < 2  # derived: 2 in the limit
