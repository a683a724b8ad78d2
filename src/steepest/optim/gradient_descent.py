"""Gradient descent, with heavy-ball momentum.

    b ← β b + g
    w ← w − α b

w parameters, g gradient, b buffer (starts at 0, so that the first b is the first g), β momentum, α learning rate.

Steepest in the ℓ2 norm: the step's length follows ‖g‖₂. The unit of α is parameter² / loss, an inverse curvature:
gradient descent on a quadratic with largest curvature L needs α < 2/L, with momentum α < 2 (1 + β)/L. There is no
factor 1 − β: under a constant gradient the step grows to α g / (1 − β), so a learning rate with β = 0.9 corresponds to
one that is ten times larger without momentum.

Source: A. Cauchy (1847); B. T. Polyak (1964), *Some methods of speeding up the convergence of iteration methods*.
Polyak writes w ← w − α g + β (w − w_prev), the same method while α is constant. `torch.optim.SGD(lr, momentum)` is the
same method and also offers weight decay, Nesterov momentum and fused kernels: use it where those are wanted.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.optim.optimizer import ParamsT

from steepest.optim._common import Descent, accumulated_, descend_


def gradient_descent_(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    buffers: Sequence[Tensor | None],
    lr: float | Tensor,
    *,
    momentum: float | Tensor = 0.0,
) -> None:
    """Take one step in place: b ← β b + g, w ← w − α b.

    Args:
        params: w, changed in place; the leading axis may count R runs.
        grads: g, the shapes of `params`.
        buffers: b, zeros before the first step, changed in place; None for each parameter without momentum.
        lr: α, a number, or shape (R,) for R runs.
        momentum: β, a number, or shape (R,) for R runs.

    Example:
        >>> import torch
        >>> w, b = torch.tensor([1.0]), torch.zeros(1)
        >>> for _ in range(2):
        ...     gradient_descent_([w], [torch.tensor([2.0])], [b], lr=0.1, momentum=0.5)
        >>> w, b  # 1 - 0.1 * 2 - 0.1 * 3
        (tensor([0.5000]), tensor([3.]))
    """
    for w, g, b in zip(params, grads, buffers, strict=True):
        descend_(w, accumulated_(b, g, momentum), lr)  # b ← β b + g,  w ← w − α b


class GradientDescent(Descent):
    """Gradient descent with heavy-ball momentum: b ← β b + g, w ← w − α b.

    Args:
        params: parameters or parameter groups; a group may have its own `lr` and `momentum`.
        lr: α > 0, in parameter² / loss.
        momentum: β in [0, 1); 0 keeps no buffer.

    Raises:
        ValueError: if an option is outside its domain.

    Example:
        >>> import torch
        >>> w = torch.nn.Parameter(torch.tensor([4.0]))
        >>> optimizer = GradientDescent([w], lr=0.25)
        >>> (w**2).sum().backward()
        >>> optimizer.step()
        >>> w.data
        tensor([2.])
    """

    kind = "GradientDescent"

    def __init__(self, params: ParamsT, lr: float, *, momentum: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    def _descend(self) -> None:
        for group in self.param_groups:
            self._with_momentum(gradient_descent_, group)


GradientDescent.stacked = GradientDescent
