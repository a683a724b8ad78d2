"""Adam.

    m ← β₁ m + (1 − β₁) g           m̂ = m / (1 − β₁ᵗ)
    v ← β₂ v + (1 − β₂) g²          v̂ = v / (1 − β₂ᵗ)
    w ← w − α m̂ / (√v̂ + ε)

w parameters, g gradient, m and v running averages (start at 0), t number of the step (from 1), β₁ momentum, β₂ memory
of the squares, α learning rate, ε against division by zero; squares, roots and quotients are taken by coordinate.

A smoothed relative of sign descent, which it becomes for β₁ = β₂ = ε = 0, and so near to steepest descent in ℓ∞; its
first step is a sign step. The unit of α is that of a parameter: about the largest change of a coordinate in one step.
β₁ = 0 is "Adam without momentum".

Source: D. P. Kingma and J. Ba (2015), *Adam: a method for stochastic optimization*, arXiv 1412.6980, algorithm 1, with
ε outside the root and outside the bias correction, as torch has it. The class *is* `torch.optim.Adam`; it only chooses
torch's fused kernel where the parameters allow it, which is faster than torch's default on a CPU, and leaves out the
options that change the method. Use AdamW for weight decay, torch's class for AMSGrad.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.optimizer import ParamsT

from steepest.optim._common import (
    Descent,
    average_,
    check_options,
    descend_,
    fused_where_possible,
    gradients,
    with_gradient,
)
from steepest.optim.norms import per_run

FUSED_FROM = 2**14  # numbers of one run


def adam_(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    exp_avgs: Sequence[Tensor],
    exp_avg_sqs: Sequence[Tensor],
    step: int,
    lr: float | Tensor,
    *,
    betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
    eps: float | Tensor = 1e-8,
) -> None:
    """Take one step in place: m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², w ← w − α m̂ / (√v̂ + ε).

    Args:
        params: w, changed in place; the leading axis may count R runs.
        grads: g, the shapes of `params`.
        exp_avgs: m, zeros before the first step, changed in place.
        exp_avg_sqs: v, zeros before the first step, changed in place.
        step: t, the number of this step: 1 for the first.
        lr: α, a number, or shape (R,) for R runs.
        betas: (β₁, β₂), each a number, or shape (R,) for R runs.
        eps: ε, likewise.

    Example:
        >>> w, m, v = torch.zeros(2), torch.zeros(2), torch.zeros(2)
        >>> adam_([w], [torch.tensor([7.0, -0.2])], [m], [v], 1, lr=0.1)
        >>> w  # the first step is a sign step
        tensor([-0.1000,  0.1000])
    """
    beta1, beta2 = betas
    m_correction, v_correction = (_correction(beta, step) for beta in betas)
    for w, g, m, v in zip(params, grads, exp_avgs, exp_avg_sqs, strict=True):
        average_(m, g, beta1)  # m ← β₁ m + (1 − β₁) g
        average_(v, g.square(), beta2)  # v ← β₂ v + (1 − β₂) g²
        root = v.sqrt().div_(per_run(v_correction**0.5, v)).add_(per_run(eps, v))  # √v̂ + ε
        descend_(w, torch.div(m, root, out=root).div_(per_run(m_correction, m)), lr)  # w ← w − α m̂ / (√v̂ + ε)


def _correction(beta: float | Tensor, step: int) -> float | Tensor:
    """Return 1 − βᵗ, number by number: torch's vectorised power rounds by the place in the vector."""
    if isinstance(beta, Tensor):
        return beta.new_tensor([1 - number**step for number in beta.tolist()])
    return 1 - beta**step


class Adam(torch.optim.Adam):
    """`torch.optim.Adam` on its fused kernel where that exists, without the options that change the method.

    Args:
        params: parameters or parameter groups; a group may have its own `lr`, `betas` and `eps`.
        lr: α > 0, about the largest change of a coordinate in one step, in units of the parameters.
        betas: (β₁, β₂), each in [0, 1); (0, 0.999) is Adam without momentum.
        eps: ε >= 0, in units of the gradient. With 0, a coordinate whose gradients have all been zero becomes NaN.

    Raises:
        ValueError: if an option is outside its domain.

    Attributes:
        stacked: the class that steps R runs at once; it applies `adam_`, as torch's kernels have one rate for all.

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([3.0, -5.0]))
        >>> optimizer = Adam([w], lr=0.5)
        >>> (w**2).sum().backward()
        >>> optimizer.step()
        >>> w.data
        tensor([ 2.5000, -4.5000])
    """

    kind = "Adam"

    stacked: ClassVar[type[Descent]]

    def __init__(
        self, params: ParamsT, lr: float, *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        check_options({"lr": lr, "betas": betas, "eps": eps})
        beta1, beta2 = betas
        super().__init__(params, lr=lr, betas=(float(beta1), float(beta2)), eps=eps)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group after checking its options, and choose its kernel."""
        check_options({**self.defaults, **param_group})
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        group["fused"] = fused_where_possible(group["params"])


class StackedAdam(Descent):
    """Adam for R runs at once, by `adam_`; large runs one by one, by torch's fused kernel, which reads memory once.

    Args:
        params: parameters, shapes (R, ...).
        lr: α, shape (R,).
        betas: (β₁, β₂), each a number, or shape (R,).
        eps: ε, likewise.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Tensor,
        *,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float | Tensor = 1e-8,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "updates": 0})

    def _descend(self) -> None:
        for group in self.param_groups:
            group["updates"] += 1
            params = with_gradient(group)
            averages = self._zeros("exp_avg", params), self._zeros("exp_avg_sq", params)
            options = {name: group[name] for name in ("lr", "betas", "eps")}
            large = sum(p[0].numel() for p in params) >= FUSED_FROM
            (_run_by_run if large else adam_)(params, gradients(params), *averages, group["updates"], **options)


def _run_by_run(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    exp_avgs: Sequence[Tensor],
    exp_avg_sqs: Sequence[Tensor],
    step: int,
    lr: Tensor,
    *,
    betas: tuple[float | Tensor, float | Tensor],
    eps: float | Tensor,
) -> None:
    """Do what `adam_` does, with the bits of `torch.optim.Adam`."""
    of_runs = [torch.as_tensor(option, dtype=torch.float64).expand(len(lr)).tolist() for option in (lr, *betas, eps)]
    for run, (rate, beta1, beta2, epsilon) in enumerate(zip(*of_runs, strict=True)):
        adam(
            [p[run] for p in params],
            [g[run] for g in grads],
            [m[run] for m in exp_avgs],
            [v[run] for v in exp_avg_sqs],
            [],
            [torch.tensor(step - 1.0) for _ in params],
            fused=True,
            amsgrad=False,
            maximize=False,
            lr=rate,
            beta1=beta1,
            beta2=beta2,
            weight_decay=0.0,
            eps=epsilon,
        )


Adam.stacked = StackedAdam
