"""What a training loop gives to the monitor, checked and flattened: n examples."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


class Batch(NamedTuple):
    """Targets (n,), and either the logits (…, c) or the losses (n,) with, perhaps, the hits (n,)."""

    targets: Tensor
    logits: Tensor | None
    losses: Tensor | None
    hits: Tensor | None


def checked(
    logits: Tensor | None,
    targets: Tensor | None,
    losses: Tensor | None,
    correct: Tensor | None,
    mask: Tensor | None,
    class_axis: int,
    ignore_index: int,
) -> Batch:
    """Return the examples; those that the mask leaves out have the target `ignore_index`.

    Raises:
        ValueError: shapes and types that do not fit.
    """
    if targets is None or (logits is None) == (losses is None):
        raise ValueError("update takes targets and either logits or losses: update(logits, targets)")
    if targets.dtype not in INTEGERS:
        raise ValueError(
            f"targets must be class ids, got {targets.dtype}; for soft targets give losses=, and targets=argmax"
        )
    if logits is not None:
        logits = _logits(logits, targets, class_axis)
    _same_shape("losses", losses, targets, " (reduction='none' gives the losses by example)")
    _same_shape("correct", correct, targets)
    _same_shape("mask", mask, targets)
    if losses is not None and not losses.is_floating_point():
        raise ValueError(f"losses must be floating-point numbers, got {losses.dtype}")
    y = targets.detach().long()
    if mask is not None:
        y = torch.where(mask.to(y.device) != 0, y, ignore_index)
    return Batch(y.flatten(), logits, _flat(losses), None if correct is None else correct.detach().flatten() != 0)


def _logits(logits: Tensor, targets: Tensor, class_axis: int) -> Tensor:
    if not logits.is_floating_point() or not -logits.ndim <= class_axis < logits.ndim:
        raise ValueError(
            f"logits must be floating-point numbers with the classes in axis {class_axis}, got {_of(logits)}"
        )
    moved = logits.detach().movedim(class_axis, -1)
    if moved.shape[:-1] != targets.shape or not moved.shape[-1]:
        hint = "" if class_axis == 1 else "; class_axis=1 is torch's layout (n, c, …)"
        raise ValueError(f"logits {tuple(logits.shape)} and targets {tuple(targets.shape)} do not fit{hint}")
    return moved


def _same_shape(name: str, tensor: Tensor | None, targets: Tensor, hint: str = "") -> None:
    if tensor is not None and tensor.shape != targets.shape:
        raise ValueError(f"{name} must have the shape of targets {tuple(targets.shape)}, got {_of(tensor)}{hint}")


def _of(tensor: Tensor) -> str:
    return f"{tensor.dtype} {tuple(tensor.shape)}"


def _flat(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach().flatten()


def check_ids(ids: Tensor, limit: int) -> int:
    """Return the largest class id + 1, 0 if there is none.

    Raises:
        ValueError: an id that is negative or not below the limit.
    """
    if not len(ids):
        return 0
    low, high = (int(bound) for bound in ids.aminmax())
    if low < 0 or high >= limit:
        wrong = low if low < 0 else high
        raise ValueError(
            f"targets must lie in 0 … {limit - 1}, as the counts or num_classes say, or be ignored; got {wrong}"
        )
    return high + 1
