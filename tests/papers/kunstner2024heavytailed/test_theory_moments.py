from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from steepest.data.synthetic import HeavyTailedLabels
from steepest.measure.curvature import gradient_by_class, hessian_trace_by_class
from steepest_papers.kunstner2024heavytailed.theory_moments import (
    assignment_probabilities,
    block_of_class,
    class_moments,
    derivatives,
    harmonic,
    initial_gradient,
    initial_hessian,
    largest_stable_step,
    leading_gradient,
    leading_hessian,
    zipf_prefix,
)

hessian_of: Any = torch.autograd.functional.hessian
jacobian_of: Any = torch.autograd.functional.jacobian


def example(m: int) -> tuple[Tensor, Tensor, int]:
    y = torch.from_numpy(HeavyTailedLabels(m=m).labels())
    X = torch.rand(len(y), 4, dtype=torch.float64, generator=torch.Generator().manual_seed(m))
    return X, y, 2**m - 1


def test_class_moments_are_means_over_the_class() -> None:
    X, y, c = example(3)
    share, mean, second = class_moments(X, y, c)
    for k in range(c):
        own = X[y == k]
        torch.testing.assert_close(share[k].item(), len(own) / len(X))
        torch.testing.assert_close(mean[k], own.mean(0))
        torch.testing.assert_close(second[k], sum(torch.outer(x, x) for x in own) / len(own))


def test_derivatives_agree_with_the_full_hessian_of_the_weights() -> None:
    X, y, c = example(3)
    W = torch.randn(c, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def loss(flat: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(X @ flat.view(c, 4).T, y)

    full = hessian_of(loss, W.flatten()).view(c, 4, c, 4)
    gradient, hessian = derivatives(X, y, X @ W.T)
    torch.testing.assert_close(gradient, jacobian_of(loss, W.flatten()).view(c, 4))
    torch.testing.assert_close(hessian, torch.einsum("krks->krs", full))


@pytest.mark.parametrize("m", [3, 4])
def test_proposition_2_at_zero_weights(m: int) -> None:
    X, y, c = example(m)
    gradient, hessian = derivatives(X, y, torch.zeros(len(y), c, dtype=torch.float64))
    torch.testing.assert_close(gradient, initial_gradient(X, y, c), rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(hessian, initial_hessian(X, c).expand(c, 4, 4), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_exact_decomposition_under_correct_assignment(p: float) -> None:
    X, y, c = example(4)
    P = assignment_probabilities(y, c, p)
    torch.testing.assert_close(P.sum(1), torch.ones(len(y), dtype=torch.float64))
    gradient, hessian = derivatives(X, y, P.log())
    moments, q, bound = class_moments(X, y, c), (1 - p) / (c - 1), X.abs().max()
    r, R = gradient - leading_gradient(moments, p), hessian - leading_hessian(moments, p)
    others = [X[y != k] for k in range(c)]
    torch.testing.assert_close(r, torch.stack([q * o.sum(0) / len(X) for o in others]))
    torch.testing.assert_close(R, torch.stack([q * (1 - q) * o.T @ o / len(X) for o in others]))
    assert r.abs().max() <= q * bound
    assert R.abs().max() <= q * bound**2
    torch.testing.assert_close(gradient, gradient_by_class(X, P, y))
    torch.testing.assert_close(torch.einsum("krr->k", hessian), hessian_trace_by_class(X, P))


def test_ratio_of_gradient_to_trace_tends_to_that_of_the_moments() -> None:
    p, deviations = 0.5, []
    for m in (6, 10):
        X, y, c = example(m)
        own = y == 0
        gradient, trace = block_of_class(X, own, torch.where(own, p, (1 - p) / (c - 1)).double())
        mean, size = X[own].mean(0), X[own].square().sum(1).mean()
        deviations.append(float((gradient.norm() / trace) / (mean.norm() / (p * size)) - 1))
    assert abs(deviations[1]) < 0.05
    assert deviations[0] / deviations[1] == pytest.approx((2**10 / 10) / (2**6 / 6), rel=0.25)


def test_block_of_class_is_the_block_of_the_full_derivatives() -> None:
    X, y, c = example(4)
    P = assignment_probabilities(y, c, 0.7)
    gradient, trace = block_of_class(X, y == 1, P[:, 1])
    torch.testing.assert_close(gradient, gradient_by_class(X, P, y)[1])
    torch.testing.assert_close(trace, hessian_trace_by_class(X, P)[1])


@pytest.mark.parametrize("n", [1, 2, 10, 1000])
def test_harmonic_numbers_are_sums(n: int) -> None:
    assert harmonic(n) == pytest.approx(sum(1 / k for k in range(1, n + 1)), rel=1e-13)


@pytest.mark.parametrize("c", [10**3, 10**4, 10**5, 10**6])
@pytest.mark.parametrize("power", [1, 2])
def test_zipf_prefix_by_exact_sums(c: int, power: int) -> None:
    pi = 1 / np.arange(1, c + 1)
    pi /= pi.sum()
    size = int(np.ceil(c / np.log(c) ** power))
    found = zipf_prefix(c, power)
    assert found.size == size
    assert found.share == pytest.approx(pi[:size].sum(), rel=1e-10)
    assert found.least == pytest.approx(c * pi[:size].min(), rel=1e-10)


@pytest.mark.parametrize("c", [1, 5, 50])
def test_gradient_descent_on_the_quadratic_is_stable_up_to_two_over_the_largest_weight(c: int) -> None:
    pi = 1 / np.arange(1, c + 1)
    pi /= pi.sum()
    assert largest_stable_step(pi) * pi[0] == pytest.approx(2.0, rel=1e-9)
