"""Norms of a vector kept in pieces, against numpy on the concatenated vector."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from steepest.optim import GradientDescent, NormalizedGD, RescaledSignDescent, SignDescent
from steepest.optim.norms import (
    NORMS,
    l1_direction,
    l1_norm,
    l2_direction,
    l2_norm,
    linf_direction,
    linf_norm,
    nuclear_norm,
    per_run,
    spectral_direction,
    spectral_norm,
)

ORDERS = [(l1_norm, 1), (l2_norm, 2), (linf_norm, np.inf)]
SHAPES = [(), (3,), (4, 5), (2, 3, 7)]


def random_pieces(seed: int, *lead: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn((*lead, *shape), generator=generator, dtype=torch.float64) for shape in SHAPES]


@pytest.mark.parametrize(("norm", "order"), ORDERS)
def test_equals_numpy_on_the_concatenation(norm, order):
    pieces = random_pieces(0)
    expected = np.linalg.norm(np.concatenate([p.numpy().ravel() for p in pieces]), order)
    assert norm(pieces).shape == ()
    np.testing.assert_allclose(norm(pieces).item(), expected, rtol=1e-14)


@pytest.mark.parametrize(("norm", "order"), ORDERS)
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
    for norm, order in ORDERS:
        expected = scale * np.linalg.norm(x.numpy(), order)
        np.testing.assert_allclose(norm([scale * p for p in pieces]).item(), expected, rtol=1e-12, atol=1e-140)


def test_dual_norms_bound_the_inner_product_and_are_attained():
    g, u = random_pieces(2), random_pieces(3)
    inner = sum((a * b).sum() for a, b in zip(g, u, strict=True))
    assert inner.abs() <= l1_norm(g) * linf_norm(u)
    assert inner.abs() <= l2_norm(g) * l2_norm(u)
    torch.testing.assert_close(sum((a * a.sign()).sum() for a in g), l1_norm(g))


@pytest.mark.parametrize(("norm", "order"), ORDERS)
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


MATRICES = [(3, 5), (4, 4), (6, 2)]


def random_matrices(seed: int, *lead: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn((*lead, *shape), generator=generator, dtype=torch.float64) for shape in MATRICES]


def inner(a: list[Tensor], b: list[Tensor]) -> Tensor:
    return sum((x * y).sum() for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("name", NORMS)
def test_the_direction_has_length_one_and_attains_the_dual_norm(name):
    g, others = random_matrices(4), [random_matrices(seed) for seed in range(5, 25)]
    norm, dual, direction = NORMS[name]
    torch.testing.assert_close(norm(direction(g)), torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close(inner(g, direction(g)), dual(g))
    assert all(inner(g, u) <= dual(g) * norm(u) for u in others)


@pytest.mark.parametrize("name", NORMS)
def test_every_run_has_its_own_direction(name):
    stacked, (_, dual, direction) = random_matrices(6, 7), NORMS[name]
    together, lengths = direction(stacked, run_axis=True), dual(stacked, run_axis=True)
    assert lengths.shape == (7,)
    for r in range(7):
        alone = [g[r] for g in stacked]
        torch.testing.assert_close([d[r] for d in together], direction(alone), rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(lengths[r], dual(alone), rtol=1e-13, atol=0)


@pytest.mark.parametrize("name", NORMS)
def test_a_zero_gradient_has_no_direction(name):
    zeros = [torch.zeros(shape) for shape in MATRICES]
    assert all((d == 0).all() for d in NORMS[name].direction(zeros))


def test_singular_values_against_numpy():
    pieces = random_matrices(7)
    np.testing.assert_allclose(spectral_norm(pieces), max(np.linalg.norm(x, 2) for x in pieces), rtol=1e-13)
    np.testing.assert_allclose(nuclear_norm(pieces), sum(np.linalg.norm(x, "nuc") for x in pieces), rtol=1e-13)


def test_the_polar_factor_solves_its_equations_and_leaves_the_null_space_out():
    (g,), (d,) = random_matrices(8)[:1], spectral_direction(random_matrices(8)[:1])
    torch.testing.assert_close(d @ d.T, torch.eye(3, dtype=torch.float64))
    symmetric = d.T @ g
    torch.testing.assert_close(symmetric, symmetric.T)
    assert torch.linalg.eigvalsh(symmetric).min() > -1e-12
    rank_one = torch.outer(torch.tensor([3.0, 4.0]), torch.tensor([0.0, 2.0]))
    torch.testing.assert_close(spectral_direction([rank_one])[0], torch.tensor([[0.0, 0.6], [0.0, 0.8]]))


def test_coordinate_descent_moves_the_first_of_the_largest_entries():
    pieces = [torch.tensor([1.0, -3.0]), torch.tensor([[3.0], [2.0]])]
    assert [d.tolist() for d in l1_direction(pieces)] == [[0.0, -1.0], [[0.0], [0.0]]]


def test_a_part_of_the_gradient_can_be_divided_by_the_norm_of_the_whole():
    g = random_pieces(9)
    whole = l2_direction(g)
    for part, expected in zip(g, whole, strict=True):
        assert torch.equal(l2_direction([part], norm=l2_norm(g))[0], expected)


@pytest.mark.parametrize("function", [spectral_norm, nuclear_norm, spectral_direction])
def test_the_spectral_norm_refuses_what_is_no_matrix(function):
    with pytest.raises(ValueError, match=r"norm is one of matrices, got shape \(2, 3, 4\); flatten it to two axes"):
        function([torch.zeros(2, 2), torch.zeros(2, 3, 4)])


def test_the_optimizers_step_along_these_directions_to_the_last_bit():
    g = [p.float() for p in random_pieces(10)]
    rescaled = [d * l1_norm(g) for d in linf_direction(g)]
    expected = {GradientDescent: g, NormalizedGD: l2_direction(g), SignDescent: linf_direction(g)}
    for optimizer, directions in (expected | {RescaledSignDescent: rescaled}).items():
        params = [torch.zeros_like(p, requires_grad=True) for p in g]
        for p, gradient in zip(params, g, strict=True):
            p.grad = gradient.clone()
        optimizer(params, lr=0.1).step()
        for p, d in zip(params, directions, strict=True):
            assert torch.equal(p.detach(), torch.zeros_like(d).add_(d, alpha=-0.1)), optimizer
