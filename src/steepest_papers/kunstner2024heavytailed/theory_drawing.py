"""The picture of Theorem 3: frequency stretches time under gradient flow and does nothing under sign descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from steepest.claims.drawings import with_run
from steepest.claims.figures import canvas, group_colours, line_style
from steepest.claims.paper import Drawing, Results
from steepest.runs.store import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DASHES = {0.5: ":", 0.1: "--", 0.01: "-"}


class Curve(NamedTuple):
    """The loss of one class over time; `label` is None for every other class."""

    rank: int
    time: np.ndarray
    loss: np.ndarray
    colour: np.ndarray
    label: str | None


def draw(results: Results) -> Drawing:
    """Return the loss by class under gradient flow, its collapse, sign descent, and the time to fit Zipf's law."""
    (gradient,), (sign,), (times,) = (results.calculations(name) for name in ("gradient flow", "sign flow", "times"))
    figure, axes = canvas(2, 2, width=3.6, height=2.9)
    _by_class(axes[0, 0], gradient)
    _collapse(axes[0, 1], gradient)
    _sign(axes[1, 0], sign)
    _times(axes[1, 1], times)
    parts = ((gradient, "curves"), (gradient, "collapse"), (sign, "curves"), (times, "times"))
    return Drawing(figure, pa.concat_tables([_named(*part) for part in parts], promote_options="default"))


def _by_class(ax: Axes, run: Run) -> None:
    curves = _curves(run)
    for curve in curves:
        ax.plot(curve.time[1:], curve.loss[1:], color=curve.colour, label=curve.label)
    ax.set(xscale="log", xlabel="time $t$", ylabel="loss of class $k$", title="Gradient flow: rare classes wait")
    ax.set_xlim(curves[0].time[1], curves[0].time[-1])
    ax.set_ylim(bottom=0)
    ax.legend(loc="lower left", title=r"$\pi_k \propto 1/k$", alignment="left")


def _collapse(ax: Axes, run: Run) -> None:
    s, curves, line = run.column("rescaled_time", "collapse"), _curves(run), r"$(1-1/c)\,/\,\pi_k t$"
    ax.plot(s, run.column("closed_form", "collapse"), color="#c4c4c4", linewidth=4, label="closed form")
    ax.plot(s, run.column("asymptote", "collapse"), color="black", linewidth=1, linestyle="--", label=line)
    for i, curve in enumerate(curves):
        shown = slice(i, None, len(curves))
        ax.plot(s[shown], run.column(f"loss_{curve.rank}", "collapse")[shown], "o", color=curve.colour, markersize=4)
    ax.set(xscale="log", yscale="log", xlabel=r"rescaled time $\pi_k t$", ylabel="loss of class $k$")
    ax.set_title(r"$\ldots$ in proportion to $1/\pi_k$")
    ax.set_ylim(top=2 * curves[0].loss[0])
    ax.legend(loc="lower left")


def _sign(ax: Axes, run: Run) -> None:
    curves = _curves(run)
    for width, curve in zip(range(len(curves), 0, -1), curves, strict=True):
        ax.plot(curve.time, curve.loss, color=curve.colour, label=curve.label, linewidth=width, solid_capstyle="butt")
    ax.set(yscale="log", xlabel="time $t$", ylabel="loss of class $k$", title="Sign descent: all classes at once")
    ax.set_xlim(0, curves[0].time[-1])
    ax.legend(loc="lower left")


def _times(ax: Axes, run: Run) -> None:
    columns = {name: np.array(values) for name, values in run.table("times").to_pydict().items()}
    for fraction, dash in DASHES.items():
        mine = columns["fraction"] == fraction
        c = columns["classes"][mine]
        for flow, name in (("gradient", "GD"), ("sign", "Sign")):
            label = f"{flow} flow" if fraction == 0.01 else None
            ax.plot(c, columns[flow][mine], label=label, color=line_style(name)["color"], linestyle=dash)
        end = c[-1], columns["gradient"][mine][-1]
        ax.annotate(f"{fraction:.0%}", end, (4, -3), textcoords="offset points", fontsize=8)
    ax.plot(c, columns["rarest"][mine], color="#c4c4c4", linewidth=4, zorder=0, label=r"$1/\pi_c$")
    ax.set(xscale="log", yscale="log", xlabel="number of classes $c$", ylabel="time")
    ax.set_title("Time to 50, 10, 1 % of the loss")
    ax.set_xlim(c[0], 4 * c[-1])
    ax.legend(loc="upper left")


def _curves(run: Run) -> list[Curve]:
    """Return the stored classes, dark the most frequent."""
    ranks, time, loss = run.column("class"), run.column("time"), run.column("loss")
    classes = np.unique(ranks)
    return [
        Curve(int(k), time[ranks == k], loss[ranks == k], colour, f"$k={k}$" if i % 2 == 0 else None)
        for i, (k, colour) in enumerate(zip(classes, group_colours(len(classes)), strict=True))
    ]


def _named(run: Run, name: str) -> pa.Table:
    """Return a table of a run with the columns `run` and `table`."""
    table = with_run(run.table(name), run)
    return table.append_column("table", pa.array([name] * len(table)))
