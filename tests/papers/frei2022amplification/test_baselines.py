"""The baselines: kernels against Monte Carlo, descent in function space against torch's SGD on the weights."""

from __future__ import annotations

import math

import pytest
import torch

from steepest_papers.frei2022amplification import classifiers as baselines
from steepest_papers.frei2022amplification.clusters import XORClusters

PROBLEM = XORClusters(samples=40, dimension=6, width=10, noise=0.4, test_points=500)


def test_descent_in_function_space_is_sgd_on_the_weights() -> None:
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(20, 4, generator=generator, dtype=torch.float64)
    y = torch.randn(20, generator=generator, dtype=torch.float64).sign()
    w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    smoothness = float(torch.linalg.eigvalsh(X.T @ X)[-1]) / (4 * 20)
    optimizer = torch.optim.SGD([w], lr=1 / smoothness)
    for _ in range(50):
        optimizer.zero_grad()
        torch.nn.functional.softplus(-y * (X @ w)).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    alpha = baselines.fit(baselines.linear(X, X), y, 50)
    torch.testing.assert_close(X.T @ alpha, w.detach())


def test_tangent_kernel_is_the_mean_over_gaussian_neurons() -> None:
    generator = torch.Generator().manual_seed(0)
    X, Z = (torch.randn(k, 3, generator=generator, dtype=torch.float64) for k in (3, 4))
    W = torch.randn(400_000, 3, generator=generator, dtype=torch.float64)
    active = [((points @ W.T) > 0).double() for points in (X, Z)]
    expected = (X @ Z.T) * (active[0] @ active[1].T) / len(W)
    torch.testing.assert_close(baselines.tangent(X, Z), expected, atol=0.02, rtol=0)
    torch.testing.assert_close(baselines.tangent(X, X).diag(), X.square().sum(1) / 2)


def test_random_features_are_relu_products_summed_over_neurons() -> None:
    W = torch.tensor([[1.0, 0.0], [0.0, -2.0], [1.0, 1.0]])
    x, z = torch.tensor([[1.0, -1.0]]), torch.tensor([[3.0, -2.0]])
    assert float(baselines.random_features(W)(x, z)) == 1 * 3 + 2 * 4 + 0 * 1


def test_a_linear_rule_errs_on_exactly_one_of_a_point_and_its_mirror_image() -> None:
    numbers = baselines.compare(PROBLEM, 10, 100, seed=0)
    assert numbers["linear_mirrored"] == 0.5
    assert numbers["linear_clean"] != 0.5  # on one draw of points it is near, not at, one half


def test_errors_are_those_of_refitted_classifiers() -> None:
    numbers, task = baselines.compare(PROBLEM, 10, 100, seed=1), PROBLEM.setup(1)
    X, y, Z, clean = (task.data[name] for name in ("X", "y", "test_X", "test_clean"))
    cosine = torch.nn.functional.cosine_similarity(Z[:, None], X, dim=2)
    K = (Z @ X.T) * (0.5 - torch.arccos(cosine) / (2 * math.pi))
    alpha = baselines.fit(baselines.tangent(X, X), y, 3000)
    wrong = ((K @ alpha).sign() != clean).double()
    assert numbers["ntk_clean"] == pytest.approx(float(wrong.mean()))
    flipped = task.data["test_flipped"]
    assert numbers["ntk_noisy"] == pytest.approx(float(torch.where(flipped, 1 - wrong, wrong).mean()))
    assert set(numbers) == {
        *(
            f"{name}_{what}"
            for name in ("linear", "rf_small", "rf_large", "ntk")
            for what in ("train", "clean", "noisy")
        ),
        "linear_mirrored",
    }


def test_more_features_interpolate() -> None:
    numbers = baselines.compare(PROBLEM, 10, 400, seed=0)
    assert numbers["rf_large_train"] <= numbers["rf_small_train"]
    assert numbers["ntk_train"] <= numbers["linear_train"]
