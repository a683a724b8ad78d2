"""What can be run and stored: a training run (`Spec`) or a direct calculation (`Calculation`).

Both are frozen descriptions with an identity; `execute()` gives the outcome that the store keeps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import AfterValidator, Field, SerializeAsAny

from steepest.checkpoint import Checkpoint
from steepest.errors import UsageError
from steepest.problems.base import Problem, Task, Work
from steepest.record import Probe, Recorder
from steepest.spec import Component, Method, canonical_json, describe, identity, is_numeric, kind
from steepest.store import Outcome
from steepest.train import Weighting, adjust_logits, train


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
        return canonical_json([describe(fields), problem, kind(self.method.optimizer), describe(options)])

    def work(self) -> Work:
        """Return the cost of the run."""
        return self._work

    @cached_property
    def _work(self) -> Work:
        training = self.problem.work().times(self.steps)
        return Work(*map(sum, zip(training, self.problem.evaluation(), strict=True)))

    def execute(self, checkpoint: Path | None = None) -> Outcome:
        """Train, and return curves, facts and probe tables. The same spec gives the same bytes.

        Args:
            checkpoint: a file that keeps the state of a run that is read in batches; a run that finds it goes on there
                and ends with the same bytes.
        """
        with pinned_threads(self.threads):
            task = _on_device(self.problem.setup(self.seed), self.device)
            if self.weighting == "logit-adjusted":
                adjust_logits(task)
            recorder = Recorder(task, self)
            optimizer = self.method.build(task.params, self.lr)
            saved = Checkpoint(checkpoint if task.batches else None, task.params, optimizer, recorder)
            start = saved.restore()
            for event in train(task, optimizer, self.steps, self.weighting, l2=self.l2, start=start):
                saved.save_if_due(event.step)
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
        takes: about how many CPU seconds it takes; no part of its identity.
    """

    function: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    version: int = 1
    takes: float = 0.5

    @cached_property
    def id(self) -> str:
        """Return the identity of the run."""
        return identity(self)

    def description(self) -> dict[str, Any]:
        """Return function, version, options and seed, ready for JSON."""
        options = describe(dict(self.options))
        return kind(self.function) | {"version": self.version, "options": options, "seed": self.seed}

    def work(self) -> Work:
        """Return the stated time, as operations on a machine like the one where it was measured."""
        return Work(flops=self.takes * NOMINAL_RATE, logits=0.0)

    def execute(self, checkpoint: Path | None = None) -> Outcome:  # noqa: ARG002 - too short for one
        """Call the function."""
        seed = {} if self.seed is None else {"seed": self.seed}
        with pinned_threads(1):
            answer = self.function(**self.options, **seed)
        numbers, tables = answer if isinstance(answer, tuple) else (answer, {})
        return Outcome("done", numbers, tables)


Runnable = Spec | Calculation


@contextmanager
def pinned_threads(count: int) -> Iterator[None]:
    """Run with `count` threads of torch and of numpy's BLAS, and put the former numbers back.

    Workers whose BLAS takes every core wait for each other, up to ten times longer, and sums depend on the number of threads.
    """
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


def _on_device(task: Task, device: str) -> Task:
    """Return the task with its params on `device`; batches follow their params."""
    if device == "cpu":
        return task
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"device={device}: no GPU is available here; give device=cpu, or --set device=cpu to a figure")
    if task.batches is None:
        raise UsageError(f"device={device}: this problem is read at once and stays on the CPU; give device=cpu")
    return replace(task, params={name: p.detach().to(device).requires_grad_() for name, p in task.params.items()})
