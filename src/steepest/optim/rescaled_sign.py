"""Rescaled sign descent, with heavy-ball momentum.

    d = ‖g‖₁ sign(g)
    b ← β b + d
    w ← w − α b

w parameters, g gradient, b buffer (starts at 0), β momentum, α learning rate, sign(0) = 0. The norm is one number for
the whole model: all parameters of all groups.

Steepest in the ℓ∞ norm with the length kept: ‖g‖₁ is the dual norm of the gradient, so the method is to sign descent
what gradient descent is to normalised gradient descent. The unit of α is parameter² / loss, an inverse curvature
measured in ℓ∞; in a model with many parameters useful values are far smaller than gradient descent's.

Source: the code released with F. Kunstner et al. (2024), arXiv 2402.19449 ("ScaledSign"); without momentum, S. Boyd and
L. Vandenberghe (2004), section 9.4.2 (there for ℓ1; the ℓ∞ case is the same computation). torch has no counterpart.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.optim.optimizer import ParamsT

from steepest.optim._common import Descent, accumulated_, descend_
from steepest.optim.norms import l1_norm, per_run


def rescaled_sign_descent_(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    buffers: Sequence[Tensor | None],
    lr: float | Tensor,
    *,
    momentum: float | Tensor = 0.0,
    norm: Tensor | None = None,
    run_axis: bool = False,
) -> None:
    """Take one step in place: d = ‖g‖₁ sign(g), b ← β b + d, w ← w − α b.

    Args:
        params: w, changed in place; with `run_axis`, shapes (R, ...).
        grads: g, the shapes of `params`.
        buffers: b, zeros before the first step, changed in place; None for each parameter without momentum.
        lr: α, a number, or shape (R,) for R runs.
        momentum: β, a number, or shape (R,) for R runs.
        norm: ‖g‖₁ of the whole model, where `grads` is only a part of it; a scalar, or shape (R,) with `run_axis`.
        run_axis: whether the leading axis of each tensor counts runs; each run is then scaled by its own norm.

    Example:
        >>> import torch
        >>> w = torch.zeros(3)
        >>> rescaled_sign_descent_([w], [torch.tensor([3.0, -1.0, 0.0])], [None], lr=0.5)
        >>> w
        tensor([-2.,  2.,  0.])
    """
    norm = l1_norm(grads, run_axis=run_axis) if norm is None else norm
    for w, g, b in zip(params, grads, buffers, strict=True):
        d = g.sign().mul_(per_run(norm, g))  # d = ‖g‖₁ sign(g)
        descend_(w, accumulated_(b, d, momentum), lr)  # b ← β b + d,  w ← w − α b


class RescaledSignDescent(Descent):
    """Sign descent with the gradient's ℓ1 norm as its length: d = ‖g‖₁ sign(g), b ← β b + d, w ← w − α b.

    Args:
        params: parameters or parameter groups; a group may have its own `lr` and `momentum`; the norm
            is that of all groups together.
        lr: α > 0, in parameter² / loss.
        momentum: β in [0, 1); 0 keeps no buffer.

    Raises:
        ValueError: if an option is outside its domain.

    Example:
        >>> import torch
        >>> w = torch.nn.Parameter(torch.tensor([3.0, -1.0]))
        >>> optimizer = RescaledSignDescent([w], lr=0.125)
        >>> (w**2).sum().backward()
        >>> optimizer.step()
        >>> w.data
        tensor([2., 0.])
    """

    kind = "RescaledSignDescent"

    def __init__(self, params: ParamsT, lr: float, *, momentum: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    def _descend(self) -> None:
        if grads := self._all_gradients():
            norm = l1_norm(grads, run_axis=self._has_runs())
            for group in self.param_groups:
                self._with_momentum(rescaled_sign_descent_, group, norm=norm)


RescaledSignDescent.stacked = RescaledSignDescent
