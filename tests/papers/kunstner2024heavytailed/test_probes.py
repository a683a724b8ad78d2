from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from steepest.data.synthetic import HeavyTailedLabels
from steepest.problems.base import Task
from steepest.problems.quadratic import WeightedQuadratic
from steepest.problems.softmax_regression import SoftmaxRegression, affine_task
from steepest_papers.kunstner2024heavytailed.probes import CurvatureByClass, HessianBlocks, ProbabilityByGroup

hessian_of: Any = torch.autograd.functional.hessian


@pytest.fixture
def task() -> Task:
    return SoftmaxRegression(data=HeavyTailedLabels(m=4)).setup(0)


def test_columns_by_class_agree_with_autograd_and_the_loss(task: Task) -> None:
    found = CurvatureByClass(at=(0,)).measure(task, task.params)
    (gradient,) = torch.autograd.grad(task.loss_by_example(task.params).mean(), task.params["W"])
    np.testing.assert_allclose(found["gradient_norm"], gradient.norm(dim=1).numpy(), rtol=1e-4)
    np.testing.assert_array_equal(found["class"], np.arange(15))
    np.testing.assert_array_equal(found["count"], HeavyTailedLabels(m=4).counts())
    own = torch.exp(-task.loss_by_example(task.params)).detach().numpy()
    means = [own[task.classes.numpy() == k].mean() for k in range(15)]
    np.testing.assert_allclose(found["probability"], means, rtol=1e-5)


def test_mirror_is_the_probe_at_the_negated_params(task: Task) -> None:
    found = CurvatureByClass(at=(0,)).measure(task, task.params)
    mirror = CurvatureByClass(at=(0,), mirrored=False).measure(task, {k: -v for k, v in task.params.items()})
    np.testing.assert_allclose(found["mirrored_gradient_norm"], mirror["gradient_norm"], rtol=1e-6)
    np.testing.assert_allclose(found["mirrored_hessian_trace"], mirror["hessian_trace"], rtol=1e-6)
    assert not any(name.startswith("mirrored") for name in mirror)
    assert not np.allclose(found["gradient_norm"], mirror["gradient_norm"])


def test_bands_by_group_are_quantiles_of_the_samples(task: Task) -> None:
    found = ProbabilityByGroup(at=(0,), groups=4).measure(task, task.params)
    own = torch.exp(-task.loss_by_example(task.params)).detach().numpy()
    level = HeavyTailedLabels(m=4).level_of_class()[task.classes.numpy()]
    np.testing.assert_array_equal(found["group"], range(4))
    for name, q in (("p05", 0.05), ("p50", 0.5), ("p95", 0.95)):
        np.testing.assert_allclose(found[name], [np.quantile(own[level == g], q) for g in range(4)], rtol=1e-5)


def test_blocks_are_those_of_the_autograd_hessian_in_order_of_frequency() -> None:
    X = torch.rand(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y = torch.tensor([2, 2, 2, 2, 0, 0, 0, 3, 1])
    W = torch.rand(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    found = HessianBlocks(at=(0,), size=3).measure(affine_task(X, y, 4, {"W": W}), {"W": W})
    assert found["i"][::3].tolist() == [2, 1, 3]
    flat = hessian_of(lambda v: cross_entropy(X @ v.view(4, 3).T, y), W.detach().flatten())
    traces = torch.einsum("krjr->kj", flat.view(4, 3, 4, 3))
    np.testing.assert_allclose(found["trace"], traces[found["i"], found["j"]].numpy(), rtol=1e-12)
    everything = HessianBlocks(at=(0,)).measure(affine_task(X, y, 4, {"W": W}), {"W": W})
    assert len(everything["trace"]) == 16


def test_an_absent_class_has_no_probability(task: Task) -> None:
    counts = torch.cat([task.class_counts, torch.zeros(1, dtype=torch.int64)])
    params = {"W": torch.zeros(16, 80), "b": torch.zeros(16)}
    found = CurvatureByClass(at=(0,), mirrored=False).measure(replace(task, class_counts=counts), params)
    assert np.isnan(found["probability"][15])
    np.testing.assert_allclose(found["probability"][:15], 1 / 16, rtol=1e-6)


def test_a_task_without_inputs_is_refused() -> None:
    task = WeightedQuadratic(num_coordinates=3).setup(0)
    with pytest.raises(ValueError, match=r"needs Task\.inputs"):
        HessianBlocks(at=(0,)).measure(task, task.params)
