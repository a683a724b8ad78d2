"""Bigram counts of a real text, and the two methods on its linear bigram model, exactly and without its d × d matrix.

    gradient descent  r(t) = Σ_i π_i s_i (1 − π_i/π_1)^{2t} / Σ_i π_i s_i,   s_i = Σ_j π_{j|i}²
    sign descent      coordinate (i, j) as in `exact_sign_error`, weighted by π_i

Only the pairs that occur count: where π_{j|i} = 0 the weight starts at its solution and stays there. Derived by us.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steepest.data.corpus import Corpus
from steepest.data.tokens import Vocabulary, tokenize
from steepest.measure.scaling_laws import Floats, updates_until

RATES = 40
SPACING = 1.05  # of the horizons that are tried


@dataclass(frozen=True)
class Bigrams:
    """The pairs of tokens that occur.

    Attributes:
        pi: π_i, frequency of each token as an input, shape (d,), 0 where it is none.
        row: i of each pair, shape (pairs,).
        conditional: π_{j|i} of each pair, shape (pairs,).
    """

    pi: Floats
    row: NDArray[np.int64]
    conditional: Floats

    @property
    def weights(self) -> Floats:
        """Return π_i of each pair."""
        return np.asarray(self.pi[self.row])

    @property
    def squares(self) -> Floats:
        """Return s_i = Σ_j π_{j|i}², shape (d,)."""
        return np.bincount(self.row, self.conditional**2, minlength=len(self.pi)).astype(np.float64)


def count_bigrams(ids: NDArray[np.int64], d: int) -> Bigrams:
    """Return the bigrams of a text of token ids 0 … d−1, shape (n + 1,)."""
    pairs, counts = np.unique(ids[:-1] * d + ids[1:], return_counts=True)
    row = pairs // d
    of_row = np.bincount(row, counts, minlength=d)
    return Bigrams(of_row / of_row.sum(), row, counts / of_row[row])


def bigrams_of(corpus: Corpus, vocabulary: Vocabulary) -> Bigrams:
    """Return the bigrams of a corpus's training documents, one after the other."""
    data = tokenize(corpus, vocabulary)
    return count_bigrams(data.ids["train"], data.num_classes)


def gd_error(text: Bigrams, t: float) -> float:
    """Return r(t) of gradient descent with the step 1/π_1."""
    weight = text.pi * text.squares
    with np.errstate(divide="ignore"):
        kept = np.exp(2 * t * np.log1p(-text.pi / text.pi.max())) if t else np.ones_like(text.pi)
    return float(weight @ kept / weight.sum())


def sign_error(text: Bigrams, T: int) -> float:
    """Return r(T) of sign descent at the best of 40 steps η = h/T, h spaced evenly in its logarithm.

    An optimal h lies between the smallest and the largest distance; T must be even, since the parity of a coordinate's
    last steps makes odd horizons jump (the paper's appendix A).
    """
    delta, weights = text.conditional, text.weights
    start = float(weights @ delta**2)
    reaches = np.geomspace(delta.max() / 300, delta.max(), RATES)
    return min(float(weights @ _left(delta, h / T, T) ** 2) for h in reaches) / start


def _left(delta: Floats, eta: float, T: int) -> Floats:
    n = np.floor(delta / eta)
    c = delta - n * eta
    return np.where(n >= T, delta - T * eta, np.where((T - n) % 2 == 0, c, eta - c))


def gd_updates_on(text: Bigrams, epsilon: float) -> int | None:
    """Return the updates of gradient descent until r ≤ ε."""
    return updates_until(lambda t: gd_error(text, t), epsilon)


def sign_updates_on(text: Bigrams, epsilon: float) -> int | None:
    """Return the first even horizon, of those spaced by 5 %, at which sign descent has r ≤ ε."""
    place = updates_until(lambda k: sign_error(text, horizon(k)), epsilon, most=400)
    return None if place is None else horizon(place)


def horizon(k: int) -> int:
    """Return the k-th horizon: the even number next to 2·1.05^k.

    >>> horizon(1), horizon(60)
    (2, 38)
    """
    return 2 * max(1, round(SPACING**k))
