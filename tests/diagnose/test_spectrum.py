"""The spectrum against the plain vector of counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.data.frequency import frequency_groups
from steepest.diagnose.spectrum import Spectrum

counts = st.lists(st.integers(0, 40), min_size=1, max_size=60).filter(any)


@settings(deadline=None)
@given(counts)
def test_totals_are_those_of_the_counts(n):
    spectrum = Spectrum.of(n)
    assert spectrum.num_samples == sum(n)
    assert spectrum.num_classes == sum(x > 0 for x in n)
    assert spectrum.hapaxes == n.count(1)
    assert spectrum.largest_share == max(n) / sum(n)
    assert spectrum.head(10**6).tolist() == sorted((x for x in n if x), reverse=True)


@settings(deadline=None)
@given(counts, st.integers(0, 70))
def test_the_head_is_the_beginning_of_the_sorted_counts(n, most):
    assert Spectrum.of(n).head(most).tolist() == sorted((x for x in n if x), reverse=True)[:most]


@settings(deadline=None)
@given(counts, st.floats(0, 1))
def test_the_rarest_part_is_summed_class_by_class(n, part):
    rising = sorted(x for x in n if x)
    assert Spectrum.of(n).share_of_rarest(part) == sum(rising[: int(part * len(rising))]) / sum(n)


@settings(deadline=None)
@given(counts, st.integers(1, 12))
def test_groups_are_those_of_the_vector(n, num_groups):
    expected = frequency_groups(n, num_groups)
    found = Spectrum.of(n).groups(num_groups)
    assert found.classes.tolist() == expected.classes_per_group.tolist()
    assert found.samples.tolist() == expected.samples_per_group.tolist()


@settings(deadline=None)
@given(counts)
def test_counts_at_ranks(n):
    falling = sorted((x for x in n if x), reverse=True)
    assert Spectrum.of(n).at_ranks(range(1, len(falling) + 1)).tolist() == falling


def test_ten_million_classes_need_no_vector_of_their_counts():
    spectrum = Spectrum.from_dict({1: 9_000_000, 2: 900_000, 10**9: 100_000})
    assert spectrum.num_samples == 10**14 + 10_800_000
    assert spectrum.share_of_rarest() == pytest.approx(5_000_000 / spectrum.num_samples)
    groups = spectrum.groups()
    assert groups.classes.sum() == 10_000_000
    assert groups.samples.sum() == spectrum.num_samples
    assert groups.classes[:9].tolist() == [10_001] + [10_000] * 8


def test_classes_that_do_not_occur_do_not_count():
    assert np.array_equal(Spectrum.of([0, 3, 0]).sizes, [3])
