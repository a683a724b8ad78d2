"""Specs: frozen descriptions of what is run, and the identity of a run.

A run is identified by the hash of everything that determines its numbers: every field of its spec, defaults included,
the hand-bumped `version` of each component (of code of the user's a digest, `steepest.code`) and the fingerprint of its
data. A field that is added later is declared in `added` with the value that means "as before"; at that value it stays
out of the hash, so old runs keep their identity.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from steepest import code, owner
from steepest.errors import UsageError, unknown

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


Function = TypeVar("Function", bound=Callable[..., Any])


class Described(Protocol):
    """Anything that can state what it is, ready for JSON."""

    def description(self) -> dict[str, Any]:
        """Return kind, version and fields."""


class Component(BaseModel):
    """A frozen, validated part of a spec: a data set, a problem, a probe, a record.

    Attributes:
        kind: the permanent name in descriptions, declared by every class of this package that is ever hashed; a class
            may move or be renamed and keep it.
        version: bumped by hand whenever the component's numbers change for the same fields.
        added: fields added after the first release, with the value at which they change nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)
    kind: ClassVar[str]
    version: ClassVar[int] = 1
    added: ClassVar[Mapping[str, Any]] = {}

    if not TYPE_CHECKING:  # type checkers keep the signature that the fields give

        def __init__(self, **fields: Any) -> None:
            """Accept lists where tuples are meant, and refuse in one line."""
            try:
                super().__init__(**{name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()})
            except ValidationError as error:
                raise _refusal(type(self), error.errors()[0]) from None

    @classmethod
    def __pydantic_init_subclass__(cls, **settings: Any) -> None:
        """Refuse a permanent name that another class has."""
        super().__pydantic_init_subclass__(**settings)
        if "kind" in vars(cls):
            _claim(cls.kind, cls)

    def fingerprint(self) -> str | None:
        """Return a digest of data outside of the spec (a user's text files), or None where the fields say it all."""
        return None

    def description(self) -> dict[str, Any]:
        """Return kind, version, data fingerprint and every field, ready for JSON."""
        fields = self.fields().items()
        shown = {name: describe(v, name) for name, v in fields if name not in self.added or v != self.added[name]}
        data = self.fingerprint()
        fingerprint = {} if data is None else {"fingerprint": data}
        return declaration(type(self)) | fingerprint | shown

    def changed(self, **fields: Any) -> Self:
        """Return a validated copy with `fields` replaced.

        Raises:
            UsageError: an unknown field, or a value that the field refuses.
        """
        return type(self)(**({name: getattr(self, name) for name in self.model_fields_set} | fields))

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


def declared(kind: str, *, version: int = 1) -> Callable[[Function], Function]:
    """Declare the permanent name of a function that a `Calculation` calls, and the version of its numbers.

    Args:
        kind: the name, which stays when the function moves or is renamed; in a paper it begins with the paper's key.
        version: bumped by hand when the function's numbers change.

    Raises:
        UsageError: another function or class has this name.
    """

    def mark(function: Function) -> Function:
        _claim(kind, function)
        vars(function).update(kind=kind, version=version)
        return function

    return mark


_PLACES: dict[str, str] = {}  # where each permanent name was declared


def kinds_in(folder: Path) -> list[str]:
    """Return the permanent names that files below a folder have declared so far."""
    return sorted(kind for kind, place in _PLACES.items() if folder in Path(place.rpartition(" in ")[2]).parents)


def _claim(kind: str, thing: Any) -> None:
    place = owner.place(thing)
    if _PLACES.setdefault(kind, place) != place:
        raise UsageError(
            f"kind = {kind!r} is declared by {_PLACES[kind]} and by {place}; give each its own permanent name, "
            "or restart Python if you renamed it"
        )


def declaration(thing: Any, name: str = "") -> dict[str, Any]:
    """Return what identifies a class, a function or a value: its declared name and version, and a digest of the user's code.

    Args:
        thing: what is identified.
        name: how a refusal calls it.

    Raises:
        TypeError: a class or function of this package without a declared name.
        UsageError: code of the user's that cannot be read, or a name that another class or function has declared.
    """
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return {"kind": getattr(thing, "__qualname__", type(thing).__qualname__), "code": code.digest(thing, name)}
    kind, version = vars(thing).get("kind"), getattr(thing, "version", 1)
    if owner.is_ours(thing):
        if kind is None:
            raise TypeError(f"{thing.__module__}.{thing.__qualname__} declares no kind; give it a permanent name")
        return {"kind": kind, "version": version}
    if owner.is_library(thing):
        return {"kind": f"{thing.__module__}.{thing.__qualname__}", "version": version}
    if isinstance(kind, str):
        _claim(kind, thing)
    return {
        "kind": kind if isinstance(kind, str) else thing.__qualname__,
        "version": version if isinstance(version, int) else 1,
        "code": code.digest(thing, name),
    }


def describe(value: Any, name: str = "") -> Any:
    """Return the JSON-ready description of a spec or a part of one; what is hashed and what is stored.

    Args:
        value: what is described.
        name: how a refusal calls it.

    Raises:
        UsageError: a value of which nobody can tell whether it changed.
    """
    kind = type(value)
    if any("description" in vars(base) and owner.is_ours(base) for base in kind.__mro__):
        return kind.description(value) | ({} if owner.is_ours(kind) else _outside(value))
    if kind in (dict, MappingProxyType) and all(type(key) is str for key in value):
        return {key: describe(item, key) for key, item in value.items()}
    if kind in (list, tuple):
        return [describe(item, name) for item in value]
    if isinstance(value, float) and owner.is_library(kind) and math.isfinite(value):  # numpy's too
        return float(value)
    return value if value is None or kind in (str, int, bool) else declaration(value, name)


def _outside(value: Any) -> dict[str, Any]:
    """Return what the description of an object of a user's subclass of ours may leave out: its class, private attributes."""
    class_ = declaration(type(value))
    if not isinstance(value, Component):
        return {"class": class_}
    private = code.private(value)
    return class_ | ({"private": code.digest(private, "private attributes")} if private else {})


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a description: sorted keys, no blanks, shortest floats."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def identity(spec: Described | Mapping[str, Any]) -> str:
    """Return the name of a run, given its spec or its description.

    It is the first 80 bits of the SHA-256 of the canonical description, as 20 hex digits.
    """
    return name_of(canonical_json(describe(spec)))


def name_of(text: str) -> str:
    """Return the name of a run, given the canonical JSON of its description."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]
