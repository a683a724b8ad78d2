"""Probes and measures: on hand-made networks, and against neurons trained by torch's own SGD."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from steepest.problems.base import Task
from steepest.runs.execute import execute
from steepest.runs.store import Run, Store
from steepest_papers.frei2022amplification import neurons
from steepest_papers.frei2022amplification.amplification import agreement
from steepest_papers.frei2022amplification.clusters import (
    STEPS,
    Neurons,
    Plane,
    Predictions,
    XORClusters,
    descents,
    error,
)

PROBLEM = XORClusters(samples=40, dimension=9, width=12, noise=0.3, flip_rate=0.2, test_points=300)
HAND = XORClusters(samples=60, dimension=3, width=4, noise=0.05, flip_rate=0.3, test_points=200)
# Two neurons of each sign along their good directions: f = ½ (|x₁| − |x₂|).
PERFECT = torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    (spec,) = descents(PROBLEM, 1.0, (5,)).calculations
    return Store(tmp_path_factory.mktemp("store")).put(spec, execute(spec), 0.0)


@pytest.fixture(scope="module")
def trained() -> tuple[Task, dict[int, torch.Tensor]]:
    """The same run by torch.optim.SGD, float64: the neurons after 0, 10 and 400 updates."""
    task = PROBLEM.setup(5)
    data = {name: value.double() for name, value in task.data.items()}
    W = task.params["W"].detach().double().requires_grad_()
    optimizer = torch.optim.SGD([W], lr=1.0)
    kept = {}
    for step in range(STEPS + 1):
        if step in (0, 10, STEPS):
            kept[step] = W.detach().clone()
        optimizer.zero_grad()
        task.loss({"W": W}, data).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return task, kept


def test_amplification_cosine_capture_and_norms_by_hand(
    run: Run, trained: tuple[Task, dict[int, torch.Tensor]]
) -> None:
    _, W = trained
    good = {t: np.array([abs(float(w[t_, 0 if t_ < 6 else 1])) for t_ in range(12)]) for t, w in W.items()}
    bad = {t: np.array([abs(float(w[t_, 1 if t_ < 6 else 0])) for t_ in range(12)]) for t, w in W.items()}
    for t in (10, STEPS):
        lengths = W[t].norm(dim=1).numpy()
        assert neurons.amplification(run, t) == pytest.approx(good[t].mean() / good[0].mean(), rel=1e-3)
        assert neurons.bad_amplification(run, t) == pytest.approx(bad[t].mean() / bad[0].mean(), rel=1e-3)
        assert neurons.cosine(run, t) == pytest.approx(np.median(good[t] / lengths), rel=1e-3)
        assert neurons.captured(run, t) == np.mean(good[t] / lengths > 0.7)
        ratio = np.median(lengths / W[0].norm(dim=1).numpy())
        assert neurons.norm_ratio(run, t) == pytest.approx(ratio, rel=1e-3)
    assert neurons.amplification(run, 0) == 1


def test_predictions_by_hand(run: Run, trained: tuple[Task, dict[int, torch.Tensor]]) -> None:
    task, W = trained
    data = {name: value.double() for name, value in task.data.items()}
    signs = torch.tensor([1.0] * 6 + [-1.0] * 6, dtype=torch.float64) / math.sqrt(12)

    def f(points: torch.Tensor) -> torch.Tensor:
        return (points @ W[STEPS].T).clamp(min=0) @ signs

    wrong = f(data["test_X"]).sign() != data["test_clean"]
    flipped = data["flipped"].bool()
    assert neurons.clean_error(run, STEPS) == pytest.approx(float(wrong.double().mean()))
    noisy = wrong ^ data["test_flipped"].bool()
    assert neurons.predicted(run, "noisy_error") == pytest.approx(float(noisy.double().mean()))
    as_labelled = f(data["X"]).sign() == data["y"]
    assert neurons.memorised(run, STEPS) == pytest.approx(float(as_labelled[flipped].double().mean()))
    assert neurons.predicted(run, "train_error") == pytest.approx(1 - float(as_labelled.double().mean()))
    margin = (data["y"] * f(data["X"])).numpy()
    assert neurons.predicted(run, "pull") == pytest.approx((1 / (1 + np.exp(margin))).mean(), rel=1e-4)
    assert neurons.predicted(run, "pull", 0) == pytest.approx(0.5, abs=1e-3)


def test_a_perfect_network_ignores_flips() -> None:
    task = HAND.setup(0)
    (found,) = zip(*Predictions(at=(0,)).measure(task, {"W": PERFECT}).values(), strict=True)
    numbers = dict(
        zip(("train_error", "memorised", "pull", "clean_error", "noisy_error", "flip_rate"), found, strict=True)
    )
    assert numbers["memorised"] == numbers["clean_error"] == 0
    assert numbers["train_error"] == pytest.approx(float(task.data["flipped"].float().mean()))
    assert (
        numbers["noisy_error"] == numbers["flip_rate"] == pytest.approx(float(task.data["test_flipped"].float().mean()))
    )
    assert Predictions(at=(0,)).measure(task, {"W": -PERFECT})["train_error"][0] == numbers["train_error"]


def test_neurons_of_a_perfect_network() -> None:
    columns = Neurons(at=(0,)).measure(HAND.setup(0), {"W": 3 * PERFECT})
    assert {name: values.tolist() for name, values in columns.items()} == {
        "sign": [1, 1, -1, -1],
        "along_1": [3, -3, 0, 0],
        "along_2": [0, 0, 3, -3],
        "norm": [3] * 4,
    }


def test_neurons_read_rotated_means() -> None:
    task = HAND.changed(means="random").setup(0)
    columns = Neurons(at=(0,)).measure(task, {"W": task.data["mu"].repeat(2, 1)})
    np.testing.assert_allclose(columns["along_1"], [1, 0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(columns["along_2"], [0, 1, 0, 1], atol=1e-6)


def test_plane_of_a_perfect_network_is_half_of_abs_u_minus_abs_v() -> None:
    columns = Plane(at=(0,), size=7, reach=2.0).measure(HAND.setup(0), {"W": PERFECT})
    assert len(columns["u"]) == 49
    np.testing.assert_allclose(np.unique(columns["v"]), np.linspace(-2, 2, 7), atol=1e-6)
    np.testing.assert_allclose(columns["value"], (abs(columns["u"]) - abs(columns["v"])) / 2, atol=1e-6)


def test_agreement_with_the_xor_rule_counts_the_decided_points(run: Run) -> None:
    u, v, value = (run.column(name, "plane") for name in ("u", "v", "value"))
    right = [(f > 0) == (abs(a) > abs(b)) for a, b, f in zip(u, v, value, strict=True) if abs(a) != abs(b)]
    assert agreement(run) == pytest.approx(np.mean(right))


def test_no_flips_leave_memorised_undefined() -> None:
    task = HAND.changed(flip_rate=0.0).setup(0)
    assert np.isnan(Predictions(at=(0,)).measure(task, {"W": PERFECT})["memorised"][0])
    assert np.isnan(error(torch.zeros(0)))


def test_the_task_is_unchanged_by_probing() -> None:
    task = HAND.setup(0)
    before = {name: value.clone() for name, value in task.data.items()}
    for probe in (Neurons(at=(0,)), Predictions(at=(0,)), Plane(at=(0,))):
        probe.measure(task, task.params)
    assert all(torch.equal(task.data[name], value) for name, value in before.items())
    assert dataclasses.is_dataclass(task)


def test_runs_keep_what_they_measure(tmp_path: Path, run: Run) -> None:
    assert set(run.column("step", "neurons")) == set(run.column("step", "predictions"))
    assert len(run.column("u", "plane")) == 1600
