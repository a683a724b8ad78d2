"""Gradient and Hessian by class along two paths on the linear model, Adam with momentum and GD: for Figure 7 and its appendix.

The paper takes Adam at 10^−3.5 and GD at 10^−2.5 with d = 24 576 (m = 11). A step changes a logit in proportion to α·d, so at
other sizes the rate is 10^e·24 576/d, rounded to half a decade (`optimizers.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from steepest.claims.drawings import drawing, with_run
from steepest.claims.figures import canvas, group_colours
from steepest.claims.measures import at_step
from steepest.claims.paper import Drawing, Results
from steepest.data.synthetic import HeavyTailedLabels
from steepest.measure.curvature import log_correlation
from steepest.problems import SoftmaxRegression
from steepest.runs.method import Method
from steepest.runs.spec import Spec
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan, learning_rate
from steepest_papers.kunstner2024heavytailed.linear import LinearSizes
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M, GD, PAPER_DIMENSION
from steepest_papers.kunstner2024heavytailed.probes import CurvatureByClass, HessianBlocks, ProbabilityByGroup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE = "curvaturebyclass"
TIMES = (0, 1, 2, 5, 10, 20, 50, 100)
BLOCK_TIMES = (0, 10, 50, 100)
RULE = "Updates 0 … 100 as in the paper; learning rates are the paper's times 24 576/d, rounded to half a decade."


class PathSizes(LinearSizes):
    """Sizes of the linear experiment, and the rates of the two paths that follow from them."""

    m: Annotated[int, Field(ge=3, le=20)]

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
    problem, lr = SoftmaxRegression(data=HeavyTailedLabels(m=sizes.m)), learning_rate(exponent(rate, sizes.m))
    bands = ProbabilityByGroup(at=TIMES, groups=sizes.m)
    probes = (CurvatureByClass(at=TIMES), bands, HessianBlocks(at=BLOCK_TIMES))
    specs = [
        Spec(problem=problem, method=method, lr=lr, steps=max(TIMES), seed=seed, groups=sizes.m, probes=probes)
        for seed in sizes.seeds
    ]
    return Calculations(tuple(specs))


def correlation(step: int, x: str, y: str) -> Callable[[Run], float]:
    """Return r of log x and log y over classes, at `step` of a run."""

    def number(run: Run) -> float:
        columns = at_step(run, TABLE, step)
        return log_correlation(columns[x], columns[y])

    return number


def relation(step: int, prefix: str = "") -> Callable[[Run], float]:
    """Return r of log gradient norm and log Hessian trace over classes; `prefix` picks the mirrored path."""
    return correlation(step, f"{prefix}gradient_norm", f"{prefix}hessian_trace")


def history(prefix: str = "") -> Callable[[Sequence[Run]], str]:
    """Return the evidence that tells this r at every time, as the figures show it."""

    def evidence(runs: Sequence[Run]) -> str:
        return "first seed: " + ", ".join(f"{relation(t, prefix)(runs[0]):.2f} at {t}" for t in TIMES)

    return evidence


@drawing
def scatter(results: Results, plan: str, times: Sequence[int], columns: int, prefix: str = "") -> Drawing:
    """Return (g_k, h_k) on the path of the first seed at several times, coloured by level, dark the most frequent."""
    run = results.calculations(plan)[0]
    figure, axes = canvas(-(-len(times) // columns), columns, width=2.25, height=2.15, sharex=True, sharey=True)
    names = f"{prefix}gradient_norm", f"{prefix}hessian_trace"
    last = at_step(run, TABLE, max(TIMES))
    x, y = (float(np.exp(np.log(last[name]).mean())) for name in names)  # the middle of the last cloud
    for ax, step in zip(axes.flat, times, strict=False):
        found = at_step(run, TABLE, step)
        _cloud(ax, found["count"], *(found[name] for name in names))
        ax.set_title(f"$t = {step}$   $r = {log_correlation(*(found[name] for name in names)):.2f}$")
        ax.axline((x, y), (10 * x, 10 * y), color="#bbbbbb", linewidth=1, zorder=0)
    for ax in axes[-1]:
        ax.set_xlabel(r"$\Vert\nabla_{w_k} f\Vert$")
    for ax in axes[:, 0]:
        ax.set_ylabel(r"$\mathrm{Tr}\,\nabla^2_{w_k} f$")
    return Drawing(figure, with_run(run.table(TABLE), run))


def _cloud(ax: Axes, counts: np.ndarray, g: np.ndarray, h: np.ndarray) -> None:
    """Plot at most 100 classes of each level, the most frequent on top."""
    ax.minorticks_off()
    levels = np.unique(counts)[::-1]
    look = {"linestyle": "", "marker": "o", "markersize": 3.2, "markeredgewidth": 0, "alpha": 0.75}
    for level, colour in reversed(list(zip(levels, group_colours(len(levels)), strict=True))):
        shown = np.flatnonzero(counts == level)[:100]
        ax.loglog(g[shown], h[shown], color=colour, **look)
