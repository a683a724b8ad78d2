"""What can be run and stored: a training run (`Spec`) or a direct calculation (`Calculation`).

Both are frozen descriptions with an identity; `execute()` gives the outcome that the store keeps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import torch
from pydantic import AfterValidator, Field, SerializeAsAny

from steepest.data.frequency import FrequencyGroups, frequency_groups, loss_by_group
from steepest.problems.base import Params, Problem, Task, Work
from steepest.spec import Component, Method, describe, identity, kind
from steepest.store import Outcome
from steepest.train import Event, Weighting, loss_by_class, mean_loss, train


def _learning_rate(value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"a learning rate must be a finite number above 0, got {value}; leave it out of the grid")
    return value


LearningRate = Annotated[float, AfterValidator(_learning_rate)]


class Probe(Component):
    """Something measured along a run at chosen steps; its rows become the run's table `name`.

    Args:
        at: the numbers of updates at which it measures.
    """

    at: tuple[int, ...]

    @property
    def name(self) -> str:
        """Return the name of the table."""
        return type(self).__name__.lower()

    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return columns of equal length, measured at `params`."""
        raise NotImplementedError(f"{type(self).__name__} must implement measure(task, params)")


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
    """

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

    @cached_property
    def id(self) -> str:
        """Return the identity of the run."""
        return identity(self)

    def work(self) -> Work:
        """Return the cost of the run."""
        step = self.problem.work()
        return Work(step.flops * (self.steps + 1), step.logits * (self.steps + 1))

    def execute(self) -> Outcome:
        """Train, and return curves, facts and probe tables. The same spec gives the same bytes."""
        with pinned_threads(self.threads):
            task = self.problem.setup(self.seed)
            recorder = _Recorder(task, self)
            optimizer = self.method.build(task.params.values(), self.lr)
            for event in train(task, optimizer, self.steps, self.weighting):
                recorder.see(event)
            return recorder.outcome()


@dataclass(frozen=True)
class Calculation:
    """A direct calculation that is stored like a run: a closed form against a solver, an identity against autograd.

    Args:
        function: a module-level function of `options` (and of `seed`, unless None) that returns named numbers, or
            `(numbers, tables)` with Arrow tables.
        options: its keyword arguments.
        seed: passed on as `seed`, or None where nothing is random.
        version: bumped by hand when the function's numbers change.
    """

    function: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    version: int = 1

    @cached_property
    def id(self) -> str:
        """Return the identity of the run."""
        return identity(self)

    def description(self) -> dict[str, Any]:
        """Return function, version, options and seed, ready for JSON."""
        options = describe(dict(self.options))
        return kind(self.function) | {"version": self.version, "options": options, "seed": self.seed}

    def work(self) -> Work:
        """Return a nominal cost: calculations take about a second."""
        return Work(flops=5e10, logits=0.0)

    def execute(self) -> Outcome:
        """Call the function."""
        seed = {} if self.seed is None else {"seed": self.seed}
        with pinned_threads(1):
            answer = self.function(**self.options, **seed)
        numbers, tables = answer if isinstance(answer, tuple) else (answer, {})
        return Outcome("done", numbers, tables)


Runnable = Spec | Calculation


class _Recorder:
    """Collects the events of one run."""

    def __init__(self, task: Task, spec: Spec) -> None:
        self.task, self.spec = task, spec
        self.counts = task.class_counts.numpy()
        self.groups: FrequencyGroups | None = frequency_groups(self.counts, spec.groups) if spec.groups else None
        self.steps: list[int] = []
        self.losses: list[float] = []
        self.objectives: list[float] = []
        self.classes: list[np.ndarray] = []
        self.probed: dict[str, list[Mapping[str, np.ndarray]]] = {probe.name: [] for probe in spec.probes}

    def see(self, event: Event) -> None:
        self.steps.append(event.step)
        self.losses.append(mean_loss(self.task, event.losses))
        self.objectives.append(event.objective)
        if self.groups or self.spec.by_class:
            self.classes.append(loss_by_class(self.task, event.losses).numpy())
        for probe in self.spec.probes:
            if event.step in probe.at:
                columns = probe.measure(self.task, event.params)
                rows = len(next(iter(columns.values())))
                self.probed[probe.name].append({"step": np.full(rows, event.step, np.int32), **columns})

    def outcome(self) -> Outcome:
        finite = math.isfinite(self.objectives[-1])
        facts = {
            "initial_loss": self.losses[0],
            "final_loss": self.losses[-1] if finite else None,
            "initial_objective": self.objectives[0],
            "final_objective": self.objectives[-1] if finite else None,
            "last_step": self.steps[-1],
        }
        probed = {name: _table(_stacked(rows)) for name, rows in self.probed.items() if rows}
        return Outcome("done" if finite else "diverged", facts, {"curves": self._curves()} | probed)

    def _curves(self) -> pa.Table:
        columns: dict[str, np.ndarray] = {"step": np.array(self.steps, np.int32), "loss": np.array(self.losses)}
        if self.spec.weighting != "none":
            columns["objective"] = np.array(self.objectives)
        if self.groups:
            columns["group"] = loss_by_group(np.stack(self.classes), self.counts, self.groups)
        if self.spec.by_class:
            columns["class"] = np.stack(self.classes).astype(str(self.task.weights.dtype).removeprefix("torch."))
        return _table(columns)


def _stacked(rows: list[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _table(columns: Mapping[str, np.ndarray]) -> pa.Table:
    return pa.table({name: _column(values) for name, values in columns.items()})


def _column(values: np.ndarray) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


@contextmanager
def pinned_threads(count: int) -> Iterator[None]:
    """Run with `count` torch threads and put the former number back."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
