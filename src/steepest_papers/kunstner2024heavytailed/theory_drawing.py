"""The picture of Theorem 3: frequency stretches time under gradient flow and does nothing under sign descent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes

from steepest.figures import canvas, group_colours, line_style
from steepest.paper import Drawing, Results
from steepest.store import Run

FRACTIONS = {0.5: ":", 0.1: "--", 0.01: "-"}


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return the loss by class under gradient flow, its collapse, sign descent, and the times to fit Zipf's law."""
    (gradient,), (sign,), (times,) = (results.calculations(name) for name in ("gradient flow", "sign flow", "times"))
    figure, axes = canvas(2, 2, width=3.6, height=2.9)
    _by_class(axes[0, 0], gradient)
    _collapse(axes[0, 1], gradient)
    _sign(axes[1, 0], sign)
    _times(axes[1, 1], times)
    tables = [_labelled(gradient, "curves"), _labelled(sign, "curves"), _labelled(gradient, "closed_form"), _labelled(times, "times")]
    return {"theory": Drawing(figure, pa.concat_tables(tables, promote_options="default"))}


def _by_class(ax: Axes, run: Run) -> None:
    for k, pi, time, loss, colour in _classes(run):
        ax.plot(time[1:], loss[1:], color=colour, label=f"$k={k}$, $π_k={pi:.2g}$")
    ax.set(xscale="log", xlabel="time $t$", ylabel="loss of class $k$", title="Gradient flow: rare classes wait")
    ax.set_xlim(left=0.3)
    ax.set_ylim(bottom=0)
    ax.legend(handlelength=1.2)


def _collapse(ax: Axes, run: Run) -> None:
    table = run.table("closed_form")
    s = table["rescaled_time"].to_numpy()
    ax.plot(s, table["loss"].to_numpy(), color="#bbbbbb", linewidth=4, label="closed form")
    ax.plot(s, table["asymptote"].to_numpy(), color="black", linewidth=1, linestyle="--", label="$(1-1/c)\\,/\\,π_k t$")
    curves = list(_classes(run))
    for i, (_, pi, time, loss, colour) in enumerate(curves):
        shown = np.flatnonzero((pi * time >= s[0]) & (pi * time <= s[-1]))[3 * i :: 3 * len(curves)]
        ax.plot(pi * time[shown], loss[shown], "o", color=colour, markersize=3.6)
    ax.set(xscale="log", yscale="log", xlabel="rescaled time $π_k t$", title="… by $1/π_k$: one curve in $π_k t$")
    ax.set_ylim(top=2 * float(table["loss"][0].as_py()))
    ax.legend(loc="lower left")


def _sign(ax: Axes, run: Run) -> None:
    curves = list(_classes(run))
    for i, (k, _, time, loss, colour) in enumerate(curves):
        ax.plot(time, loss, color=colour, linewidth=1.6 + 0.9 * (len(curves) - 1 - i), label=f"$k={k}$" if i in (0, len(curves) - 1) else None)
    ax.set(yscale="log", xlabel="time $t$", ylabel="loss of class $k$", title="Sign descent: all classes at once")
    ax.legend()


def _times(ax: Axes, run: Run) -> None:
    table = run.table("times").to_pandas() if False else run.table("times")
    for fraction, dash in FRACTIONS.items():
        rows = table.filter(pa.compute.equal(table["fraction"], fraction))
        for flow, name in (("gradient", "GD"), ("sign", "Sign")):
            ax.plot(rows["classes"].to_numpy(), rows[flow].to_numpy(), color=line_style(name)["color"], linestyle=dash)
    ax.set(xscale="log", yscale="log", xlabel="number of classes $c$", ylabel="time", title="Time to fit Zipf's law")


def _classes(run: Run) -> list[tuple[int, float, np.ndarray, np.ndarray, np.ndarray]]:
    """Return class, frequency, times, losses and colour of each stored class."""
    table = run.table("curves")
    ranks = table["class"].to_numpy()
    found = np.unique(ranks)
    columns = [table[name].to_numpy() for name in ("frequency", "time", "loss")]
    parts = [[column[ranks == k] for column in columns] for k in found]
    return [
        (int(k), float(pi[0]), time, loss, colour)
        for k, (pi, time, loss), colour in zip(found, parts, group_colours(len(found)), strict=True)
    ]


def _labelled(run: Run, name: str) -> pa.Table:
    table = run.table(name)
    return table.append_column("run", pa.array([run.id] * len(table)))
