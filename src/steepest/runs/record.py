"""What a run records: curves of the loss, by frequency group and by class, facts, and tables of probes.

A run that reads all examples at every step records every step. One that reads mini-batches has a row every so often:

    first and last row    the losses of all training examples, evaluated there
    rows between          means over the examples visited since the row before, from the training passes themselves

With dropout the training passes are noisy, and every row is evaluated, with dropout off. (The code released with Kunstner
et al. 2024 leaves dropout on in evaluation.) Rows of held-out data are evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from steepest import distributed
from steepest.data.frequency import frequency_groups, loss_by_group
from steepest.errors import UsageError
from steepest.problems.base import Params, Task
from steepest.runs.probe import probe_rows
from steepest.runs.spec import Spec
from steepest.runs.store import Outcome
from steepest.runs.train import Event, evaluate, example_weights, loss_by_class, mean_loss, objective_value


class Row(NamedTuple):
    """One row of the curves; where losses by class are needed, also those and the examples visited, shape (c,)."""

    step: int
    loss: float
    objective: float
    classes: np.ndarray
    visited: np.ndarray
    held_out_loss: float
    held_out_classes: np.ndarray


NOTHING = np.zeros(0)


def check_classes(task: Task, spec: Spec) -> None:
    """Refuse a spec that asks for groups, losses by class or class weights of a task without classes.

    Raises:
        UsageError: it does.
    """
    if task.classes is not None:
        return
    without = {"groups": None, "by_class": False, "weighting": "none"}
    for name, value in without.items():
        if (asked := getattr(spec, name)) != value:
            problem = type(spec.problem).__name__
            raise UsageError(f"{problem} has no classes, which {name}={asked!r} needs; give {name}={value!r}")


class Recorder:
    """Collects the events of one run.

    Attributes:
        rows: of the curves.
        tally: sum of losses and number of examples by class since the last row, shape (2, c); without classes (2, 1).
    """

    def __init__(self, task: Task, spec: Spec) -> None:
        self.task, self.spec = task, spec
        self.counts = NOTHING if task.classes is None else task.known_classes()[1].numpy()
        self.groups = frequency_groups(self.counts, spec.groups) if spec.groups else None
        self.rows: list[Row] = []
        self.tally = torch.zeros(2, max(1, len(self.counts)), dtype=torch.float64)
        self.probed: dict[str, list[Mapping[str, np.ndarray]]] = {probe.name: [] for probe in spec.probes}

    def see(self, event: Event) -> None:
        """Count an event, and add a row where one is due."""
        if event.examples is not None:
            self._count(event.examples, event.losses)
        for probe in self.spec.probes:
            if event.step in probe.at:
                self.probed[probe.name].append(probe_rows(probe, event.step, self.task, event.params))
        if event.step % (self.spec.every or 1) == 0 or event.step == self.spec.steps or not _is_finite(event):
            self.rows.append(self._row(event))
            self.tally.zero_()

    @property
    def has_just_written(self) -> bool:
        """Return whether nothing was counted since the last row."""
        return not self.tally.any()

    def _count(self, examples: Tensor, losses: Tensor) -> None:
        classes = torch.zeros_like(examples) if self.task.classes is None else self.task.classes[examples]
        self.tally[0].index_add_(0, classes, losses.double())
        self.tally[1].index_add_(0, classes, torch.ones(len(classes), dtype=torch.float64))

    def _row(self, event: Event) -> Row:
        losses = event.losses if event.examples is None else None
        objective = event.objective
        if self._must_evaluate(event):
            losses = evaluate(self.task, event.params)
            shares = example_weights(self.task, self.spec.weighting)
            objective = objective_value(self.task, losses, shares, self.spec.l2)
        if losses is None:
            total, count = distributed.total(self.tally)
            loss, classes, visited = float(total.sum() / count.sum()), (total / count).numpy(), count.numpy().copy()
        else:
            loss, classes, visited = mean_loss(self.task, losses), self._classes(self.task, losses), self.counts
        if not self._by_class:
            classes, visited = NOTHING, NOTHING
        held_out = self._held_out(event.params)
        return Row(event.step, loss, objective, classes, visited, *held_out)

    def _must_evaluate(self, event: Event) -> bool:
        batches = self.task.batches
        if batches is None or event.step == self.spec.steps or not _is_finite(event):
            return False
        return batches.noisy or (event.examples is not None and event.step == 0)

    @property
    def _by_class(self) -> bool:
        return self.groups is not None or self.spec.by_class

    def _classes(self, task: Task, losses: Tensor) -> np.ndarray:
        return loss_by_class(task, losses).numpy() if self._by_class else NOTHING

    def _held_out(self, params: Params) -> tuple[float, np.ndarray]:
        task = self.task.held_out
        if task is None:
            return math.nan, NOTHING
        losses = evaluate(task, params)
        return mean_loss(task, losses), self._classes(task, losses)

    def outcome(self) -> Outcome:
        """Return state, facts and tables of the run."""
        return outcome(self.spec, dict(self._curves()), self.probed)

    def _curves(self) -> Iterator[tuple[str, np.ndarray]]:
        columns = {
            name: np.array(values) for name, values in zip(Row._fields, zip(*self.rows, strict=True), strict=True)
        }
        yield "step", columns["step"]
        yield "loss", columns["loss"]
        yield "objective", columns["objective"]
        if self.groups:
            yield "group", self._by_group(columns["classes"], columns["visited"])
        if self.spec.by_class:
            yield "class", columns["classes"].astype(str(self.task.shares.dtype).removeprefix("torch."))
        if self.task.held_out is not None:
            yield "held_out_loss", columns["held_out_loss"]
            if self.groups:
                _, counts = self.task.held_out.known_classes()
                yield "held_out_group", loss_by_group(columns["held_out_classes"], counts.numpy(), self.groups)

    def _by_group(self, classes: np.ndarray, visited: np.ndarray) -> np.ndarray:
        """Return the mean loss of each group over the examples visited, shape (rows, G)."""
        groups = self.groups
        assert groups is not None
        if (visited == self.counts).all():
            return loss_by_group(classes, self.counts, groups)
        return np.stack([loss_by_group(row, count, groups) for row, count in zip(classes, visited, strict=True)])

    def state(self) -> dict[str, Tensor]:
        """Return rows and tally as tensors, for a checkpoint."""
        columns = zip(Row._fields, zip(*self.rows, strict=True), strict=True) if self.rows else ()
        rows = {f"row.{name}": torch.from_numpy(np.array(values, dtype=np.float64)) for name, values in columns}
        return rows | {"tally": self.tally}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state()` gave."""
        self.tally.copy_(state["tally"])
        columns = [state[f"row.{name}"].numpy() for name in Row._fields if f"row.{name}" in state]
        self.rows = [
            Row(int(step), float(loss), float(objective), classes, visited, float(held_out), held_out_classes)
            for step, loss, objective, classes, visited, held_out, held_out_classes in zip(*columns, strict=True)
        ]


def outcome(
    spec: Spec, curves: Mapping[str, np.ndarray], probed: Mapping[str, list[Mapping[str, np.ndarray]]]
) -> Outcome:
    """Return state, facts and tables of a run.

    Args:
        spec: of the run.
        curves: one row per recorded step: step, loss, objective, and others that go into the table `curves` as they are.
        probed: what each probe measured, by name.
    """
    first, last = ({name: float(curves[name][row]) for name in ("loss", "objective")} for row in (0, -1))
    finite = math.isfinite(last["objective"])
    facts = {
        "initial_loss": first["loss"],
        "final_loss": last["loss"] if finite else None,
        "initial_objective": first["objective"],
        "final_objective": last["objective"] if finite else None,
        "last_step": int(curves["step"][-1]),
    }
    columns = {**curves, "step": curves["step"].astype(np.int32)}
    if spec.weighting == "none" and not spec.l2:
        del columns["objective"]  # it is the loss
    tables = {name: _table(_stacked(rows)) for name, rows in probed.items() if rows}
    return Outcome("done" if finite else "diverged", facts, {"curves": _table(columns)} | tables)


def _is_finite(event: Event) -> bool:
    return math.isfinite(event.objective)


def _stacked(rows: list[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _table(columns: Mapping[str, Any]) -> pa.Table:
    return pa.table({name: _column(values) for name, values in columns.items()})


def _column(values: np.ndarray) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
