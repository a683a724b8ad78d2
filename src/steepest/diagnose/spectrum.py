"""The frequency spectrum: how many classes occur how often. A diagnosis needs nothing else of a data set.

With n samples there are fewer than √(2n) different class sizes, so that the spectrum of any input fits in memory, where
the counts of its classes may not. The name is that of lexical statistics (Baayen 2001, *Word Frequency Distributions*).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]


class Groups(NamedTuple):
    """Classes and samples of each frequency group, (G,), most frequent first."""

    classes: Ints
    samples: Ints


@dataclass(frozen=True, eq=False)
class Spectrum:
    """`classes[i]` classes have `sizes[i]` samples each.

    Attributes:
        sizes: n_1 > n_2 > … > 0, shape (s,).
        classes: number of classes of each size, > 0, shape (s,).

    >>> spectrum = Spectrum.of([5, 1, 0, 1, 1])
    >>> spectrum.sizes, spectrum.classes
    (array([5, 1]), array([1, 3]))
    """

    sizes: Ints
    classes: Ints

    @classmethod
    def of(cls, counts: ArrayLike) -> Spectrum:
        """Return the spectrum of class counts, shape (c,); classes that do not occur do not count."""
        n = np.asarray(counts, dtype=np.int64)
        sizes, classes = np.unique(n[n > 0], return_counts=True)
        return cls(sizes[::-1].copy(), classes[::-1].astype(np.int64))

    @classmethod
    def from_dict(cls, classes: Mapping[int, int]) -> Spectrum:
        """Return the spectrum that gives the number of classes of each size."""
        sizes = sorted(classes, reverse=True)
        return cls(np.array(sizes, dtype=np.int64), np.array([classes[size] for size in sizes], dtype=np.int64))

    @cached_property
    def num_classes(self) -> int:
        """Return the number of classes that occur, c."""
        return int(self.classes.sum())

    @cached_property
    def num_samples(self) -> int:
        """Return the number of samples, n."""
        return int(self.sizes @ self.classes)

    @property
    def hapaxes(self) -> int:
        """Return the number of classes that occur once."""
        return int(self.classes[-1]) if self.sizes[-1] == 1 else 0

    @property
    def largest_share(self) -> float:
        """Return the share of the samples in the most frequent class, π_1."""
        return int(self.sizes[0]) / self.num_samples

    def share_of_rarest(self, part: float = 0.5) -> float:
        """Return the share of the samples that the rarest ⌊part · c⌋ classes hold.

        >>> Spectrum.of([6, 2, 1, 1]).share_of_rarest()
        0.2
        """
        wanted = int(part * self.num_classes)
        upwards = np.cumsum(self.classes[::-1])
        taken = np.clip(wanted - (upwards - self.classes[::-1]), 0, self.classes[::-1])
        return int(taken @ self.sizes[::-1]) / self.num_samples

    def head(self, most: int) -> Ints:
        """Return the counts of the `most` most frequent classes, descending, or of all if there are fewer."""
        before = np.cumsum(self.classes) - self.classes
        return np.repeat(self.sizes, np.clip(most - before, 0, self.classes))

    def at_ranks(self, ranks: ArrayLike) -> Ints:
        """Return the count of the r-th most frequent class, for ranks 1 … c.

        >>> Spectrum.of([6, 2, 1, 1]).at_ranks([1, 2, 4])
        array([6, 2, 1])
        """
        return self.sizes[np.searchsorted(np.cumsum(self.classes), np.asarray(ranks))]

    def groups(self, num_groups: int = 10) -> Groups:
        """Cut the classes, most frequent first, into G groups of ≈ 1/G of the samples each.

        The rule is that of `steepest.data.frequency.frequency_groups`: the g-th cut falls after the first class at which
        G times the samples so far reach g · n. Only the sizes of the groups are known, since classes have no names here.

        >>> Spectrum.of([8, 4, 4, 2, 2, 2, 2]).groups(3)
        Groups(classes=array([1, 2, 4]), samples=array([8, 8, 8]))
        """
        samples, classes = np.cumsum(self.sizes * self.classes), np.cumsum(self.classes)
        ends = [_cut(self, samples, classes, g, num_groups) for g in range(1, num_groups)]
        ends.append((self.num_classes, self.num_samples))
        last_class, last_sample = np.array(ends, dtype=np.int64).T
        return Groups(np.diff(last_class, prepend=0), np.diff(last_sample, prepend=0))


def _cut(spectrum: Spectrum, samples: Ints, classes: Ints, g: int, num_groups: int) -> tuple[int, int]:
    """Return classes and samples before the g-th cut."""
    needed = -(-g * spectrum.num_samples // num_groups)
    i = int(np.searchsorted(samples, needed))
    spared = (int(samples[i]) - needed) // int(spectrum.sizes[i])  # classes of this size that come after the cut
    return int(classes[i]) - spared, int(samples[i]) - spared * int(spectrum.sizes[i])
