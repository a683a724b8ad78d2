"""Gradient and Hessian by class at initialisation and under correct assignment, Zipf prefixes, the stable step.

Proposition 2 of Kunstner et al. 2024 (Section 3.2, proof in Appendix H), with the true gradient's sign. For softmax
regression with class shares π_k, class means x̄_k and second moments H̄_k (x̄ and H̄ those of all samples):

    (1) at W = 0                        ∇_k = x̄/c − π_k x̄_k             ∇²_kk = (1/c)(1 − 1/c) H̄
    (2) p_k = p on class k, ≤ q elsewhere   ∇_k = −(1−p) π_k x̄_k + r_k      ∇²_kk = p(1−p) π_k H̄_k + R_k

with |r_k|_∞ ≤ qB and |R_k|_∞ ≤ qB² for inputs bounded by B. The bounds are derived by us; the paper has O(1/c).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.special import digamma
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot


class Moments(NamedTuple):
    """Class shares π_k (c,), means x̄_k (c, d) and second moments H̄_k (c, d, d)."""

    share: Tensor
    mean: Tensor
    second: Tensor


def class_moments(X: Tensor, y: Tensor, c: int) -> Moments:
    """Return the moments of inputs X (n, d) by class y (n,); every class must occur."""
    own = one_hot(y, c).to(X.dtype)
    counts = own.sum(0)
    second = torch.einsum("nk,nr,ns->krs", own, X, X) / counts[:, None, None]
    return Moments(counts / len(y), own.T @ X / counts[:, None], second)


def initial_gradient(X: Tensor, y: Tensor, c: int) -> Tensor:
    """Return ∇_k = x̄/c − π_k x̄_k at W = 0, shape (c, d)."""
    share, mean, _ = class_moments(X, y, c)
    return X.mean(0) / c - share[:, None] * mean


def initial_hessian(X: Tensor, c: int) -> Tensor:
    """Return ∇²_kk = (1/c)(1 − 1/c) H̄ at W = 0, the same for every k, shape (d, d)."""
    return (1 - 1 / c) / c * X.T @ X / len(X)


def leading_gradient(moments: Moments, p: float) -> Tensor:
    """Return −(1−p) π_k x̄_k, shape (c, d)."""
    return -(1 - p) * moments.share[:, None] * moments.mean


def leading_hessian(moments: Moments, p: float) -> Tensor:
    """Return p(1−p) π_k H̄_k, shape (c, d, d)."""
    return p * (1 - p) * moments.share[:, None, None] * moments.second


def derivatives(X: Tensor, y: Tensor, Z: Tensor) -> tuple[Tensor, Tensor]:
    """Return ∇_k and ∇²_kk of the mean cross-entropy by autograd, where the logits are Z.

    The weights are perturbed around the point at which the logits equal Z: f(V) = CE(Z + X Vᵀ, y) at V = 0.

    Args:
        X: inputs, shape (n, d).
        y: classes, shape (n,).
        Z: logits, shape (n, c).

    Returns:
        Gradients (c, d) and diagonal Hessian blocks (c, d, d).
    """
    c, d = Z.shape[1], X.shape[1]
    V = torch.zeros(c, d, dtype=X.dtype, requires_grad=True)
    (gradient,) = torch.autograd.grad(cross_entropy(Z + X @ V.T, y), V, create_graph=True)
    entries = [(k, r) for k in range(c) for r in range(d)]
    rows = [torch.autograd.grad(gradient[k, r], V, retain_graph=True)[0][k] for k, r in entries]
    return gradient.detach(), torch.stack(rows).view(c, d, d)


def assignment_probabilities(y: Tensor, c: int, p: float) -> Tensor:
    """Return P (n, c) with p on the sample's own class and q = (1−p)/(c−1) on every other (Assumption 1), float64."""
    P = torch.full((len(y), c), (1 - p) / (c - 1), dtype=torch.float64)
    P[torch.arange(len(y)), y] = p
    return P


def block_of_class(X: Tensor, own: Tensor, prob: Tensor) -> tuple[Tensor, Tensor]:
    """Return ∇_k (d,) and Tr ∇²_kk of one class from X (n, d), own = 1[y_i = k] (n,) and prob = p_k(x_i) (n,)."""
    weight = prob * (1 - prob)
    return (prob - own.to(X.dtype)) @ X / len(X), weight @ X.square().sum(1) / len(X)


def harmonic(n: float) -> float:
    """Return H_n = 1 + 1/2 + … + 1/n = ψ(n+1) + γ, also for an n far too large to sum.

    >>> round(harmonic(4), 12) == round(25 / 12, 12)
    True
    """
    return float(digamma(n + 1.0) + np.euler_gamma)


class Prefix(NamedTuple):
    """The most frequent classes up to a cut-off: their number, their share of the samples, and their least c π_k."""

    size: float
    share: float
    least: float


def zipf_prefix(c: float, power: float) -> Prefix:
    """Return the prefix of the ⌈c/log^power c⌉ most frequent of c classes under π_k = 1/(k H_c) (Appendix H).

    >>> size, share, least = zipf_prefix(1e6, 2)
    >>> size, round(share, 3), round(least, 2)
    (5240.0, 0.635, 13.26)
    """
    size = float(np.ceil(c / np.log(c) ** power))
    return Prefix(size, harmonic(size) / harmonic(c), c / size / harmonic(c))


def largest_stable_step(pi: np.ndarray, steps: int = 200) -> float:
    """Return the largest α at which simulated gradient descent on ½ Σ π_k w_k² does not grow (Section 3.1); bisection.

    In theory w_k(t) = (1 − απ_k)^t w_k(0), so α = 2/π_1 (derived by us; the print has 1/π_1).

    Args:
        pi: weights, largest first, shape (c,).
        steps: steps of each simulation from w = 1.
    """

    def grows(alpha: float) -> bool:
        w = np.ones_like(pi)
        for _ in range(steps):
            w = w - alpha * pi * w
        return bool(np.abs(w).max() > 1.0)

    low, high = 0.0, 8.0 / pi[0]
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if grows(middle) else (middle, high)
    return float(low)
