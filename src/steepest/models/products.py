"""Matrix products on the faster of the two libraries that torch brings for a CPU.

    a bᵀ,   aᵀ b,   x Wᵀ + b

torch takes MKL for float32, which reaches half of the AVX-512 rate on AMD processors, and oneDNN for bfloat16, which
reaches all of it. oneDNN multiplies float32 too, but torch only calls it from compiled programs, through the operator
used here. Measured on an AMD EPYC (Zen 5), one thread: 90 GFLOP/s by MKL, 160 to 220 by oneDNN. Every other dtype,
device and vector unit, and a torch without that operator, takes `torch.mm`; the two differ in rounding alone.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

AVAILABLE = (
    torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    and torch.backends.cpu.get_cpu_capability() == "AVX512"
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
)


def by_onednn(tensor: Tensor) -> bool:
    """Return whether products of this tensor are sent to oneDNN by hand."""
    return AVAILABLE and tensor.dtype == torch.float32 and tensor.device.type == "cpu"


def times_transposed(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return a bᵀ + bias, shape (…, c), of a (…, d), b (c, d) and bias (c,); without gradient where oneDNN computes it."""
    if by_onednn(a):
        return torch.ops.mkldnn._linear_pointwise(a, b, bias, "none", [], "")  # type: ignore[no-any-return]
    return F.linear(a, b, bias)


def transposed_times(a: Tensor, b: Tensor) -> Tensor:
    """Return aᵀ b, shape (c, d), of a (n, c) and b (n, d); may be a transposed view, since the narrower one is copied."""
    if not by_onednn(a):
        return a.T @ b
    return times_transposed(b.T, a.T).T if b.shape[1] < a.shape[1] else times_transposed(a.T, b.T)


def linear(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """Return x Wᵀ + b as `torch.nn.functional.linear` does, differentiable once, of x (…, d), W (c, d) and b (c,)."""
    if by_onednn(x):
        return _Linear.apply(x, W, b)  # type: ignore[no-any-return, no-untyped-call]
    return F.linear(x, W, b)


class _Linear(torch.autograd.Function):
    """x Wᵀ + b whose three products go through `times_transposed`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(x, W)
        return times_transposed(x, W, b)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        x, W = ctx.saved_tensors
        g = upstream.reshape(-1, len(W))
        of_x = times_transposed(g, W.T).view_as(x) if ctx.needs_input_grad[0] else None
        of_W = transposed_times(g, x.reshape(-1, W.shape[1])) if ctx.needs_input_grad[1] else None
        return of_x, of_W, g.sum(0) if ctx.needs_input_grad[2] else None
