"""Muon, momentum made orthogonal, on the hidden matrices; Adam on the rest.

    B ← β B + G
    U = G + β B   (Nesterov)   or   U = B
    X₀ = U / ‖U‖_F,   X ← a X + (b A + c A²) X  with  A = X Xᵀ,   five times;   O = X₅
    W ← W − α 0.2 √max(n, m) O

W matrix (n, m), G gradient, B buffer (starts at 0), β momentum, α learning rate, (a, b, c) = (3.4445, −4.7750, 2.0315).
Each round maps every singular value σ of X to aσ + bσ³ + cσ⁵ and keeps the singular vectors, so that O is about U's
nearest orthogonal matrix: its singular values lie between 0.68 and 1.14 where those of X₀ were above 0.01 (we computed
that from the polynomial). A zero U gives O = 0.

Steepest in the spectral norm with the length dropped: the largest ⟨G, D⟩ over ‖D‖ <= 1 is attained by D = P Qᵀ for
G = P Σ Qᵀ. An orthogonal (n, m) matrix has entries of root mean square 1/√max(n, m), so those of the step have about
0.2 α, as those of Adam have: one α serves both parts, and its unit is that of a parameter.

Sources: K. Jordan et al. (2024), *Muon: an optimizer for hidden layers in neural networks*; the factor 0.2 √max(n, m) is
that of J. Liu et al. (2025), *Muon is scalable for LLM training*, arXiv 2502.16982, section 2.2. Differs from
`torch.optim.Muon` (with `adjust_lr_fn="match_rms_adamw"`, `weight_decay=0`) in computing O in the precision of the
parameters where torch always takes bfloat16, which has three digits; in dividing by ‖U‖_F however small it is; and in
having Adam for the rest. Convolution kernels count as the rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.optimizer import ParamsT

from steepest.optim._common import (
    Descent,
    accumulated_,
    descend_,
    fused_where_possible,
    gradients,
    in_two,
    with_gradient,
)

QUINTIC = (3.4445, -4.7750, 2.0315)
RMS_OF_ADAM = 0.2


def orthogonalized(U: Tensor, steps: int = 5) -> Tensor:
    """Return the matrix of U's singular vectors, with singular values near 1: the Newton–Schulz iteration of the file's top.

    Args:
        U: shape (..., n, m); leading axes count matrices.
        steps: rounds of the iteration.

    Returns:
        O, the shape and dtype of U; zeros for a zero matrix.

    Example:
        >>> orthogonalized(torch.diag(torch.tensor([3.0, 4.0])))
        tensor([[0.7229, 0.0000],
                [0.0000, 1.1192]])
    """
    a, b, c = QUINTIC
    wide = U.shape[-2] <= U.shape[-1]
    length = torch.linalg.matrix_norm(U, keepdim=True)
    X = U / torch.where(length > 0, length, 1.0)  # X₀ = U / ‖U‖_F
    X = X if wide else X.mT  # O(Uᵀ) = O(U)ᵀ: A is the smaller of X Xᵀ and Xᵀ X
    for _ in range(steps):
        A = X @ X.mT
        X = a * X + (b * A + c * A @ A) @ X  # a X + (b A + c A²) X
    return X if wide else X.mT


def muon_(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    buffers: Sequence[Tensor | None],
    lr: float | Tensor,
    *,
    momentum: float = 0.95,
    nesterov: bool = True,
    ns_steps: int = 5,
) -> None:
    """Take one step in place: B ← β B + G, U = G + β B, W ← W − α 0.2 √max(n, m) O(U).

    Args:
        params: W, shapes (n, m), changed in place; a leading axis may count R runs.
        grads: G, the shapes of `params`.
        buffers: B, zeros before the first step, changed in place; None for each parameter without momentum.
        lr: α, a number, or shape (R,) for R runs.
        momentum: β.
        nesterov: whether U looks ahead, else U = B.
        ns_steps: rounds of the Newton–Schulz iteration.

    Example:
        >>> W = torch.zeros(2, 2)
        >>> muon_([W], [torch.diag(torch.tensor([3.0, 4.0]))], [None], lr=1.0)
        >>> W  # −0.2 √2 O
        tensor([[-0.2045,  0.0000],
                [ 0.0000, -0.3166]])
    """
    for W, G, B in zip(params, grads, buffers, strict=True):
        U = accumulated_(B, G, momentum)  # B ← β B + G
        if B is not None and nesterov:
            U = G.add(B, alpha=momentum)  # U = G + β B
        # W ← W − α 0.2 √max(n, m) O(U)
        descend_(W, orthogonalized(U, ns_steps).mul_(RMS_OF_ADAM * math.sqrt(max(W.shape[-2:]))), lr)


class Muon(Descent):
    """Muon on the hidden matrices and Adam, on torch's fused kernel where that exists, on all other parameters.

    A hidden matrix has two dimensions, and a name that neither contains "embedding" nor starts with "head". Parameters
    given without names are judged by their dimensions alone: give names if there are embeddings or a head. Each group
    given becomes two: first the hidden matrices, then the others.

    Args:
        params: parameters, pairs of name and parameter, or parameter groups; a group may have its own options.
        lr: α > 0 of both parts, in units of the parameters: about the largest change of a coordinate in a step of Adam,
            and five times the root mean square change in a step of a hidden matrix.
        momentum: β in [0, 1) of the hidden matrices; 0 keeps no buffer.
        nesterov: whether the momentum looks ahead.
        ns_steps: rounds of the Newton–Schulz iteration, >= 1.
        betas: (β₁, β₂) of Adam, each in [0, 1).
        eps: ε >= 0 of Adam, in units of the gradient.

    Raises:
        ValueError: if an option is outside its domain.

    Example:
        >>> layer = torch.nn.Linear(1, 1)
        >>> _ = torch.nn.init.ones_(layer.weight), torch.nn.init.ones_(layer.bias)
        >>> optimizer = Muon(layer.named_parameters(), lr=0.1)
        >>> layer(torch.ones(1)).backward()
        >>> optimizer.step()
        >>> layer.weight.data, layer.bias.data  # 1 − 0.1 · 0.2 · 0.6964 and 1 − 0.1
        (tensor([[0.9861]]), tensor([0.9000]))
    """

    kind = "Muon"

    named = True  # wants (name, parameter) pairs

    def __init__(
        self,
        params: ParamsT,
        lr: float,
        *,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_steps: int = 5,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
    ) -> None:
        of_matrices = {"momentum": momentum, "nesterov": nesterov, "ns_steps": ns_steps}
        super().__init__(params, {"lr": lr, **of_matrices, "betas": betas, "eps": eps})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, in two parts, after checking its options."""
        ns_steps = param_group.get("ns_steps", self.defaults["ns_steps"])
        if not ns_steps >= 1:
            raise ValueError(f"ns_steps must be >= 1, got {ns_steps}")
        super().add_param_group(param_group)
        matrices, others = in_two(self.param_groups.pop(), _is_hidden_matrix)
        fused = fused_where_possible(others["params"])
        self.param_groups += [{**matrices, "rule": "muon"}, {**others, "rule": "adam", "fused": fused}]

    def _descend(self) -> None:
        for group in self.param_groups:
            if group["rule"] == "muon":
                self._with_momentum(muon_, group, nesterov=group["nesterov"], ns_steps=group["ns_steps"])
            else:
                self._descend_others(group)

    def _descend_others(self, group: dict[str, Any]) -> None:
        params, (beta1, beta2) = with_gradient(group), group["betas"]
        adam(
            params,
            gradients(params),
            self._zeros("exp_avg", params),
            self._zeros("exp_avg_sq", params),
            [],
            self._step_counts(params, on_device=bool(group["fused"])),
            fused=group["fused"],
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"],
            weight_decay=0.0,
            eps=group["eps"],
            maximize=False,
        )

    def _step_counts(self, params: list[Tensor], *, on_device: bool) -> list[Tensor]:
        """Return how many steps each parameter has made, as torch's Adam keeps it."""
        for p in params:
            if "step" not in self.state[p]:
                self.state[p]["step"] = torch.zeros((), device=p.device if on_device else "cpu")
        return [self.state[p]["step"] for p in params]


def _is_hidden_matrix(name: str, p: Tensor) -> bool:
    return p.dim() == 2 and "embedding" not in name and not name.startswith("head")
