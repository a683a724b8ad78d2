"""Write a measure as an expression, such as `gap("linear", "GD-m", "Adam-m")`.

A `Measure` keeps the function that was decorated and the arguments that it was called with, so the call can be written again.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

from steepest.claims.claim import Measure
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
    if isinstance(value, Measure):
        return _call(value, slices)
    if inspect.isfunction(value):
        return _function(value, slices)
    if type(value).__module__ == "numpy" or getattr(value, "__module__", "") == "numpy":
        return lambda _: f"np.{value.__name__}"
    raise CannotEject(f"its measure depends on {value!r}, which cannot be written down")


def _function(function: Any, slices: Slices) -> Callable[[dict[Place, str]], str]:
    """Return the name of a function of a module."""
    place = function.__module__, function.__qualname__
    if "<" in function.__qualname__:
        raise CannotEject(
            f"its measure is made from a {place[1].rpartition('.')[2]} of {place[0]}, which has no name there"
        )
    slices.add(place)
    return lambda names: names[place]


def _call(measure: Measure, slices: Slices) -> Callable[[dict[Place, str]], str]:
    called = _function(measure.function, slices)
    first = [expression(value, slices) for value in measure.arguments]
    named = {name: expression(value, slices) for name, value in measure.options.items()}

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
