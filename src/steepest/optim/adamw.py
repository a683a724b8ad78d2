"""AdamW, Adam with decoupled weight decay, on matrices only.

    m ← β₁ m + (1 − β₁) g           m̂ = m / (1 − β₁ᵗ)
    v ← β₂ v + (1 − β₂) g²          v̂ = v / (1 − β₂ᵗ)
    w ← (1 − α λ) w − α m̂ / (√v̂ + ε)

λ weight decay; the other symbols are Adam's. λ is that of the optimizer for matrices, and 0 for biases, the scales and
shifts of normalisation layers, and embeddings. A weight that only decays shrinks by 1 − αλ in each step: the unit of α λ
is 1 / step.

Source: I. Loshchilov and F. Hutter (2019), *Decoupled weight decay regularization*, arXiv 1711.05101, algorithm 2, with
the decay multiplied by the learning rate, as torch has it. The parameters that decay and the default options are those
of the GPT-2 runs of F. Kunstner et al. (2024), arXiv 2402.19449. The class *is* `torch.optim.AdamW`, on its fused kernel
where the parameters allow it, without AMSGrad.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from steepest.optim._common import check_options, descend_, fused_where_possible, in_two
from steepest.optim.adam import adam_


def adamw_(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    exp_avgs: Sequence[Tensor],
    exp_avg_sqs: Sequence[Tensor],
    step: int,
    lr: float | Tensor,
    *,
    betas: tuple[float, float] = (0.9, 0.95),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> None:
    """Take one step in place: w ← (1 − αλ) w, then the step of Adam.

    Args:
        params: w, changed in place; all of them decay; the leading axis may count R runs.
        grads: g, the shapes of `params`.
        exp_avgs: m, zeros before the first step, changed in place.
        exp_avg_sqs: v, zeros before the first step, changed in place.
        step: t, the number of this step: 1 for the first.
        lr: α, a number, or shape (R,) for R runs.
        betas: (β₁, β₂).
        eps: ε.
        weight_decay: λ.

    Example:
        >>> w, m, v = torch.ones(1, 2), torch.zeros(1, 2), torch.zeros(1, 2)
        >>> adamw_([w], [torch.tensor([[7.0, -0.2]])], [m], [v], 1, lr=0.1, weight_decay=0.5)
        >>> w  # 0.95 ∓ 0.1
        tensor([[0.8500, 1.0500]])
    """
    for w in params:
        descend_(w, weight_decay * w, lr)  # w ← (1 − αλ) w
    adam_(params, grads, exp_avgs, exp_avg_sqs, step, lr, betas=betas, eps=eps)


class AdamW(torch.optim.AdamW):
    """`torch.optim.AdamW` on its fused kernel where that exists, with weight decay on matrices only.

    A parameter decays if it has two or more dimensions and its name does not contain "embedding"; so the output head
    decays. Parameters given without names are judged by their dimensions alone. Each group given becomes two: first the
    parameters that decay, then those that do not, with `weight_decay` 0.

    Args:
        params: parameters, pairs of name and parameter, or parameter groups; a group may have its own `lr`, `betas`,
            `eps` and `weight_decay`.
        lr: α > 0, about the largest change of a coordinate in one step, in units of the parameters.
        betas: (β₁, β₂), each in [0, 1).
        eps: ε >= 0, in units of the gradient. With 0, a coordinate whose gradients have all been zero becomes NaN.
        weight_decay: λ >= 0; αλ is the part of a weight that is lost in one step.

    Raises:
        ValueError: if an option is outside its domain.

    Example:
        >>> layer = torch.nn.Linear(1, 1)
        >>> _ = torch.nn.init.ones_(layer.weight), torch.nn.init.ones_(layer.bias)
        >>> optimizer = AdamW(layer.named_parameters(), lr=0.1, weight_decay=0.5)
        >>> layer(torch.ones(1)).backward()
        >>> optimizer.step()
        >>> layer.weight.data, layer.bias.data
        (tensor([[0.8500]]), tensor([0.9000]))
    """

    kind = "AdamW"

    named = True  # wants (name, parameter) pairs

    def __init__(
        self,
        params: ParamsT,
        lr: float,
        *,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        check_options({"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})
        beta1, beta2 = betas
        super().__init__(params, lr=lr, betas=(float(beta1), float(beta2)), eps=eps, weight_decay=weight_decay)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, in two parts, after checking its options, and choose its kernel."""
        check_options({**self.defaults, **param_group})
        super().add_param_group(param_group)
        group = self.param_groups.pop()
        group["fused"] = fused_where_possible(group["params"])
        decaying, others = in_two(group, _decays)
        self.param_groups += [decaying, {**others, "weight_decay": 0.0}]


def _decays(name: str, p: Tensor) -> bool:
    return p.dim() >= 2 and "embedding" not in name
