"""Intervals against scipy's Welch test, their coverage, and the absence of false alarms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from steepest.monitor import FrequencyMonitor
from steepest.monitor.intervals import Sample, since, welch


def sample(x: np.ndarray) -> Sample:
    return Sample(x.mean(), x.var(ddof=1), len(x))


@pytest.mark.parametrize("at_once", [1, 9])
@pytest.mark.parametrize(("n1", "n0"), [(2, 2), (5, 40), (300, 7)])
def test_the_interval_is_welchs(n1: int, n0: int, at_once: int) -> None:
    draw = np.random.default_rng(0)
    a, b = draw.normal(2, 3, n1), draw.exponential(1, n0)
    found = welch(sample(a), sample(b), at_once)
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval(1 - 0.05 / at_once)
    np.testing.assert_allclose([found.value, found.low, found.high], [a.mean() - b.mean(), *expected], rtol=1e-9)


def test_one_example_is_no_evidence_and_no_spread_is_a_point() -> None:
    assert np.isnan(welch(Sample(5.0, 0.0, 1), Sample(1.0, 1.0, 100))).all()
    assert [float(end) for end in welch(Sample(5.0, 0.0, 3), Sample(1.0, 0.0, 4))] == [4.0, 4.0, 4.0]


def test_since_is_the_first_window_after_the_last_doubt() -> None:
    nan = float("nan")
    assert since([1.0, 2.0]) == 0
    assert since([nan, 1.0, nan]) == 1
    assert since([1.0, 0.0, 1.0]) == 2
    assert since([1.0, -1.0]) is None
    assert since([nan]) is None
    assert since([]) is None


def test_equal_groups_raise_a_false_alarm_in_at_most_one_run_of_twenty() -> None:
    """400 runs of 10 groups with equal exponential losses: binomial with p ≤ 0.05 stays below 34 with probability 0.999."""
    generator = torch.Generator().manual_seed(0)
    alarms = 0
    for _ in range(400):
        monitor = FrequencyMonitor([100] * 10, groups=10)
        losses = torch.empty(1000, dtype=torch.float64).exponential_(generator=generator)
        monitor.update(losses=losses, targets=torch.arange(1000) % 10)
        alarms += bool(monitor.read().lags())
    assert alarms <= stats.binom.ppf(0.999, 400, 0.05)


def test_intervals_hold_the_true_lag_together_19_times_of_20() -> None:
    """The true lag of group g is g; all nine intervals hold it in at least 95 % of 400 runs, up to binomial noise."""
    generator = torch.Generator().manual_seed(0)
    held = 0
    for _ in range(400):
        monitor = FrequencyMonitor([100] * 10, groups=10)
        group = torch.arange(2000) % 10
        level = (9 - group).double()  # ties are sorted in reversed class order: class 9 is the first group
        losses = level + torch.randn(2000, generator=generator, dtype=torch.float64)
        monitor.update(losses=losses, targets=group)
        lag = monitor.read().lag()
        truth = np.arange(1, 10)
        held += bool(((lag.low[0, 1:] <= truth) & (truth <= lag.high[0, 1:])).all())
    assert held >= stats.binom.ppf(0.001, 400, 0.95)
