"""How fast v learns signal and noise, derived by us.

SignGD moves every row of W_V,+ and W_V,− by η against the sign of the same number, so that each coordinate of v moves by 2η
per update while that sign stays the same:

    ⟨v, μ⟩ = 2η t ‖μ‖₁            y_i⟨v, ξ_i⟩ = 2η t Σ_j y_i ξ_ij sign(Σ_k y_k ξ_kj)

Where ξ_i is alone on coordinate j, the term is |ξ_ij|, σ_p √(2/π) on average; where K others are there too, the sign is that
of a sum of K + 1 Gaussians, and the mean falls by 1/√(K + 1). K is binomial: n − 1 samples, each there with s/(d − 1).

Gradient descent moves v along Σ_i y_i x_i/n: by ‖μ‖² in the signal, and by ‖ξ_i‖²/n, s σ_p²/n on average, in a noise patch.
"""

from __future__ import annotations

import math

import numpy as np

from steepest_papers.li2024signgd.problem import SignalNoise

SIGNAL_L1 = 1.0  # ‖μ‖₁


def signal_step(lr: float) -> float:
    """Return the growth of ⟨v, μ⟩ per update of SignGD, 2η‖μ‖₁."""
    return 2 * lr * SIGNAL_L1


def noise_step(problem: SignalNoise, lr: float) -> float:
    """Return the growth of the mean value noise per update of SignGD where supports do not overlap, 2η s σ_p √(2/π).

    >>> round(noise_step(SignalNoise(dimension=2000, sparsity=40, noise=2.0), 1e-4), 5)
    0.01277
    """
    return 2 * lr * problem.sparsity * problem.noise * math.sqrt(2 / math.pi)


def overlap_factor(problem: SignalNoise) -> float:
    """Return E[1/√(K + 1)], by which overlapping supports slow the value noise of SignGD.

    >>> round(overlap_factor(SignalNoise(dimension=2000, sparsity=40)), 3)
    0.899
    """
    n, p = problem.samples, problem.sparsity / (problem.dimension - 1)
    K = np.arange(n)
    probability = np.array([math.comb(n - 1, k) * p**k * (1 - p) ** (n - 1 - k) for k in range(n)])
    return float(probability @ (1 / np.sqrt(K + 1)))


def sign_ratio(problem: SignalNoise) -> float:
    """Return value noise over value signal under SignGD: s σ_p √(2/π)/‖μ‖₁ times the overlap factor."""
    return noise_step(problem, 1.0) / signal_step(1.0) * overlap_factor(problem)


def gradient_ratio(problem: SignalNoise) -> float:
    """Return value noise over value signal in the early phase of gradient descent, s σ_p²/(n ‖μ‖²).

    >>> [gradient_ratio(SignalNoise(noise=noise)) for noise in (0.5, 1.0, 2.0)]
    [0.25, 1.0, 4.0]
    """
    return problem.sparsity * problem.noise**2 / problem.samples
