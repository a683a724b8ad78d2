"""Gradient flow and sign flow of the one-hot softmax model, in closed form and by brute force.

Setting (Kunstner et al. 2024, Section 3.3 and Appendix I): every sample of class k has the input e_k, W ∈ R^{c×c},
W(0) = 0, and f(W) = Σ_k π_k ℓ_k with ℓ_k = −log softmax(W e_k)_k. Column k meets class k only and keeps two values, a_k
on the diagonal and b_k off it. With the margin u = a − b,

    gradient flow   e^u + (c − 1) u = 1 + c s,  s = π_k t
    sign flow       u = 2t
    both            ℓ_k = log(1 + (c − 1) e^{−u})

The forms with Wright's ω, the bounds and the times to a fraction of the loss are derived by us.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import lambertw, wrightomega

from steepest.data.frequency import zipf

Flow = Literal["gradient", "sign", "normalized"]


def odds(s: ArrayLike, c: int) -> np.ndarray:
    """Return the odds p/(1−p) = ω(z) of the correct class under gradient flow, z = (1 + cs)/(c−1) − log(c−1).

    Derived by us: with ω = e^u/(c−1) the margin's equation is Wright's, ω + log ω = z. Nothing overflows or cancels.

    Args:
        s: rescaled time π_k t ≥ 0, any shape.
        c: number of classes, at least 2.

    Returns:
        Odds, same shape; 1/(c−1) at s = 0.

    >>> round(float(odds(0.0, 5)), 12)
    0.25
    """
    if c < 2:
        raise ValueError(f"the flows need at least 2 classes, got c = {c}")
    z = (1.0 + c * np.asarray(s, float)) / (c - 1) - np.log(c - 1)
    return np.asarray(wrightomega(z))


def gradient_flow_margin(s: ArrayLike, c: int) -> np.ndarray:
    """Return the margin u = log((c−1) ω) of gradient flow at s = π_k t (Lemma 5, in Wright's ω; see `odds`)."""
    return np.asarray(np.log((c - 1) * odds(s, c)))


def gradient_flow_margin_lambert(s: ArrayLike, c: int) -> np.ndarray:
    """Return the same margin as f/(c−1) − W₀(e^{f/(c−1)}/(c−1)), f = 1 + cs (Lemma 5); overflows for s ≳ 700."""
    x: Any = (1.0 + c * np.asarray(s, float)) / (c - 1)
    return np.asarray(x - lambertw(np.exp(x) / (c - 1)).real)


def gradient_flow_loss(s: ArrayLike, c: int) -> np.ndarray:
    """Return ℓ_k = log(1 + 1/ω) of gradient flow at s = π_k t.

    log c − (1−1/c)s for s ≪ log c; (1−1/c)/s for s ≫ log c. See `odds` for the arguments.

    >>> round(float(gradient_flow_loss(0.1, 1000)), 5), round(float(gradient_flow_loss(1e5, 50_000)) * 1e5, 4)
    (6.80787, 1.0002)
    """
    return np.asarray(np.log1p(1.0 / odds(s, c)))


def sign_flow_loss(t: ArrayLike, c: int) -> np.ndarray:
    """Return ℓ_k = log(1 + (c−1) e^{−2t}) of sign flow, the same for every class (Lemma 7, exponent corrected).

    >>> round(float(sign_flow_loss(3.0, 5)), 6)
    0.009866
    """
    return np.asarray(np.log1p((c - 1) * np.exp(-2.0 * np.asarray(t, float))))


def gradient_flow_bounds(s: ArrayLike, c: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (c−1)/(2cs) ≤ ℓ_k ≤ (c−1)/s, valid for s = π_k t ≥ 1."""
    s = np.asarray(s, float)
    return (c - 1) / (2 * c * s), (c - 1) / s


def sign_flow_bounds(t: ArrayLike, c: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ((c−1)/c) e^{−2t} ≤ ℓ_k ≤ (c−1) e^{−2t}, valid for t ≥ 0."""
    upper = (c - 1) * np.exp(-2.0 * np.asarray(t, float))
    return upper / c, upper


def negative_gradient(W: np.ndarray, pi: np.ndarray, radius: float = 1.0) -> np.ndarray:
    """Return −∇f(W) for inputs x_k = r e_k: entry (i, k) is r π_k (1[i=k] − softmax(r W e_k)_i).

    Args:
        W: parameters, shape (c, c).
        pi: class frequencies (or any positive class weights) π_k, shape (c,).
        radius: r.
    """
    E = np.exp(radius * (W - W.max(axis=0)))
    return np.asarray(radius * pi * (np.eye(len(pi)) - E / E.sum(axis=0)))


def losses(W: np.ndarray, radius: float = 1.0) -> np.ndarray:
    """Return ℓ_k = log Σ_i exp(r (W_ik − W_kk)), shape (…, c), for W of shape (…, c, c)."""
    margins = radius * (np.diagonal(W, axis1=-2, axis2=-1)[..., None, :] - W)
    others = np.exp(-margins) * (1.0 - np.eye(W.shape[-1]))
    return np.asarray(np.log1p(others.sum(axis=-2)))


def solve_flow(pi: ArrayLike, times: ArrayLike, flow: Flow = "gradient", radius: float = 1.0) -> np.ndarray:
    """Integrate W' = −∇f (or −∇f/‖∇f‖_F, "normalized") on the full c×c matrix from W(0) = 0; knows no closed form.

    Args:
        pi: π_k, shape (c,).
        times: increasing times ≥ 0, shape (T,).
        flow: "gradient" or "normalized"; a sign flow is discontinuous, use `descend`.
        radius: r of the inputs x_k = r e_k.

    Returns:
        W at the times, shape (T, c, c); integrated to rtol 1e-10, atol 1e-12.
    """
    pi, times = np.asarray(pi, float), np.asarray(times, float)
    c = len(pi)

    def field(_: float, flat: np.ndarray) -> np.ndarray:
        direction = negative_gradient(flat.reshape(c, c), pi, radius).ravel()
        return direction / np.linalg.norm(direction) if flow == "normalized" else direction

    start, span = np.zeros(c * c), (0.0, float(times[-1]))
    from scipy.integrate import solve_ivp  # slow to import

    solution = solve_ivp(field, span, start, method="DOP853", t_eval=times, rtol=1e-10, atol=1e-12)
    return np.asarray(solution.y).T.reshape(-1, c, c)


def descend(pi: ArrayLike, step: float, count: int, flow: Flow = "gradient", radius: float = 1.0) -> np.ndarray:
    """Make `count` steps of size h of gradient or sign descent from W = 0 on the full matrix.

    Returns:
        W after 0 … count steps, shape (count + 1, c, c).
    """
    pi = np.asarray(pi, float)
    path = np.zeros((count + 1, len(pi), len(pi)))
    for before, after in pairwise(path):
        direction = negative_gradient(before, pi, radius)
        after[:] = before + step * (np.sign(direction) if flow == "sign" else direction)
    return path


def total_loss(t: float, pi: np.ndarray, flow: Flow) -> float:
    """Return f(t) = Σ_k π_k ℓ_k(t) under gradient or sign flow."""
    c = len(pi)
    return float(pi @ gradient_flow_loss(pi * t, c)) if flow == "gradient" else float(sign_flow_loss(t, c))


def time_to_fraction(fraction: float, c: int, flow: Flow) -> float:
    """Return the time at which f under Zipf's law, π_k ∝ 1/k, has fallen to `fraction` of log c.

    >>> round(time_to_fraction(0.5, 100, "gradient"), 1), round(time_to_fraction(0.5, 100, "sign"), 2)
    (82.7, 1.2)
    """
    pi, target = zipf(c), fraction * np.log(c)
    excess: Callable[[float], float] = lambda log_t: total_loss(np.exp(log_t), pi, flow) - target  # noqa: E731
    from scipy.optimize import brentq  # slow to import

    return float(np.exp(brentq(excess, -5.0, np.log(100.0 * c**2), xtol=1e-12)))
