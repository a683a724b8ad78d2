"""The data and the network: against loops in float64, closed forms and counts."""

from __future__ import annotations

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from steepest.errors import UsageError
from steepest.optim import Adam, GradientDescent, SignDescent
from steepest.runs.execute import execute
from steepest.runs.lockstep import train_together
from steepest.runs.method import Method
from steepest.runs.spec import Spec
from steepest_papers.frei2022amplification.clusters import XORClusters, logistic_loss, network, output_weights

SMALL = XORClusters(samples=30, dimension=5, width=8, noise=0.3, init_scale=0.5, test_points=20)


def test_loss_is_the_logistic_loss_of_a_loop_over_neurons() -> None:
    task = SMALL.setup(0)
    W, data = task.params["W"].detach().double(), {k: v.double() for k, v in task.data.items()}
    for i, loss in enumerate(task.loss_by_example(task.params).tolist()):
        f = sum(float(data["a"][j]) * max(0.0, float(W[j] @ data["X"][i])) for j in range(8))
        assert loss == pytest.approx(math.log1p(math.exp(-float(data["y"][i]) * f)), rel=1e-5)


def test_gradient_is_that_of_the_formula() -> None:
    task = SMALL.setup(1)
    (task.loss_by_example(task.params) @ task.weights).backward()  # type: ignore[no-untyped-call]
    W, X, y, a = task.params["W"].detach(), task.data["X"], task.data["y"], task.data["a"]
    pull = y * torch.sigmoid(-y * network(W, a, X)) / len(y)
    expected = torch.stack([-a[j] * (pull * (X @ W[j] > 0)) @ X for j in range(len(a))])
    torch.testing.assert_close(task.params["W"].grad, expected, rtol=1e-4, atol=1e-7)


def test_half_of_the_neurons_of_each_sign_and_size_one_over_root_m() -> None:
    a = output_weights(16)
    assert a.tolist() == [0.25] * 8 + [-0.25] * 8


@pytest.mark.parametrize("means", ["axes", "random"])
def test_clusters_have_their_means_noise_and_labels(means: str) -> None:
    problem = XORClusters(samples=20_000, dimension=6, noise=0.4, flip_rate=0.0, means=means, test_points=8)  # type: ignore[arg-type]
    task = problem.setup(3)
    X, y, mu = task.data["X"], task.data["y"], task.data["mu"]
    torch.testing.assert_close(mu @ mu.T, torch.eye(2), atol=1e-6, rtol=0)
    assert torch.equal(mu, torch.eye(2, 6)) is (means == "axes")
    for k, (mean, label) in enumerate([(mu[0], 1), (-mu[0], 1), (mu[1], -1), (-mu[1], -1)]):
        own = task.classes == k
        assert int(task.class_counts[k]) == int(own.sum()) == pytest.approx(5000, abs=5 * 61)
        assert set(y[own].tolist()) == {label}
        torch.testing.assert_close(X[own].mean(0), mean, atol=5 * 0.4 / math.sqrt(5000), rtol=0)
        torch.testing.assert_close(X[own].std(0), torch.full((6,), 0.4), atol=0.02, rtol=0)


def test_random_flips_are_a_share_and_the_labels_say_so() -> None:
    task = XORClusters(samples=10_000, dimension=2, flip_rate=0.3, test_points=10_000).setup(0)
    clean = torch.where(task.classes < 2, 1.0, -1.0)
    assert torch.equal(task.data["flipped"], task.data["y"] != clean)
    for flipped in (task.data["flipped"], task.data["test_flipped"]):
        assert float(flipped.float().mean()) == pytest.approx(0.3, abs=5 * math.sqrt(0.21 / 10_000))
    assert not torch.equal(task.data["flipped"], task.data["test_flipped"])


@pytest.mark.parametrize(("rate", "beyond"), [(0.1, False), (0.4, True)])
def test_adversarial_flips_take_one_cluster_first(rate: float, beyond: bool) -> None:
    task = XORClusters(samples=200, dimension=4, flip_rate=rate, flips="adversarial").setup(2)
    flipped, cluster = task.data["flipped"], task.classes
    assert int(flipped.sum()) == rate * 200
    first = int((cluster == 0).sum())
    assert int(flipped[cluster == 0].sum()) == min(first, rate * 200)
    assert bool(flipped[cluster == 1].any()) is beyond
    assert not flipped[cluster > 1].any()


def test_neurons_start_at_the_scale_and_seeds_draw_everything() -> None:
    problem = XORClusters(dimension=50, init_scale=0.01, test_points=10)
    first, again, other = (problem.setup(seed) for seed in (0, 0, 1))
    W = first.params["W"].detach()
    assert float(W.std()) == pytest.approx(0.01, rel=0.03)
    assert torch.equal(W, again.params["W"])
    for name in ("X", "test_X"):
        assert torch.equal(first.data[name], again.data[name])
        assert not torch.equal(first.data[name], other.data[name])


def test_work_counts_the_matrix_products() -> None:
    problem = XORClusters(samples=64, dimension=32, width=48, test_points=4)
    task = problem.setup(0)
    with FlopCounterMode(display=False) as counted:
        (task.loss_by_example(task.params) @ task.weights).backward()  # type: ignore[no-untyped-call]
    assert problem.work().flops == pytest.approx(counted.get_total_flops(), rel=0.06)  # + products with a vector


@pytest.mark.parametrize("method", [Method(GradientDescent), Method(SignDescent), Method(Adam)])
def test_runs_train_in_lockstep_as_alone(method: Method) -> None:
    specs = [Spec(problem=SMALL, method=method, lr=lr, steps=5, seed=seed) for lr in (0.01, 0.1) for seed in (0, 1)]
    for spec, (together, _) in zip(specs, train_together(specs), strict=True):
        alone = execute(spec)
        assert together.facts["final_loss"] == pytest.approx(alone.facts["final_loss"], rel=1e-5)
        assert together.facts["final_loss"] != together.facts["initial_loss"]


def test_the_network_is_homogeneous_in_its_first_layer() -> None:
    data = SMALL.setup(0).data
    W = torch.randn(8, 5)
    torch.testing.assert_close(network(3 * W, data["a"], data["X"]), 3 * network(W, data["a"], data["X"]))
    assert logistic_loss({"W": 0 * W}, data).tolist() == pytest.approx([math.log(2)] * 30)


@pytest.mark.parametrize(("field", "value"), [("width", 7), ("flip_rate", 0.5), ("noise", 0.0), ("flips", "some")])
def test_fields_are_checked(field: str, value: object) -> None:
    with pytest.raises(UsageError, match=rf"XORClusters.{field} = {value!r}"):
        SMALL.changed(**{field: value})


def test_a_run_beside_runs_on_other_noise_has_the_bits_that_it_has_alone() -> None:
    problems = [SMALL.changed(noise=noise, flip_rate=rate) for noise in (0.1, 0.3) for rate in (0.0, 0.2)]
    specs = [Spec(problem=problem, method=Method(GradientDescent), lr=0.1, steps=9) for problem in problems]
    assert len({spec.kinship for spec in specs}) == 1
    for spec, (found, _) in zip(specs, train_together(specs), strict=True):
        ((alone, _),) = train_together([spec])
        assert found.tables["curves"].equals(alone.tables["curves"])
