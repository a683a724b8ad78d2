"""Methods: an optimizer class with its hyper-parameters."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from steepest.component import canonical_json, declaration, describe
from steepest.errors import UsageError, unknown


class Method:
    """An optimizer class with its hyper-parameters, the learning rate left open because it is swept.

    Args:
        optimizer: any `torch.optim.Optimizer` class, from here, from torch or from the user.
        label: the name in tables and figures; not part of a run's identity.
        options: keyword arguments of the class other than `params` and `lr`.

    Raises:
        UsageError: an option that the class does not have.

    >>> from steepest.optim import SignDescent
    >>> Method(SignDescent, momentum=0.9)
    Method(SignDescent, momentum=0.9)
    """

    def __init__(self, optimizer: type[Optimizer], label: str | None = None, **options: Any) -> None:
        if not inspect.isclass(optimizer):
            raise UsageError(f"Method({optimizer!r}): give an optimizer class, such as torch.optim.SGD")
        params = inspect.signature(optimizer).parameters.values()
        known = {p.name: p.default for p in params if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
        known.pop("params", None)
        known.pop("lr", None)
        takes_any = any(p.kind == p.VAR_KEYWORD for p in params)
        for name in options:
            if name in ("params", "lr") or (name not in known and not takes_any):
                raise unknown(f"option of {optimizer.__name__}", name, known)
        given = [f"{name}={value!r}" for name, value in options.items()]
        self.optimizer, self.options = optimizer, known | options
        self.label = label or ", ".join([optimizer.__name__, *given])
        self._shown = ", ".join([optimizer.__name__, *given])

    def __repr__(self) -> str:
        return f"Method({self._shown})"

    @cached_property
    def _identity(self) -> str:
        return canonical_json(describe(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Method) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def description(self) -> dict[str, Any]:
        """Return class and version of the optimizer and every option, defaults included."""
        return declaration(self.optimizer) | {"options": describe(self.options)}

    def build(self, params: Mapping[str, Tensor], lr: float) -> Optimizer:
        """Return the optimizer over named `params` at learning rate `lr`.

        Names go along, as torch's optimizers allow, to those that say `named = True`: they treat some params differently.
        """
        make: Any = self.optimizer
        given = params.items() if getattr(make, "named", False) else params.values()
        optimizer: Optimizer = make(list(given), lr=lr, **self.options)
        return optimizer


def is_numeric(option: Any) -> bool:
    """Return whether an option of a method is a number, or numbers, and so may differ between runs that train together."""
    return isinstance(option, float) or (isinstance(option, tuple) and all(isinstance(part, float) for part in option))
