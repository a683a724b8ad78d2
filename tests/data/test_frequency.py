from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.data.frequency import class_counts, frequency_groups, loss_by_group, tail_exponent, zipf


def levels(m: int) -> np.ndarray:
    return np.concatenate([np.full(2**i, 2 ** (m - i)) for i in range(m)])


def test_class_counts_match_a_count_by_hand():
    labels = np.array([[0, 3, 3], [1, 3, 0]])
    assert class_counts(labels, 5).tolist() == [2, 1, 0, 3, 0]
    assert class_counts(labels.astype(np.uint32), 4).dtype == np.int64


@pytest.mark.parametrize(
    ("labels", "message"),
    [([], "empty"), ([0.0, 1.0], "integers"), ([0, 3], "0 … 2, got 3"), ([-1, 0], "0 … 2, got -1")],
)
def test_class_counts_refuse(labels, message):
    with pytest.raises(ValueError, match=message):
        class_counts(labels, 3)


@pytest.mark.parametrize("m", range(4, 13))
def test_the_groups_of_the_synthetic_set_are_its_levels(m):
    groups = frequency_groups(levels(m), m)
    assert groups.classes_per_group.tolist() == [2**i for i in range(m)]
    assert groups.samples_per_group.tolist() == [2**m] * m
    assert groups.of_class.tolist() == np.repeat(np.arange(m), 2 ** np.arange(m)).tolist()


def test_a_class_above_one_gth_leaves_later_groups_empty():
    groups = frequency_groups(levels(4), 10)
    assert groups.classes_per_group.tolist() == [1, 0, 1, 1, 0, 2, 2, 2, 3, 3]
    assert groups.samples_per_group.tolist() == [16, 0, 8, 8, 0, 8, 8, 4, 6, 6]
    assert frequency_groups([97, 1, 1, 1], 4).classes_per_group.tolist() == [1, 0, 0, 3]


def test_ties_are_sorted_in_reversed_class_order_and_the_crossing_class_goes_to_the_earlier_group():
    assert frequency_groups([5, 5, 5, 5], 2).of_class.tolist() == [1, 1, 0, 0]
    assert frequency_groups([5, 5, 5], 2).of_class.tolist() == [1, 0, 0]


def test_absent_classes_belong_to_no_group():
    groups = frequency_groups([0, 4, 0, 4], 2)
    assert groups.of_class.tolist() == [-1, 1, -1, 0]
    assert groups.classes_per_group.tolist() == [1, 1]


def test_barcoded_mnist_has_120_rare_classes_beside_the_ten_digits():
    counts = np.concatenate([np.full(10, 5_000), np.full(10_240, 5)])
    assert frequency_groups(counts, 2).classes_per_group.tolist() == [130, 10_120]


@settings(max_examples=200)
@given(counts=st.lists(st.integers(0, 12), min_size=1, max_size=25).filter(any), G=st.integers(1, 12))
def test_groups_match_the_definition_in_exact_fractions(counts, G):
    order = sorted((k for k in range(len(counts)) if counts[k]), key=lambda k: (-counts[k], -k))
    F = [Fraction(sum(counts[k] for k in order[: j + 1]), sum(counts)) for j in range(len(order))]
    cuts = [next(j for j, f in enumerate(F) if f >= Fraction(g, G)) for g in range(1, G)]
    expected = [-1] * len(counts)
    for j, k in enumerate(order):
        expected[k] = sum(cut < j for cut in cuts)
    groups = frequency_groups(counts, G)
    assert groups.of_class.tolist() == expected
    assert groups.num_groups == G
    assert groups.samples_per_group.tolist() == [
        sum(n for n, g in zip(counts, expected, strict=True) if g == h) for h in range(G)
    ]


@pytest.mark.parametrize(
    ("counts", "G", "message"),
    [
        ([1.0, 2.0], 2, "integers"),
        ([[1]], 2, "vector"),
        ([], 2, "integers"),
        ([0, 0], 2, "all 0"),
        ([1, -1], 2, "non-neg"),
        ([1], 0, "0"),
    ],
)
def test_frequency_groups_refuse(counts, G, message):
    with pytest.raises(ValueError, match=message):
        frequency_groups(counts, G)


def test_the_group_loss_is_the_mean_over_samples():
    random = np.random.default_rng(0)
    counts = np.array([7, 0, 3, 9, 1, 2, 2])
    labels = np.repeat(np.arange(7), counts)
    loss_of_sample = random.normal(size=(2, 5, len(labels)))
    by_class = np.stack([loss_of_sample[..., labels == k].mean(-1) if counts[k] else loss_of_sample[..., 0] * np.nan
                         for k in range(7)], axis=-1)  # fmt: skip
    groups = frequency_groups(counts, 4)
    found = loss_by_group(by_class, counts, groups)
    assert found.shape == (2, 5, 4)
    for g in range(4):
        mine = groups.of_class[labels] == g
        expected = loss_of_sample[..., mine].mean(-1) if mine.any() else np.full((2, 5), np.nan)
        np.testing.assert_allclose(found[..., g], expected, rtol=1e-12)


def test_groups_without_samples_are_nan_and_a_diverged_class_is_not_hidden():
    groups = frequency_groups([90, 6, 4], 3)
    assert groups.classes_per_group.tolist() == [1, 0, 2]
    np.testing.assert_array_equal(loss_by_group([1.0, 2.0, 7.0], [90, 6, 4], groups), [1.0, np.nan, 4.0])
    np.testing.assert_array_equal(loss_by_group([1.0, np.nan, 7.0], [5, 0, 5], groups), [1.0, np.nan, 7.0])
    np.testing.assert_array_equal(loss_by_group([1.0, np.nan, 7.0], [90, 6, 4], groups), [1.0, np.nan, np.nan])


def test_group_loss_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="do not fit"):
        loss_by_group([1.0, 2.0], [1, 2, 3], frequency_groups([1, 2, 3], 2))


@pytest.mark.parametrize("first", [1, 10])
def test_the_tail_exponent_of_a_power_law_is_its_exponent(first):
    counts = np.random.default_rng(0).permutation(np.append(1e9 * np.arange(1, 20_001) ** -1.3, np.zeros(50)))
    assert tail_exponent(counts, first_rank=first) == pytest.approx(1.3, rel=1e-12)


def test_the_tail_exponent_is_fitted_evenly_in_log_rank():
    counts = np.where(
        np.arange(1, 10_001) <= 100, 1e6 * np.arange(1, 10_001) ** -0.5, 1e7 * np.arange(1, 10_001) ** -1.0
    )
    ranks = np.unique(np.rint(np.geomspace(1, 10_000, 200)))
    A = np.stack([np.ones_like(ranks), np.log(ranks)], axis=1)
    slope = np.linalg.lstsq(A, np.log(counts[ranks.astype(int) - 1]), rcond=None)[0][1]
    assert tail_exponent(counts) == pytest.approx(-slope, rel=1e-10)
    assert tail_exponent(counts, last_rank=100) == pytest.approx(0.5)
    assert tail_exponent(counts, first_rank=101) == pytest.approx(1.0)


@pytest.mark.parametrize(("counts", "first"), [([5], 1), ([5, 0, 0], 1), ([5, 4, 3], 3), ([5, 4], 0)])
def test_a_tail_needs_two_ranks(counts, first):
    with pytest.raises(ValueError, match="ranks"):
        tail_exponent(counts, first_rank=first)


def test_zipf_is_normalised_and_falls_with_its_exponent():
    p = zipf(1000, alpha=1.5)
    assert p.sum() == pytest.approx(1.0)
    assert p[0] / p[9] == pytest.approx(10**1.5)
    assert zipf(4).tolist() == pytest.approx([12 / 25, 6 / 25, 4 / 25, 3 / 25])
