"""Write a measure as an expression: `gap("linear", worse="GD-m", better="Adam-m")` for what such a call returned.

Measures are functions, or closures that a function of a module returned. A closure keeps the arguments that it uses, so the
call can be written again; arguments that it does not use are left at their defaults.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from steepest.eject.slices import CannotEject, Place, Slices


def expression(value: Any, slices: Slices) -> Callable[[dict[Place, str]], str]:
    """Return what writes `value`, given the names of places; add to `slices` what it needs.

    Raises:
        CannotEject: a value that has no expression.
    """
    if isinstance(value, tuple | list):
        parts = [expression(part, slices) for part in value]
        return lambda names: f"({''.join(f'{part(names)}, ' for part in parts).rstrip()})"
    if isinstance(value, dict):
        pairs = [(expression(key, slices), expression(part, slices)) for key, part in value.items()]
        return lambda names: f"{{{', '.join(f'{key(names)}: {part(names)}' for key, part in pairs)}}}"
    if isinstance(value, str | int | float | bool | None):
        return lambda _: written(value)
    if isinstance(value, partial):
        return _call(value.func, value.keywords, value.args, slices)
    if inspect.isfunction(value):
        return _function(value, slices)
    if type(value).__module__ == "numpy" or getattr(value, "__module__", "") == "numpy":
        return lambda _: f"np.{value.__name__}"
    raise CannotEject(f"its measure depends on {value!r}, which cannot be written down")


def _function(function: Any, slices: Slices) -> Callable[[dict[Place, str]], str]:
    """Return a function's name, or the call that returned the closure."""
    factory, nested, _ = function.__qualname__.partition(".<locals>.")
    place = function.__module__, factory
    if factory == "<lambda>":
        raise CannotEject(f"its measure is made from a lambda of {function.__module__}, which has no name")
    if not nested:
        slices.add(place)
        return lambda names: names[place]
    maker = getattr(import_module(function.__module__), factory, None)
    closed = inspect.getclosurevars(function).nonlocals
    if not inspect.isfunction(maker) or not closed.keys() <= inspect.signature(maker).parameters.keys():
        raise CannotEject(f"its measure is made inside {factory} from more than its arguments")
    needed = {n for n, p in inspect.signature(maker).parameters.items() if p.default is p.empty} - closed.keys()
    if needed:
        raise CannotEject(f"its measure does not keep the argument {', '.join(sorted(needed))} of {factory}")
    return _call(maker, dict(closed), (), slices)


def _call(
    function: Any, keywords: dict[str, Any], positional: tuple[Any, ...], slices: Slices
) -> Callable[[dict[Place, str]], str]:
    called = _function(function, slices)
    first = [expression(value, slices) for value in positional]
    variadic = [n for n, p in inspect.signature(function).parameters.items() if p.kind is p.VAR_POSITIONAL]
    first += [expression(value, slices) for name in variadic for value in keywords.get(name, ())]
    order = [name for name in inspect.signature(function).parameters if name in keywords and name not in variadic]
    named = {name: expression(keywords[name], slices) for name in order}

    def call(names: dict[Place, str]) -> str:
        arguments = [part(names) for part in first] + [f"{name}={part(names)}" for name, part in named.items()]
        return f"{called(names)}({', '.join(arguments)})"

    return call


def written(value: Any) -> str:
    """Return a value as Python writes it, text in double quotes.

    >>> written("GD-m"), written((0.0, 0.999))
    ('"GD-m"', '(0.0, 0.999)')
    """
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
