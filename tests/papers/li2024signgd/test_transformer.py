"""The transformer against its equation sample by sample, gradients against autograd in float64, the problem's law of data."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import binom, norm

from steepest.errors import DataError, UsageError
from steepest.problems.base import Task
from steepest.runs.execute import execute
from steepest.runs.lockstep import train_together
from steepest.runs.method import Method
from steepest.runs.spec import Spec
from steepest_papers.li2024signgd import signal_noise as laws
from steepest_papers.li2024signgd.digits import DigitPatches
from steepest_papers.li2024signgd.optimizers import ADAM_AS_SIGN, GD, SIGN
from steepest_papers.li2024signgd.signal_noise import SignalNoise, network

PROBLEM = SignalNoise(
    samples=6, dimension=12, sparsity=4, noise=0.7, init_scale=0.5, key_width=3, value_width=2, test_points=40
)


def samples(task: Task) -> tuple[list[np.ndarray], np.ndarray]:
    """Return each sample as the matrix X (d, 2) with its patches as columns, float64, and the labels."""
    y, rows = task.data["y"].double().numpy(), task.data["patches"].double().numpy()
    clean, noise = rows[: -len(y)], rows[-len(y) :]
    clean = np.broadcast_to(clean, noise.shape)
    return [np.stack([label * x, xi], axis=1) for label, x, xi in zip(y, clean, noise, strict=True)], y


def brute_force(params: dict[str, np.ndarray], X: np.ndarray) -> float:
    """Return Σ_l vᵀ X softmax(Xᵀ W_Kᵀ W_Q x^(l)), as the paper writes it."""
    v = params["W_V"][:2].mean(0) - params["W_V"][2:].mean(0)
    total = 0.0
    for patch in X.T:
        weights = np.exp(X.T @ params["W_K"].T @ params["W_Q"] @ patch)
        total += float(v @ X @ weights / weights.sum())
    return total


def test_output_and_loss_are_those_of_the_equation() -> None:
    task = PROBLEM.setup(3)
    params = {name: value.detach().double().numpy() for name, value in task.params.items()}
    Xs, y = samples(task)
    expected = np.array([brute_force(params, X) for X in Xs])
    assert np.abs(expected).min() > 1e-3
    np.testing.assert_allclose(network(task.params, task.data).detach(), expected, rtol=2e-5, atol=1e-6)
    losses = task.loss_by_example(task.params).detach()
    np.testing.assert_allclose(losses, np.log1p(np.exp(-y * expected)), rtol=1e-5)


def test_gradient_is_that_of_finite_differences() -> None:
    task = PROBLEM.setup(1)
    at = {name: value.detach().double().requires_grad_() for name, value in task.params.items()}
    data = {name: value.double() for name, value in task.data.items()}
    assert torch.autograd.gradcheck(
        lambda Q, K, V: task.loss({"W_Q": Q, "W_K": K, "W_V": V}, data).mean(), (at["W_Q"], at["W_K"], at["W_V"])
    )


def test_data_have_the_stated_law() -> None:
    problem = SignalNoise(samples=400, dimension=50, sparsity=10, noise=3.0, test_points=2000)
    task = problem.setup(0)
    noise = task.data["patches"][1:]
    assert (task.data["y"] == 1).sum() == 200
    assert torch.equal(task.data["patches"][0], torch.eye(50)[0])
    assert (noise[:, 0] == 0).all()
    assert ((noise != 0).sum(1) == 10).all()
    entries = noise[noise != 0]
    assert float(entries.std()) == pytest.approx(3.0, rel=0.05)
    assert float(entries.mean()) == pytest.approx(0.0, abs=0.2)
    np.testing.assert_allclose((noise[:, 1:] != 0).float().mean(0), 10 / 49, atol=0.08)
    support = task.data["test_support"]
    assert (int(support.min()), int(support.max())) == (1, 49)
    assert all(len(set(row.tolist())) == 10 for row in support)
    assert float(task.data["test_entries"].std()) == pytest.approx(3.0, rel=0.05)
    V = task.params["W_V"].detach()
    assert float(V.std()) == pytest.approx(0.02, rel=0.1)
    assert V.shape == (16, 50)


def test_seeds_draw_everything_anew_and_again_the_same() -> None:
    first, again, other = (PROBLEM.setup(seed) for seed in (0, 0, 1))
    for name in ("patches", "test_entries"):
        assert torch.equal(first.data[name], again.data[name])
        assert not torch.equal(first.data[name], other.data[name])
    assert torch.equal(first.params["W_Q"], again.params["W_Q"])


@pytest.mark.parametrize("method", [SIGN, GD])
def test_runs_train_the_same_in_a_stack_and_alone(method: Method) -> None:
    specs = [Spec(problem=PROBLEM, method=method, lr=lr, steps=20, seed=s) for s in (0, 1) for lr in (1e-3, 1e-2)]
    for spec, (found, _) in zip(specs, train_together(specs), strict=True):
        np.testing.assert_allclose(found.tables["curves"]["loss"], execute(spec).tables["curves"]["loss"], rtol=1e-5)


def test_a_run_beside_runs_on_other_noise_has_the_bits_that_it_has_alone() -> None:
    problems = [
        PROBLEM.changed(noise=noise, init_scale=scale) for noise, scale in ((0.1, 0.02), (2.0, 0.02), (2.0, 0.1))
    ]
    specs = [Spec(problem=problem, method=GD, lr=1e-2, steps=9, seed=s) for problem in problems for s in (0, 1)]
    assert len({spec.kinship for spec in specs}) == 1
    assert Spec(problem=PROBLEM.changed(samples=8), method=GD, lr=1e-2, steps=9).kinship != specs[0].kinship
    finals = set()
    for spec, (found, _) in zip(specs, train_together(specs), strict=True):
        ((alone, _),) = train_together([spec])
        assert found.tables["curves"].equals(alone.tables["curves"])
        finals.add(found.facts["final_loss"])
    assert len(finals) == len(specs)


def test_adam_without_memory_takes_the_same_path_as_sign_descent() -> None:
    sign, adam = (
        execute(Spec(problem=PROBLEM, method=m, lr=1e-3, steps=100, seed=2)).tables["curves"]["loss"].to_numpy()
        for m in (SIGN, ADAM_AS_SIGN)
    )
    assert np.abs(sign - adam).max() <= 1e-5
    assert sign[0] - sign[-1] > 0.1


def test_sign_descent_moves_values_as_the_laws_say() -> None:
    """Samples without a common coordinate: the value noise grows by exactly 2η‖ξ_i‖₁, the signal by 2η‖μ‖₁."""
    task = SignalNoise(samples=2, dimension=400, sparsity=5, noise=2.0).setup(0)
    noise, y = task.data["patches"][1:], task.data["y"]
    assert not ((noise[0] != 0) & (noise[1] != 0)).any()
    optimizer = SIGN.build(task.params, 1e-3)

    def value() -> torch.Tensor:
        return (task.params["W_V"][:8].mean(0) - task.params["W_V"][8:].mean(0)).detach()

    before = value()
    for _ in range(7):
        optimizer.zero_grad()
        task.loss_by_example(task.params).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    moved = value() - before
    np.testing.assert_allclose(y * (noise @ moved), 7 * 2e-3 * noise.abs().sum(1), rtol=1e-3)
    assert float(moved[0]) == pytest.approx(7 * laws.signal_step(1e-3), rel=1e-3)


def test_noise_step_is_the_mean_of_the_absolute_entries() -> None:
    problem = SignalNoise(dimension=2000, sparsity=40, noise=2.0)
    mean, _ = quad(lambda x: 2 * x * norm.pdf(x, scale=2.0), 0, 40)
    assert laws.noise_step(problem, 1e-4) == pytest.approx(2e-4 * 40 * mean, rel=1e-9)
    assert laws.noise_step(problem, 1e-4) == pytest.approx(0.01277, abs=5e-6)


def test_overlap_factor_by_simulation() -> None:
    problem = SignalNoise(samples=30, dimension=101, sparsity=10)
    random = np.random.default_rng(0)
    present = random.random((20_000, 29)) < 0.1
    entries = random.standard_normal((20_000, 30))
    total = entries[:, 0] + (entries[:, 1:] * present).sum(1)
    simulated = float(np.mean(entries[:, 0] * np.sign(total))) / math.sqrt(2 / math.pi)
    assert laws.overlap_factor(problem) == pytest.approx(simulated, abs=0.02)
    K = np.arange(30)
    assert laws.overlap_factor(problem) == pytest.approx(float(binom.pmf(K, 29, 0.1) @ (K + 1.0) ** -0.5), rel=1e-12)
    assert laws.overlap_factor(problem) < 0.6


def test_ratios_at_the_specified_sizes() -> None:
    problem = SignalNoise(noise=1.0)
    assert laws.sign_ratio(problem) / laws.overlap_factor(problem) == pytest.approx(15.96, abs=5e-3)
    found = [laws.gradient_ratio(SignalNoise(noise=noise)) for noise in (0.1, 0.2, 0.5, 1.0, 2.0)]
    assert found == pytest.approx([0.01, 0.04, 0.25, 1, 4])


def test_gradient_descent_starts_with_its_ratio() -> None:
    """One tiny step from weights near 0: attention is ½ everywhere, so v moves along Σ y_i x_i/n."""
    problem = SignalNoise(samples=10, dimension=3000, sparsity=8, noise=1.5, init_scale=1e-4)
    task = problem.setup(4)
    task.loss_by_example(task.params).mean().backward()  # type: ignore[no-untyped-call]
    gradient = task.params["W_V"].grad
    assert gradient is not None
    direction = gradient[8:].mean(0) - gradient[:8].mean(0)
    noise, y = task.data["patches"][1:], task.data["y"]
    found = y * (noise @ direction) / direction[0]
    np.testing.assert_allclose(found, noise.square().sum(1) / 10, rtol=0.35)
    assert float(found.mean()) == pytest.approx(float(noise.square().sum(1).mean() / 10), rel=0.05)
    assert laws.gradient_ratio(problem) == pytest.approx(8 * 1.5**2 / 10)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(UsageError, match="sparsity 9 must be below dimension 9"):
        SignalNoise(dimension=9, sparsity=9)
    with pytest.raises(UsageError, match="multiple of 2"):
        SignalNoise(samples=5)


def test_digits_are_centred_unit_patches_of_two_classes() -> None:
    problem = DigitPatches(samples=10, test_points=40, noise=0.0)
    task = problem.setup(1)
    x = task.data["patches"][:10] * task.data["y"][:, None]
    np.testing.assert_allclose(x.norm(dim=1), np.ones(10), rtol=1e-5)
    assert (task.data["patches"][10:] == 0).all()
    centred = task.data["test_signal"] * task.data["test_y"][:, None]
    means = [x[::2].mean(0), x[1::2].mean(0)]
    nearer = [float(a @ means[0]) > float(a @ means[1]) for a in centred]
    assert np.mean([hit == (label > 0) for hit, label in zip(nearer, task.data["test_y"], strict=True)]) > 0.8
    assert task.data["patches"].shape == (20, 196)
    assert problem.dimension == 196


def test_digit_noise_has_its_own_scale() -> None:
    noise = DigitPatches(samples=20, noise=2.0, sparsity=50).setup(0).data["patches"][20:]
    assert ((noise != 0).sum(1) == 50).all()
    assert float(noise[noise != 0].std()) == pytest.approx(2.0, rel=0.1)


def test_more_digits_than_there_are_are_refused() -> None:
    with pytest.raises(DataError, match=r"2000 images of digits \(0, 1\) are wanted"):
        DigitPatches(test_points=2000).setup(0)
