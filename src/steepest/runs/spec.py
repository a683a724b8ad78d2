"""What can be run and stored: a training run (`Spec`) or a direct calculation (`Calculation`).

Both are frozen descriptions with an identity; `steepest.runs.execute.execute` gives the outcome that the store keeps.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Self

import torch
from pydantic import AfterValidator, Field, SerializeAsAny

from steepest.component import Component, canonical_json, declaration, describe, identity, name_of
from steepest.errors import UsageError
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


NOMINAL_RATE = 6e10  # operations per CPU second, taken for the machine on which a `takes` in seconds was measured


class Spec(Component):
    """One training run.

    Args:
        problem: data + model + loss.
        method: optimizer with its hyper-parameters.
        lr: learning rate, in the unit that the optimizer states.
        steps: number of updates T.
        seed: draws data, initial params, the order of mini-batches and the noise of dropout, the same for all methods.
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
    def family(self) -> Family:
        """Return what this run shares with those that differ in learning rate and seed only."""
        return Family(self)

    def beside(self, **fields: Any) -> Spec:
        """Return the spec with another method, learning rate or seed; the description of the rest is not computed again."""
        other, family = self.changed(**fields), self.family
        if "method" in fields:
            family = Family(other, family.described | {"method": describe(other.method)})
        vars(other)["family"] = family
        return other

    def description(self) -> dict[str, Any]:
        """Return what is hashed and stored. It is computed once; `changed()` computes it again."""
        return self.family.described | {"lr": self.lr, "seed": self.seed}

    @cached_property
    def id(self) -> str:
        """Return the identity of the run."""
        return self.family.name(self.lr, self.seed)

    @property
    def kinship(self) -> str:
        """Return what runs that may train in one stack share: all but learning rate, seed and numbers of method and problem."""
        return self.family.kinship

    def work(self) -> Work:
        """Return the cost of the run."""
        return self.family.work


class Family:
    """Runs that differ in learning rate and seed only; what they share is described once, when it is first asked for.

    Args:
        spec: any one of them.
        described: the description without learning rate and seed, where it is known.
    """

    def __init__(self, spec: Spec, described: dict[str, Any] | None = None) -> None:
        self._spec = spec
        if described is not None:
            self.described = described

    @cached_property
    def described(self) -> dict[str, Any]:
        """Return the description without learning rate and seed."""
        whole = Component.description(self._spec)
        return {name: value for name, value in whole.items() if name not in ("lr", "seed")}

    def name(self, lr: float, seed: int) -> str:
        """Return the identity of the run of this learning rate and seed."""
        first, between, last = self._text
        return name_of(f"{first}{float.__repr__(lr)}{between}{int.__repr__(seed)}{last}")  # as JSON writes them

    @cached_property
    def _text(self) -> list[str]:
        """Return the canonical JSON of the description, cut where learning rate and seed stand."""
        texts = {name: canonical_json(value) for name, value in self.described.items()} | {"lr": "\0", "seed": "\0"}
        return ("{" + ",".join(f'"{name}":{texts[name]}' for name in sorted(texts)) + "}").split("\0")

    @cached_property
    def kinship(self) -> str:
        """Return what runs that may train in one stack share."""
        method, problem = self.described["method"], self.described["problem"]
        options = {name for name, value in self._spec.method.options.items() if is_numeric(value)}
        scalars = self._spec.problem.scalars
        shared = {
            "method": method | {"options": {n: v for n, v in method["options"].items() if n not in options}},
            "problem": {name: value for name, value in problem.items() if name not in scalars},
        }
        return canonical_json(self.described | shared)

    @cached_property
    def work(self) -> Work:
        """Return the cost of a run."""
        training = self._spec.problem.work().times(self._spec.steps)
        return Work(*map(sum, zip(training, self._spec.problem.evaluation(), strict=True)))


@dataclass(frozen=True)
class Calculation:
    """A direct calculation that is stored like a run: a closed form against a solver, an identity against autograd.

    A function with a parameter `checkpoint` receives a file path in it; there it may keep its state, whole or not at all
    (`steepest.files.write_atomically`), and finds it again when it was stopped; it is deleted when the run is stored.

    Args:
        function: a module-level function, named by `declared`, of `options` (and of `seed`, unless None) that returns
            named numbers; or `(numbers, tables)` or `(numbers, tables, tensors)`, with Arrow tables and tensors by
            name; or an `Outcome`.
        options: its keyword arguments.
        seed: passed on as `seed`, or None where nothing is random.
        takes: about how many CPU seconds it takes, or its `Work`; no part of its identity.
        device: passed on as `device`, unless it is `cpu`.
        threads: of torch and of numpy's BLAS.

    Raises:
        UsageError: no such device, one other than `cpu` for a function without the parameter `device`, or fewer than one thread.
    """

    function: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    takes: float | Work = 0.5
    device: str = "cpu"
    threads: int = 1

    added: ClassVar[Mapping[str, Any]] = {"device": "cpu", "threads": 1}

    def __post_init__(self) -> None:
        """Refuse what cannot run."""
        try:
            _device(self.device)
        except ValueError as error:
            raise UsageError(f"Calculation.device: {error}") from None
        if self.device != "cpu" and not self.accepts("device"):
            name = self.function.__name__
            raise UsageError(f"device={self.device}: {name} has no parameter `device`; give it one, or device='cpu'")
        if self.threads < 1:
            raise UsageError(f"Calculation.threads = {self.threads}: give at least one thread")

    def accepts(self, parameter: str) -> bool:
        """Return whether the function has a parameter of this name that `options` leaves open."""
        return parameter in inspect.signature(self.function).parameters and parameter not in self.options

    def changed(self, **fields: Any) -> Self:
        """Return a copy with `fields` replaced, its description computed again."""
        return replace(self, **fields)

    @cached_property
    def id(self) -> str:
        """Return the identity of the run."""
        return identity(self)

    def description(self) -> dict[str, Any]:
        """Return what is hashed and stored. It is computed once; `changed()` computes it again."""
        return dict(self._described)

    @cached_property
    def _described(self) -> dict[str, Any]:
        """Return name and version of the function, options and seed, ready for JSON."""
        added = {name: getattr(self, name) for name, value in self.added.items() if getattr(self, name) != value}
        return declaration(self.function) | added | {"options": describe(dict(self.options)), "seed": self.seed}

    def work(self) -> Work:
        """Return the stated cost; seconds are turned into operations at the nominal rate."""
        return self.takes if isinstance(self.takes, Work) else Work(flops=self.takes * NOMINAL_RATE, logits=0.0)


Runnable = Spec | Calculation
