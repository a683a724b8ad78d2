"""Lockstep: runs that differ in learning rate, seed or numbers of method and problem train as one stacked computation.

Every parameter gets a leading axis of R runs. `torch.func.vmap` stacks the loss that single runs use, and the optimizers'
update rules broadcast over the axis, so problem and optimizer are written once. A small run cannot fill the machine; a stack
shares the interpreter and the matrix products among R runs.

A run's numbers do not depend on the runs beside it: no operation mixes runs, and each reduces within one run in an order
that its shape alone decides, so a run has the same bits in any stack, alone included. The runs that `pays` names always
train in a stack, be it of one. Run by run instead ("never"), the same numbers come out up to rounding: products are
batched differently, and torch's fused Adam rounds elsewhere than `adam_`, by which small runs step. Agreement to 1e-6 is
tested at stable rates; where a rate is unstable, rounding grows as everything else does. A run that diverges leaves the
stack; the others stay.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest.data.frequency import frequency_groups
from steepest.problems.base import Params, Task
from steepest.runs.cost import seconds
from steepest.runs.execute import pinned_threads, task_of
from steepest.runs.method import is_numeric
from steepest.runs.probe import probe_rows
from steepest.runs.record import outcome
from steepest.runs.spec import Runnable, Spec
from steepest.runs.store import Outcome
from steepest.runs.train import example_weights

if TYPE_CHECKING:
    from steepest.optim._common import Descent

Lockstep = Literal["auto", "always", "never"]
Source = tuple[Any, ...]
MOST_RUNS = 64
STACK_BYTES = 64 * 2**20  # about what a core's share of the caches can serve
SHARED_BYTES = 2**19  # of data; larger ones are read once for all runs, not once for each
# Steps as large as these fill the machine alone; measured in benchmarks/lockstep.py.
BUSY_FLOPS = 6e8
BUSY_LOGITS = 130_000.0  # beyond this a stack falls out of the caches that a single run stays in
NUMBERS_PER_LOGIT = 5.0  # that are touched in the time of one logit


def pays(spec: Spec) -> bool:
    """Return whether steps of this spec are so small that one run alone cannot fill the machine."""
    work = spec.problem.work()
    return work.flops < BUSY_FLOPS and work.logits + work.touched / NUMBERS_PER_LOGIT < BUSY_LOGITS


def can_stack(spec: Spec) -> bool:
    """Return whether a run can train in a stack: the class of its problem says so, and that of its optimizer has a stacked form.

    What a class inherits does not count: a subclass may have another loss, or another step.
    """
    problem, optimizer = vars(type(spec.problem)), vars(spec.method.optimizer)
    return bool(problem.get("lockstep")) and optimizer.get("stacked") is not None and spec.device == "cpu"


def stackable(runnable: Runnable, mode: Lockstep = "auto") -> TypeGuard[Spec]:
    """Return whether a run is to train in a stack."""
    if mode == "never" or not isinstance(runnable, Spec) or not can_stack(runnable):
        return False
    return mode == "always" or pays(runnable)


class Queue:
    """Runs that wait for a worker. Those that may train together come as one bundle, every other one alone.

    Args:
        slots: number of workers; a stack that is more than one worker's share of the work is cut, so that each has some.
        mode: whether runs train in stacks where that pays, wherever they can, or never.
    """

    def __init__(self, slots: int, mode: Lockstep = "auto") -> None:
        self.slots, self.mode = slots, mode
        self._kin: dict[str, list[Runnable]] = {}
        self._kin_of: dict[str, str] = {}
        self._turns: list[tuple[int, int, str]] = []
        self._numbers = count()
        self._cut: deque[tuple[Runnable, ...]] = deque()

    def add(self, item: Runnable, place: int) -> None:
        """Let a run wait, once; runs of a smaller place, and the kin of such runs, come first."""
        if item.id not in self._kin_of:
            name = self._kin_of[item.id] = item.kinship if stackable(item, self.mode) else item.id
            self._kin.setdefault(name, []).append(item)
        heappush(self._turns, (place, next(self._numbers), self._kin_of[item.id]))

    def next(self, seconds_left: float) -> tuple[Runnable, ...] | None:
        """Take the next bundle, or None where nobody waits.

        Args:
            seconds_left: estimated for all that waits or runs.
        """
        while not self._cut and self._turns:
            items = self._kin.pop(heappop(self._turns)[-1], None)
            if items is None:  # they came with kin of a smaller place
                continue
            cost = sum(seconds(item.work()) for item in items)
            self._cut.extend(_cut(items, self.slots if cost > seconds_left / self.slots else 1))
        return self._cut.popleft() if self._cut else None


def _cut(items: Sequence[Runnable], parts: int) -> Iterator[tuple[Runnable, ...]]:
    """Cut kin evenly, runs on the same data side by side."""
    size = math.ceil(len(items) / max(parts, math.ceil(len(items) / MOST_RUNS)))
    ordered = sorted(items, key=lambda item: _source(item) if isinstance(item, Spec) else ())
    return (tuple(ordered[i : i + size]) for i in range(0, len(items), size))


def train_together(specs: Sequence[Spec]) -> list[tuple[Outcome, float]]:
    """Train runs of one bundle; return each one's outcome and its share of the CPU seconds, in the order of `specs`.

    Raises:
        ValueError: an option outside its domain, as the optimizer itself would raise.
    """
    with pinned_threads(specs[0].threads):
        tasks: dict[Source, Task] = {}
        for spec in specs:
            if _source(spec) not in tasks:
                tasks[_source(spec)] = task_of(spec)
            spec.method.build(tasks[_source(spec)].params, spec.lr)  # checks the options
        stacks = _stacks(specs, tasks[_source(specs[0])])
        found = {spec.id: one for stack in stacks for spec, one in zip(stack, _timed(stack, tasks), strict=True)}
    return [found[spec.id] for spec in specs]


def _stacks(specs: Sequence[Spec], task: Task) -> Iterator[Sequence[Spec]]:
    """Cut a bundle into stacks of bounded memory; runs on large data only stand beside runs on the same data."""
    sources = dict.fromkeys(map(_source, specs))
    parts = [[spec for spec in specs if _source(spec) == one] for one in sources] if shares_data(task) else [specs]
    most = max(1, STACK_BYTES // _bytes_per_run(task))
    return (part[i : i + most] for part in parts for i in range(0, len(part), most))


def shares_data(task: Task) -> bool:
    """Return whether the data are so large that runs of one stack read the same, in one large product for all."""
    return _bytes(task.data.values()) >= SHARED_BYTES


def _timed(specs: Sequence[Spec], tasks: dict[Source, Task]) -> list[tuple[Outcome, float]]:
    started = time.process_time()
    outcomes = Stack(specs, tasks).train()
    return [(found, (time.process_time() - started) / len(specs)) for found in outcomes]


def _source(spec: Spec) -> Source:
    """Return what tells the tasks of one bundle apart."""
    return (*(getattr(spec.problem, name) for name in spec.problem.scalars), spec.seed)


def _bytes_per_run(task: Task) -> int:
    """Return roughly what a run touches in a step: params with gradient and state, its own data, its examples' losses."""
    own = 0 if shares_data(task) else _bytes(task.data.values())
    return max(1, 6 * _bytes(task.params.values()) + own + 6 * _bytes([task.shares]))


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(t.numel() * t.element_size() for t in tensors)


class Stack:
    """Runs under way together; the leading axis of every tensor counts those that have not diverged.

    Args:
        specs: R runs that agree in everything but learning rate, seed, numeric options and the problem's `scalars`.
        tasks: their tasks by the problem's `scalars` and the seed.
    """

    def __init__(self, specs: Sequence[Spec], tasks: dict[Source, Task]) -> None:
        self.specs, self.spec = specs, specs[0]
        self.tasks = [tasks[_source(spec)] for spec in specs]
        first = self.tasks[0]
        self.shared = shares_data(first)
        self.loss: Callable[..., Tensor] = torch.func.vmap(first.loss, in_dims=(0, None if self.shared else 0))
        self.params = {
            name: self._each([task.params[name].detach() for task in self.tasks]).clone().requires_grad_()
            for name in first.params
        }
        self.data = first.data
        if not self.shared:
            self.data = {name: self._each([task.data[name] for task in self.tasks]) for name in first.data}
        self.shares = self._each([example_weights(task, self.spec.weighting) for task in self.tasks])
        self.optimizer = stacked_optimizer(specs, self.params)
        self.active = np.arange(len(specs))
        self.curves = Curves(self.spec, self.tasks)
        self.probed: list[dict[str, list[Any]]] = [{probe.name: [] for probe in spec.probes} for spec in specs]

    def _each(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return one tensor of every run, shape (R, ...); without copies where all runs share a task."""
        if all(task is self.tasks[0] for task in self.tasks):
            return tensors[0].expand(len(tensors), *tensors[0].shape)
        return torch.stack(list(tensors))

    def train(self) -> list[Outcome]:
        """Update the runs up to T times and return their outcomes."""
        for step in range(self.spec.steps + 1):
            last = step == self.spec.steps
            objective, losses = self._objective()
            if not last:
                torch.autograd.backward(objective.sum())
            finite = torch.isfinite(objective)
            self.curves.record(step, self.active, losses.detach(), objective.detach(), finite.numpy())
            self._probe(step)
            if not finite.all():
                self._keep(finite)
            if last or not len(self.active):
                break
            self.optimizer.step()
            self.optimizer.zero_grad()
        pairs = zip(self.specs, self.probed, strict=True)
        return [outcome(spec, self.curves.of(run), probed) for run, (spec, probed) in enumerate(pairs)]

    def _objective(self) -> tuple[Tensor, Tensor]:
        """Return what each run minimises, shape (R,), and ℓ, shape (R, n)."""
        losses = self.loss(self.params, self.data)
        objective = (losses * self.shares).sum(1)
        if self.spec.l2:
            squares = torch.stack([p.square().flatten(1).sum(1) for p in self.params.values()], dim=1)
            objective = objective + 0.5 * self.spec.l2 * squares.sum(1)
        return objective, losses

    def _probe(self, step: int) -> None:
        due = [probe for probe in self.spec.probes if step in probe.at]
        for row, run in enumerate(self.active if due else ()):
            params = {name: value[row] for name, value in self.params.items()}
            for probe in due:
                self.probed[run][probe.name].append(probe_rows(probe, step, self.tasks[run], _detached(params)))

    def _keep(self, kept: Tensor) -> None:
        """Let the runs go that are not `kept`."""
        old, self.active = self.params, self.active[kept.numpy()]
        self.params = {name: value.detach()[kept].requires_grad_() for name, value in old.items()}
        for name, value in old.items():
            self.params[name].grad = None if value.grad is None else value.grad[kept]
        if not self.shared:
            self.data = {name: value[kept] for name, value in self.data.items()}
        self.shares = self.shares[kept]
        replace_params(self.optimizer, old, self.params, kept)


def stacked_optimizer(specs: Sequence[Spec], params: dict[str, Tensor]) -> Optimizer:
    """Return the optimizer of R runs, with a learning rate and numeric options of shape (R,).

    Where no run has momentum there is none, instead of R zeros; that changes no bit.
    """
    method = specs[0].method
    make: type[Descent] = method.optimizer.stacked  # type: ignore[attr-defined]
    options = {name: _numbers([spec.method.options[name] for spec in specs]) for name in method.options}
    if "momentum" in options and not any(spec.method.options["momentum"] for spec in specs):
        options["momentum"] = 0.0
    return make(params.values(), lr=torch.tensor([spec.lr for spec in specs], dtype=torch.float64), **options)  # type: ignore[call-arg]


def _numbers(values: Sequence[Any]) -> Any:
    """Return one option of R runs: a tensor (R,) of numbers, a tuple of such, or the value that all runs share."""
    if not is_numeric(values[0]):
        return values[0]
    if isinstance(values[0], tuple):
        return tuple(_numbers(parts) for parts in zip(*values, strict=True))
    return torch.tensor(values, dtype=torch.float64)


def replace_params(optimizer: Optimizer, old: Params, new: Params, kept: Tensor) -> None:
    """Give an optimizer the params of the runs that are `kept`, shape (R,), with their options and state."""
    after = dict(zip(old.values(), new.values(), strict=True))
    for group in optimizer.param_groups:
        group.update({name: _of_kept(value, kept) for name, value in group.items() if name != "params"})
        group["params"] = [after[p] for p in group["params"]]
    states = {after[p]: state for p, state in optimizer.state.items()}
    optimizer.state.clear()
    for p, state in states.items():
        optimizer.state[p] = {name: _of_kept(value, kept) for name, value in state.items()}


def _of_kept(value: Any, kept: Tensor) -> Any:
    if isinstance(value, tuple):
        return tuple(_of_kept(part, kept) for part in value)
    return value[kept] if isinstance(value, Tensor) and value.dim() else value


def _detached(params: Params) -> Params:
    return {name: value.detach() for name, value in params.items()}


class Curves:
    """The rows that runs of one stack record: as many as are due, and one where a run diverges.

    Args:
        spec: what is recorded, and how often.
        tasks: of each run.
    """

    def __init__(self, spec: Spec, tasks: Sequence[Task]) -> None:
        self.spec, self.dtype = spec, str(tasks[0].shares.dtype).removeprefix("torch.")
        self.weights = torch.stack([task.shares.double() for task in tasks])
        self.means: dict[str, Means] = {}
        labels = [task.known_classes() for task in tasks] if spec.groups or spec.by_class else []
        if spec.groups:
            groups = [frequency_groups(counts.numpy(), spec.groups).of_class for _, counts in labels]
            index = [torch.from_numpy(of)[classes] for of, (classes, _) in zip(groups, labels, strict=True)]
            self.means["group"] = Means(torch.stack(index), self.weights, spec.groups)
        if spec.by_class:
            self.means["class"] = Means(
                torch.stack([classes for classes, _ in labels]), self.weights, len(labels[0][1])
            )
        rows, runs = spec.steps // (spec.every or 1) + 3, len(tasks)
        self.filled = np.zeros(runs, dtype=np.int64)
        self.columns = {name: np.full((runs, rows), np.nan) for name in ("step", "loss", "objective")}
        self.columns |= {name: np.full((runs, rows, means.size), np.nan) for name, means in self.means.items()}

    def record(self, step: int, active: np.ndarray, losses: Tensor, objective: Tensor, finite: np.ndarray) -> None:
        """Add a row for every active run, or, where none is due, for those that diverged."""
        due = step % (self.spec.every or 1) == 0 or step == self.spec.steps
        chosen = np.full(len(active), True) if due else ~finite
        if not chosen.any():
            return
        runs, rows = active[chosen], torch.from_numpy(chosen)
        weighted = losses[rows].double() * self.weights[runs]
        values = {"step": np.full(len(runs), step), "loss": weighted.sum(1), "objective": objective[rows]}
        values |= {name: means.of(weighted, runs) for name, means in self.means.items()}
        for name, column in self.columns.items():
            column[runs, self.filled[runs]] = values[name]
        self.filled[runs] += 1

    def of(self, run: int) -> dict[str, np.ndarray]:
        """Return the rows of one run, by column."""
        columns = {name: column[run, : self.filled[run]] for name, column in self.columns.items()}
        if "class" in columns:
            columns["class"] = columns["class"].astype(self.dtype)
        return columns


class Means:
    """Weighted means of the losses of examples that share a class or a frequency group.

    Args:
        index: class or group of each example, shape (R, n).
        weights: of the examples, shape (R, n).
        size: number of classes or groups.
    """

    def __init__(self, index: Tensor, weights: Tensor, size: int) -> None:
        self.index, self.size = index, size
        self.mass = torch.zeros(len(index), size, dtype=torch.float64).scatter_add_(1, index, weights)

    def of(self, weighted: Tensor, runs: np.ndarray) -> Tensor:
        """Return means of some runs, shape (len(runs), size), of weight times loss; NaN where nothing is."""
        total = torch.zeros(len(runs), self.size, dtype=torch.float64)
        return total.scatter_add_(1, self.index[runs], weighted) / self.mass[runs]
