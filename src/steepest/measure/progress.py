"""Progress by frequency group: how much of its initial loss each group has lost.

L_g(t) is the mean training loss of frequency group g after t updates (index 0: the most frequent), L(t) that of all samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def progress(initial: ArrayLike, final: ArrayLike) -> np.ndarray:
    """Return ρ = 1 − L(T)/L(0): 0 no progress, 1 solved, negative worse than at the start (derived by us).

    >>> progress([4.0, 4.0], [1.0, 5.0]).tolist()
    [0.75, -0.25]
    """
    return np.asarray(1.0 - np.asarray(final, float) / np.asarray(initial, float))


def group_progress(curves: ArrayLike, step: int = -1) -> np.ndarray:
    """Return ρ_g at `step` for curves of loss by group.

    Args:
        curves: L_g(t), shape (…, steps + 1, G); row 0 is the loss before training. NaN after a run diverged.
        step: number of updates, or −1 for the last.

    Returns:
        ρ_g, shape (…, G); NaN for empty groups.
    """
    curves = np.asarray(curves, float)
    return progress(curves[..., 0, :], curves[..., step, :])


def rank_order(losses: ArrayLike) -> float:
    """Return Kendall's τ-b between the group's rank and its loss, empty groups (NaN) left out; NaN if all losses tie.

    τ_b = Σ_{i<j} sign(L_j − L_i) / √(number of pairs · number of pairs without a tie), as ranks never tie.
    1 means: the rarer the group, the larger its loss. (SciPy has it; importing scipy.stats takes a second.)

    >>> rank_order([1.0, 2.0, 3.0]), rank_order([3.0, 2.0, 1.0])
    (1.0, -1.0)
    """
    losses = np.asarray(losses, float)
    present = losses[~np.isnan(losses)]
    i, j = np.triu_indices(len(present), 1)
    rises = np.sign(present[j] - present[i])  # of the pairs i < j, all of which differ in rank
    untied = np.count_nonzero(rises)
    return float(rises.sum() / np.sqrt(untied * len(rises))) if untied else float("nan")


def optimizer_gap(worse: float, better: float, initial: float) -> float:
    """Return Γ = (L_worse(T) − L_better(T)) / L(0), each at its own selected rate (derived by us).

    >>> optimizer_gap(3.0, 1.0, 4.0)
    0.5
    """
    return (worse - better) / initial
