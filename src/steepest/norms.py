r"""Norms of one vector that is stored as a list of tensors, and the family of descent methods they define.

A network's parameters are a list of tensors, yet they form one vector w, and so does the gradient g. Steepest descent
under a norm ‖·‖ with curvature L takes the step that minimises the quadratic model

    argmin_d  ⟨g, d⟩ + (L/2) ‖d‖²   =   −(1/L) ‖g‖_* D(g),        D(g) ∈ argmax { ⟨g, u⟩ : ‖u‖ ≤ 1 },

where ‖g‖_* = ⟨g, D(g)⟩ is the dual norm. The norm alone decides the method:

    norm ‖·‖    dual norm ‖·‖_*    D(g)               length ‖g‖_* kept       length dropped
    ℓ2          ℓ2                 g / ‖g‖₂           gradient descent        normalised gradient descent
    ℓ∞          ℓ1                 sign(g)            rescaled sign descent   sign descent

With "length dropped", the learning rate is the length of the step in the norm; with "length kept", it is 1/L.

Every function here reduces over all tensors of the list. With `run_axis=True` the leading axis of each tensor counts R
independent runs (R copies of the model that train side by side) and the result has shape (R,): runs are never mixed.

Source: S. Boyd and L. Vandenberghe (2004), *Convex Optimization*, section 9.4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import overload

import torch
from torch import Tensor


def l1_norm(tensors: Sequence[Tensor], *, run_axis: bool = False) -> Tensor:
    """Sum of absolute entries, ‖x‖₁ = Σ_i |x_i|; dual to ℓ∞.

    Args:
        tensors: the pieces of the vector x, of any shapes; with `run_axis`, shapes (R, ...).
        run_axis: whether the leading axis of each tensor counts runs.

    Returns:
        A scalar, or shape (R,) with `run_axis`.

    Raises:
        ValueError: if `tensors` is empty.

    Example:
        >>> l1_norm([torch.tensor([3.0, -4.0]), torch.tensor([[12.0]])])
        tensor(19.)
    """
    return _norm(tensors, 1, run_axis)


def l2_norm(tensors: Sequence[Tensor], *, run_axis: bool = False) -> Tensor:
    """Euclidean length, ‖x‖₂ = (Σ_i x_i²)^½; dual to itself.

    Args:
        tensors: the pieces of the vector x, of any shapes; with `run_axis`, shapes (R, ...).
        run_axis: whether the leading axis of each tensor counts runs.

    Returns:
        A scalar, or shape (R,) with `run_axis`.

    Raises:
        ValueError: if `tensors` is empty.

    Example:
        >>> l2_norm([torch.tensor([3.0, -4.0]), torch.tensor([[12.0]])])
        tensor(13.)
        >>> l2_norm([torch.tensor([[3.0, -4.0], [0.0, 1.0]])], run_axis=True)
        tensor([5., 1.])
    """
    return _norm(tensors, 2, run_axis)


def linf_norm(tensors: Sequence[Tensor], *, run_axis: bool = False) -> Tensor:
    """Largest absolute entry, ‖x‖∞ = max_i |x_i|; dual to ℓ1.

    Args:
        tensors: the pieces of the vector x, of any shapes; with `run_axis`, shapes (R, ...).
        run_axis: whether the leading axis of each tensor counts runs.

    Returns:
        A scalar, or shape (R,) with `run_axis`.

    Raises:
        ValueError: if `tensors` is empty.

    Example:
        >>> linf_norm([torch.tensor([3.0, -4.0]), torch.tensor([[12.0]])])
        tensor(12.)
    """
    return _norm(tensors, math.inf, run_axis)


@overload
def per_run(value: Tensor, like: Tensor) -> Tensor: ...
@overload
def per_run(value: float | Tensor, like: Tensor) -> float | Tensor: ...
def per_run(value: float | Tensor, like: Tensor) -> float | Tensor:
    """Gives one number per run the shape and the dtype that broadcast against a tensor of R runs.

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
    """ℓp norm of the concatenation, as the ℓp norm of the pieces' ℓp norms.

    Always reduces along rows: on one thread that gives a run the same bits alone and beside others, along columns not.
    """
    if not tensors:
        raise ValueError("the norm of an empty list of tensors is undefined; pass at least one tensor")
    rows = [t.reshape(t.shape[0], t[0].numel()) if run_axis else t.reshape(1, -1) for t in tensors]
    pieces = torch.stack([torch.linalg.vector_norm(row, order, dim=1) for row in rows], dim=1)  # (R, tensors)
    total: Tensor = torch.linalg.vector_norm(pieces, order, dim=1)
    return total if run_axis else total[0]
