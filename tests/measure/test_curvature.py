from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from steepest.measure.curvature import (
    gradient_by_class,
    gradient_norm_by_class,
    hessian_block_traces,
    hessian_trace_by_class,
    log_correlation,
    log_slope,
)

COUNTS = {3: [4, 2, 2, 1, 1, 1, 1], 4: [8] + 2 * [4] + 4 * [2] + 8 * [1]}

hessian_of: Any = torch.autograd.functional.hessian
jacobian_of: Any = torch.autograd.functional.jacobian


def example(m: int) -> tuple[Tensor, Tensor, Tensor]:
    """Uniform inputs of 5 features, heavy-tailed labels of m levels, random logits' weights, float64."""
    generator = torch.Generator().manual_seed(m)
    y = torch.repeat_interleave(torch.tensor(COUNTS[m]))
    X = torch.rand(len(y), 5, generator=generator, dtype=torch.float64)
    W = 3 * torch.randn(len(COUNTS[m]), 5, generator=generator, dtype=torch.float64)
    return X, y, W


@pytest.mark.parametrize("m", [3, 4])
def test_gradient_and_all_block_traces_agree_with_autograd(m: int) -> None:
    X, y, W = example(m)
    c, d = W.shape

    def loss(flat: Tensor) -> Tensor:
        return cross_entropy(X @ flat.view(c, d).T, y)

    gradient = jacobian_of(loss, W.flatten()).view(c, d)
    hessian = hessian_of(loss, W.flatten()).view(c, d, c, d)
    P = torch.softmax(X @ W.T, dim=1)
    torch.testing.assert_close(gradient_by_class(X, P, y), gradient, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(gradient_norm_by_class(X, P, y), gradient.norm(dim=1), rtol=1e-12, atol=1e-14)
    traces = torch.einsum("krjr->kj", hessian)
    torch.testing.assert_close(hessian_block_traces(X, P, torch.arange(c)), traces, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(hessian_trace_by_class(X, P), traces.diagonal(), rtol=1e-12, atol=1e-14)


def test_rows_of_block_traces_sum_to_zero_and_two_classes_have_equal_blocks() -> None:
    X, _, W = example(4)
    P = torch.softmax(X @ W.T, dim=1)
    blocks = hessian_block_traces(X, P, torch.arange(len(W)))
    assert blocks.sum(1).abs().max() < 1e-14
    P = torch.softmax(X @ W[:2].T, dim=1)
    two = hessian_block_traces(X, P, torch.arange(2))
    torch.testing.assert_close(two[0, 0], -two[0, 1])


def test_a_subset_of_blocks_is_a_submatrix_of_all_blocks() -> None:
    X, _, W = example(4)
    P = torch.softmax(X @ W.T, dim=1)
    classes = torch.tensor([11, 0, 5])
    blocks = hessian_block_traces(X, P, torch.arange(len(W)))
    torch.testing.assert_close(hessian_block_traces(X, P, classes), blocks[classes][:, classes])


def test_inputs_are_left_alone() -> None:
    X, y, W = example(3)
    P = torch.softmax(X @ W.T, dim=1)
    before = P.clone()
    gradient_norm_by_class(X, P, y)
    hessian_block_traces(X, P, torch.arange(3))
    assert torch.equal(P, before)


def test_log_helpers_leave_out_zeros_and_need_three_pairs() -> None:
    assert log_slope([0.0, 1.0, 2.0, 4.0], [7.0, 3.0, 6.0, 12.0]) == pytest.approx(1.0)
    assert log_correlation([0.0, 1.0, 2.0, 4.0], [7.0, 8.0, 4.0, 2.0]) == pytest.approx(-1.0)
    assert math.isnan(log_correlation([1.0, 2.0], [1.0, 2.0]))
    assert math.isnan(log_slope([1.0, 2.0, 0.0], [1.0, 2.0, 3.0]))
