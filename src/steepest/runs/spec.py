"""What can be run and stored: a training run (`Spec`) or a direct calculation (`Calculation`).

Both are frozen descriptions with an identity; `execute()` gives the outcome that the store keeps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, ClassVar

import torch
from pydantic import AfterValidator, Field, SerializeAsAny

from steepest.component import Component, canonical_json, declaration, describe, identity
from steepest.problems.base import Problem, Work
from steepest.runs.method import Method, is_numeric
from steepest.runs.probe import Probe
from steepest.runs.train import Weighting


def _learning_rate(value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"a learning rate must be a finite number above 0, got {value}; leave it out of the grid")
    return value


def _device(name: str) -> str:
    try:
        torch.device(name)
    except RuntimeError:
        raise ValueError(f"{name!r} is not a device; give cpu, cuda or mps") from None
    return name


LearningRate = Annotated[float, AfterValidator(_learning_rate)]


NOMINAL_RATE = 6e10  # operations per CPU second


class Spec(Component):
    """One training run.

    Args:
        problem: data + model + loss.
        method: optimizer with its hyper-parameters.
        lr: learning rate, in the unit that the optimizer states.
        steps: number of updates T.
        seed: draws data and initial params, nothing else, so that all methods meet the same ones.
        weighting: class weights of the objective.
        groups: number of frequency groups whose loss is recorded at every step, or None.
        by_class: record the loss of every class at every step too.
        probes: further measurements at chosen steps.
        threads: torch threads; part of the identity, since the number of threads changes the last bits.
        every: updates between two rows of the curves; None records at every step.
        l2: λ of a penalty λ/2 ‖w‖² in the objective.
        device: `cpu`, or a GPU as torch names it.
    """

    kind: ClassVar[str] = "Spec"

    added: ClassVar[Mapping[str, Any]] = {"every": None, "l2": 0.0, "device": "cpu"}

    problem: SerializeAsAny[Problem]
    method: Method
    lr: LearningRate
    steps: Annotated[int, Field(ge=0)]
    seed: int = 0
    weighting: Weighting = "none"
    groups: Annotated[int, Field(ge=1)] | None = None
    by_class: bool = False
    probes: tuple[SerializeAsAny[Probe], ...] = ()
    threads: Annotated[int, Field(ge=1)] = 1
    every: Annotated[int, Field(ge=1)] | None = None
    l2: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    device: Annotated[str, AfterValidator(_device)] = "cpu"

    @cached_property
    def id(self) -> str:
        """Return the identity of the run."""
        return identity(self)

    @cached_property
    def kinship(self) -> str:
        """Return what runs that may train in one stack share: all but learning rate, seed and numbers of method and problem."""
        fields = {
            name: value for name, value in self.fields().items() if name not in ("method", "lr", "seed", "problem")
        }
        problem = {name: value for name, value in describe(self.problem).items() if name not in self.problem.scalars}
        options = {name: value for name, value in self.method.options.items() if not is_numeric(value)}
        return canonical_json([describe(fields), problem, declaration(self.method.optimizer), describe(options)])

    def work(self) -> Work:
        """Return the cost of the run."""
        return self._work

    @cached_property
    def _work(self) -> Work:
        training = self.problem.work().times(self.steps)
        return Work(*map(sum, zip(training, self.problem.evaluation(), strict=True)))


@dataclass(frozen=True)
class Calculation:
    """A direct calculation that is stored like a run: a closed form against a solver, an identity against autograd.

    Args:
        function: a module-level function, named by `declared`, of `options` (and of `seed`, unless None) that returns
            named numbers, or `(numbers, tables)` with Arrow tables.
        options: its keyword arguments.
        seed: passed on as `seed`, or None where nothing is random.
        takes: about how many CPU seconds it takes; no part of its identity.
    """

    function: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    takes: float = 0.5

    @cached_property
    def id(self) -> str:
        """Return the identity of the run."""
        return identity(self)

    def description(self) -> dict[str, Any]:
        """Return name and version of the function, options and seed, ready for JSON."""
        options = describe(dict(self.options))
        return declaration(self.function) | {"options": options, "seed": self.seed}

    def work(self) -> Work:
        """Return the stated time, as operations on a machine like the one where it was measured."""
        return Work(flops=self.takes * NOMINAL_RATE, logits=0.0)


Runnable = Spec | Calculation
