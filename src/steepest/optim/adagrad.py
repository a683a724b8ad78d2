"""AdaGrad in its diagonal form.

    s ← s + g²
    w ← w − α g / (√s + ε)

w parameters, g gradient, s sum of squared gradients (starts at 0), α learning rate, ε against division by zero;
squares, roots and quotients are taken by coordinate.

The first step is a sign step, steepest in ℓ∞; later ones shrink as 1/√t where the gradient stays the same. The unit of
α is that of a parameter: the change of each coordinate in the first step.

Source: J. Duchi, E. Hazan and Y. Singer (2011), *Adaptive subgradient methods for online learning and stochastic
optimization*, JMLR 12, figure 1, where ε is added to √s as here. The same as `torch.optim.Adagrad` with its defaults,
which offers a decay of the learning rate, weight decay and sparse gradients besides.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.optim.optimizer import ParamsT

from steepest.optim._common import Descent, descend_, gradients, with_gradient
from steepest.optim.norms import per_run


def adagrad_(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    sums: Sequence[Tensor],
    lr: float | Tensor,
    *,
    eps: float | Tensor = 1e-10,
) -> None:
    """Take one step in place: s ← s + g², w ← w − α g / (√s + ε).

    Args:
        params: w, changed in place; the leading axis may count R runs.
        grads: g, the shapes of `params`.
        sums: s, zeros before the first step, changed in place.
        lr: α, a number, or shape (R,) for R runs.
        eps: ε, a number, or shape (R,) for R runs.

    Example:
        >>> import torch
        >>> w, s = torch.zeros(1), torch.zeros(1)
        >>> for g in (3.0, 4.0):
        ...     adagrad_([w], [torch.tensor([g])], [s], lr=1.0)
        >>> w, s  # -(3/3 + 4/5)
        (tensor([-1.8000]), tensor([25.]))
    """
    for w, g, s in zip(params, grads, sums, strict=True):
        s.addcmul_(g, g)  # s ← s + g²
        descend_(w, g / s.sqrt().add_(per_run(eps, s)), lr)  # w ← w − α g / (√s + ε)


class AdaGrad(Descent):
    """AdaGrad in its diagonal form: s ← s + g², w ← w − α g / (√s + ε).

    Args:
        params: parameters or parameter groups; a group may have its own `lr` and `eps`.
        lr: α > 0, the change of each coordinate in the first step, in units of the parameters.
        eps: ε >= 0, in units of the gradient. With 0, a coordinate whose gradients have all been zero becomes NaN.

    Raises:
        ValueError: if an option is outside its domain.

    Example:
        >>> import torch
        >>> w = torch.nn.Parameter(torch.tensor([3.0, -5.0]))
        >>> optimizer = AdaGrad([w], lr=1.0)
        >>> (w**2).sum().backward()
        >>> optimizer.step()
        >>> w.data
        tensor([ 2., -4.])
    """

    kind = "AdaGrad"

    def __init__(self, params: ParamsT, lr: float, *, eps: float = 1e-10) -> None:
        super().__init__(params, {"lr": lr, "eps": eps})

    def _descend(self) -> None:
        for group in self.param_groups:
            params = with_gradient(group)
            adagrad_(params, gradients(params), self._zeros("sum", params), group["lr"], eps=group["eps"])


AdaGrad.stacked = AdaGrad
