from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from steepest.component import identity
from steepest.data.synthetic import HeavyTailedLabels
from steepest.errors import UsageError
from steepest.models.affine import affine_init

PAPER = {4: (64, 15, 80), 6: (384, 63, 448), 7: (896, 127, 1024), 8: (2048, 255, 2304), 9: (4608, 511, 5120),
         10: (10_240, 1023, 11_264), 11: (22_528, 2047, 24_576)}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("m", PAPER)
def test_sizes_are_the_papers_and_cost_no_inputs(m):
    tracemalloc.start()
    data = HeavyTailedLabels(m=m)
    counts, labels, levels = data.counts(), data.labels(), data.level_of_class()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (data.num_samples, data.num_classes, data.num_features) == PAPER[m]
    assert counts.tolist() == [2 ** (m - i) for i in range(m) for _ in range(2**i)]
    assert labels.tolist() == [k for k, n in enumerate(counts) for _ in range(n)]
    assert np.bincount(levels, weights=counts).tolist() == [2**m] * m
    assert peak < 2**20


def test_the_draw_is_torch_rand_then_a_default_linear_layer():
    data = HeavyTailedLabels(m=5)
    generator = seeded()
    X, y = data.draw(generator)
    W, b = affine_init(data.num_features, data.num_classes, generator)
    torch.manual_seed(0)
    assert torch.equal(X, torch.rand(data.num_samples, data.num_features))
    layer = torch.nn.Linear(data.num_features, data.num_classes)
    assert torch.equal(W, layer.weight)
    assert torch.equal(b, layer.bias)
    assert (X.dtype, y.dtype) == (torch.float32, torch.int64)
    assert torch.equal(y, torch.from_numpy(data.labels()))


@pytest.mark.parametrize(("d", "c"), [(1, 1), (3, 2), (127, 10), (448, 63), (1000, 7)])
def test_affine_init_is_the_default_layer_for_any_shape(d, c):
    torch.manual_seed(3)
    layer = torch.nn.Linear(d, c)
    W, b = affine_init(d, c, seeded(3))
    assert torch.equal(W, layer.weight)
    assert torch.equal(b, layer.bias)


@pytest.mark.parametrize(
    ("m", "rate", "steps", "first", "last"), [(4, 0.1, 20, 2.710241, 2.259812), (7, 0.01, 200, 4.921695, 3.865722)]
)
def test_gradient_descent_reproduces_the_golden_values(m, rate, steps, first, last):
    data = HeavyTailedLabels(m=m)
    generator = seeded()
    X, y = data.draw(generator)
    parameters = [p.requires_grad_() for p in affine_init(data.num_features, data.num_classes, generator)]
    optimizer = torch.optim.SGD(parameters, lr=rate)
    losses = []
    for _ in range(steps + 1):
        loss = torch.nn.functional.cross_entropy(torch.nn.functional.linear(X, *parameters), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[0] == pytest.approx(first, rel=1e-4)
    assert losses[-1] == pytest.approx(last, rel=1e-4)


def test_gaussian_inputs_are_scaled_then_shifted():
    X, _ = HeavyTailedLabels(m=5, inputs="gaussian", mean=0.25, std=0.5).draw(seeded(1))
    expected = torch.randn(X.shape, generator=seeded(1)).double() * 0.5 + 0.25
    torch.testing.assert_close(X.double(), expected, rtol=1e-6, atol=1e-7)


def test_a_constant_feature_is_appended_to_the_same_inputs():
    plain, constant = HeavyTailedLabels(m=3, dimension=9), HeavyTailedLabels(m=3, dimension=9, constant_feature=True)
    X, _ = constant.draw(seeded())
    assert (plain.num_features, constant.num_features, X.shape) == (9, 10, (24, 10))
    assert torch.equal(X[:, :9], plain.draw(seeded())[0])
    assert torch.equal(X[:, 9], torch.ones(24))


@pytest.mark.parametrize(
    "fields",
    [{"m": 0}, {"m": 4.0}, {"m": 4, "mean": 0.5}, {"m": 4, "std": 2.0}, {"m": 4, "dimension": 0},
     {"m": 4, "inputs": "cauchy"}, {"m": 4, "inputs": "gaussian", "std": 0.0},
     {"m": 4, "inputs": "gaussian", "mean": float("nan")}],
)  # fmt: skip
def test_fields_without_meaning_are_refused(fields):
    with pytest.raises(UsageError):
        HeavyTailedLabels(**fields)


def test_every_field_is_part_of_the_identity():
    variants = [{}, {"inputs": "gaussian"}, {"inputs": "gaussian", "mean": 1.0}, {"inputs": "gaussian", "std": 2.0},
                {"dimension": 7}, {"constant_feature": True}]  # fmt: skip
    assert len({identity(HeavyTailedLabels(m=4, **fields)) for fields in variants}) == len(variants)
