"""The closed form of the first steps: against autograd on a large sample, quadrature, and the specified numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from steepest_papers.frei2022amplification import early_drift as law
from steepest_papers.frei2022amplification.clusters import XORClusters

RUN_C = XORClusters()


@pytest.mark.parametrize("noise", [0.2, 1.0])
def test_population_step_is_the_gradient_step_on_a_large_sample(noise: float) -> None:
    problem = XORClusters(
        samples=400_000, dimension=4, width=6, noise=noise, flip_rate=0.2, init_scale=1e-6, test_points=1
    )
    task = problem.setup(0)
    (task.loss_by_example(task.params) @ task.weights).backward()  # type: ignore[no-untyped-call]
    grad = task.params["W"].grad
    assert grad is not None
    W, a, mu = task.params["W"].detach(), task.data["a"], task.data["mu"]
    step = law.population_step(W, a, mu, problem, lr=2.0)
    spread = math.sqrt((1 + noise**2) / 2 / problem.samples / problem.width)  # of a coordinate of the sampled step
    assert (step + 2.0 * grad).abs().max() < 4 * spread
    assert step[:, :2].abs().max() > 20 * spread
    if noise == 1.0:  # the radial part is seen, too
        assert step[:, 2:].abs().max() > 8 * spread


def test_specified_numbers() -> None:
    assert law.unit_drift(RUN_C, 1.0) == pytest.approx(0.005, rel=1e-12)
    assert round(law.first_amplification(RUN_C, 1.0), 2) == 4.13
    rates = [law.unit_drift(RUN_C.changed(flip_rate=eta), 1.0) for eta in (0.0, 0.05, 0.1, 0.2, 0.3)]
    assert [round(71.0 * rate / rates[0], 1) for rate in rates] == [71.0, 63.9, 56.8, 42.6, 28.4]


def test_feedback_is_two_phi_minus_one() -> None:
    g = np.linspace(-4, 4, 33)
    np.testing.assert_allclose(law.feedback(g), 2 * norm.cdf(g) - 1, atol=1e-15)


def test_mean_feedback_at_initialisation_is_one_half() -> None:
    mean, _ = quad(lambda g: abs(float(law.feedback(g))) * norm.pdf(g), -np.inf, np.inf)
    assert mean == pytest.approx(0.5)


def test_small_alignments_grow_by_the_growth_factor() -> None:
    """A neuron orthogonal to both means but for a tiny part along the good one; φ(g₁) − φ(g₂) is of second order."""
    W = torch.zeros(2, 100, dtype=torch.float64)
    W[:, 0], W[:, 5] = 1e-9, 0.01
    a = torch.tensor([1.0, -1.0], dtype=torch.float64) / math.sqrt(RUN_C.width)
    mu = torch.eye(2, 100, dtype=torch.float64)
    after = W + law.population_step(W, a, mu, RUN_C, lr=1.0)
    factor = law.growth_factor(RUN_C, 1.0, norm=0.01)
    assert float(after[0, 0] / W[0, 0]) == pytest.approx(factor, rel=1e-5)
    assert float(after[1, 0] / W[1, 0]) == pytest.approx(2 - factor, rel=1e-5)  # the other sign shrinks as fast


def test_aligned_neurons_grow_linearly() -> None:
    W = torch.eye(2, 100, dtype=torch.float64)
    a = torch.tensor([1.0, -1.0], dtype=torch.float64) / math.sqrt(RUN_C.width)
    step = law.population_step(W, a, torch.eye(2, 100, dtype=torch.float64), RUN_C, lr=3.0)
    radial = 2 * 0.1 / math.sqrt(2 * math.pi)  # 2σ φ(0) of the direction in which g = 0
    np.testing.assert_allclose(step[:, :2].diag(), 0.015 * (1 - radial), rtol=1e-9)


def test_path_starts_at_one_and_has_the_first_amplification_of_many_neurons() -> None:
    problem = XORClusters(width=20_000, samples=10, test_points=1)
    numbers, tables = law.law_path(problem, lr=1.0, steps=1, seed=0)
    path = tables["path"].to_pydict()
    assert (path["step"], path["A"][0], path["A_bad"][0]) == ([0, 1], 1.0, 1.0)
    assert path["A"][1] == numbers["A"] == pytest.approx(law.first_amplification(problem, 1.0), rel=0.02)
