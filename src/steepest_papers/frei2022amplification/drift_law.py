"""The first steps in closed form: how a neuron drifts while f ≈ 0. Derived by us; constants are those of our setting.

At f = 0 every example pulls with −ℓ' = ½. In population the step of a neuron w with output weight a is

    Δw = α a (1−2η)/8 · [κ₁ μ₁ − κ₂ μ₂ + 2σ (φ(g₁) − φ(g₂)) w/‖w‖],   g_i = ⟨w, μ_i⟩/(σ‖w‖),   κ_i = 2Φ(g_i) − 1,

α the learning rate, η the flip rate, σ the noise of a cluster, φ and Φ the normal density and distribution. It follows from
E[x 1(⟨w, x⟩ > 0)] = z Φ(⟨w, z⟩/(σ‖w‖)) + σ φ(⟨w, z⟩/(σ‖w‖)) w/‖w‖ for x = z + σξ, summed over the four clusters.

A neuron with a > 0 has positive feedback on ⟨w, μ₁⟩, its good direction, and negative feedback on ⟨w, μ₂⟩, its bad one;
one with a < 0 the reverse. Small g grows by the factor `growth_factor` a step; at large g, κ = ±1 and growth is linear.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from steepest.component import declared
from steepest_papers.frei2022amplification.problem import XORClusters

Numbers = dict[str, float]
ROOT = math.sqrt(2 / math.pi)


def unit_drift(problem: XORClusters, lr: float) -> float:
    """Return α(1−2η)/(8√m): the population step of ⟨w, μ_good⟩ per unit of κ, and its slope once κ = 1.

    >>> round(unit_drift(XORClusters(), lr=1.0), 12)
    0.005
    """
    return lr * (1 - 2 * problem.flip_rate) / (8 * math.sqrt(problem.width))


def feedback(g: Any) -> Any:
    """Return κ = 2Φ(g) − 1 = erf(g/√2), odd in g and between −1 and 1, as an array."""
    from scipy.special import erf

    return erf(np.asarray(g) / math.sqrt(2))


def first_amplification(problem: XORClusters, lr: float) -> float:
    """Return A(1) = 1 + α(1−2η)/(16√m · ω√(2/π)), where σ√p = 1.

    Then g ~ N(0, 1) at initialisation for every ω, so |κ| is uniform on [0, 1] with mean ½; the mean of
    |⟨w, μ_good⟩| is ω√(2/π).

    >>> round(first_amplification(XORClusters(), lr=1.0), 2)
    4.13
    """
    return 1 + unit_drift(problem, lr) / (2 * problem.init_scale * ROOT)


def growth_factor(problem: XORClusters, lr: float, norm: float) -> float:
    """Return 1 + α(1−2η)√(2/π)/(8√m σ‖w‖), by which a small ⟨w, μ_good⟩ grows in one step.

    >>> problem = XORClusters()
    >>> round(growth_factor(problem, lr=1.0, norm=problem.init_scale * problem.dimension**0.5), 2)
    4.99
    """
    return 1 + ROOT * unit_drift(problem, lr) / (problem.noise * norm)


def population_step(W: Tensor, a: Tensor, mu: Tensor, problem: XORClusters, lr: float) -> Tensor:
    """Return Δw of each neuron in population at f = 0.

    Args:
        W: neurons, shape (m, p).
        a: their output weights, shape (m,).
        mu: μ₁ and μ₂ as rows, shape (2, p).
        problem: of which σ and η are read.
        lr: α.

    Returns:
        Steps, shape (m, p).
    """
    norm = W.norm(dim=1, keepdim=True)
    g = W @ mu.T / (problem.noise * norm)
    kappa = torch.erf(g / math.sqrt(2)) * torch.tensor([1.0, -1.0], dtype=W.dtype)
    density = torch.exp(-g.square() / 2) / math.sqrt(2 * math.pi)
    radial = 2 * problem.noise * (density[:, :1] - density[:, 1:]) * W / norm
    step: Tensor = lr * (1 - 2 * problem.flip_rate) / 8 * a[:, None] * (kappa @ mu + radial)
    return step


@declared("frei2022amplification.law_path")
def law_path(problem: XORClusters, lr: float, steps: int, seed: int) -> tuple[Numbers, dict[str, pa.Table]]:
    """Iterate the population step from a run's initial neurons, −ℓ' held at ½.

    Returns:
        A and A_bad after `steps` steps, and the table `path` of step, A, A_bad.
    """
    task = problem.setup(seed)
    W, a, mu = (tensor.detach().double() for tensor in (task.params["W"], task.data["a"], task.data["mu"]))
    means = []
    for _ in range(steps + 1):
        means.append(_mean_alignments(W, a, mu))
        W = W + population_step(W, a, mu, problem, lr)
    A, A_bad = (np.array(means) / means[0]).T
    path = pa.table({"step": np.arange(steps + 1), "A": A, "A_bad": A_bad})
    return {"A": float(A[-1]), "A_bad": float(A_bad[-1])}, {"path": path}


def _mean_alignments(W: Tensor, a: Tensor, mu: Tensor) -> tuple[float, float]:
    """Return the mean over neurons of |⟨w, μ_good⟩| and of |⟨w, μ_bad⟩|."""
    along = (W @ mu.T).abs()
    good = torch.where(a[:, None] > 0, along, along.flip(1)).mean(0)
    return float(good[0]), float(good[1])
