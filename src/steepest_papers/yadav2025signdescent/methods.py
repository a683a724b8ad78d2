"""The methods that are compared, and how they are drawn: the family's colour, dashed where theory gives the step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steepest.claims.figures import COLOURS

NAMES: Mapping[str, str] = {
    "Sign": "sign descent",
    "Sign 1/L": r"sign descent, $1/L_\infty$",
    "Adam": "Adam",
    "NormGD": "normalised GD",
    "GD": "GD, tuned",
    "GD 1/L": "GD, $1/L_2$",
}


def method_style(name: str) -> dict[str, Any]:
    """Return colour, dash and label of a method.

    >>> method_style("GD 1/L")["linestyle"]
    '--'
    """
    family, _, theory = name.partition(" ")
    return {"color": COLOURS[family], "linestyle": "--" if theory else "-", "label": NAMES[name]}
