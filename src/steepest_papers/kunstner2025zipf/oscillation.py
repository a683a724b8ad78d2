"""Sign descent on one coordinate, exactly: it falls by η until it is within η of its solution, then goes back and forth.

A coordinate with δ < η is back at its start after an even number of updates, at η − δ after an odd one; the paper's model puts
it at η/2. So horizons of one parity are compared with each other, even ones in the paper (its appendix A). At odd ones the
rare coordinates cost η² each, not η²/4, which is the model at half as many updates (derived by us).
"""

from __future__ import annotations

import numpy as np

from steepest.theory.bigram import Floats, updates_until

COARSE, FINE = 80, 41


def distances_left(delta: Floats, eta: float, T: int) -> Floats:
    """Return |δ_k(T)|: δ − Tη while T ≤ n = ⌊δ/η⌋; later c = δ − nη or η − c, as T − n is even or odd (derived by us).

    >>> distances_left(np.array([1.0, 0.25]), 0.1, 4).round(9).tolist()
    [0.6, 0.05]
    """
    n = np.floor(delta / eta)
    c = delta - n * eta
    return np.where(n >= T, delta - T * eta, np.where((T - n) % 2 == 0, c, eta - c))


def exact_error(delta: Floats, eta: float, T: int, weight: Floats | None = None) -> float:
    """Return r(T) = Σ_k w_k δ_k(T)² / Σ_k w_k δ_k², all w_k equal if None."""
    w = np.ones_like(delta) if weight is None else weight
    return float(w @ distances_left(delta, eta, T) ** 2 / (w @ delta**2))


def model_error(delta: Floats, eta: float, T: int) -> float:
    """Return r(T) in the paper's Assumption 4.1: a coordinate that has arrived counts as η/2 away."""
    left = np.where(delta >= T * eta, delta - T * eta, eta / 2)
    return float((left**2).sum() / (delta**2).sum())


def best_exact_error(delta: Floats, T: int, weight: Floats | None = None) -> float:
    """Return the least exact r(T) over steps η = h/T: 80 from the smallest distance to twice the largest, 41 around the best."""
    coarse = np.geomspace(delta.min(), 2 * delta.max(), COARSE)
    best = int(np.argmin([exact_error(delta, h / T, T, weight) for h in coarse]))
    fine = np.geomspace(coarse[max(best - 1, 0)], coarse[min(best + 1, COARSE - 1)], FINE)
    return min(exact_error(delta, h / T, T, weight) for h in fine)  # its middle is the best of the coarse ones


def exact_updates(delta: Floats, epsilon: float, weight: Floats | None = None, *, odd: bool = False) -> int | None:
    """Return an even (odd) horizon T ≥ 2 at which sign descent with its best step has r(T) ≤ ε and at T − 2 has not."""
    half = updates_until(lambda m: best_exact_error(delta, 2 * m + odd, weight), epsilon)
    return None if half is None else 2 * half + odd
