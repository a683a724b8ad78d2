"""Norms of a vector kept in pieces, against numpy on the concatenated vector."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from steepest.norms import l1_norm, l2_norm, linf_norm, per_run

NORMS = [(l1_norm, 1), (l2_norm, 2), (linf_norm, np.inf)]
SHAPES = [(), (3,), (4, 5), (2, 3, 7)]


def random_pieces(seed: int, *lead: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn((*lead, *shape), generator=generator, dtype=torch.float64) for shape in SHAPES]


@pytest.mark.parametrize(("norm", "order"), NORMS)
def test_equals_numpy_on_the_concatenation(norm, order):
    pieces = random_pieces(0)
    expected = np.linalg.norm(np.concatenate([p.numpy().ravel() for p in pieces]), order)
    assert norm(pieces).shape == ()
    np.testing.assert_allclose(norm(pieces).item(), expected, rtol=1e-14)


@pytest.mark.parametrize(("norm", "order"), NORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_run_has_the_same_bits_alone_and_beside_others(norm, order, dtype):
    stacked = [p.to(dtype) for p in random_pieces(1, 33)]
    together = norm(stacked, run_axis=True)
    assert together.shape == (33,)
    assert together.dtype == dtype
    for r in range(33):
        assert norm([p[r] for p in stacked]) == together[r]


@given(values=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12), cut=st.integers(0, 12), scale=st.floats(0, 1e3))
@settings(max_examples=60, deadline=None)
def test_any_cut_gives_the_same_norm_and_scaling_scales_it(values, cut, scale):
    x = torch.tensor(values, dtype=torch.float64)
    pieces = [x[:cut], x[cut:]] if 0 < cut < len(x) else [x]
    for norm, order in NORMS:
        expected = scale * np.linalg.norm(x.numpy(), order)
        np.testing.assert_allclose(norm([scale * p for p in pieces]).item(), expected, rtol=1e-12, atol=1e-140)


def test_dual_norms_bound_the_inner_product_and_are_attained():
    g, u = random_pieces(2), random_pieces(3)
    inner = sum((a * b).sum() for a, b in zip(g, u, strict=True))
    assert inner.abs() <= l1_norm(g) * linf_norm(u)
    assert inner.abs() <= l2_norm(g) * l2_norm(u)
    torch.testing.assert_close(sum((a * a.sign()).sum() for a in g), l1_norm(g))


@pytest.mark.parametrize(("norm", "order"), NORMS)
def test_no_tensors_is_an_error(norm, order):
    with pytest.raises(ValueError, match="norm of an empty list of tensors is undefined; pass at least one"):
        norm([])


def test_per_run_broadcasts_against_every_rank():
    rates = torch.tensor([1.0, 2.0])
    for shape in [(2,), (2, 3), (2, 3, 2)]:
        scaled = per_run(rates, torch.empty(shape)) * torch.ones(shape)
        assert scaled.shape == shape
        assert (scaled[0] == 1).all()
        assert (scaled[1] == 2).all()


def test_per_run_passes_single_numbers_through():
    scalar = torch.tensor(3.0)
    assert per_run(scalar, torch.empty(2, 2)) is scalar
    assert per_run(0.5, torch.empty(2, 2)) == 0.5
