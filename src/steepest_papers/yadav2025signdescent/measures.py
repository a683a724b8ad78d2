"""Measures that several figures share: a stored number, and a log–log slope with its interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from steepest.claims.claim import Measured
from steepest.claims.paper import Results
from steepest.runs.results import Undecided

Measure = Callable[[Results], Measured]


class Slope(NamedTuple):
    """A least-squares slope of log y on log x with Student's 95 % interval over the points."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def slope(x: ArrayLike, y: ArrayLike) -> Slope:
    """Return the slope of log y on log x over the points that have both.

    Raises:
        Undecided: fewer than three points.

    >>> str(slope([1, 10, 100, 1000], [2, 200, 20000, np.nan]))
    '2.00 [2.00, 2.00]'
    """
    from scipy.special import stdtrit

    a, b = np.log(np.asarray(x, float)), np.log(np.asarray(y, float))
    a, b = a[np.isfinite(a + b)], b[np.isfinite(a + b)]
    if len(a) < 3:
        raise Undecided(f"only {len(a)} sizes were reached; a slope with an interval needs 3")
    coefficients = np.polyfit(a, b, 1)
    residuals = b - np.polyval(coefficients, a)
    error = np.sqrt(residuals @ residuals / (len(a) - 2) / ((a - a.mean()) @ (a - a.mean())))
    half = float(stdtrit(len(a) - 2, 0.975) * error)
    return Slope(float(coefficients[0]), float(coefficients[0]) - half, float(coefficients[0]) + half)
