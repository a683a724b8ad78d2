"""Figure 7: along the path of Adam, gradient norm and Hessian trace of a class come to be proportional."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from steepest.claims.claim import Claim
from steepest.claims.figures import canvas, group_colours
from steepest.claims.paper import Drawing, Figure, Results
from steepest.measure.curvature import log_correlation
from steepest.runs.store import Run
from steepest_papers.kunstner2024heavytailed.paths import (
    MAIN_TIMES,
    RULE,
    TIMES,
    Columns,
    PathSizes,
    at,
    over_seeds,
    path_plans,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def correlation(step: int, x: str, y: str) -> Callable[[Run], float]:
    """Return r of log x and log y over classes, at `step` of a run."""

    def number(run: Run) -> float:
        columns = at(run, "curvaturebyclass", step)
        return log_correlation(columns[x], columns[y])

    return number


def history(prefix: str = "") -> Callable[[Run], str]:
    """Return the note with r of gradient norm and Hessian trace at every time, as the figures show it."""

    def note(run: Run) -> str:
        r = {t: correlation(t, f"{prefix}gradient_norm", f"{prefix}hessian_trace")(run) for t in TIMES}
        return "first seed: " + ", ".join(f"{value:.2f} at {t}" for t, value in r.items())

    return note


CLAIMS = (
    Claim(
        "fig7-start", over_seeds("adam", correlation(0, "gradient_norm", "hessian_trace")).at_most(0.5, fails=0.9)
    ).says("At initialisation gradient norm and Hessian trace by class are unrelated: r of their logs at t = 0"),
    Claim(
        "fig7-end",
        over_seeds("adam", correlation(100, "gradient_norm", "hessian_trace"), history()).at_least(0.9, fails=0.5),
    ).says("Along Adam's path they become proportional: r of their logs at t = 100"),
    Claim(
        "fig7-gradient-frequency",
        over_seeds("adam", correlation(100, "count", "gradient_norm")).at_least(0.8, fails=0.3),
    ).says("Gradient norms grow with class frequency: r of log π and log g at t = 100"),
    Claim(
        "fig7-hessian-frequency",
        over_seeds("adam", correlation(100, "count", "hessian_trace")).at_least(0.9, fails=0.5),
    ).says("Hessian traces grow with class frequency: r of log π and log h at t = 100"),
)


def scatter(run: Run, times: tuple[int, ...], columns: int, *, prefix: str = "") -> Drawing:
    """Return (g_k, h_k) at several times, coloured by level, dark the most frequent; `prefix` picks the mirrored path."""
    rows = -(-len(times) // columns)
    figure, axes = canvas(rows, columns, width=2.25, height=2.15, sharex=True, sharey=True)
    x, y = _middle(run, prefix)
    for ax, step in zip(axes.flat, times, strict=False):
        found = at(run, "curvaturebyclass", step)
        _panel(ax, found, prefix)
        r = log_correlation(found[f"{prefix}gradient_norm"], found[f"{prefix}hessian_trace"])
        ax.set_title(f"$t = {step}$   $r = {r:.2f}$")
        ax.axline((x, y), (10 * x, 10 * y), color="#bbbbbb", linewidth=1, zorder=0)
    for ax in axes[-1]:
        ax.set_xlabel(r"$\Vert\nabla_{w_k} f\Vert$")
    for ax in axes[:, 0]:
        ax.set_ylabel(r"$\mathrm{Tr}\,\nabla^2_{w_k} f$")
    table = run.table("curvaturebyclass")
    return Drawing(figure, table.append_column("run", pa.array([run.id] * len(table))))


def _middle(run: Run, prefix: str) -> tuple[float, float]:
    """Return where the guide of slope one passes: the middle of the last cloud."""
    last = at(run, "curvaturebyclass", max(TIMES))
    g, h = last[f"{prefix}gradient_norm"], last[f"{prefix}hessian_trace"]
    return float(np.exp(np.log(g).mean())), float(np.exp(np.log(h).mean()))


def _panel(ax: Axes, found: Columns, prefix: str) -> None:
    ax.minorticks_off()
    levels = np.unique(found["count"])[::-1]
    for level, colour in reversed(list(zip(levels, group_colours(len(levels)), strict=True))):
        mine = found["count"] == level
        shown = np.flatnonzero(mine)[:100]
        ax.loglog(
            found[f"{prefix}gradient_norm"][shown],
            found[f"{prefix}hessian_trace"][shown],
            linestyle="",
            marker="o",
            markersize=3.2,
            markeredgewidth=0,
            color=colour,
            alpha=0.75,
        )


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return the scatter along Adam's path of the first seed."""
    return {"fig7": scatter(results.calculations("adam")[0], MAIN_TIMES, 3)}


FIGURE = Figure(
    id="fig7",
    title="Gradient and Hessian by class along Adam's path",
    statement=(
        "At initialisation gradients differ between classes and Hessians do not. During training both come to be proportional "
        "to class frequency, so that dividing by the gradient's size, as Adam and sign descent do, acts like a preconditioner."
    ),
    scales={
        "smoke": PathSizes(m=4),
        "quick": PathSizes(m=8),
        "laptop": PathSizes(m=8),
        "paper": PathSizes(m=11),
    },
    plans=path_plans,
    claims=CLAIMS,
    draw=draw,
    rule=RULE,
    where="Figure 7",
)
