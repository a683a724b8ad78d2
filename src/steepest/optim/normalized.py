"""Normalised gradient descent, with heavy-ball momentum.

    d = g / ‖g‖₂
    b ← β b + d
    w ← w − α b

w parameters, g gradient, b buffer (starts at 0), β momentum, α learning rate. The norm is one number for the whole
model: all parameters of all groups, so that the direction of the gradient is kept. A zero gradient gives d = 0.

Steepest in the ℓ2 norm with the length dropped: without momentum every step has ℓ2 length α, so the unit of α is that
of a parameter.

Source: Yu. E. Nesterov (1984), *Minimization methods for nonsmooth convex and quasiconvex functions*; the buffer after
the normalisation is that of the code released with F. Kunstner et al. (2024), arXiv 2402.19449. Differs from that code
in one point: there a zero gradient gives NaN. Layer-wise normalisation (LARS) is another method. torch has no
counterpart.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.optim.optimizer import ParamsT

from steepest.optim._common import Descent, accumulated_, descend_
from steepest.optim.norms import l2_direction, l2_norm


def normalized_gd_(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    buffers: Sequence[Tensor | None],
    lr: float | Tensor,
    *,
    momentum: float | Tensor = 0.0,
    norm: Tensor | None = None,
    run_axis: bool = False,
) -> None:
    """Take one step in place: d = g / ‖g‖₂, b ← β b + d, w ← w − α b.

    Args:
        params: w, changed in place; with `run_axis`, shapes (R, ...).
        grads: g, the shapes of `params`.
        buffers: b, zeros before the first step, changed in place; None for each parameter without momentum.
        lr: α, a number, or shape (R,) for R runs.
        momentum: β, a number, or shape (R,) for R runs.
        norm: ‖g‖₂ of the whole model, where `grads` is only a part of it; a scalar, or shape (R,) with `run_axis`.
        run_axis: whether the leading axis of each tensor counts runs; each run is then divided by its own norm.

    Example:
        >>> import torch
        >>> w = torch.tensor([1.0, 1.0])
        >>> normalized_gd_([w], [torch.tensor([3.0, -4.0])], [None], lr=0.5)
        >>> w
        tensor([0.7000, 1.4000])
    """
    norm = l2_norm(grads, run_axis=run_axis) if norm is None else norm
    for w, g, b in zip(params, grads, buffers, strict=True):
        (d,) = l2_direction([g], norm=norm, run_axis=run_axis)  # d = g / ‖g‖₂
        descend_(w, accumulated_(b, d, momentum), lr)  # b ← β b + d,  w ← w − α b


class NormalizedGD(Descent):
    """Normalised gradient descent with heavy-ball momentum: d = g / ‖g‖₂, b ← β b + d, w ← w − α b.

    Args:
        params: parameters or parameter groups; a group may have its own `lr` and `momentum`; the norm
            is that of all groups together.
        lr: α > 0, the ℓ2 length of a step (without momentum and groups), in units of the parameters.
        momentum: β in [0, 1); 0 keeps no buffer.

    Raises:
        ValueError: if an option is outside its domain.

    Example:
        >>> import torch
        >>> w = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
        >>> optimizer = NormalizedGD([w], lr=1.0)
        >>> (w**2).sum().backward()
        >>> optimizer.step()
        >>> w.data
        tensor([2.4000, 3.2000])
    """

    kind = "NormalizedGD"

    def __init__(self, params: ParamsT, lr: float, *, momentum: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    def _descend(self) -> None:
        if grads := self._all_gradients():
            norm = l2_norm(grads, run_axis=self._has_runs())
            for group in self.param_groups:
                self._with_momentum(normalized_gd_, group, norm=norm)


NormalizedGD.stacked = NormalizedGD
