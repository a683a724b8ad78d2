"""Classifiers without feature learning, on the data of the network: linear, random features, neural tangent kernel.

All are logistic regression by gradient descent on fixed features, which is the same in function space:

    f = K α,   α_i ← α_i + (s/n) y_i σ(−y_i f_i),   K the kernel on the training points, s the step

from α = 0. The step is s = 4n/λ_max(K) = 1/L, L the smoothness of the loss in the features' weights: no rate is tuned, and
the scale of the features does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from steepest.component import declared
from steepest.problems.base import Task, derived_seed
from steepest_papers.frei2022amplification.probes import error, held_out_errors
from steepest_papers.frei2022amplification.problem import XORClusters

Kernel = Callable[[Tensor, Tensor], Tensor]
LINEAR_STEPS, FEATURE_STEPS, TANGENT_STEPS = 2000, 600, 3000


class Baseline(NamedTuple):
    """A kernel and the number of its gradient steps."""

    kernel: Kernel
    steps: int


def linear(X: Tensor, Z: Tensor) -> Tensor:
    """Return ⟨x, z⟩, shape (len X, len Z)."""
    return X @ Z.T


def random_features(W: Tensor) -> Kernel:
    """Return the kernel Σ_j relu(⟨w_j, x⟩) relu(⟨w_j, z⟩) of frozen neurons W, shape (m, p)."""
    return lambda X, Z: torch.relu(X @ W.T) @ torch.relu(Z @ W.T).T


def tangent(X: Tensor, Z: Tensor) -> Tensor:
    """Return the neural tangent kernel of the first layer, ⟨x, z⟩ (π − angle(x, z))/(2π).

    It is E_w ⟨x, z⟩ 1(⟨w, x⟩ > 0) 1(⟨w, z⟩ > 0) for Gaussian w: the probability that both are active.

    >>> x, z = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0], [2.0, 0.0], [-1.0, 0.0]])
    >>> tangent(x, z)
    tensor([[0., 1., -0.]])
    """
    inner = X @ Z.T
    cosine = inner / (X.norm(dim=1)[:, None] * Z.norm(dim=1))
    return inner * (math.pi - torch.arccos(cosine.clamp(-1, 1))) / (2 * math.pi)


def fit(K: Tensor, y: Tensor, steps: int) -> Tensor:
    """Return α after `steps` steps of gradient descent, shape (n,).

    Args:
        K: kernel on the training points, shape (n, n).
        y: labels ±1, shape (n,).
        steps: number of steps of size 4n/λ_max(K).
    """
    step = 4 / torch.linalg.eigvalsh(K)[-1]
    alpha = torch.zeros_like(y)
    for _ in range(steps):
        alpha += step * y * torch.sigmoid(-y * (K @ alpha))
    return alpha


@declared("frei2022amplification.compare")
def compare(problem: XORClusters, small: int, large: int, seed: int) -> dict[str, float]:
    """Return training and test errors of all baselines on the data of `seed`.

    Args:
        problem: the network's problem.
        small: number of frozen neurons of `rf_small`.
        large: of `rf_large`.
        seed: of the data; the frozen neurons get a seed derived from it.

    Returns:
        `NAME_train`, `NAME_clean`, `NAME_noisy` for linear, rf_small, rf_large, ntk; and `linear_mirrored`, the clean error of
        the linear rule on the test points together with their mirror images −x.
    """
    task = problem.setup(seed)
    numbers: dict[str, float] = {}
    for name, baseline in _baselines(problem.dimension, small, large, seed).items():
        numbers |= {f"{name}_{what}": value for what, value in _errors(baseline, task).items()}
    return numbers | {"linear_mirrored": _mirrored_error(task)}


def _baselines(dimension: int, small: int, large: int, seed: int) -> Mapping[str, Baseline]:
    generator = torch.Generator().manual_seed(derived_seed(seed, large))
    W = torch.randn(large, dimension, generator=generator)
    return {
        "linear": Baseline(linear, LINEAR_STEPS),
        "rf_small": Baseline(random_features(W[:small]), FEATURE_STEPS),
        "rf_large": Baseline(random_features(W), FEATURE_STEPS),
        "ntk": Baseline(tangent, TANGENT_STEPS),
    }


def _errors(baseline: Baseline, task: Task) -> dict[str, float]:
    X, y, test_X = (task.data[name] for name in ("X", "y", "test_X"))
    K = baseline.kernel(X, X)
    alpha = fit(K, y, baseline.steps)
    found = held_out_errors(baseline.kernel(test_X, X) @ alpha, task)
    return {"train": error(y * (K @ alpha)), "clean": found["clean_error"], "noisy": found["noisy_error"]}


def _mirrored_error(task: Task) -> float:
    X, y, test_X, clean = (task.data[name] for name in ("X", "y", "test_X", "test_clean"))
    f = linear(test_X, X) @ fit(linear(X, X), y, LINEAR_STEPS)
    return error(torch.cat([clean * f, clean * -f]))
