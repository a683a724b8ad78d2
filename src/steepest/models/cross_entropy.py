"""Linear head and cross-entropy in chunks of rows, so that the n × c logits never exist at once.

    ℓ_i = log Σ_k exp(z_ik) − z_iy_i,  z_i = W h_i + b,  objective = Σ_i w_i ℓ_i

The weights are known before the forward pass, so the gradient of a chunk's logits is computed while they exist:
∂objective/∂z_i = w_i (p_i − e_{y_i}), p_i = softmax(z_i), which overwrites the logits and is used at once for the gradients
of h, W and b. The backward pass only scales them. Memory beyond inputs and gradients is one chunk of logits, twice where
the products are in bfloat16, and one addend of the gradient of W, whatever n is.

Shapes: n rows, D features, c classes, k rows in a chunk. Derived by us from the gradient of the softmax.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from steepest.models.products import times_transposed, transposed_times

CHUNK_BYTES = 8 << 20  # of float32 logits: two chunks stay in a cache of 32 MiB
MIN_CHUNK = 512  # rows over which reading W and adding to its gradient are spread
DTYPES = (torch.float32, torch.float64, torch.bfloat16)


def default_chunk(num_classes: int) -> int:
    """Return the rows k of a chunk: ≈ 8 MiB of float32 logits, at least 512 rows (98 MiB at 50,257 classes)."""
    return max(MIN_CHUNK, CHUNK_BYTES // (4 * num_classes))


def head_cross_entropy(
    hidden: Tensor, W: Tensor, b: Tensor | None, targets: Tensor, weights: Tensor, chunk: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return Σ_i w_i ℓ_i, differentiable in hidden, W and b, and the losses ℓ.

    The products are computed in the dtype of `hidden`: W is cast to it once. Softmax, losses and the sum of the gradient
    of W over chunks are float32, or float64 where hidden is. A second derivative is refused by autograd.

    Args:
        hidden: h, shape (n, D), float32, float64 or bfloat16.
        W: shape (c, D).
        b: shape (c,), or None.
        targets: y, shape (n,), int64, in 0 … c−1.
        weights: w, shape (n,); constants.
        chunk: k; None takes `default_chunk(c)`. It changes memory and rounding alone.

    Returns:
        The objective, a scalar, and ℓ, shape (n,), detached; both float32, or float64 where hidden is.

    Raises:
        ValueError: shapes, dtypes or targets that do not fit.
    """
    _check(hidden, W, b, targets, chunk)
    if weights.shape != targets.shape:
        raise ValueError(f"weights must have shape {tuple(targets.shape)}, got {tuple(weights.shape)}")
    trained = any(tensor is not None and tensor.requires_grad for tensor in (hidden, W, b))
    if not (trained and torch.is_grad_enabled()):
        losses = head_losses(hidden, W, b, targets, chunk)
        return losses @ weights.to(losses.dtype), losses
    objective, losses = _HeadCrossEntropy.apply(hidden, W, b, targets, weights, chunk)  # type: ignore[no-untyped-call]
    return objective, losses


def head_losses(hidden: Tensor, W: Tensor, b: Tensor | None, targets: Tensor, chunk: int | None = None) -> Tensor:
    """Return ℓ, shape (n,), without gradient; arguments, dtypes and errors as in `head_cross_entropy`."""
    _check(hidden, W, b, targets, chunk)
    with torch.no_grad():
        W = W.to(hidden.dtype)
        return torch.cat([_softmax(hidden[rows], W, b, targets[rows])[0] for rows in _chunks(hidden, W, chunk)])


def _chunks(hidden: Tensor, W: Tensor, chunk: int | None) -> Iterator[slice]:
    size = chunk or default_chunk(len(W))
    return (slice(start, start + size) for start in range(0, len(hidden), size))


def _softmax(h: Tensor, W: Tensor, b: Tensor | None, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the losses of a chunk, p (k, c), and a free (k, c) in the dtype of h, which is p where that is exact.

    ℓ = (max z − z_y) − log max p neither overflows nor underflows.
    """
    product = times_transposed(h, W)
    z = product.to(torch.promote_types(h.dtype, torch.float32))
    if b is not None:
        z.add_(b)
    behind = z.amax(1) - z.gather(1, y[:, None]).squeeze(1)
    torch.softmax(z, 1, out=z)
    return behind - z.amax(1).log(), z, product


class _HeadCrossEntropy(torch.autograd.Function):
    """Objective and losses; the gradients are made in the forward pass, for a weight of the objective of 1."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, W: Tensor, b: Tensor | None, targets: Tensor, weights: Tensor, chunk: int | None
    ) -> tuple[Tensor, Tensor]:
        grads = _Gradients(hidden, W, b, weights, ctx.needs_input_grad)
        losses = torch.cat([grads.add(rows, targets[rows]) for rows in _chunks(hidden, W, chunk)])
        ctx.save_for_backward(*grads.finished())
        ctx.mark_non_differentiable(losses)
        return losses @ weights.to(losses.dtype), losses

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, upstream: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        grads = ctx.saved_tensors
        if upstream.device.type != "cpu" or upstream.item() != 1:  # elsewhere, asking costs more than multiplying
            grads = [grad if grad is None else grad * upstream.to(grad.dtype) for grad in grads]
        return (*grads, None, None, None)


class _Gradients:
    """Sums over the chunks: the weights multiply h and its gradient, which are narrower than the logits."""

    def __init__(self, h: Tensor, W: Tensor, b: Tensor | None, weights: Tensor, needed: tuple[bool, ...]) -> None:
        self.h, self.b, self.weights = h, b, weights.to(torch.promote_types(h.dtype, torch.float32))
        self.W, self.dtypes = W.to(h.dtype), (h.dtype, W.dtype, None if b is None else b.dtype)
        self.needs_h, self.needs_W, self.needs_b = needed[0], needed[1], b is not None and needed[2]
        self.of_h: list[Tensor] = []
        self.of_W: Tensor | None = None
        self.of_b: Tensor | None = None

    def add(self, rows: slice, y: Tensor) -> Tensor:
        """Add a chunk's part of the gradients and return its losses."""
        h, w = self.h[rows], self.weights[rows]
        losses, p, product = _softmax(h, self.W, self.b, y)
        p.scatter_add_(1, y[:, None], p.new_full((len(p), 1), -1.0))
        difference = p if p.dtype == h.dtype else product.copy_(p)
        if self.needs_b:
            self.of_b = _plus(self.of_b, p.T @ w, p.dtype)
        if self.needs_h:
            self.of_h.append(times_transposed(difference, self.W.T).mul_(w[:, None]))
        if self.needs_W:
            weighted = (h * w[:, None]).to(h.dtype)
            self.of_W = _plus(self.of_W, transposed_times(difference, weighted), p.dtype)
        return losses

    def finished(self) -> list[Tensor | None]:
        """Return the gradients of h, W and b in the dtypes of those."""
        grads = (torch.cat(self.of_h) if self.needs_h else None, self.of_W, self.of_b)
        return [
            None if grad is None else grad.to(dtype).contiguous()
            for grad, dtype in zip(grads, self.dtypes, strict=True)
        ]


def _plus(total: Tensor | None, part: Tensor, dtype: torch.dtype) -> Tensor:
    """Add in the dtype of the total, in place."""
    return part.to(dtype) if total is None else total.add_(part)


def _check(hidden: Tensor, W: Tensor, b: Tensor | None, targets: Tensor, chunk: int | None) -> None:
    """Refuse what does not fit; the targets are read once."""
    if hidden.dtype not in DTYPES:
        raise ValueError(f"hidden must be float32, float64 or bfloat16, got {hidden.dtype}")
    if hidden.ndim != 2 or W.ndim != 2 or hidden.shape[1] != W.shape[1] or not len(hidden):
        raise ValueError(f"hidden (n, D) and W (c, D) do not fit: {tuple(hidden.shape)} and {tuple(W.shape)}")
    if b is not None and b.shape != W.shape[:1]:
        raise ValueError(f"b must have shape ({len(W)},), got {tuple(b.shape)}")
    if targets.shape != hidden.shape[:1] or targets.dtype != torch.int64:
        raise ValueError(f"targets must be int64 of shape ({len(hidden)},), got {targets.dtype} {tuple(targets.shape)}")
    low, high = (int(bound) for bound in targets.aminmax())
    if low < 0 or high >= len(W):
        raise ValueError(f"targets must lie in 0 … {len(W) - 1}, got {low if low < 0 else high}")
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk must be at least 1 row, got {chunk}")
