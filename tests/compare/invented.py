"""Comparisons whose runs are invented: a valley in the learning rate for every optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
from compare.problems import written

from steepest.compare.budget import Sizes
from steepest.compare.contenders import contenders
from steepest.compare.problem_file import ProblemFile
from steepest.compare.rate_search import Comparison
from steepest.runs.spec import Spec
from steepest.runs.store import Outcome, Store
from steepest.runs.stream import lookup

INITIAL, GROUPS = 4.0, 6
Loss = Callable[[str, float, int], float | None]


def valley(best: Mapping[str, float], floor: Mapping[str, float], slope: float = 1.0) -> Loss:
    """Return the final loss by label, exponent and seed: floor + slope · distance from the best exponent + seed/100."""
    return lambda label, exponent, seed: floor[label] + slope * abs(exponent - best[label]) + seed / 100


def comparison(
    folder: Path, starts: Mapping[str, int], names: tuple[str, ...] | None = None, steps: int = 16
) -> Comparison:
    problem = ProblemFile.open(written(folder))
    return Comparison(problem, contenders(names or tuple(starts)), Sizes(steps, dict(starts)), (0, 1, 2))


def invent(made: Comparison, store: Store, loss: Loss, most: int = 10_000) -> int:
    """Store invented outcomes, one at a time, until nothing is pending or `most` are stored; return their number."""
    stored = 0
    while stored < most and (pending := made.progress(lookup(store)).pending):
        spec = pending[0]
        store.put(spec, outcome(spec, loss), seconds=0.5)
        stored += 1
    return stored


def outcome(spec: Spec, loss: Loss) -> Outcome:
    final = loss(spec.method.label, round(math.log10(spec.lr), 6), spec.seed)
    facts = {f"initial_{what}": INITIAL for what in ("loss", "objective")}
    facts |= {f"final_{what}": final for what in ("loss", "objective")} | {"last_step": spec.steps}
    end = math.nan if final is None else final
    groups = pa.array([[INITIAL] * GROUPS, [end / (1 + g) for g in range(GROUPS)]], pa.list_(pa.float64(), GROUPS))
    curves = pa.table({"step": pa.array([0, spec.steps], pa.int32()), "loss": [INITIAL, end], "group": groups})
    return Outcome("diverged" if final is None else "done", facts, {"curves": curves})
