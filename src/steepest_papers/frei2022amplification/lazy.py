"""The lazy control: from large initial neurons the test error falls too, without feature learning."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.figures import canvas, group_colours
from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.spec import LearningRate
from steepest.runs.sweep import Plan
from steepest_papers.frei2022amplification import measures
from steepest_papers.frei2022amplification.drawings import Rows, log_time, over_time
from steepest_papers.frei2022amplification.measures import over_seeds, predicted
from steepest_papers.frei2022amplification.sizes import RULE, SMOKE, STEPS, ClusterSizes, descents


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


def plans(sizes: LazySizes) -> dict[str, Plan]:
    """Return the control and the sweep over ω."""
    lazy = sizes.problem().changed(init_scale=sizes.lazy_scale)
    found: dict[str, Plan] = {"lazy": descents(lazy, sizes.lazy_lr, sizes.seeds)}
    for omega in sizes.scales:
        found[sweep_name(omega)] = descents(sizes.problem().changed(init_scale=omega), sizes.lr, sizes.seeds)
    return found


def sweep_name(omega: float) -> str:
    """Return the name of a plan of the sweep.

    >>> sweep_name(0.001)
    'ω = 0.001'
    """
    return f"ω = {omega:g}"


def final_amplifications(results: Results) -> np.ndarray:
    """Return A(400), shape (number of ω, seeds)."""
    runs = [results.calculations(sweep_name(omega)) for omega in results.settings.scales]
    return np.array([[measures.amplification(run, STEPS) for run in of] for of in runs])


@measure()
def decade_error(results: Results) -> Measured:
    """Return the largest |A(ω)/A(10ω)/10 − 1| over the decades between the first three ω."""
    A = final_amplifications(results)
    told = ", ".join(f"A {a:.3g} at {w:g}" for w, a in zip(results.settings.scales, A.mean(axis=1), strict=True))
    return Measured(np.abs(A[:2] / A[1:3] / 10 - 1).max(axis=0).tolist(), run_ids(results), evidence=told)


@measure()
def last_amplification(results: Results) -> Measured:
    """Return A(400) at the largest ω."""
    return Measured(final_amplifications(results)[-1].tolist(), run_ids(results))


def run_ids(results: Results) -> list[str]:
    """Return the runs of the sweep."""
    return [run.id for omega in results.settings.scales for run in results.calculations(sweep_name(omega))]


CLAIMS = (
    Claim("lazy-error", over_seeds("lazy", lambda run: predicted(run, "clean_error")).at_most(0.005, fails=0.05)).says(
        "The lazy network (ω = α = 0.1) also learns the clusters: clean test error at t = 400"
    ),
    Claim("lazy-captured", over_seeds("lazy", lambda run: measures.captured(run, STEPS)).at_most(0.01, fails=0.5)).says(
        "… without feature learning: share of neurons with cos_good > 0.7"
    ),
    Claim(
        "lazy-amplification",
        over_seeds("lazy", lambda run: measures.amplification(run, STEPS)).at_most(5.0, fails=50.0),
    ).says("… amplification of order 1: A(400)"),
    Claim(
        "lazy-norm", over_seeds("lazy", lambda run: abs(measures.norm_ratio(run, STEPS) - 1)).at_most(0.1, fails=1.0)
    ).says("… and norms as they were: |median ‖w(400)‖/‖w(0)‖ − 1|"),
    Claim("lazy-decades", decade_error().at_most(0.15, fails=0.3)).says(
        "A(400) falls tenfold per decade of ω between the first three: largest relative error"
    ),
    Claim("lazy-order-one", last_amplification().at_most(3.0, fails=10.0)).says(
        "… until it is of order 1: A(400) at the largest ω"
    ),
)


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return A, median cos_good and clean error over time for every ω, and for the control."""
    sizes = results.settings
    names = [sweep_name(omega) for omega in sizes.scales]
    lines = {name: {"label": name, "color": c} for name, c in zip(names, group_colours(len(names)), strict=True)}
    lines["lazy"] = {"label": f"ω = α = {sizes.lazy_lr:g}", "color": "black", "linestyle": "--"}
    figure, axes = canvas(1, 3, width=3.0, height=2.6)
    rows: Rows = []
    for ax, (title, number) in zip(axes[0], PANELS.items(), strict=True):
        for plan, line in lines.items():
            rows += over_time(ax, results.calculations(plan), number, line, panel=title)
        log_time(ax)
        ax.set_title(title)
    axes[0, 0].set_yscale("log")
    axes[0, 1].set_ylim(0, 1)
    axes[0, 2].set_ylim(bottom=0)
    axes[0, 0].legend()
    return {"lazy": Drawing(figure, pa.Table.from_pylist(rows))}


PANELS = {
    "Amplification $A$": measures.amplification,
    r"Median $\cos_{\mathrm{good}}$": measures.cosine,
    "Clean test error": measures.clean_error,
}

FIGURE = Figure(
    id="lazy",
    title="The lazy control: low test error without amplification",
    statement=(
        "Not in what could be read; a control of this project. Started from large neurons, the network classifies as well "
        "although its neurons hardly move: test error alone does not show feature learning, the neurons do. Amplification "
        "is inverse to the initial scale."
    ),
    scales={
        "smoke": LazySizes(**SMOKE.fields()),
        "quick": LazySizes(),
        "laptop": LazySizes(),
    },
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    rule=RULE,
    where="derived here",
    kind="ours",
)
