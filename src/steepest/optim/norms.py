r"""Norms of one vector that is stored as a list of tensors, and the family of descent methods they define.

A network's parameters are a list of tensors, yet they form one vector w, and so does the gradient g. Steepest descent
under a norm ‖·‖ with curvature L takes the step that minimises the quadratic model

    argmin_d  ⟨g, d⟩ + (L/2) ‖d‖²   =   −(1/L) ‖g‖_* D(g),        D(g) ∈ argmax { ⟨g, u⟩ : ‖u‖ ≤ 1 },

where ‖g‖_* = ⟨g, D(g)⟩ is the dual norm. The norm alone decides the method:

    norm ‖·‖    dual norm ‖·‖_*    D(g)               length ‖g‖_* kept       length dropped
    ℓ1          ℓ∞                 sign(g_i) e_i      coordinate descent      (i: the largest |g_i|)
    ℓ2          ℓ2                 g / ‖g‖₂           gradient descent        normalised gradient descent
    ℓ∞          ℓ1                 sign(g)            rescaled sign descent   sign descent
    spectral    nuclear            U Vᵀ               (of g = U Σ Vᵀ)         Muon, without its extras

With "length dropped", the learning rate is the length of the step in the norm; with "length kept", it is 1/L. `NORMS` has
the table as functions. Where g is zero, so is D(g).

Norms and directions take the pieces of one vector x or g as a list of tensors of any shapes, for the spectral norm of
matrices (n_l, m_l), and reduce over all of them: a norm is a scalar, a direction a list of tensors like the given one. With
`run_axis=True` the leading axis of each tensor counts R independent runs (R copies of the model that train side by side);
a norm then has shape (R,), and runs are never mixed. An empty list, and a tensor that is no matrix where matrices are
needed, is a ValueError.

Sources: S. Boyd and L. Vandenberghe (2004), *Convex Optimization*, section 9.4; for the spectral norm, J. Bernstein and
L. Newhouse (2024), *Old optimizer, new norm: an anthology*, arXiv 2409.20325.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, overload

import torch
from torch import Tensor


def l1_norm(tensors: Sequence[Tensor], *, run_axis: bool = False) -> Tensor:
    """Return the sum of absolute entries, ‖x‖₁ = Σ_i |x_i|; dual to ℓ∞.

    >>> l1_norm([torch.tensor([3.0, -4.0]), torch.tensor([[12.0]])])
    tensor(19.)
    """
    return _norm(tensors, 1, run_axis)


def l2_norm(tensors: Sequence[Tensor], *, run_axis: bool = False) -> Tensor:
    """Return the Euclidean length, ‖x‖₂ = (Σ_i x_i²)^½; dual to itself.

    >>> l2_norm([torch.tensor([3.0, -4.0]), torch.tensor([[12.0]])])
    tensor(13.)
    >>> l2_norm([torch.tensor([[3.0, -4.0], [0.0, 1.0]])], run_axis=True)
    tensor([5., 1.])
    """
    return _norm(tensors, 2, run_axis)


def linf_norm(tensors: Sequence[Tensor], *, run_axis: bool = False) -> Tensor:
    """Return the largest absolute entry, ‖x‖∞ = max_i |x_i|; dual to ℓ1.

    >>> linf_norm([torch.tensor([3.0, -4.0]), torch.tensor([[12.0]])])
    tensor(12.)
    """
    return _norm(tensors, math.inf, run_axis)


def spectral_norm(matrices: Sequence[Tensor], *, run_axis: bool = False) -> Tensor:
    """Return the largest singular value over all matrices, max_l σ_1(X_l); dual to the nuclear norm.

    >>> spectral_norm([torch.diag(torch.tensor([3.0, 1.0])), torch.tensor([[0.0, 2.0]])])
    tensor(3.)
    """
    return linf_norm(_singular_values(matrices, run_axis), run_axis=run_axis)


def nuclear_norm(matrices: Sequence[Tensor], *, run_axis: bool = False) -> Tensor:
    """Return the sum of all singular values of all matrices, Σ_l Σ_i σ_i(X_l); dual to the spectral norm.

    >>> nuclear_norm([torch.diag(torch.tensor([3.0, 1.0])), torch.tensor([[0.0, 2.0]])])
    tensor(6.)
    """
    return l1_norm(_singular_values(matrices, run_axis), run_axis=run_axis)


def l1_direction(grads: Sequence[Tensor], *, run_axis: bool = False) -> list[Tensor]:
    """Return the steepest direction in ℓ1: sign(g_i) at the largest |g_i|, the first of several, and 0 elsewhere.

    >>> l1_direction([torch.tensor([3.0, -4.0]), torch.tensor([1.0])])
    [tensor([ 0., -1.]), tensor([0.])]
    """
    rows = _rows(grads, run_axis)
    g = torch.cat(rows, dim=1)
    largest = g.abs().argmax(dim=1, keepdim=True)  # the first i with the largest |g_i|
    direction = torch.zeros_like(g).scatter_(1, largest, g.gather(1, largest).sign())
    pieces = torch.split(direction, [row.shape[1] for row in rows], dim=1)
    return [piece.reshape(grad.shape) for piece, grad in zip(pieces, grads, strict=True)]


def l2_direction(grads: Sequence[Tensor], *, norm: Tensor | None = None, run_axis: bool = False) -> list[Tensor]:
    """Return the steepest direction in ℓ2: g / ‖g‖₂.

    Args:
        grads: the pieces of g.
        norm: ‖g‖₂ of the whole vector, where `grads` is only a part of it; a scalar, or shape (R,) with `run_axis`.
        run_axis: whether the leading axis of each tensor counts runs.

    >>> l2_direction([torch.tensor([3.0, -4.0]), torch.tensor([0.0])])
    [tensor([ 0.6000, -0.8000]), tensor([0.])]
    """
    norm = l2_norm(grads, run_axis=run_axis) if norm is None else norm
    length = torch.where(norm > 0, norm, 1.0)
    return [g / per_run(length, g) for g in grads]


def linf_direction(grads: Sequence[Tensor], *, run_axis: bool = False) -> list[Tensor]:  # noqa: ARG001 - as its siblings
    """Return the steepest direction in ℓ∞: sign(g), with sign(0) = 0.

    >>> linf_direction([torch.tensor([3.0, -4.0]), torch.tensor([0.0])])
    [tensor([ 1., -1.]), tensor([0.])]
    """
    return [g.sign() for g in grads]


def spectral_direction(grads: Sequence[Tensor], *, run_axis: bool = False) -> list[Tensor]:
    """Return the steepest direction in the spectral norm: U Vᵀ of each matrix g = U Σ Vᵀ, by an exact decomposition.

    Singular vectors of vanishing σ_i are left out. Muon approximates the same by a few matrix products.

    >>> spectral_direction([torch.tensor([[0.0, -5.0], [2.0, 0.0]])])
    [tensor([[ 0., -1.],
            [ 1., 0.]])]
    """
    return [_polar_factor(g) for g in _matrices(grads, run_axis)]


class Norm(NamedTuple):
    """A norm ‖x‖, its dual norm ‖g‖_* and its dual map D(g), as functions of (pieces, run_axis=...)."""

    norm: Callable[..., Tensor]
    dual: Callable[..., Tensor]
    direction: Callable[..., list[Tensor]]


NORMS: Mapping[str, Norm] = {
    "l1": Norm(l1_norm, linf_norm, l1_direction),
    "l2": Norm(l2_norm, l2_norm, l2_direction),
    "linf": Norm(linf_norm, l1_norm, linf_direction),
    "spectral": Norm(spectral_norm, nuclear_norm, spectral_direction),
}


@overload
def per_run(value: Tensor, like: Tensor) -> Tensor: ...
@overload
def per_run(value: float | Tensor, like: Tensor) -> float | Tensor: ...
def per_run(value: float | Tensor, like: Tensor) -> float | Tensor:
    """Return one number per run in the shape and dtype that broadcast against a tensor of R runs.

    Args:
        value: a number or a scalar tensor (the same for all runs), or shape (R,).
        like: the tensor to broadcast against, shape (R, ...).

    Returns:
        `value` unchanged where it is a single number, else shape (R, 1, ..., 1) with the axes and dtype of `like`.

    Example:
        >>> per_run(torch.tensor([1.0, 2.0]), torch.zeros(2, 3, 5)).shape
        torch.Size([2, 1, 1])
        >>> per_run(0.1, torch.zeros(2, 3, 5))
        0.1
    """
    if not isinstance(value, Tensor) or value.dim() == 0:
        return value
    number = value if value.dtype == torch.bool else value.to(like.dtype)
    return number.reshape(-1, *[1] * (like.dim() - 1))


def _norm(tensors: Sequence[Tensor], order: float, run_axis: bool) -> Tensor:
    """Return the ℓp norm of the concatenation, as the ℓp norm of the pieces' ℓp norms.

    It always reduces along rows: on one thread a run then has the same bits alone and beside others; along columns not.
    """
    rows = _rows(tensors, run_axis)
    pieces = torch.stack([torch.linalg.vector_norm(row, order, dim=1) for row in rows], dim=1)  # (R, tensors)
    total: Tensor = torch.linalg.vector_norm(pieces, order, dim=1)
    return total if run_axis else total[0]


def _rows(tensors: Sequence[Tensor], run_axis: bool) -> list[Tensor]:
    """Return the pieces of one vector as rows, shapes (R, n_i); R = 1 without a run axis."""
    if not tensors:
        raise ValueError("the norm of an empty list of tensors is undefined; pass at least one tensor")
    return [t.reshape(t.shape[0], t[0].numel()) if run_axis else t.reshape(1, -1) for t in tensors]


def _matrices(tensors: Sequence[Tensor], run_axis: bool) -> Sequence[Tensor]:
    """Return the tensors, all of which are matrices."""
    for t in tensors:
        if t.dim() != 2 + run_axis:
            raise ValueError(
                f"the spectral norm is one of matrices, got shape {tuple(t.shape)}; flatten it to two axes"
            )
    return tensors


def _singular_values(matrices: Sequence[Tensor], run_axis: bool) -> list[Tensor]:
    return [torch.linalg.svdvals(x) for x in _matrices(matrices, run_axis)]


def _polar_factor(x: Tensor) -> Tensor:
    """Return U Vᵀ of x = U Σ Vᵀ, shape (..., n, m), without the singular vectors of σ_i ≤ max(n, m) · machine epsilon · σ_1."""
    U, sigma, Vh = torch.linalg.svd(x, full_matrices=False)
    floor = max(x.shape[-2:]) * torch.finfo(x.dtype).eps * sigma[..., :1]
    factor: Tensor = (U * (sigma > floor).to(x.dtype)[..., None, :]) @ Vh
    return factor
