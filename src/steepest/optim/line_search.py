"""Gradient descent with a backtracking (Armijo) line search that remembers its step size.

    η ← γ η_prev                                            (γ = growth = 1.5; η_prev = lr before the first step)
    while f(w − η g) > f(w) − c η ‖g‖₂²:   η ← ρ η          (c = decrease = 0.5, ρ = shrink = 0.9)
    w ← w − η g

w parameters, f loss, g its gradient. Nothing moves, and η stays, where ‖g‖₂ < 1e-8 or is not a number.

Steepest in the ℓ2 norm. η has the unit parameter² / loss, an inverse curvature. The first trial of the first step is γ
lr, as in the source. For a quadratic with largest curvature L and c = 1/2, every η <= 1/L is accepted, so η never falls
below min(γ lr, ρ/L).

Source: L. Armijo (1966), *Minimization of functions having Lipschitz continuous first partial derivatives*; the
constants are those of the code released with F. Kunstner et al. (2024), arXiv 2402.19449. Differs from that code: at
most `max_backtracks` trials are rejected in one step (it may never end), after which w is restored and the next
step continues from the last η; trials evaluate the loss only. In floating point a decrease below the rounding of f counts
as reached. torch has no counterpart (`torch.optim.LBFGS` searches along another direction).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from steepest.optim._common import Descent, check_options, descend_, gradients, with_gradient
from steepest.optim.norms import l2_norm, per_run

SMALLEST_NORM = 1e-8


def line_search_(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    step_size: Tensor,
    loss: Tensor,
    evaluate: Callable[[], Tensor],
    *,
    growth: float = 1.5,
    shrink: float = 0.9,
    decrease: float = 0.5,
    max_backtracks: int = 200,
    run_axis: bool = False,
) -> Tensor:
    """Take one step in place: η ← γ η_prev, then η ← ρ η until f(w − η g) <= f(w) − c η ‖g‖₂², then w ← w − η g.

    Args:
        params: w, changed in place; with `run_axis`, shapes (R, ...).
        grads: g, the shapes of `params`; they must not change while `evaluate` runs.
        step_size: η_prev, a scalar, or shape (R,) with `run_axis`.
        loss: f(w), a scalar, or shape (R,) with `run_axis`.
        evaluate: returns f at the present values of `params`, in the shape of `loss`.
        growth: γ >= 1.
        shrink: ρ in (0, 1).
        decrease: c in (0, 1).
        max_backtracks: trials rejected at most; a run for which all are rejected stays where it was.
        run_axis: whether the leading axis of each tensor counts runs; each run then has its own search.

    Returns:
        η, to be passed as `step_size` to the next step; the shape of `step_size`.

    Example:
        >>> w = torch.tensor([4.0])
        >>> f = lambda: (w**2).sum()
        >>> line_search_([w], [2 * w], torch.tensor(0.3), f(), f)  # 0.45 is accepted at once
        tensor(0.4500)
        >>> w  # 4 - 0.45 * 8
        tensor([0.4000])
    """
    norm = l2_norm(grads, run_axis=run_axis)
    moving = norm >= SMALLEST_NORM  # false where the norm is not a number
    start = [w.clone() for w in params]
    eta, accepted = growth * step_size, ~moving  # η ← γ η_prev
    try:
        for _ in range(max_backtracks + 1):
            for w, w_start, g in zip(params, start, grads, strict=True):
                descend_(w.copy_(w_start), g, eta)  # trial point w − η g
            accepted = ~moving | (evaluate() <= loss - decrease * eta * norm.square())  # f(w) − c η ‖g‖₂²
            if accepted.all():
                break
            eta = torch.where(accepted, eta, shrink * eta)  # η ← ρ η
    finally:  # also where `evaluate` raises or the user interrupts: no run is left at a trial point
        for w, w_start in zip(params, start, strict=True):
            w.copy_(torch.where(per_run(moving & accepted, w), w, w_start))
    return torch.where(moving, eta, step_size)


class LineSearchGD(Descent):
    """Gradient descent whose step size η grows by γ, then shrinks by ρ until f(w − η g) <= f(w) − c η ‖g‖₂².

    The loss must be a function of the parameters alone (full batch, no dropout): the search compares its values. One η
    serves the whole model, so there is one parameter group. η is kept in the state, under `step_size`, and `lr` is only
    its value before the first step: schedulers have no effect. Each trial waits for the device.

    `step(closure)` needs the closure. Called once with gradients on, it returns the loss and fills the gradients; called
    with gradients off (`torch.is_grad_enabled()` is false), once per trial, it only returns the loss. `step` raises
    RuntimeError where the closure calls `backward` while gradients are off.

    Args:
        params: parameters, or one parameter group.
        lr: η before the first step, in parameter² / loss.
        growth: γ >= 1, by which η grows from step to step.
        shrink: ρ in (0, 1), by which a rejected η is multiplied.
        decrease: c in (0, 1), the part of the linear decrease that is required.
        max_backtracks: trials rejected at most in one step, >= 0.

    Raises:
        ValueError: if an option is outside its domain, or there are several parameter groups.

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([4.0]))
        >>> optimizer = LineSearchGD([w], lr=0.3)
        >>> def closure():
        ...     loss = (w**2).sum()
        ...     if torch.is_grad_enabled():
        ...         optimizer.zero_grad()
        ...         loss.backward()
        ...     return loss
        >>> optimizer.step(closure)
        tensor(16., grad_fn=<SumBackward0>)
        >>> w.data
        tensor([0.4000])
    """

    kind = "LineSearchGD"

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1.0,
        *,
        growth: float = 1.5,
        shrink: float = 0.9,
        decrease: float = 0.5,
        max_backtracks: int = 200,
    ) -> None:
        search = {"growth": growth, "shrink": shrink, "decrease": decrease, "max_backtracks": max_backtracks}
        super().__init__(params, {"lr": lr, **search})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take the only group, after checking its options."""
        if self.param_groups:
            raise ValueError("LineSearchGD has one step size for all parameters, got a second group; pass one list")
        options = {**self.defaults, **param_group}
        check_options(options)
        _check_search(**{name: options[name] for name in ("growth", "shrink", "decrease", "max_backtracks")})
        super().add_param_group(param_group)

    def _descend_with(self, closure: Callable[[], float] | None, loss: float | None) -> None:
        if closure is None or loss is None:
            raise ValueError("LineSearchGD needs the loss at trial points, got no closure; call step(closure)")
        if with_gradient(self.param_groups[0]):
            self._search(_as_tensor(loss), closure)

    def _search(self, loss: Tensor, closure: Callable[[], float]) -> None:
        group = self.param_groups[0]
        params, state = with_gradient(group), self.state[group["params"][0]]
        step_size = loss.new_tensor(state.get("step_size", group["lr"]))
        search = {name: group[name] for name in ("growth", "shrink", "decrease", "max_backtracks")}
        try:
            eta = line_search_(params, gradients(params), step_size, loss, lambda: _as_tensor(closure()), **search)
        except RuntimeError as error:
            error.add_note(
                "LineSearchGD calls its closure with gradients off: backward() only if torch.is_grad_enabled()"
            )
            raise
        state["step_size"] = float(eta)


def _as_tensor(loss: float | Tensor) -> Tensor:
    """Return the loss without its graph; a Python number keeps its 64 bits."""
    return loss.detach() if isinstance(loss, Tensor) else torch.tensor(loss, dtype=torch.float64)


def _check_search(growth: float, shrink: float, decrease: float, max_backtracks: int) -> None:
    """Refuse constants with which the search could not end or could not grow."""
    if not 1 <= growth < math.inf:
        raise ValueError(f"growth must be finite and >= 1, got {growth}")
    if not 0 < shrink < 1:
        raise ValueError(f"shrink must be in (0, 1), got {shrink}")
    if not 0 < decrease < 1:
        raise ValueError(f"decrease must be in (0, 1), got {decrease}")
    if not max_backtracks >= 0:
        raise ValueError(f"max_backtracks must be >= 0, got {max_backtracks}")
