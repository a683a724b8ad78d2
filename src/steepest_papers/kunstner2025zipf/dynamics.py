"""The exact dynamics of the bigram model, which the laws are held against: of the full matrix, and of one coordinate.

Training the d × d matrix without any formula: entry (i, j) of the gradient at W is π_i (W_ij − π_{j|i}) for the squared loss,
π_i (softmax(W_i)_j − π_{j|i}) for the cross-entropy.

A coordinate of sign descent falls by η until it is within η of its solution, then goes back and forth. With δ < η it is back
at its start after an even number of updates, at η − δ after an odd one; the paper's model puts it at η/2. So horizons of one
parity are compared with each other, even ones in the paper (its appendix A). At odd ones the rare coordinates cost η² each,
not η²/4, which is the model at half as many updates (derived by us).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Literal

import numpy as np

from steepest.theory.bigram import Floats, sign_distances, updates_until

Method = Literal["GD", "Sign"]
Loss = Literal["squared", "cross-entropy"]
COARSE, FINE = 80, 41


def conditionals(pi: Floats, seed: int) -> Floats:
    """Return π_{j|i}, shape (d, d): in every row the law π, in an order of its own."""
    generator = np.random.default_rng(seed)
    return np.stack([generator.permutation(pi) for _ in pi])


def descend(pi: Floats, target: Floats, method: Method, eta: float, loss: Loss = "squared") -> Iterator[float]:
    """Yield r = (L(t) − L*)/(L(0) − L*) for t = 0, 1, 2 …

    Args:
        pi: π_i, shape (d,).
        target: π_{j|i}, shape (d, d).
        method: GD: W ← W − η g; Sign: W ← W − η sign(g).
        eta: η.
        loss: of the model.
    """
    W, start = np.zeros_like(target), None
    evaluate = _squared if loss == "squared" else _cross_entropy
    while True:
        excess, difference = evaluate(W, target)
        start = float(pi @ excess) if start is None else start
        yield float(pi @ excess) / start
        W -= (eta * pi)[:, None] * difference if method == "GD" else eta * np.sign(difference)


def curve(errors: Iterator[float], steps: int) -> Floats:
    """Return r(0) … r(steps)."""
    return np.fromiter(islice(errors, steps + 1), dtype=np.float64)


def _squared(W: Floats, target: Floats) -> tuple[Floats, Floats]:
    difference = W - target
    return 0.5 * np.square(difference).sum(1), difference


def _cross_entropy(W: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Return KL(target_i ‖ softmax W_i) = log Σ_j exp W_ij − Σ_j target_ij (W_ij − log target_ij), and softmax(W) − target."""
    largest = W.max(1, keepdims=True)
    softmax = np.exp(W - largest)
    total = softmax.sum(1, keepdims=True)
    excess = (largest + np.log(total))[:, 0] - (target * (W - np.log(target))).sum(1)
    return excess, softmax / total - target


def exact_distances(delta: Floats, eta: float, T: int) -> Floats:
    """Return |δ_k(T)|: δ − Tη while T ≤ n = ⌊δ/η⌋; later c = δ − nη or η − c, as T − n is even or odd (derived by us).

    >>> exact_distances(np.array([1.0, 0.25]), 0.1, 4).round(9).tolist()
    [0.6, 0.05]
    """
    n = np.floor(delta / eta)
    c = delta - n * eta
    return np.where(n >= T, delta - T * eta, np.where((T - n) % 2 == 0, c, eta - c))


def exact_error(delta: Floats, eta: float, T: int, weight: Floats | None = None) -> float:
    """Return r(T) = Σ_k w_k δ_k(T)² / Σ_k w_k δ_k², all w_k equal if None."""
    w = np.ones_like(delta) if weight is None else weight
    return float(w @ exact_distances(delta, eta, T) ** 2 / (w @ delta**2))


def model_error(delta: Floats, eta: float, T: int) -> float:
    """Return r(T) in the paper's Assumption 4.1: a coordinate that has arrived counts as η/2 away."""
    return float((sign_distances(delta, T, T * eta) ** 2).sum() / (delta**2).sum())


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
