"""Gradient and curvature by class of softmax regression, in closed form.

For logits z_i = W x_i + b with probabilities P_ik, block k of the parameters being row w_k:

    ∇_k = (1/n) Σ_i (P_ik − 1[y_i = k]) x_i
    ∇²_kj = (1/n) Σ_i P_ik (1[k = j] − P_ij) x_i x_iᵀ

The Hessian does not depend on the labels. Its block traces cost O(nc), no autograd needed (Kunstner et al. 2024,
Section 3.2 and Appendix H.1; exact, where the released code has the trace up to a constant factor).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor


def gradient_by_class(X: Tensor, P: Tensor, y: Tensor) -> Tensor:
    """Return the gradient blocks ∇_k of the mean cross-entropy.

    Args:
        X: inputs, shape (n, d).
        P: probabilities, shape (n, c).
        y: classes, shape (n,), int64.

    Returns:
        ∇_k, shape (c, d).
    """
    residual = P.clone()
    residual[torch.arange(len(y)), y] -= 1.0  # P_ik − 1[y_i = k]
    return residual.T @ X / len(y)  # (1/n) Σ_i (P_ik − 1[y_i = k]) x_i


def gradient_norm_by_class(X: Tensor, P: Tensor, y: Tensor) -> Tensor:
    """Return g_k = ‖∇_k‖₂, shape (c,); the bias is left out. Arguments as in `gradient_by_class`.

    >>> X, P = torch.tensor([[3.0, 4.0]]), torch.tensor([[0.5, 0.25, 0.25]])
    >>> gradient_norm_by_class(X, P, torch.tensor([0])).tolist()
    [2.5, 1.25, 1.25]
    """
    norms: Tensor = torch.linalg.vector_norm(gradient_by_class(X, P, y), dim=1)
    return norms


def hessian_trace_by_class(X: Tensor, P: Tensor) -> Tensor:
    """Return h_k = Tr ∇²_kk = (1/n) Σ_i P_ik (1 − P_ik) ‖x_i‖².

    Args:
        X: inputs, shape (n, d).
        P: probabilities, shape (n, c).

    Returns:
        h_k, shape (c,).

    >>> hessian_trace_by_class(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.5, 0.25, 0.25]])).tolist()
    [6.25, 4.6875, 4.6875]
    """
    return (P * (1.0 - P)).T @ X.square().sum(1) / len(X)  # Tr x_i x_iᵀ = ‖x_i‖²


def hessian_block_traces(X: Tensor, P: Tensor, classes: Tensor) -> Tensor:
    """Return Tr ∇²_kj for all pairs of some classes; over all classes each row sums to zero.

    Args:
        X: inputs, shape (n, d).
        P: probabilities, shape (n, c).
        classes: the classes k, shape (s,), int64.

    Returns:
        Traces, shape (s, s): h_k on the diagonal, −(1/n) Σ_i P_ik P_ij ‖x_i‖² off it.
    """
    chosen, size = P[:, classes], X.square().sum(1, keepdim=True)
    traces = -(chosen * size).T @ chosen / len(X)  # −(1/n) Σ_i P_ik P_ij ‖x_i‖², for k = j too
    return traces.diagonal_scatter(hessian_trace_by_class(X, chosen))


def log_correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Return Pearson's correlation of log a and log b over pairs where both are positive; NaN below three such pairs.

    >>> round(log_correlation([1.0, 10.0, 100.0], [2.0, 200.0, 20000.0]), 6)
    1.0
    """
    x, y = _positive_logs(a, b)
    return float(np.corrcoef(x, y)[0, 1]) if len(x) > 2 else float("nan")


def log_slope(a: ArrayLike, b: ArrayLike) -> float:
    """Return the least-squares slope of log b on log a over pairs where both are positive; NaN below three such pairs.

    >>> round(log_slope([1.0, 10.0, 100.0], [2.0, 200.0, 20000.0]), 6)
    2.0
    """
    x, y = _positive_logs(a, b)
    return float(np.polyfit(x, y, 1)[0]) if len(x) > 2 else float("nan")


def _positive_logs(a: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(a, float), np.asarray(b, float)
    kept = (x > 0) & (y > 0)
    return np.log(x[kept]), np.log(y[kept])
