"""Progress, rank order and gap against hand values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.measure.progress import group_progress, optimizer_gap, progress, rank_order

losses = st.lists(st.floats(0.01, 100), min_size=2, max_size=6)


def test_progress_is_the_share_of_the_initial_loss_that_is_gone() -> None:
    np.testing.assert_array_equal(progress([4.0, 4.0, 2.0], [4.0, 0.0, 3.0]), [0.0, 1.0, -0.5])
    assert progress(8.0, 2.0) == 0.75


def test_progress_by_group_compares_a_step_with_the_first_row() -> None:
    curves = np.array([[[4.0, 8.0, np.nan], [2.0, 8.0, np.nan], [1.0, 10.0, np.nan]]] * 2)
    np.testing.assert_array_equal(group_progress(curves), [[0.75, -0.25, np.nan]] * 2)
    np.testing.assert_array_equal(group_progress(curves, step=1), [[0.5, 0.0, np.nan]] * 2)
    np.testing.assert_array_equal(group_progress(curves[0], step=0), [0.0, 0.0, np.nan])


def test_progress_after_a_run_diverged_is_unknown() -> None:
    assert np.isnan(group_progress([[4.0, 4.0], [np.nan, np.nan]])).all()


def test_rank_order_counts_concordant_pairs() -> None:
    assert rank_order([1.0, 3.0, 2.0]) == pytest.approx(1 / 3)  # two of three pairs agree
    assert rank_order([1.0, np.nan, 3.0, 2.0]) == pytest.approx(1 / 3)
    assert rank_order([1.0, 1.0, 2.0]) == pytest.approx(2 / np.sqrt(3 * 2))  # τ-b with one tie


@given(losses)
def test_rank_order_is_odd_and_bounded(values: list[float]) -> None:
    if len(set(values)) == len(values):
        pairs = [(i, j) for i in range(len(values)) for j in range(i)]
        expected = sum(np.sign(values[i] - values[j]) for i, j in pairs) / len(pairs)
        assert rank_order(values) == pytest.approx(expected)
        assert rank_order([-x for x in values]) == pytest.approx(-expected)


def test_the_gap_is_in_units_of_the_initial_loss() -> None:
    assert optimizer_gap(3.0, 1.0, 8.0) == 0.25
    assert optimizer_gap(1.0, 3.0, 8.0) == -0.25
