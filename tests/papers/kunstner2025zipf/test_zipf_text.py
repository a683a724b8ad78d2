"""Bigrams of a text against a dense count table, and a matrix trained on it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from steepest.theory.bigram import gd_relative_error, gd_updates, sign_relative_error
from steepest_papers.kunstner2025zipf.dynamics import exact_error, model_error
from steepest_papers.kunstner2025zipf.real_text import Bigrams, count_bigrams, counts, ranked_conditionals

D = 7
IDS = np.random.default_rng(0).integers(0, D - 1, 400) ** 2 // 6  # token 6 never occurs
STARTS = np.array([0, 150, 150, 151, 400])  # an empty document, and one of a single token


@pytest.fixture
def text() -> Bigrams:
    return count_bigrams(IDS, STARTS, D)


@pytest.fixture
def table() -> np.ndarray:
    found = np.zeros((D, D))
    for a, b in pairwise(STARTS):
        for first, second in pairwise(IDS[a:b]):
            found[first, second] += 1
    return found


def dense(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = table.sum(1, keepdims=True)
    return table.sum(1) / table.sum(), np.divide(table, rows, out=np.zeros_like(table), where=rows > 0)


def test_bigrams_are_counted_within_documents(text: Bigrams, table: np.ndarray) -> None:
    pi, target = dense(table)
    np.testing.assert_allclose(text.pi, pi)
    found = np.zeros((D, D))
    found[text.row, np.nonzero(table)[1]] = text.conditional
    np.testing.assert_allclose(found, target)
    order = np.argsort(-pi, kind="stable")[: (pi > 0).sum()]
    np.testing.assert_allclose(text.inputs[1], (pi * (target**2).sum(1))[order])
    delta, weight = text.distances
    assert (np.diff(delta) < 0).all()
    assert float(weight @ delta**2) == pytest.approx(float(pi @ (target**2).sum(1)))


def test_gradient_descent_on_the_text_is_that_of_the_matrix(text: Bigrams, table: np.ndarray) -> None:
    pi, target = dense(table)
    W, start, r = np.zeros_like(target), float(pi @ (target**2).sum(1)), 1.0
    frequencies, weight = text.inputs
    t = 0
    while r > 0.2:
        assert gd_relative_error(frequencies, t, weight) == pytest.approx(r, rel=1e-10)
        W -= pi[:, None] * (W - target) / pi.max()
        t, r = t + 1, float(pi @ ((W - target) ** 2).sum(1)) / start
    assert gd_updates(frequencies, 0.2, weight) == t == counts(text, "GD", 0.2).measured


@pytest.mark.parametrize("T", [6, 9])
def test_sign_descent_on_the_text_is_that_of_the_matrix(text: Bigrams, table: np.ndarray, T: int) -> None:
    pi, target = dense(table)
    W, eta = np.zeros_like(target), 0.0471
    for _ in range(T):
        W -= eta * np.sign(np.where(table > 0, W - target, 0.0))
    delta, weight = text.distances
    r = float(pi @ ((W - target) ** 2).sum(1) / (pi @ (target**2).sum(1)))
    assert exact_error(delta, eta, T, weight) == pytest.approx(r, rel=1e-9)


def test_a_weighted_best_step_is_that_of_repeated_coordinates() -> None:
    delta, weight = np.array([0.6, 0.3, 0.1]), np.array([2.0, 1.0, 4.0])
    repeated = np.repeat(delta, weight.astype(int))
    found = sign_relative_error(delta, 5, weight)
    assert found.error == pytest.approx(sign_relative_error(repeated, 5).error, rel=1e-12)
    searched = min(model_error(repeated, h / 5, 5) for h in np.linspace(0.05, 0.7, 4001))
    assert found.error == pytest.approx(searched, rel=1e-3)


def test_predictions_agree_with_the_measurement_where_the_models_assumptions_hold() -> None:
    pi = np.arange(40, 0, -1.0) ** 1.0
    pi /= pi.sum()
    rows = np.stack([np.roll(pi, i) for i in range(40)])
    row, column = np.nonzero(rows)
    found = counts(Bigrams(pi, row, rows[row, column]), "GD", 0.1)
    assert found.measured == found.frequencies
    found = counts(Bigrams(pi, row, rows[row, column]), "Sign", 0.1)
    assert found.model == found.frequencies


def test_quartiles_of_the_sorted_conditionals_are_those_of_the_table(text: Bigrams, table: np.ndarray) -> None:
    _, target = dense(table)
    ordered = np.sort(target[table.sum(1) > 0], axis=1)[:, ::-1]
    expected = np.quantile(ordered[:, :4], (0.25, 0.5, 0.75), axis=0).T
    np.testing.assert_allclose(ranked_conditionals(text, np.arange(1, 5)), expected, atol=1e-12)
