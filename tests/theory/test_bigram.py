"""The laws of the linear bigram model, against matrices that are trained without them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.theory.bigram import (
    gd_relative_error,
    gd_updates,
    sign_relative_error,
    sign_updates,
    sorted_law,
    updates_until,
)

laws = st.lists(st.integers(1, 1000), min_size=2, max_size=12).map(sorted_law)


def trained_by_gd(pi: np.ndarray, steps: int) -> float:
    """Train a d × d matrix whose rows are rotations of π, and return r."""
    target = np.stack([np.roll(pi, i) for i in range(len(pi))])
    W = np.zeros_like(target)
    for _ in range(steps):
        W -= pi[:, None] * (W - target) / pi[0]
    return float((pi @ (W - target) ** 2).sum() / (pi @ target**2).sum())


@given(pi=laws, steps=st.integers(0, 30))
def test_gradient_descent_follows_the_formula(pi: np.ndarray, steps: int) -> None:
    assert gd_relative_error(pi, steps) == pytest.approx(trained_by_gd(pi, steps), rel=1e-9, abs=1e-15)


def model(delta: np.ndarray, h: float, T: int) -> float:
    """Return r of sign descent as the modelling assumption states it, coordinate by coordinate, for η = h/T."""
    eta, left = h / T, []
    for distance in delta:
        t = 0
        while t < T and abs(distance) >= (t + 1) * eta - 1e-15:
            t += 1
        left.append(distance - T * eta if t == T else eta / 2)
    return float(np.square(left).sum() / np.square(delta).sum())


@given(delta=laws, T=st.integers(1, 20))
def test_the_best_step_of_sign_descent_is_that_of_a_search(delta: np.ndarray, T: int) -> None:
    found = sign_relative_error(delta, T)
    searched = min(model(delta, h, T) for h in np.linspace(delta[-1] / 4, delta[0], 400))
    assert found.error <= searched + 1e-12
    assert model(delta, found.reach * (1 - 1e-9), T) == pytest.approx(found.error, rel=1e-5, abs=1e-9)


def test_laws_leave_out_absent_classes_and_refuse_nonsense() -> None:
    assert sorted_law([2, 0, 6]).tolist() == [0.75, 0.25]
    for nonsense in ([], [0, 0], [-1, 2], [float("nan")], [[1, 2]]):
        with pytest.raises(ValueError, match="class counts must be a vector of finite numbers"):
            sorted_law(nonsense)


@pytest.mark.parametrize(
    ("alpha", "epsilon", "gd", "sign"),
    [
        (0.5, 0.1, [20, 36, 64, 114, 202], [12, 19, 29, 46, 74]),
        (0.75, 0.1, [73, 168, 390, 908, 2126], [28, 48, 85, 150, 267]),
        (1, 0.5, [7, 12, 21, 38, 67], [9, 16, 28, 50, 88]),
        (1, 0.25, [48, 110, 256, 599, 1405], [19, 34, 60, 107, 190]),
        (1, 0.1, [187, 502, 1361, 3711, 10168], [36, 64, 113, 201, 357]),
        (1, 0.05, [350, 989, 2818, 8076, 23253], [53, 94, 168, 298, 529]),
        (1.5, 0.1, [89, 113, 131, 143, 150], [43, 77, 136, 241, 428]),
    ],
)
def test_updates_needed_are_those_of_an_independent_count(
    alpha: float, epsilon: float, gd: list[int], sign: list[int]
) -> None:
    laws = [sorted_law(np.arange(1.0, d + 1) ** -alpha) for d in (1_000, 3_162, 10_000, 31_622, 100_000)]
    assert [gd_updates(pi, epsilon) for pi in laws] == gd
    assert [sign_updates(pi, epsilon) for pi in laws] == sign


@given(threshold=st.integers(1, 10_000))
def test_the_least_number_of_updates_is_found(threshold: int) -> None:
    assert updates_until(lambda t: 0.0 if t >= threshold else 1.0, 0.5) == threshold


def test_what_never_arrives_is_none() -> None:
    assert updates_until(lambda _: 1.0, 0.5, most=1000) is None
