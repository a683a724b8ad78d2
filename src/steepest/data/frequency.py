"""How often each class occurs: counts, frequency groups, the mean loss of a group, the exponent of the tail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def class_counts(labels: ArrayLike, num_classes: int) -> Ints:
    """Return n_k, the number of samples of each class.

    Args:
        labels: class ids 0 … c−1, any shape.
        num_classes: c.

    Returns:
        Counts (c,).

    Raises:
        ValueError: no labels, labels that are not integers, or a label outside of 0 … c−1.

    >>> class_counts([0, 2, 0], 3)
    array([2, 0, 1])
    """
    y = np.asarray(labels)
    if y.size == 0:
        raise ValueError("labels are empty; counting classes needs at least one sample")
    if not np.issubdtype(y.dtype, np.integer):
        raise ValueError(f"labels must be integers, got {y.dtype}")
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= num_classes:
        raise ValueError(f"labels must lie in 0 … {num_classes - 1}, got {low if low < 0 else high}")
    return np.bincount(y.ravel(), minlength=num_classes).astype(np.int64)


@dataclass(frozen=True, eq=False)
class FrequencyGroups:
    """Classes sorted by frequency and cut into G groups that hold ≈ 1/G of the samples each.

    Attributes:
        of_class: (c,) group of each class, 0 = most frequent; −1 for a class without samples.
        samples_per_group: (G,) number of samples; 0 for a group that is empty.
    """

    of_class: Ints
    samples_per_group: Ints

    @property
    def num_groups(self) -> int:
        """Return G, empty groups included."""
        return len(self.samples_per_group)

    @property
    def classes_per_group(self) -> Ints:
        """Return the number of classes, (G,)."""
        return np.bincount(self.of_class[self.of_class >= 0], minlength=self.num_groups).astype(np.int64)


def frequency_groups(counts: ArrayLike, num_groups: int) -> FrequencyGroups:
    """Cut the classes, most frequent first, into G groups of ≈ 1/G of the n samples.

    The g-th cut (g = 1 … G−1) falls after the first class j with (n_1 + … + n_j) · G ≥ g · n, in exact integers: a
    class that crosses a boundary belongs to the earlier group. A class with more than 1/G of the samples crosses
    several boundaries and leaves the groups between them empty. Ties are sorted in reversed class order.

    Args:
        counts: (c,) samples of each class.
        num_groups: G.

    Returns:
        The groups, empty ones included.

    Raises:
        ValueError: counts that are not non-negative integers, that are all 0, or G < 1.

    Source: Kunstner et al. (2024), "≈ 10 % of the data"; their released code cuts in floating point, which moves one
    class where a boundary is exact.

    >>> groups = frequency_groups([8, 4, 4, 2, 2, 2, 2], 3)
    >>> groups.classes_per_group, groups.samples_per_group
    (array([1, 2, 4]), array([8, 8, 8]))
    """
    n_k = _checked_counts(counts)
    if num_groups < 1:
        raise ValueError(f"num_groups must be at least 1, got {num_groups}")
    order = np.argsort(n_k, kind="stable")[::-1]
    present = order[n_k[order] > 0]
    cumulative = np.cumsum(n_k[present])  # n_1 + … + n_j
    # the first j with (n_1 + … + n_j) · G ≥ g · n, for g = 1 … G−1
    cuts = np.searchsorted(cumulative * num_groups, np.arange(1, num_groups) * cumulative[-1])
    group = np.searchsorted(cuts, np.arange(len(present)))  # how many cuts fall before a class
    of_class = np.full(len(n_k), -1, dtype=np.int64)
    of_class[present] = group
    samples = np.zeros(num_groups, dtype=np.int64)
    np.add.at(samples, group, n_k[present])
    return FrequencyGroups(of_class, samples)


def _checked_counts(counts: ArrayLike) -> Ints:
    """Return counts as int64 (c,), or raise ValueError."""
    n_k = np.asarray(counts)
    if n_k.ndim != 1 or not np.issubdtype(n_k.dtype, np.integer):
        raise ValueError(f"counts must be a vector of integers, got {n_k.dtype} of shape {n_k.shape}")
    if (n_k < 0).any() or not n_k.any():
        raise ValueError("counts must be non-negative and not all 0")
    return n_k.astype(np.int64)


def loss_by_group(loss_by_class: ArrayLike, counts: ArrayLike, groups: FrequencyGroups) -> Floats:
    """Return the mean loss over the samples of each group, Σ_{k∈g} n_k ℓ_k / Σ_{k∈g} n_k.

    Args:
        loss_by_class: (…, c) mean loss ℓ_k of the samples of class k; ignored where n_k = 0.
        counts: (c,) samples n_k that the losses are means of.
        groups: the group of each class.

    Returns:
        (…, G) in float64; NaN for a group without samples.

    Raises:
        ValueError: shapes that do not fit together.

    >>> groups = frequency_groups([4, 2, 2], 2)
    >>> loss_by_group([1.0, 2.0, 6.0], [4, 2, 2], groups)
    array([1., 4.])
    """
    losses, n_k = np.asarray(loss_by_class, dtype=np.float64), np.asarray(counts)
    if not losses.shape[-1:] == n_k.shape == groups.of_class.shape:
        raise ValueError(f"{losses.shape} losses, {n_k.shape} counts, {groups.of_class.shape} classes do not fit")
    means = np.full((*losses.shape[:-1], groups.num_groups), np.nan)
    for g in range(groups.num_groups):
        members = (groups.of_class == g) & (n_k > 0)
        if members.any():
            means[..., g] = losses[..., members] @ (n_k[members] / n_k[members].sum())  # Σ n_k ℓ_k / Σ n_k
    return means


def tail_exponent(counts: ArrayLike, first_rank: int = 1, last_rank: int = 10_000) -> float:
    """Return a of the power law n_(r) ∝ r^−a: minus the least-squares slope of log count on log rank.

    The fit uses at most 200 distinct integer ranks, spaced evenly in log rank from `first_rank` to `last_rank` or to
    the last class that occurs, so that the many rare classes do not outweigh the few frequent ones.

    Args:
        counts: (c,) counts or frequencies.
        first_rank: rank of the first point; 1 = the most frequent class.
        last_rank: rank of the last point.

    Raises:
        ValueError: fewer than two ranks to fit.

    >>> round(tail_exponent(zipf(5000, alpha=1.2)), 6)
    1.2
    """
    ordered = np.sort(np.asarray(counts, dtype=np.float64))[::-1]
    last = min(last_rank, int((ordered > 0).sum()))
    if not 1 <= first_rank < last:
        raise ValueError(f"a tail needs ranks 1 ≤ first < last, got first {first_rank} and last {last}")
    ranks = np.unique(np.rint(np.geomspace(first_rank, last, 200)).astype(np.int64))
    return -float(np.polyfit(np.log(ranks), np.log(ordered[ranks - 1]), 1)[0])


def zipf(num_classes: int, alpha: float = 1.0) -> Floats:
    """Return the probabilities π_k ∝ k^−α, k = 1 … c, most frequent first.

    >>> zipf(3)
    array([0.54545455, 0.27272727, 0.18181818])
    """
    weights = np.power(np.arange(1, num_classes + 1, dtype=np.float64), -alpha)
    return weights / float(weights.sum())
