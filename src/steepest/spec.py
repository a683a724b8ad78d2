"""Specs: frozen descriptions of what is run, and the identity of a run.

A run is identified by the hash of everything that determines its numbers: every field of its spec, defaults included,
the hand-bumped `version` of each component and the fingerprint of its data. A field that is added later is declared in
`added` with the value that means "as before"; at that value it stays out of the hash, so old runs keep their identity.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from steepest.errors import UsageError, unknown

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails
    from torch import Tensor
    from torch.optim import Optimizer


class Described(Protocol):
    """Anything that can state what it is, ready for JSON."""

    def description(self) -> dict[str, Any]:
        """Return kind, version and fields."""


class Component(BaseModel):
    """A frozen, validated part of a spec: a data set, a problem, a probe, a record.

    Attributes:
        version: bumped by hand whenever the component's numbers change for the same fields.
        added: fields added after the first release, with the value at which they change nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)
    version: ClassVar[int] = 1
    added: ClassVar[Mapping[str, Any]] = {}

    if not TYPE_CHECKING:  # type checkers keep the signature that the fields give

        def __init__(self, **fields: Any) -> None:
            """Accept lists where tuples are meant, and refuse in one line."""
            try:
                super().__init__(**{name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()})
            except ValidationError as error:
                raise _refusal(type(self), error.errors()[0]) from None

    def fingerprint(self) -> str | None:
        """Return a digest of data outside of the spec (a user's text files), or None where the fields say it all."""
        return None

    def description(self) -> dict[str, Any]:
        """Return kind, version, data fingerprint and every field, ready for JSON."""
        fields = self.fields().items()
        shown = {name: describe(v) for name, v in fields if name not in self.added or v != self.added[name]}
        data = self.fingerprint()
        fingerprint = {} if data is None else {"fingerprint": data}
        return kind(type(self)) | {"version": self.version} | fingerprint | shown

    def changed(self, **fields: Any) -> Self:
        """Return a validated copy with `fields` replaced.

        Raises:
            UsageError: an unknown field, or a value that the field refuses.
        """
        return type(self)(**(self.fields() | fields))

    def fields(self) -> dict[str, Any]:
        """Return the fields, without properties that were computed from them."""
        return {name: getattr(self, name) for name in type(self).model_fields}


def _refusal(component: type[Component], error: ErrorDetails) -> UsageError:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return unknown(f"field of {component.__name__}", where, component.model_fields)
    if error["type"] == "missing":
        return UsageError(f"{component.__name__} needs {where}; give {component.__name__}({where}=...)")
    reason = error["msg"].removeprefix("Value error, ")
    what = f"{component.__name__}.{where} = {error['input']!r}" if where else component.__name__
    return UsageError(f"{what}: {reason}".replace("\n", " "))


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
        known = {name: p.default for name, p in inspect.signature(optimizer).parameters.items()}
        known.pop("params", None)
        known.pop("lr", None)
        for name in options:
            if name not in known:
                raise unknown(f"option of {optimizer.__name__}", name, known)
        given = [f"{name}={value!r}" for name, value in options.items()]
        self.optimizer, self.options = optimizer, known | options
        self._identity = canonical_json(self.description())
        self.label = label or ", ".join([optimizer.__name__, *given])
        self._shown = ", ".join([optimizer.__name__, *given])

    def __repr__(self) -> str:
        return f"Method({self._shown})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Method) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def description(self) -> dict[str, Any]:
        """Return the class, its version and every option, defaults included."""
        version = getattr(self.optimizer, "version", 1)
        return kind(self.optimizer) | {"version": version, "options": describe(self.options)}

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


def kind(thing: Any) -> dict[str, str]:
    """Return the name of a class or function, and a digest of its source where it is defined in a script or notebook.

    Names in `__main__` mean something else in every script, and are edited without a thought of versions.
    """
    if thing.__module__ != "__main__":
        return {"kind": qualified_name(thing)}
    try:
        source = inspect.getsource(thing)
    except (OSError, TypeError):
        source = ""
    return {"kind": qualified_name(thing), "source": hashlib.sha256(source.encode()).hexdigest()}


def qualified_name(thing: Any) -> str:
    """Return `module.Name` of a class or function."""
    return f"{thing.__module__}.{thing.__qualname__}"


def describe(value: Any) -> Any:
    """Return the JSON-ready description of a spec or a part of one; what is hashed and what is stored."""
    if hasattr(type(value), "description"):
        return cast(Described, value).description()
    if isinstance(value, Mapping):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if inspect.isclass(value) or inspect.isfunction(value):
        return qualified_name(value)
    return value


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a description: sorted keys, no blanks, shortest floats."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def identity(spec: Described | Mapping[str, Any]) -> str:
    """Return the name of a run, given its spec or its description.

    It is the first 80 bits of the SHA-256 of the canonical description, as 20 hex digits.
    """
    return hashlib.sha256(canonical_json(describe(spec)).encode()).hexdigest()[:20]
