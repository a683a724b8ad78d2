"""The paths along which Figure 7 and its appendix measure: Adam with momentum and GD without, on the linear model.

The paper takes Adam at 10^−3.5 and GD at 10^−2.5 with d = 24 576 (m = 11). A step changes a logit in proportion to α·d, so at
other sizes the rate is 10^e·24 576/d, rounded to half a decade (`optimizers.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated

import numpy as np
from pydantic import Field

from steepest.claims.claim import Measured, measure
from steepest.claims.paper import Results, Settings
from steepest.data.synthetic import HeavyTailedLabels
from steepest.problems import SoftmaxRegression
from steepest.runs.method import Method
from steepest.runs.spec import Spec
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan, Seeds, learning_rate
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M, GD, PAPER_DIMENSION
from steepest_papers.kunstner2024heavytailed.probes import CurvatureByClass, HessianBlocks, ProbabilityByGroup

TIMES = (0, 1, 2, 5, 10, 20, 50, 100)
MAIN_TIMES = (0, 1, 5, 10, 50, 100)
RULE = "Updates 0 … 100 as in the paper; learning rates are the paper's times 24 576/d, rounded to half a decade."
Columns = Mapping[str, np.ndarray]


class PathSizes(Settings):
    """Sizes of the paths.

    Args:
        m: levels of the data.
        seeds: they draw inputs and initial weights.
    """

    m: Annotated[int, Field(ge=3, le=20)]
    seeds: Seeds = (0, 1, 2)

    def summary(self) -> str:
        """Return m, c, the two learning rates and the seeds."""
        rates = f"Adam+m at 10^{exponent(-3.5, self.m):g}, GD-m at 10^{exponent(-2.5, self.m):g}"
        return f"m={self.m}, c={2**self.m - 1}, {rates}, seeds {' '.join(map(str, self.seeds))}"


def exponent(paper: float, m: int) -> float:
    """Return the exponent of the learning rate at size m, in half decades.

    >>> exponent(-3.5, 11), exponent(-3.5, 8)
    (-3.5, -2.5)
    """
    return round(2 * (paper + math.log10(PAPER_DIMENSION / HeavyTailedLabels(m=m).num_features))) / 2


def path_plans(sizes: PathSizes) -> dict[str, Plan]:
    """Return the two paths, one run per seed."""
    return {"adam": _path(sizes, ADAM_M, -3.5), "gd": _path(sizes, GD, -2.5)}


def _path(sizes: PathSizes, method: Method, rate: float) -> Calculations:
    problem = SoftmaxRegression(data=HeavyTailedLabels(m=sizes.m))
    probes = (
        CurvatureByClass(at=TIMES),
        ProbabilityByGroup(at=TIMES, groups=sizes.m),
        HessianBlocks(at=(0, 10, 50, 100)),
    )
    lr = learning_rate(exponent(rate, sizes.m))
    specs = [
        Spec(problem=problem, method=method, lr=lr, steps=max(TIMES), seed=seed, groups=sizes.m, probes=probes)
        for seed in sizes.seeds
    ]
    return Calculations(tuple(specs))


def at(run: Run, table: str, step: int) -> Columns:
    """Return the rows of a probe's table at one step."""
    columns = {name: run.column(name, table) for name in run.table(table).column_names}
    rows = columns["step"] == step
    return {name: values[rows] for name, values in columns.items()}


@measure()
def over_seeds(
    results: Results, path: str, number: Callable[[Run], float], note: Callable[[Run], str] = lambda _: ""
) -> Measured:
    """Return the measure that takes one number from each run of a path; `note` tells more about the first."""
    runs = results.calculations(path)
    return Measured([number(run) for run in runs], [run.id for run in runs], evidence=note(runs[0]))
