"""The lazy control: from large initial neurons the test error falls too, without feature learning."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.drawings import Rows
from steepest.claims.figures import canvas, group_colours
from steepest.claims.measures import by_case, over_cases, over_seeds, table_of
from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.spec import LearningRate
from steepest.runs.sweep import Plan
from steepest_papers.frei2022amplification.clusters import RULE, SMOKE, ClusterSizes, descents
from steepest_papers.frei2022amplification.neurons import (
    amplification,
    captured,
    clean_error,
    cosine,
    log_time,
    norm_ratio,
    plot_course,
)

PANELS = {
    "Amplification $A$": amplification,
    r"Median $\cos_{\mathrm{good}}$": cosine,
    "Clean test error": clean_error,
}


class LazySizes(ClusterSizes):
    """Sizes of the control.

    Args:
        scales: ω of the sweep, ascending, a decade apart.
        lazy_scale: ω of the control.
        lazy_lr: α of the control.
    """

    scales: tuple[float, ...] = (1e-3, 1e-2, 1e-1, 1.0)
    lazy_scale: float = 0.1
    lazy_lr: LearningRate = 0.1

    @property
    def sweep(self) -> dict[float, str]:
        """Return the names of the plans of the sweep, by ω."""
        return {omega: f"ω = {omega:g}" for omega in self.scales}


def plans(sizes: LazySizes) -> dict[str, Plan]:
    """Return the control and the sweep over ω."""
    problem = sizes.problem()
    control = descents(problem.changed(init_scale=sizes.lazy_scale), sizes.lazy_lr, sizes.seeds)
    sweep = {
        name: descents(problem.changed(init_scale=omega), sizes.lr, sizes.seeds) for omega, name in sizes.sweep.items()
    }
    return {"lazy": control, **sweep}


@measure()
def decade_error(results: Results) -> Measured:
    """Return the largest |A(ω)/A(10ω)/10 − 1| over the decades between the first three ω."""
    points = by_case(results, results.settings.sweep, amplification)
    A = table_of(points)
    return over_cases(points, np.abs(A[:2] / A[1:3] / 10 - 1).max(axis=0), "ω", "A(400): ")


@measure()
def last_amplification(results: Results) -> Measured:
    """Return A(400) at the largest ω."""
    points = by_case(results, results.settings.sweep, amplification)
    return over_cases(points, table_of(points)[-1], "ω", "A(400): ")


CLAIMS = (
    Claim("lazy-error", over_seeds("lazy", clean_error).at_most(0.005, fails=0.05)).says(
        "The lazy network (ω = α = 0.1) also learns the clusters: clean test error at t = 400"
    ),
    Claim("lazy-captured", over_seeds("lazy", captured).at_most(0.01, fails=0.5)).says(
        "… without feature learning: share of neurons with cos_good > 0.7"
    ),
    Claim("lazy-amplification", over_seeds("lazy", amplification).at_most(5.0, fails=50.0)).says(
        "… amplification of order 1: A(400)"
    ),
    Claim("lazy-norm", over_seeds("lazy", lambda run: abs(norm_ratio(run) - 1)).at_most(0.1, fails=1.0)).says(
        "… and norms as they were: |median ‖w(400)‖/‖w(0)‖ − 1|"
    ),
    Claim("lazy-decades", decade_error().at_most(0.15, fails=0.3)).says(
        "A(400) falls tenfold per decade of ω between the first three: largest relative error"
    ),
    Claim("lazy-order-one", last_amplification().at_most(3.0, fails=10.0)).says(
        "… until it is of order 1: A(400) at the largest ω"
    ),
)


def draw(results: Results) -> Drawing:
    """Return A, median cos_good and clean error over time for every ω, and for the control."""
    sizes = results.settings
    names = list(sizes.sweep.values())
    lines = {name: {"label": name, "color": c} for name, c in zip(names, group_colours(len(names)), strict=True)}
    lines["lazy"] = {"label": f"ω = α = {sizes.lazy_lr:g}", "color": "black", "linestyle": "--"}
    figure, axes = canvas(1, len(PANELS), width=3.0, height=2.6)
    rows: Rows = []
    for ax, (title, number) in zip(axes[0], PANELS.items(), strict=True):
        for plan, line in lines.items():
            rows += plot_course(ax, results.calculations(plan), number, panel=title, **line)
        log_time(ax)
        ax.set_title(title)
    axes[0, 0].set_yscale("log")
    axes[0, 1].set_ylim(0, 1)
    axes[0, 2].set_ylim(bottom=0)
    axes[0, 0].legend()
    return Drawing(figure, pa.Table.from_pylist(rows))


FIGURE = Figure(
    id="lazy",
    title="The lazy control: low test error without amplification",
    statement=(
        "Not in what could be read; a control of this project. Started from large neurons, the network classifies as well "
        "although its neurons hardly move: test error alone does not show feature learning, the neurons do. Amplification "
        "is inverse to the initial scale."
    ),
    scales={"smoke": LazySizes(**SMOKE.fields()), "quick": LazySizes(), "laptop": LazySizes()},
    plans=plans,
    claims=CLAIMS,
    draw={"lazy": draw},
    rule=RULE,
    where="derived here",
    kind="ours",
)
