"""How many updates gradient descent and sign descent need on the linear bigram model, from class frequencies alone.

    L(W) = (1/2n) ‖X W − Y‖_F²,   W(0) = 0,   r(t) = (L(t) − L*) / (L(0) − L*)

X, Y hold one-hot tokens; token i has frequency π_i, and token j follows it with probability π_{j|i}. The Hessian is diagonal
with eigenvalue π_i in all of row i, and coordinate (i, j) starts at a distance π_{j|i} from its solution. Where every
conditional, once sorted, is the same law δ (F. Kunstner and F. Bach 2025, arXiv 2505.19227, Assumption 2.3),

    gradient descent, step 1/π_1      r(t) = Σ_k π_k (1 − π_k/π_1)^{2t} / Σ_k π_k
    sign descent, step η = h/T        r(T) = min_h [Σ_{δ_k ≥ h} (δ_k − h)² + #{δ_k < h} h²/(4T²)] / Σ_k δ_k²

in the model of the paper's Assumption 4.1: a coordinate moves by η a step while it is further away than it can go, and
then stays within η/2. The formulas are derived by us from the paper's text. All sums are O(d), in float64.

Where the conditionals differ from row to row, as in a text, the same functions take a weight for each coordinate: π_i s_i with
s_i = Σ_j π_{j|i}² for row i of gradient descent, π_i for coordinate (i, j) of sign descent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class SignStep(NamedTuple):
    """The best sign descent for a horizon: r(T), and the threshold h, which its step η = h/T reaches in T updates."""

    error: float
    reach: float


def sorted_law(counts: ArrayLike) -> Floats:
    """Return frequencies π_1 ≥ π_2 ≥ …, shape (d,), of the classes that occur.

    Raises:
        ValueError: counts that are negative, not finite, or all 0.

    >>> sorted_law([1, 0, 3])
    array([0.75, 0.25])
    """
    n = np.asarray(counts, dtype=np.float64)
    if n.ndim != 1 or not np.isfinite(n).all() or (n < 0).any() or not n.any():
        raise ValueError("class counts must be a vector of finite numbers, none below 0 and not all 0")
    return np.asarray(np.sort(n[n > 0])[::-1] / n.sum())


def gd_relative_error(pi: Floats, t: float, weight: Floats | None = None) -> float:
    """Return r(t) = Σ_k w_k (1 − π_k/π_1)^{2t} / Σ_k w_k of gradient descent with the step 1/π_1.

    Args:
        pi: frequencies, the largest first, shape (d,).
        t: number of updates ≥ 0.
        weight: w_k, shape (d,); π_k if None, where all conditionals are one law.

    >>> gd_relative_error(np.array([0.5, 0.25, 0.25]), 1)
    0.125
    """
    w = pi if weight is None else weight
    with np.errstate(divide="ignore", invalid="ignore"):  # log 0 at k = 1, whose coordinate is solved in one step
        kept = np.exp(2 * t * np.log1p(-pi / pi[0])) if t else np.ones_like(pi)  # (1 − π_k/π_1)^{2t}
    return float(w @ kept / w.sum())


def sign_relative_error(delta: Floats, T: float, weight: Floats | None = None) -> SignStep:
    """Return r(T) = Σ_k w_k δ_k(T)² / Σ_k w_k δ_k² of sign descent with its best constant step for T updates.

    Among steps that do not bring the n largest coordinates to their solution, r is a parabola in h with the minimum

        h = Σ_{k≤n} w_k δ_k / (Σ_{k≤n} w_k + Σ_{k>n} w_k/(4T²)),   moved into [δ_{n+1}, δ_n];

    the best n is found by trying all (derived by us).

    Args:
        delta: initial distances δ_1 ≥ δ_2 ≥ … > 0, shape (d,).
        T: number of updates ≥ 1; laws in the limit take it for a real number.
        weight: w_k, shape (d,); all equal if None.

    >>> step = sign_relative_error(np.array([1.0, 0.5]), 5)
    >>> round(step.error, 5), round(step.reach, 5)  # the second one ends within half a step of 0.198
    (0.00792, 0.9901)
    """
    w = np.ones_like(delta) if weight is None else weight
    # for n = 0 … d: Σ_{k≤n} w_k, Σ_{k≤n} w_k δ_k, Σ_{k≤n} w_k δ_k²
    still, first, second = (np.concatenate([[0.0], np.cumsum(moment)]) for moment in (w, w * delta, w * delta**2))
    curvature = still + (still[-1] - still) / (4.0 * T**2)  # of the parabola: Σ_{k≤n} w_k + Σ_{k>n} w_k/(4T²)
    h = np.clip(first / curvature, np.append(delta, 0.0), np.concatenate([delta[:1], delta]))  # in [δ_{n+1}, δ_n]
    # Σ_{k≤n} w_k (δ_k − h)² + Σ_{k>n} w_k h²/(4T²), multiplied out
    reach = float(h[(second - 2 * h * first + h**2 * curvature).argmin()])
    # δ_k(T) anew: the sum above loses digits where r is tiny
    left = sign_distances(delta, T, reach)
    return SignStep(float(w @ left**2 / second[-1]), reach)


def sign_distances(delta: Floats, T: float, reach: float) -> Floats:
    """Return δ_k(T) of sign descent with the step η = h/T: δ_k − h where a coordinate is still on its way, else η/2.

    >>> sign_distances(np.array([1.0, 0.25]), 4, 0.5).tolist()
    [0.5, 0.0625]
    """
    return np.where(delta >= reach, delta - reach, reach / (2 * T))


def updates_until(error: Callable[[int], float], epsilon: float, most: int = 2**50) -> int | None:
    """Return the least number of updates T ≥ 1 with error(T) ≤ ε, for an error that falls with T; None beyond `most`.

    >>> updates_until(lambda T: 1 / T, 0.01)
    100
    """
    high = 1
    while error(high) > epsilon:  # double until it is reached
        high *= 2
        if high > most:
            return None
    low = high // 2
    while high - low > 1:  # error(low) > ε ≥ error(high): halve the interval
        middle = (low + high) // 2
        low, high = (low, middle) if error(middle) <= epsilon else (middle, high)
    return high


def gd_updates(pi: Floats, epsilon: float, weight: Floats | None = None) -> int | None:
    """Return the updates that gradient descent needs until r ≤ ε, step 1/π_1, with the weights w_k, π_k if None.

    >>> gd_updates(sorted_law(1 / np.arange(1, 1001)), 0.1)
    187
    """
    return updates_until(lambda t: gd_relative_error(pi, t, weight), epsilon)


def sign_updates(delta: Floats, epsilon: float, weight: Floats | None = None) -> int | None:
    """Return the least horizon T for which some constant step of sign descent reaches r ≤ ε; w_k all equal if None.

    >>> sign_updates(sorted_law(1 / np.arange(1, 1001)), 0.1)
    36
    """
    return updates_until(lambda T: sign_relative_error(delta, T, weight).error, epsilon)
