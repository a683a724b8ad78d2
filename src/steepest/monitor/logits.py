"""Loss and hit of each example from its logits, a few rows at a time, without a second tensor of the logits' size.

    ℓ_i = (1 − ε) (L_i − z_iy_i) + ε Σ_k w_k (L_i − z_ik) / (c w_y_i),  L_i = log Σ_k exp z_ik

which is torch's cross-entropy with label smoothing ε and class weights w, divided by w_y_i; without both, L_i − z_iy_i.
A hit is an example whose target is the first of its largest logits. Rows are few enough to stay in a cache, so that the
logits are read from memory once.

Shapes: n examples, c classes.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK_BYTES = 2 << 20  # of logits in float32


def losses_and_hits(
    logits: Tensor, targets: Tensor, class_weights: Tensor | None = None, label_smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return ℓ, shape (n,), float32 or the logits' float64, and the hits, shape (n,), bool.

    Args:
        logits: z, shape (…, c), with n examples in the other axes; of any strides and any floating type.
        targets: y, shape (n,), int64; an id outside of 0 … c−1 gives an arbitrary loss.
        class_weights: w, shape (c,), or None.
        label_smoothing: ε.
    """
    c = logits.shape[-1]
    rows = max(1, CHUNK_BYTES // (4 * c))
    dtype = torch.promote_types(logits.dtype, torch.float32)
    y = targets.clamp(0, c - 1)
    pieces = [piece for matrix in _matrices(logits) for piece in torch.split(matrix, rows)]
    losses, hits = torch.empty(len(y), dtype=dtype, device=y.device), torch.empty_like(y, dtype=torch.bool)
    start = 0
    for piece in pieces:
        at = slice(start, start + len(piece))
        losses[at], hits[at] = _chunk(piece.to(dtype), y[at], class_weights, label_smoothing)
        start = at.stop
    return losses, hits


def _matrices(logits: Tensor) -> Iterator[Tensor]:
    """Yield logits as views (·, c), never as a copy: shifted logits of a language model are not contiguous."""
    try:
        yield logits.view(-1, logits.shape[-1])
    except RuntimeError:
        for part in logits.unbind(0):
            yield from _matrices(part)


def _chunk(z: Tensor, y: Tensor, w: Tensor | None, epsilon: float) -> tuple[Tensor, Tensor]:
    top = z.amax(1)
    z_y = z.gather(1, y[:, None]).squeeze(1)
    losses = F.cross_entropy(z, y, reduction="none")  # one kernel, a third faster than its parts
    if epsilon:
        L = losses + z_y
        spread = L - z.mean(1)
        if w is not None:
            w = w.to(z.dtype)
            spread = (w.mean() * L - z @ w / len(w)) / w[y]
        losses = (1 - epsilon) * losses + epsilon * spread
    return losses, _hits(z, y, z_y == top)


def _hits(z: Tensor, y: Tensor, tops: Tensor) -> Tensor:
    """Return where argmax z = y. On a CPU, where argmax is slow, only rows whose target is among the largest are looked at."""
    if z.device.type != "cpu":
        return z.argmax(1) == y
    rows = tops.nonzero().squeeze(1)
    tops[rows] = z[rows].argmax(1) == y[rows]
    return tops
