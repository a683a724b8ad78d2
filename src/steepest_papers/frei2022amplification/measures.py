"""Measures on the neurons and predictions of a run.

For a neuron of sign + the good direction is μ₁ and the bad one μ₂; for sign − the other way round.

    A(t) = mean_j |⟨w_j(t), μ_good⟩| / mean_j |⟨w_j(0), μ_good⟩|       amplification; A_bad likewise
    cos_good = |⟨w_j, μ_good⟩| / ‖w_j‖;    captured = share of neurons with cos_good > 0.7
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from steepest.claims.claim import Measured, measure
from steepest.claims.paper import Results
from steepest.runs.store import Run
from steepest_papers.frei2022amplification.sizes import STEPS

CAPTURED = 0.7
Number = Callable[[Run], float]
Measure = Callable[[Results], Measured]


class Alignment(NamedTuple):
    """The neurons of a run at one step, each array of shape (m,).

    Attributes:
        sign: of a_j.
        first: ⟨w_j, μ₁⟩.
        second: ⟨w_j, μ₂⟩.
        norm: ‖w_j‖.
    """

    sign: np.ndarray
    first: np.ndarray
    second: np.ndarray
    norm: np.ndarray

    @property
    def good(self) -> np.ndarray:
        """Return ⟨w_j, μ_good⟩ of each neuron."""
        return np.where(self.sign > 0, self.first, self.second)

    @property
    def bad(self) -> np.ndarray:
        """Return ⟨w_j, μ_bad⟩ of each neuron."""
        return np.where(self.sign > 0, self.second, self.first)

    @property
    def cosine(self) -> np.ndarray:
        """Return cos_good of each neuron."""
        return np.asarray(np.abs(self.good) / self.norm)


def neurons(run: Run, step: int) -> Alignment:
    """Return the neurons after `step` updates."""
    rows = run.column("step", "neurons") == step
    return Alignment(*(run.column(name, "neurons")[rows] for name in ("sign", "along_1", "along_2", "norm")))


def amplification(run: Run, step: int) -> float:
    """Return A(t)."""
    return _growth(neurons(run, step).good, neurons(run, 0).good)


def bad_amplification(run: Run, step: int) -> float:
    """Return A_bad(t)."""
    return _growth(neurons(run, step).bad, neurons(run, 0).bad)


def cosine(run: Run, step: int) -> float:
    """Return the median of cos_good."""
    return float(np.median(neurons(run, step).cosine))


def captured(run: Run, step: int) -> float:
    """Return the share of neurons with cos_good > 0.7."""
    return float(np.mean(neurons(run, step).cosine > CAPTURED))


def norm_ratio(run: Run, step: int) -> float:
    """Return the median of ‖w_j(t)‖/‖w_j(0)‖."""
    return float(np.median(neurons(run, step).norm / neurons(run, 0).norm))


def predicted(run: Run, name: str, step: int = STEPS) -> float:
    """Return a column of the predictions after `step` updates, such as `clean_error`."""
    (value,) = run.column(name, "predictions")[run.column("step", "predictions") == step]
    return float(value)


def clean_error(run: Run, step: int) -> float:
    """Return the test error against clean labels."""
    return predicted(run, "clean_error", step)


def memorised(run: Run, step: int) -> float:
    """Return the share of flipped training points that are predicted as flipped."""
    return predicted(run, "memorised", step)


@measure()
def over_seeds(
    results: Results, plan: str, number: Number, evidence: Callable[[Sequence[Run]], str] = lambda _: ""
) -> Measured:
    """Return the measure that takes one number from each run of a plan; `evidence` tells more about the runs."""
    runs = results.calculations(plan)
    return Measured([number(run) for run in runs], [run.id for run in runs], evidence=evidence(runs))


@measure()
def fact(results: Results, plan: str, name: str) -> Measured:
    """Return the measure that reads the number `name` of a plan's calculations, one for each seed."""
    return over_seeds(plan, lambda run: float(run.facts[name]))


def paired(first: str, second: str, number: Callable[[Run, Run], float]) -> Measure:
    """Return the measure that takes one number from the runs of two plans with the same seed."""
    pairs = list(zip(results.calculations(first), results.calculations(second), strict=True))
    return Measured([number(a, b) for a, b in pairs], [run.id for pair in pairs for run in pair])


def mean(number: Number, runs: Sequence[Run]) -> float:
    """Return the mean of a number over runs, for evidence."""
    return float(np.mean([number(run) for run in runs]))


def _growth(now: np.ndarray, before: np.ndarray) -> float:
    return float(np.abs(now).mean() / np.abs(before).mean())
