"""The optimizers that a comparison can name, and the rates they start from.

`Adam`, `SGD+m`, … from the table below, or the import path of any `torch.optim.Optimizer` class: `torch.optim.RMSprop`.
`NAME@RATE`, as in `Adam@10^-2.5` or `Adam@3e-4`, takes the rate as given and does not search.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from torch.optim import Optimizer

from steepest.component import describe
from steepest.errors import UsageError, unknown
from steepest.optim import AdaGrad, Adam, AdamW, GradientDescent, Muon, NormalizedGD, RescaledSignDescent, SignDescent
from steepest.problems.base import Problem
from steepest.runs.method import Method
from steepest.runs.sweep import Grid, untuned
from steepest.runs.train import train

KNOWN: dict[str, tuple[type[Optimizer], dict[str, Any]]] = {
    "SGD": (GradientDescent, {}),
    "SGD+m": (GradientDescent, {"momentum": 0.9}),
    "NormSGD": (NormalizedGD, {}),
    "NormSGD+m": (NormalizedGD, {"momentum": 0.9}),
    "Sign": (SignDescent, {}),
    "Sign+m": (SignDescent, {"momentum": 0.9}),
    "Signum": (SignDescent, {"momentum": 0.9, "order": "signum"}),
    "RescaledSign": (RescaledSignDescent, {}),
    "AdaGrad": (AdaGrad, {}),
    "Adam": (Adam, {}),
    "AdamW": (AdamW, {}),
    "Muon": (Muon, {}),
}
DEFAULT = ("SGD+m", "NormSGD+m", "Sign+m", "Adam")
FIRST_STEP = 0.01


@dataclass(frozen=True)
class Contender:
    """An optimizer in a comparison.

    Attributes:
        label: its name.
        method: the optimizer with its options.
        rate: the rate as given, a grid of one, or None where it is searched.
    """

    label: str
    method: Method
    rate: Grid | None

    def description(self) -> dict[str, Any]:
        """Return what it is, ready for JSON."""
        return {"method": describe(self.method), "rate": None if self.rate is None else list(self.rate.exponents)}


def contenders(names: Sequence[str]) -> tuple[Contender, ...]:
    """Return the contenders named.

    Raises:
        UsageError: an unknown name, with the nearest ones, a rate that is none, or a name given twice.

    >>> [c.label for c in contenders(["Adam", "SGD@10^-1.5"])], contenders(["SGD@10^-1.5"])[0].rate.exponents
    (['Adam', 'SGD'], (-1.5,))
    """
    named = tuple(_contender(name) for name in dict.fromkeys(names))
    labels = [contender.label for contender in named]
    for label in labels:
        if labels.count(label) > 1:
            raise UsageError(f"--optimizers: {label} is there twice; compare its rates by leaving @RATE out")
    return named


def _contender(name: str) -> Contender:
    label, at, rate = name.partition("@")
    method = Method(_imported(label), label) if "." in label else _known(label)
    return Contender(label, method, _rate(name, rate) if at else None)


def _known(label: str) -> Method:
    if label not in KNOWN:
        raise unknown("optimizer", label, KNOWN)
    make, options = KNOWN[label]
    return Method(make, label, **options)


def _imported(path: str) -> type[Optimizer]:
    module, _, name = path.rpartition(".")
    try:
        imported = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"--optimizers {path}: {error}; give a name ({', '.join(KNOWN)}) or an import path") from None
    if not (isinstance(imported, type) and issubclass(imported, Optimizer)):
        raise UsageError(f"--optimizers {path}: is not a torch.optim.Optimizer class")
    return imported


def _rate(name: str, text: str) -> Grid:
    try:
        if text.startswith("10^"):
            return Grid(exponents=(float(text.removeprefix("10^")),), tuned=False)
        return untuned(float(text))
    except ValueError:
        raise UsageError(f"--optimizers {name}: {text!r} is not a rate; write it as 10^-2.5 or 3e-3") from None


def starting_exponent(problem: Problem, method: Method, seed: int) -> int:
    """Return the decade in which the first update moves the params by 1 % of their length.

    With u the first update at α = 1, ‖α u‖₂ = 0.01 ‖w‖₂ gives α: the same rule for every optimizer, whatever the unit of
    its rate, as all their updates are proportional to α (derived by us). It is only where the search begins.

    Raises:
        UsageError: the first update is zero or not finite.

    Example:
        >>> from steepest.problems import WeightedQuadratic
        >>> starting_exponent(WeightedQuadratic(num_coordinates=9), Method(SignDescent), seed=0)
        -2
    """
    task = problem.setup(seed)
    events = train(task, method.build(task.params, 1.0), steps=2)
    next(events)
    before = {name: p.detach().clone() for name, p in task.params.items()}
    next(events)
    length = _norm(before)
    moved = _norm({name: p.detach() - before[name] for name, p in task.params.items()})
    if not (math.isfinite(moved) and moved > 0):
        what = "no gradient" if moved == 0 else "a gradient that is not finite"
        raise UsageError(f"{method.label}: the loss has {what} at the initial params, so that no rate can be found")
    return round(math.log10(FIRST_STEP * (length or 1.0) / moved))  # log₁₀ α with α = 0.01 ‖w‖₂ / ‖u‖₂


def _norm(tensors: dict[str, torch.Tensor]) -> float:
    return math.sqrt(sum(float(t.double().square().sum()) for t in tensors.values()))
