"""Linear layer and cross-entropy in chunks, for the last layer of a model with many classes.

    z_i = W h_i + b,  ℓ_i = −log softmax(z_i)_{y_i},  v_i = (1 − ε) w_{y_i} ℓ_i + (ε/c) Σ_k w_k (L_i − z_ik)

L_i is the log-sum of exponentials, ε the label smoothing, w the class weights, as in `torch.nn.CrossEntropyLoss`. With
L_i = ℓ_i + z_{iy_i} and ω = Σ_k w_k, the smoothing needs no logits but those of the targets:

    v_i = ((1 − ε) w_{y_i} + ε ω / c) ℓ_i + (ε/c) (ω z_{iy_i} − h_i·Σ_k w_k W_k − Σ_k w_k b_k)

so that `steepest.models.cross_entropy`, which computes a weighted sum of ℓ_i with its gradients, is enough. Derived by us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from steepest.models.cross_entropy import head_cross_entropy
from steepest.monitor.batch import INTEGERS, check_ids

if TYPE_CHECKING:
    from steepest.monitor.watch import FrequencyMonitor


def frequency_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None = None,
    *,
    monitor: FrequencyMonitor | None = None,
    ignore_index: int = -100,
    class_weights: Tensor | None = None,
    label_smoothing: float = 0.0,
    reduction: Literal["mean", "sum"] = "mean",
    chunk: int | None = None,
) -> Tensor:
    """Return `cross_entropy(linear(hidden, weight, bias), targets, …)` without ever holding the logits.

    Values and gradients are those of autograd up to rounding. Under autocast the products are in its dtype; float16 is
    computed in float32. A monitor gets the losses by example, which are computed anyway: ℓ_i, without smoothing and weights.

    Args:
        hidden: h, shape (…, D).
        weight: W, shape (c, D), as of `nn.Linear`.
        targets: y, shape (…), class ids or `ignore_index`.
        bias: b, shape (c,), or None.
        monitor: what the losses are given to; one without class weights.
        ignore_index: targets that do not count.
        class_weights: w, shape (c,).
        label_smoothing: ε in [0, 1).
        reduction: "mean" is Σ v_i / Σ w_{y_i} over the targets that count, as in torch; "sum" is Σ v_i.
        chunk: rows of logits at a time; changes memory and rounding alone.

    Raises:
        ValueError: shapes, types, ids or options that do not fit.

    >>> h, W = torch.eye(2), torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    >>> frequency_cross_entropy(h, W, torch.tensor([0, 2]))
    tensor(1.0514)
    """
    _check(hidden, weight, targets, class_weights, label_smoothing, reduction, monitor)
    flat, y = hidden.flatten(0, -2), targets.flatten().long()
    counted = y != ignore_index
    y = torch.where(counted, y, 0)
    check_ids(y, len(weight))
    flat = flat.to(_dtype(flat))
    dtype = torch.promote_types(flat.dtype, torch.float32)
    w = torch.ones(len(weight), dtype=dtype, device=y.device) if class_weights is None else class_weights.to(dtype)
    counts = counted.to(dtype)
    w_y = w[y] * counts
    scale = 1 / w_y.sum() if reduction == "mean" else 1.0
    rows = ((1 - label_smoothing) * w_y + label_smoothing * w.mean() * counts) * scale
    with torch.autocast(flat.device.type, enabled=False):
        total, losses = head_cross_entropy(flat, weight, bias, y, rows, chunk)
        if label_smoothing:
            total = total + label_smoothing * _smoothing(flat.to(dtype), weight, bias, y, w, counts * scale)
    if monitor is not None:
        monitor.update(losses=losses.view(targets.shape), targets=targets, mask=counted.view(targets.shape))
    return total


def _smoothing(h: Tensor, W: Tensor, b: Tensor | None, y: Tensor, w: Tensor, rows: Tensor) -> Tensor:
    """Return Σ_i r_i (ω z_iy_i − Σ_k w_k z_ik) / c."""
    W = W.to(h.dtype)
    total = ((w.mean() * W[y] - w @ W / len(w)) * h).sum(1)
    if b is not None:
        total = total + w.mean() * b[y] - w @ b.to(h.dtype) / len(w)
    return total @ rows


def _dtype(hidden: Tensor) -> torch.dtype:
    """Return the dtype of the products."""
    device = hidden.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
    return torch.float32 if dtype == torch.float16 else dtype


def _check(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    class_weights: Tensor | None,
    label_smoothing: float,
    reduction: str,
    monitor: FrequencyMonitor | None,
) -> None:
    if hidden.shape[:-1] != targets.shape or hidden.ndim < 2:
        raise ValueError(f"hidden (…, D) and targets (…) do not fit: {tuple(hidden.shape)} and {tuple(targets.shape)}")
    if targets.dtype not in INTEGERS:
        raise ValueError(f"targets must be class ids, got {targets.dtype}")
    if class_weights is not None and class_weights.shape != weight.shape[:1]:
        raise ValueError(f"class_weights must have shape ({len(weight)},), got {tuple(class_weights.shape)}")
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must lie in [0, 1), got {label_smoothing}")
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction must be 'mean' or 'sum', got {reduction!r}")
    if monitor is not None and monitor.class_weights is not None:
        raise ValueError("the losses that this function gives are unweighted; give a monitor without class_weights")
