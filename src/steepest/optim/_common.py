"""What the optimizers of this folder share: checks of options, the step along a direction, `step()` and groups as in torch.

The equation of a method is in the file named after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, overload

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest.optim.norms import per_run

FUSED_DEVICES = ("cpu", "cuda", "mps", "xpu")


def descend_(param: Tensor, direction: Tensor, lr: float | Tensor) -> None:
    """Take one step along a direction, w ← w − α d, in place and in one pass over memory.

    Args:
        param: w, changed in place.
        direction: d, the shape of w.
        lr: α, a number, or shape (R,) where the leading axis of w and d counts R runs.

    Example:
        >>> w = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> descend_(w, torch.ones(2, 2), torch.tensor([0.5, 1.0]))
        >>> w
        tensor([[0.5000, 1.5000],
                [2.0000, 3.0000]])
    """
    if isinstance(lr, Tensor):
        param.addcmul_(direction, per_run(lr, param), value=-1)
    else:
        param.add_(direction, alpha=-lr)


def average_(average: Tensor, value: Tensor, beta: float | Tensor) -> Tensor:
    """Take one step of a running average, m ← β m + (1 − β) x, in place.

    Args:
        average: m, changed in place.
        value: x, the shape of m.
        beta: β, a number, or shape (R,) where the leading axis of m and x counts R runs.

    Returns:
        m.

    Example:
        >>> average_(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), 0.5)
        tensor([2., 3.])
    """
    average.mul_(per_run(beta, average))  # β m
    if isinstance(beta, Tensor):  # + (1 − β) x
        return average.addcmul_(value, per_run(1 - beta, average))
    return average.add_(value, alpha=1 - beta)


def accumulated_(buffer: Tensor | None, direction: Tensor, momentum: float | Tensor) -> Tensor:
    """Take one step of heavy-ball momentum, b ← β b + d, in place, and return b; without a buffer return d.

    Args:
        buffer: b, changed in place, or None.
        direction: d, the shape of b.
        momentum: β, a number, or shape (R,) where the leading axis of b and d counts R runs.
    """
    return direction if buffer is None else buffer.mul_(per_run(momentum, buffer)).add_(direction)


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse a learning rate, momentum, pair of betas, epsilon or weight decay outside its domain.

    Args:
        options: hyper-parameters by name; names other than `lr`, `momentum`, `betas`, `eps`, `weight_decay` are left
            alone.

    Raises:
        ValueError: with the option's name, its value and its domain.

    Example:
        >>> check_options({"lr": 0.1, "momentum": 1.0})
        Traceback (most recent call last):
        ValueError: momentum must be in [0, 1), got 1.0
    """
    if "lr" in options and not all(0 < lr < math.inf for lr in _numbers(options["lr"])):
        raise ValueError(f"lr must be finite and > 0, got {options['lr']}")
    for name in ("eps", "weight_decay"):
        if name in options and not all(0 <= value < math.inf for value in _numbers(options[name])):
            raise ValueError(f"{name} must be finite and >= 0, got {options[name]}")
    if "momentum" in options and not all(0 <= beta < 1 for beta in _numbers(options["momentum"])):
        raise ValueError(f"momentum must be in [0, 1), got {options['momentum']}")
    if "betas" in options and not all(0 <= beta < 1 for betas in options["betas"] for beta in _numbers(betas)):
        raise ValueError(f"betas must both be in [0, 1), got {options['betas']}")


def _numbers(option: float | Tensor) -> list[float]:
    """Return an option's value, or its values where every run of a stack has its own."""
    return option.tolist() if isinstance(option, Tensor) and option.dim() else [float(option)]


def with_gradient(group: Mapping[str, Any]) -> list[Tensor]:
    """Return the parameters of a group that have a gradient; the others stay as they are."""
    return [p for p in group["params"] if p.grad is not None]


def gradients(params: list[Tensor]) -> list[Tensor]:
    """Return the gradients of parameters that have one."""
    return [p.grad for p in params if p.grad is not None]


def fused_where_possible(params: Iterable[Tensor]) -> bool | None:
    """Return the option `fused` of torch's Adam: True where its fused kernel exists, None for torch's own choice elsewhere."""
    return True if all(p.device.type in FUSED_DEVICES and p.is_floating_point() for p in params) else None


def in_two(group: Mapping[str, Any], chosen: Callable[[str, Tensor], bool]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a parameter group in two parts: the chosen parameters and the others; either may be empty.

    Args:
        group: with `params`, and with `param_names` if they were given with names.
        chosen: whether a parameter of that name belongs to the first part; the name is "" where none was given.

    Returns:
        Two groups with the options of `group`.
    """
    names = group.get("param_names", [""] * len(group["params"]))
    first, second = (
        [(name, p) for name, p in zip(names, group["params"], strict=True) if chosen(name, p) is wanted]
        for wanted in (True, False)
    )
    return _with_params(group, first), _with_params(group, second)


def _with_params(group: Mapping[str, Any], named: list[tuple[str, Tensor]]) -> dict[str, Any]:
    names = {"param_names": [name for name, _ in named]} if "param_names" in group else {}
    return {**group, "params": [p for _, p in named], **names}


def _refuse_sparse(optimizer: Optimizer) -> None:
    """Refuse sparse gradients before any parameter is touched.

    Raises:
        RuntimeError: as torch's own optimizers do, with the shape and the way out.
    """
    for group in optimizer.param_groups:
        for p in with_gradient(group):
            if p.grad is not None and p.grad.is_sparse:
                raise RuntimeError(
                    f"{type(optimizer).__name__} does not support sparse gradients (parameter of shape "
                    f"{tuple(p.shape)}); build the embedding with sparse=False, or use torch.optim.SparseAdam for it"
                )


class Descent(Optimizer):
    """A `torch.optim.Optimizer` whose step is `_descend`, with options checked for every parameter group.

    Attributes:
        stacked: the class that steps R runs at once. Each of its parameters and state tensors has a leading axis of R
            runs; `lr` and the numeric options are tensors of shape (R,), one number per run. None where there is none.
    """

    stacked: ClassVar[type[Descent] | None] = None

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group after checking its options."""
        check_options({**self.defaults, **param_group})
        super().add_param_group(param_group)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step along the current gradients, without waiting for the device where the method allows it.

        Args:
            closure: re-evaluates the loss and the gradients; optional, except where the class says otherwise.

        Returns:
            The closure's loss, or None.

        Raises:
            RuntimeError: if a gradient is sparse.
            ValueError: if there is no closure where the method needs one.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        _refuse_sparse(self)
        self._descend_with(closure, loss)
        return loss

    def _descend_with(self, _closure: Callable[[], float] | None, _loss: float | None) -> None:
        """Take the step, given the closure and its loss, which most methods do not need."""
        self._descend()

    def _descend(self) -> None:
        raise NotImplementedError

    def _with_momentum(self, rule: Callable[..., None], group: Mapping[str, Any], **options: Any) -> None:
        """Apply an update rule (params, grads, buffers, lr, momentum, options) to a group."""
        params, momentum = with_gradient(group), group["momentum"]
        buffers = self._momentum_buffers(params, momentum)
        rule(params, gradients(params), buffers, group["lr"], momentum=momentum, **options)

    def _all_gradients(self) -> list[Tensor]:
        """Return the gradient vector of the whole model: the pieces of every group."""
        return [g for group in self.param_groups for g in gradients(with_gradient(group))]

    def _zeros(self, name: str, params: list[Tensor]) -> list[Tensor]:
        """Return the state tensors of that name, created as zeros at a parameter's first step."""
        for p in params:
            if name not in self.state[p]:
                self.state[p][name] = torch.zeros_like(p, memory_format=torch.preserve_format)
        return [self.state[p][name] for p in params]

    def _momentum_buffers(self, params: list[Tensor], momentum: float | Tensor) -> list[Tensor] | list[None]:
        """Return the momentum buffers, or None for each parameter without momentum."""
        with_momentum = isinstance(momentum, Tensor) or momentum > 0
        return self._zeros("momentum_buffer", params) if with_momentum else [None] * len(params)

    def _has_runs(self) -> bool:
        """Return whether the leading axis of each parameter counts runs, which have a learning rate each."""
        return any(isinstance(group["lr"], Tensor) and group["lr"].dim() == 1 for group in self.param_groups)
