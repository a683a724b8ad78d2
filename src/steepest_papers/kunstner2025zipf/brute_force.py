"""The bigram model trained on its full d × d matrix, without any formula: what the laws are held against.

Gradient of the squared loss at W: entry (i, j) is π_i (W_ij − π_{j|i}); of the cross-entropy π_i (softmax(W_i)_j − π_{j|i}).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Literal

import numpy as np

from steepest.theory.bigram import Floats

Method = Literal["GD", "Sign"]
Loss = Literal["squared", "cross-entropy"]


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
