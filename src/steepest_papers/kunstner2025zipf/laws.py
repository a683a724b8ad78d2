"""The limits of r as the vocabulary grows, d → ∞ at a fixed rescaled time τ, for π_k = δ_k ∝ k^−α.

    gradient descent    α < 1    2t = τ d^α      r → ((1−α)/α) E_{1/α}(τ)
                        α = 1    2t = d^τ        r → 1 − τ
                        α > 1    2t = τ          r → B(1−1/α, τ+1) / (α ζ(α))
    sign descent        α < 1/2  T = τ           r → the minimum over x of φ = x d (see `sign_limit`)
                        α = 1/2  4T² = d^τ       r → 1 − τ
                        α > 1/2  4T² = τ² d      r → 1 / (ζ(2α) (1 + τ²)),  τ² ≥ 1/(2^α − 1)

E_p is the generalised exponential integral, B Euler's Beta function, ζ Riemann's. The scalings are the paper's; the limits
that its readable text does not spell out are derived by us from its proofs (Kunstner and Bach 2025, arXiv 2505.19227).
"""

from __future__ import annotations

import numpy as np
from scipy.special import beta, gamma, zeta

from steepest.theory.bigram import Floats, sign_relative_error


def exponential_integral(p: float, x: float) -> float:
    """Return E_p(x) = ∫_1^∞ e^{−xu} u^{−p} du for real p, x > 0.

    >>> round(exponential_integral(2.0, 1.0), 6)
    0.148496
    """
    from mpmath import expint

    return float(expint(p, x))


def gd_updates_of(tau: float, d: int, alpha: float) -> float:
    """Return the number of updates t of gradient descent that τ stands for."""
    if alpha < 1:
        return float(tau * d**alpha / 2)
    return float(d**tau / 2 if alpha == 1 else tau / 2)


def gd_limit(tau: float, alpha: float) -> float:
    """Return lim r of gradient descent at τ.

    >>> gd_limit(0.25, 1.0), round(gd_limit(16.0, 2.0), 4)
    (0.75, 0.1316)
    """
    if alpha < 1:
        return (1 - alpha) / alpha * exponential_integral(1 / alpha, tau)
    return float(1 - tau if alpha == 1 else beta(1 - 1 / alpha, tau + 1) / (alpha * zeta(alpha)))


def gd_tail(tau: float, alpha: float) -> float:
    """Return the power law C τ^{−(1−1/α)}, C = Γ(1−1/α)/(α ζ(α)), that the limit for α > 1 approaches."""
    return float(gamma(1 - 1 / alpha) / (alpha * zeta(alpha)) * tau ** -(1 - 1 / alpha))


def sign_updates_of(tau: float, d: int, alpha: float) -> float:
    """Return the number of updates T of sign descent that τ stands for."""
    if alpha < 0.5:
        return tau
    return float(d ** (tau / 2) / 2 if alpha == 0.5 else tau * np.sqrt(d) / 2)


def sign_limit(tau: float, alpha: float) -> float:
    """Return lim r of sign descent, with its best step, at τ; NaN where the theorem's formula does not hold.

    For α < 1/2 the best φ = x d has x = 1/(c₁ + 4 c₂ τ²) where that lies in (0, 1], else 1, with c₁ = 1 − 1/(2α) and
    c₂ = α/(1−α); then r → 2α²/(1−α) x^{1−2α} + (1−2α)(1−x) x^{−2α}/(4τ²).

    >>> round(sign_limit(1.0, 1.0), 4), round(sign_limit(2.0, 0.25), 4)
    (0.304, 0.1301)
    """
    if alpha < 0.5:
        below = 1 - 1 / (2 * alpha) + 4 * alpha / (1 - alpha) * tau**2
        x = 1 / below if below >= 1 else 1.0
        moving = 2 * alpha**2 / (1 - alpha) * x ** (1 - 2 * alpha)
        return float(moving + (1 - 2 * alpha) * (1 - x) * x ** (-2 * alpha) / (4 * tau**2))
    if alpha == 0.5:
        return 1 - tau
    return float(1 / (zeta(2 * alpha) * (1 + tau**2))) if tau**2 >= 1 / (2**alpha - 1) else float("nan")


def sign_rank(pi: Floats, tau: float, alpha: float) -> float:
    """Return φ at finite d: the rank, a real number, at which the law has fallen to the reach of the best step."""
    reach = sign_relative_error(pi, sign_updates_of(tau, len(pi), alpha)).reach
    return float((reach / pi[0]) ** (-1 / alpha))


def best_rank(tau: float, alpha: float) -> float:
    """Return the limit of φ, the rank down to which coordinates still move at the best step, for α > 1/2."""
    return float((1 + 1 / tau**2) ** (1 / alpha))
