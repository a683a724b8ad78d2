"""Sign descent, with momentum in either of two orders.

    sign-first:   b ← β b + sign(g)          w ← w − α b
    signum:       m ← β m + (1 − β) g        w ← w − α sign(m)

w parameters, g gradient, b or m buffer (starts at 0), β momentum, α learning rate, sign(0) = 0. Without momentum both
are w ← w − α sign(g).

Steepest in the ℓ∞ norm with the length dropped: without momentum, and in signum's order, each coordinate moves by
exactly α, so the unit of α is that of a parameter. In the order sign-first the step grows to α / (1 − β) where the sign
does not change. A positive rescaling of the gradient, or of one coordinate, changes nothing.

Sources: sign-first, as in the code released with F. Kunstner et al. (2024), arXiv 2402.19449; signum, J. Bernstein et
al. (2018), *signSGD: Compressed optimisation for non-convex problems*, arXiv 1802.04434, algorithm 2. Differs from the
latter in offering no weight decay. torch has no counterpart; Adam with β₁ = β₂ = ε = 0 is sign descent wherever no
gradient is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor
from torch.optim.optimizer import ParamsT

from steepest.optim._common import Descent, accumulated_, average_, descend_

Order = Literal["sign-first", "signum"]


def sign_descent_(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    buffers: Sequence[Tensor | None],
    lr: float | Tensor,
    *,
    momentum: float | Tensor = 0.0,
    order: Order = "sign-first",
) -> None:
    """Take one step in place: b ← β b + sign(g), w ← w − α b; or m ← β m + (1 − β) g, w ← w − α sign(m).

    Args:
        params: w, changed in place; the leading axis may count R runs.
        grads: g, the shapes of `params`.
        buffers: b or m, zeros before the first step, changed in place; None for each parameter without momentum.
        lr: α, a number, or shape (R,) for R runs.
        momentum: β, a number, or shape (R,) for R runs.
        order: the sign before the average ("sign-first") or after it ("signum").

    Example:
        >>> import torch
        >>> w, b = torch.zeros(3), torch.zeros(3)
        >>> for _ in range(2):
        ...     sign_descent_([w], [torch.tensor([5.0, -0.1, 0.0])], [b], lr=0.1, momentum=0.5)
        >>> w  # 0.1 * (1 + 1.5)
        tensor([-0.2500,  0.2500,  0.0000])
    """
    for w, g, b in zip(params, grads, buffers, strict=True):
        if b is None or order == "sign-first":
            descend_(w, accumulated_(b, g.sign(), momentum), lr)  # b ← β b + sign(g),  w ← w − α b
        else:
            descend_(w, average_(b, g, momentum).sign(), lr)  # m ← β m + (1 − β) g,  w ← w − α sign(m)


class SignDescent(Descent):
    """Sign descent; momentum averages the signs (`order="sign-first"`) or the gradients (`order="signum"`).

    Args:
        params: parameters or parameter groups; a group may have its own `lr`, `momentum` and `order`.
        lr: α > 0, the change of each coordinate in one step (without momentum), in units of the parameters.
        momentum: β in [0, 1); 0 keeps no buffer.
        order: "sign-first" for b ← β b + sign(g), w ← w − α b; "signum" for m ← β m + (1 − β) g, w ← w − α sign(m).

    Raises:
        ValueError: if an option is outside its domain.

    Example:
        >>> import torch
        >>> w = torch.nn.Parameter(torch.tensor([3.0, -0.5, 0.0]))
        >>> optimizer = SignDescent([w], lr=0.5)
        >>> (w**2).sum().backward()
        >>> optimizer.step()
        >>> w.data
        tensor([2.5000, 0.0000, 0.0000])
    """

    kind = "SignDescent"

    def __init__(self, params: ParamsT, lr: float, *, momentum: float = 0.0, order: Order = "sign-first") -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "order": order})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group after checking its options."""
        order = param_group.get("order", self.defaults["order"])
        if order not in ("sign-first", "signum"):
            raise ValueError(f"order must be 'sign-first' or 'signum', got {order!r}")
        super().add_param_group(param_group)

    def _descend(self) -> None:
        for group in self.param_groups:
            self._with_momentum(sign_descent_, group, order=group["order"])


SignDescent.stacked = SignDescent
