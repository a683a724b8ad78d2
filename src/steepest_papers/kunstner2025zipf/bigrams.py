"""Bigrams of a real text, and what the laws need of them: no d × d matrix, only the pairs that occur.

    gradient descent  r(t) = Σ_i π_i s_i (1 − π_i/π_1)^{2t} / Σ_i π_i s_i,   s_i = Σ_j π_{j|i}²
    sign descent      coordinate (i, j) starts at δ = π_{j|i} with the weight π_i

Both are exact, derived by us. Where π_{j|i} = 0 a coordinate starts at its solution and stays there. Coordinates with one δ
move together, and a text has few: most pairs occur once or twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from steepest.data.corpus import Corpus
from steepest.data.tokens import Vocabulary, tokenize
from steepest.theory.bigram import Floats

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Bigrams:
    """The pairs of tokens that occur.

    Attributes:
        pi: π_i, frequency of each token as an input, shape (d,), 0 where it is none.
        row: i of each pair, shape (pairs,), ascending.
        conditional: π_{j|i} of each pair, shape (pairs,).
    """

    pi: Floats
    row: Ints
    conditional: Floats

    @cached_property
    def inputs(self) -> tuple[Floats, Floats]:
        """Return π_i, the largest first, and π_i s_i, of the tokens that are inputs."""
        squares = np.bincount(self.row, self.conditional**2, minlength=len(self.pi))
        order = np.argsort(-self.pi, kind="stable")[: np.count_nonzero(self.pi)]
        return self.pi[order], (self.pi * squares)[order]

    @cached_property
    def distances(self) -> tuple[Floats, Floats]:
        """Return the distinct δ, the largest first, and Σ π_i of the coordinates that start there."""
        delta, place = np.unique(self.conditional, return_inverse=True)
        weight = np.bincount(place, self.pi[self.row]).astype(np.float64)
        return delta[::-1].copy(), weight[::-1].copy()


def count_bigrams(ids: Ints, starts: Ints, d: int) -> Bigrams:
    """Return the bigrams within documents.

    Args:
        ids: tokens 0 … d−1 of all documents, one after the other, shape (n,).
        starts: where each document starts and, last, n.
        d: size of the vocabulary.
    """
    follows = np.ones(len(ids), dtype=bool)
    follows[starts[:-1][starts[:-1] < len(ids)]] = False
    (second,) = np.nonzero(follows)
    pairs, counts = np.unique(ids[second - 1] * d + ids[second], return_counts=True)
    row = pairs // d
    of_row = np.bincount(row, counts, minlength=d)
    return Bigrams(of_row / of_row.sum(), row, counts / of_row[row])


def bigrams_of(corpus: Corpus, vocabulary: Vocabulary) -> Bigrams:
    """Return the bigrams of a corpus's training documents."""
    data = tokenize(corpus, vocabulary)
    return count_bigrams(data.ids["train"], data.starts["train"], data.num_classes)


def ranked_conditionals(text: Bigrams, ranks: Ints) -> Floats:
    """Return the quartiles over rows of the sorted π_{·|i} at some ranks, shape (ranks, 3); rows count alike."""
    order = np.lexsort((-text.conditional, text.row))
    row, conditional = text.row[order], text.conditional[order]
    rank = 1 + np.arange(len(row)) - np.searchsorted(row, row)
    rows = len(np.unique(row))
    at_rank = [conditional[rank == k] for k in ranks]
    padded = [np.concatenate([values, np.zeros(rows - len(values))]) for values in at_rank]
    return np.array([np.quantile(values, (0.25, 0.5, 0.75)) for values in padded])
