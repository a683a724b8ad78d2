"""Gradient and Hessian by class at initialisation and under correct assignment, Zipf prefixes, the stable step.

First the formulas, then what the claims are measured on: functions whose named numbers are stored like runs; no threshold
is looked at here. Frequencies follow Zipf's law, π_k = 1/(k H_c), unless stated.

Proposition 2 of Kunstner et al. 2024 (Section 3.2, proof in Appendix H), with the true gradient's sign. For softmax
regression with class shares π_k, class means x̄_k and second moments H̄_k (x̄ and H̄ those of all samples):

    (1) at W = 0                        ∇_k = x̄/c − π_k x̄_k             ∇²_kk = (1/c)(1 − 1/c) H̄
    (2) p_k = p on class k, ≤ q elsewhere   ∇_k = −(1−p) π_k x̄_k + r_k      ∇²_kk = p(1−p) π_k H̄_k + R_k

with |r_k|_∞ ≤ qB and |R_k|_∞ ≤ qB² for inputs bounded by B. The bounds are derived by us; the paper has O(1/c).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import torch
from scipy.special import digamma
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.data.synthetic import HeavyTailedLabels
from steepest.measure.curvature import log_slope

Numbers = dict[str, float]


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


def uniform_inputs(m: int, features: int, seed: int) -> tuple[Tensor, Tensor, int]:
    """Return inputs uniform on [0, 1], float64, the labels of the m-level construction, and c = 2^m − 1."""
    y = torch.from_numpy(HeavyTailedLabels(m=m).labels())
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(len(y), features, dtype=torch.float64, generator=generator), y, 2**m - 1


@declared("kunstner2024heavytailed.initial_derivatives")
def initial_derivatives(m: int, features: int, seed: int) -> Numbers:
    """Compare autograd at W = 0 with Proposition 2 (1), and its gradient with the printed sign."""
    X, y, c = uniform_inputs(m, features, seed)
    gradient, hessian = derivatives(X, y, torch.zeros(len(y), c, dtype=torch.float64))
    formula, block = initial_gradient(X, y, c), initial_hessian(X, c)
    return {
        "gradient_error": float((gradient - formula).abs().max() / formula.abs().max()),
        "hessian_error": float((hessian - block).abs().max() / block.abs().max()),
        "cosine_with_print": float(torch.cosine_similarity(gradient.flatten(), -formula.flatten(), dim=0)),
    }


@declared("kunstner2024heavytailed.assigned_derivatives")
def assigned_derivatives(levels: int, features: int, p: float, seed: int) -> tuple[Numbers, dict[str, pa.Table]]:
    """Compare autograd under correct assignment with Proposition 2 (2) for c = 2^m − 1, m = 3 … levels."""
    rows = [_assignment_row(m, features, p, seed) for m in range(3, levels + 1)]
    table = pa.Table.from_pylist(rows)
    classes, gradient, hessian = (table[name].to_numpy() for name in ("classes", "gradient_error", "hessian_error"))
    bounds = (1 - p) / (classes - 1)
    numbers = {
        "gradient_exponent": log_slope(classes, gradient),
        "hessian_exponent": log_slope(classes, hessian),
        "share_of_bound": float(max((gradient / bounds).max(), (hessian / bounds).max())),
    }
    return numbers, {"errors": table}


def _assignment_row(m: int, features: int, p: float, seed: int) -> Numbers:
    X, y, c = uniform_inputs(m, features, seed)
    gradient, hessian = derivatives(X, y, assignment_probabilities(y, c, p).log())
    by_class = class_moments(X, y, c)
    errors = gradient - leading_gradient(by_class, p), hessian - leading_hessian(by_class, p)
    return {"classes": c, "gradient_error": float(errors[0].abs().max()), "hessian_error": float(errors[1].abs().max())}


@declared("kunstner2024heavytailed.gradient_to_trace")
def gradient_to_trace(m: int, features: int, p: float, seed: int) -> Numbers:
    """Compare g_1/h_1 under correct assignment with ‖x̄_1‖/(p Tr H̄_1), for the most frequent class, π_1 = 1/m."""
    X, y, c = uniform_inputs(m, features, seed)
    own = y == 0
    gradient, trace = block_of_class(X, own, torch.where(own, p, (1 - p) / (c - 1)).double())
    limit = X[own].mean(0).norm() / (p * X[own].square().sum(1).mean())
    return {"deviation": float((gradient.norm() / trace / limit - 1).abs()), "c_pi": c / m}


@declared("kunstner2024heavytailed.counterexamples")
def counterexamples(classes: int, p: float) -> Numbers:
    """Return the error of Proposition 2 (2) relative to the larger term, with one condition broken at a time.

    One input; class k has half of the samples, every other class one. As printed, the error should vanish as c grows.
    """
    half, c = classes - 1, classes
    own, ones = np.repeat([True, False], half), np.ones(2 * half)
    even = np.where(own, p, (1 - p) / half)
    centred, growing = ones.copy(), ones.copy()
    centred[:half], growing[-1] = np.linspace(-1, 1, half), 4 * c**2
    numbers = {
        "all_conditions": _relative_errors(ones, own, even)[0],
        "zero_class_mean": _relative_errors(centred, own, even)[0],
        "unbounded_input": _relative_errors(growing, own, even)[0],
        "p_to_1": _relative_errors(ones, own, np.where(own, 1 - 1 / c, 1 / c))[0],
        "p_to_0": _relative_errors(ones, own, np.full(2 * half, 1 / c))[1],
    }
    return numbers | {"smallest": min(value for name, value in numbers.items() if name != "all_conditions")}


def _relative_errors(x: np.ndarray, own: np.ndarray, prob: np.ndarray) -> tuple[float, float]:
    """Return the relative errors of the leading gradient and of the leading Hessian trace of class k."""
    exact = block_of_class(torch.from_numpy(x)[:, None], torch.from_numpy(own), torch.from_numpy(prob))
    p, share = prob[0], own.mean()
    leading = -(1 - p) * share * x[own].mean(), p * (1 - p) * share * (x[own] ** 2).mean()
    pairs = zip((float(value) for value in exact), leading, strict=True)
    gradient, trace = (abs(a - b) / max(abs(a), abs(b)) for a, b in pairs)
    return float(gradient), float(trace)


@declared("kunstner2024heavytailed.zipf_prefixes")
def zipf_prefixes() -> Numbers:
    """Return shares and least c π_k of Appendix H's prefixes, cut off at c/log²c (needed) and at c/log c (printed)."""
    small, large, huge = (zipf_prefix(c, 2) for c in (1e3, 1e6, 1e300))
    printed = [zipf_prefix(c, 1).least for c in (1e3, 1e6)]
    return {
        "share_small": small.share,
        "share_large": large.share,
        "share_huge": huge.share,
        "growth": large.least / small.least,
        "least_large": large.least,
        "printed_growth": printed[1] / printed[0],
        "printed_least_large": printed[1],
        "largest_over_log": max(zipf_prefix(c, 2).least / float(np.log(c)) for c in (1e3, 1e4, 1e5, 1e6, 1e300)),
    }


@declared("kunstner2024heavytailed.stable_step")
def stable_step(classes: int) -> Numbers:
    """Return α π_1 at the largest stable step of gradient descent on the weighted quadratic, by simulation."""
    pi = zipf(classes)
    return {"step_times_weight": largest_stable_step(pi) * float(pi[0])}


@declared("kunstner2024heavytailed.class_count")
def class_count(m: int) -> Numbers:
    """Return the number of classes of the m-level construction, and the printed one."""
    built, printed = len(HeavyTailedLabels(m=m).counts()), 2 ** (m + 1) - 1
    return {"built": built, "printed": printed, "surplus": printed - built}
