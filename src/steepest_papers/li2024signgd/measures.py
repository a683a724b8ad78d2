"""Measures shared by the figures: numbers of a run at a step, and one number per seed for claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from steepest.claims.claim import Measured, measure
from steepest.claims.paper import Results
from steepest.runs.results import Undecided
from steepest.runs.store import Run

Number = Callable[[Run], float]
Measure = Callable[[Results], Measured]


def measured_at(run: Run, table: str) -> np.ndarray:
    """Return the numbers of updates at which a probe with one row per step measured."""
    return run.column("step", table)


def at(run: Run, table: str, name: str, step: int) -> np.ndarray:
    """Return a probe's column after `step` updates.

    Raises:
        Undecided: the run diverged before.
    """
    rows = run.column("step", table) == step
    if not rows.any():
        raise Undecided(f"run {run.id} diverged before update {step}")
    return np.asarray(run.column(name, table)[rows])


def feature(run: Run, name: str, step: int) -> float:
    """Return a column of `Features` after `step` updates."""
    return float(at(run, "features", name, step)[0])


def prediction(run: Run, name: str, step: int) -> float:
    """Return a column of `Predictions` after `step` updates."""
    return float(at(run, "predictions", name, step)[0])


def last_prediction(run: Run, name: str) -> float:
    """Return a column of `Predictions` at the end of a run."""
    return prediction(run, name, run.spec["steps"])


def last_feature(run: Run, name: str) -> float:
    """Return a column of `Features` at the end of a run."""
    return feature(run, name, run.spec["steps"])


def final_loss(run: Run) -> float:
    """Return the last training loss; infinite where the run diverged."""
    loss = run.facts["final_loss"]
    return float("inf") if loss is None else float(loss)


def ratio(run: Run) -> float:
    """Return value noise over value signal at the end of a run."""
    return last_feature(run, "value_noise") / last_feature(run, "value_signal")


@measure()
def over_seeds(
    results: Results, plan: str, number: Number, evidence: Callable[[Sequence[Run]], str] = lambda _: ""
) -> Measured:
    """Return the measure that takes one number from each run of a plan; `evidence` tells more about the runs."""
    runs = results.calculations(plan)
    return Measured([number(run) for run in runs], [run.id for run in runs], evidence=evidence(runs))


@measure()
def paired(results: Results, first: str, second: str, number: Callable[[Run, Run], float]) -> Measured:
    """Return the measure that takes one number from the runs of two plans with the same seed."""
    pairs = list(zip(results.calculations(first), results.calculations(second), strict=True))
    return Measured([number(a, b) for a, b in pairs], [run.id for pair in pairs for run in pair])


def difference(number: Number) -> Callable[[Run, Run], float]:
    """Return the function of two runs that subtracts the first one's number from the second one's."""
    return lambda first, second: number(second) - number(first)
