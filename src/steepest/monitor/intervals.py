"""Intervals of differences of two mean losses, and since which window such a difference exists.

    δ = m₁ − m₀,  se² = s₁²/n₁ + s₀²/n₀,  interval δ ± t_{1−α/2, ν} se
    ν = se⁴ / ((s₁²/n₁)²/(n₁−1) + (s₀²/n₀)²/(n₀−1))

Welch (1947); s² are the sample variances. Several intervals together share α = 5 % (Bonferroni), so that all of them hold
with probability 95 %. Examples are assumed to be independent. Tokens of one text are not, so that their intervals are
somewhat too narrow; so are those of a window that visits the same examples several times.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A difference with the ends of its interval; all NaN where a side has fewer than two examples."""

    value: Floats
    low: Floats
    high: Floats

    def at(self, index: Any) -> Interval:
        """Return some of many intervals."""
        return Interval(self.value[index], self.low[index], self.high[index])


class Sample(NamedTuple):
    """Mean, sample variance and size of a sample, or of many."""

    mean: ArrayLike
    variance: ArrayLike
    size: ArrayLike


def welch(sample: Sample, reference: Sample, at_once: int = 1) -> Interval:
    """Return m₁ − m₀ with its interval; samples broadcast.

    Args:
        sample: m₁, s₁² and n₁.
        reference: m₀, s₀² and n₀.
        at_once: number of intervals that are to hold together.

    >>> welch(Sample(5.0, 4.0, 100), Sample(3.0, 1.0, 25))
    Interval(value=array(2.), low=array(1.436...), high=array(2.563...))
    """
    from scipy.special import stdtrit

    m1, v1, n1 = (np.asarray(of, dtype=np.float64) for of in sample)
    m0, v0, n0 = (np.asarray(of, dtype=np.float64) for of in reference)
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = v1 / n1, v0 / n0
        freedom = (a + b) ** 2 / (a**2 / (n1 - 1) + b**2 / (n0 - 1))
    least = np.minimum(n1, n0) - 1
    freedom = np.where(a + b > 0, freedom, 1)  # without any spread the interval is a point
    half = stdtrit(np.maximum(freedom, 1), 1 - (1 - LEVEL) / 2 / at_once) * np.sqrt(a + b)
    value = m1 - m0
    return Interval(*(np.where(least >= 1, end, np.nan) for end in (value, value - half, value + half)))


def since(low: ArrayLike) -> int | None:
    """Return the first window from which on every interval lies above 0, None if the last one does not.

    Windows without an interval (NaN) are left out.

    >>> since([0.1, -0.2, 0.3, float("nan"), 0.2])
    2
    """
    ends = np.asarray(low, dtype=np.float64)
    informative = np.flatnonzero(~np.isnan(ends))
    not_above = informative[ends[informative] <= 0]
    start = int(not_above[-1]) + 1 if len(not_above) else 0
    later = informative[informative >= start]
    return int(later[0]) if len(later) else None
