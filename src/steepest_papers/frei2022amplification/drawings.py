"""What the drawings share: colours, an axis of updates, and curves over time with a row for each of their points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from steepest.claims.figures import plot_band
from steepest.runs.store import Run
from steepest_papers.frei2022amplification.measures import neurons
from steepest_papers.frei2022amplification.sizes import TIMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLUS, MINUS = "#bb5566", "#004488"  # neurons by sign
GOOD, BAD = "#004488", "#ddaa33"  # directions
Rows = list[dict[str, Any]]
At = Callable[[Run, int], float]


def over_time(
    ax: Axes,
    runs: Sequence[Run],
    number: At,
    line: Mapping[str, Any],
    *,
    panel: str,
    times: Sequence[int] = TIMES,
) -> Rows:
    """Plot a number of each run over time, median and range over the runs; return the plotted points.

    Args:
        ax: where.
        runs: one per seed.
        number: of a run after some updates.
        line: label, colour and style.
        panel: name of the panel in the rows.
        times: numbers of updates.
    """
    curves = np.array([[number(run, t) for t in times] for run in runs])
    plot_band(ax, np.array(times), curves, **line)
    return [
        {"panel": panel, "line": line["label"], "run": run.id, "x": t, "y": y}
        for run, curve in zip(runs, curves.tolist(), strict=True)
        for t, y in zip(times, curve, strict=True)
    ]


def log_time(ax: Axes, last: int = TIMES[-1]) -> None:
    """Give a panel an axis of updates that is logarithmic from 1 on and shows 0."""
    ax.set_xscale("symlog", linthresh=1)
    ax.set_xticks([0, 1, 10, 100], ["0", "1", "10", "100"])
    ax.set(xlabel="update $t$", xlim=(0, last))


def directions(ax: Axes, run: Run, step: int) -> pa.Table:
    """Draw where each neuron points, w_j/‖w_j‖ on the plane of the means, and return the points.

    Red neurons have sign + and should point to ±μ₁, blue ones sign − and to ±μ₂: the rings.
    """
    at = neurons(run, step)
    u, v = at.first / at.norm, at.second / at.norm
    angle = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(angle), np.sin(angle), color="#cccccc", linewidth=0.8, zorder=0)
    for sign, colour, x, y in ((1, PLUS, [1, -1], [0, 0]), (-1, MINUS, [0, 0], [1, -1])):
        mine = at.sign == sign
        ax.plot(x, y, "o", color=colour, markersize=7, fillstyle="none", zorder=0)
        ax.plot(u[mine], v[mine], "o", color=colour, markersize=2.8, markeredgewidth=0, alpha=0.6)
    ax.text(1.12, 0.1, r"$\mu_1$", color=PLUS)
    ax.text(0.1, 1.1, r"$\mu_2$", color=MINUS)
    ax.set(aspect="equal", xlim=(-1.3, 1.4), ylim=(-1.25, 1.35))
    ax.set_axis_off()
    names = [run.id] * len(u)
    return pa.table({"step": [step] * len(u), "sign": at.sign, "u": u, "v": v, "run": names})
