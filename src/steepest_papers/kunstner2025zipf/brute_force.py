"""The bigram model trained on its full d × d matrix, without any formula: what the laws are held against.

Gradient of the squared loss at W: entry (i, j) is π_i (W_ij − π_{j|i}); of the cross-entropy π_i (softmax(W_i)_j − π_{j|i}).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from steepest.measure.scaling_laws import Floats

Method = Literal["gd", "sign"]
Loss = Literal["squared", "cross-entropy"]


def conditionals(pi: Floats, seed: int) -> Floats:
    """Return π_{j|i}, shape (d, d): in every row the law π, in an order of its own."""
    generator = np.random.default_rng(seed)
    return np.stack([generator.permutation(pi) for _ in pi])


def losses(pi: Floats, target: Floats, method: Method, eta: float, steps: int, loss: Loss = "squared") -> Floats:
    """Return (L(t) − L*)/(L(0) − L*) for t = 0 … steps.

    Args:
        pi: π_i, shape (d,).
        target: π_{j|i}, shape (d, d).
        method: W ← W − η g, or W ← W − η sign(g).
        eta: η.
        steps: T.
        loss: of the model.
    """
    W, found = np.zeros_like(target), []
    for _ in range(steps + 1):
        value, difference = _squared(W, target) if loss == "squared" else _cross_entropy(W, target)
        found.append(float(pi @ value))
        gradient = pi[:, None] * difference
        W -= eta * (gradient if method == "gd" else np.sign(gradient))
    return np.array(found) / found[0]


def _squared(W: Floats, target: Floats) -> tuple[Floats, Floats]:
    difference = W - target
    return 0.5 * np.square(difference).sum(1), difference


def _cross_entropy(W: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Return KL(target_i ‖ softmax W_i) of each row, and softmax(W) − target."""
    shifted = W - W.max(1, keepdims=True)
    log_s = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return (target * (np.log(target) - log_s)).sum(1), np.exp(log_s) - target


def exact_sign_error(delta: Floats, eta: float, steps: int) -> float:
    """Return r of sign descent, exactly: a coordinate falls by η until it is within η of 0, then alternates.

    With n = ⌊δ/η⌋ and c = δ − nη it is at δ − tη for t ≤ n; later at c or η − c, as t − n is even or odd (derived by us).
    """
    n = np.floor(delta / eta)
    c = delta - n * eta
    there = np.where((steps - n) % 2 == 0, c, eta - c)
    left = np.where(steps <= n, delta - steps * eta, there)
    return float((left**2).sum() / (delta**2).sum())
