"""The linear experiment: horizons by the rule, and the sweep that follows from its sizes."""

from __future__ import annotations

from fractions import Fraction

import pytest

from steepest.data.synthetic import HeavyTailedLabels
from steepest.problems import SoftmaxRegression
from steepest_papers.kunstner2024heavytailed.linear import LinearSizes, horizon, linear_sweep
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM, GD, LINE_SEARCH


@pytest.mark.parametrize("m", range(1, 13))
def test_the_horizon_is_the_papers_times_the_ratio_of_class_counts(m: int) -> None:
    assert horizon(m) == max(1, round(Fraction(1000 * (2**m - 1), 2**11 - 1)))


def test_the_horizons_of_the_specification() -> None:
    assert [horizon(m) for m in (4, 7, 8, 11)] == [7, 62, 125, 1000]


def test_the_sweep_has_the_levels_as_groups_and_a_bias() -> None:
    plan = linear_sweep(LinearSizes(m=5, seeds=(4, 5, 6)), (GD, ADAM, LINE_SEARCH))
    assert plan.problem == SoftmaxRegression(data=HeavyTailedLabels(m=5), bias=True, init="default")
    assert (plan.steps, plan.groups, plan.seeds, plan.weighting) == (horizon(5), 5, (4, 5, 6), "none")
    assert list(plan.optimizers) == [GD, ADAM, LINE_SEARCH]


def test_the_summary_says_all_sizes() -> None:
    assert LinearSizes(m=11).summary() == "m=11, c=2047, n=22528, d=24576, T=1000, seeds 0 1 2"
