"""A comparison's figure: loss over time of every optimizer, as a whole and by frequency group; and loss by rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from steepest.claims.figures import canvas, group_colours, line_style, plot_band
from steepest.claims.paper import Drawing
from steepest.runs.results import Best, SweepResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3
ROOM, MOST = 1.05, 2.5  # a loss axis ends above the largest loss, and at most at this multiple of the initial one
SPAN = 20  # a larger ratio of losses is drawn on a logarithmic axis


def curves(results: SweepResults, labels: Sequence[str]) -> Drawing:
    """Return the loss of every optimizer at its selected rate, then a panel each with the loss by frequency group."""
    bests = {label: results.best(label, decisive=False) for label in labels}
    by_group = results.sweep.groups is not None
    panels = 1 + (len(bests) if by_group else 0)
    columns = min(COLUMNS, panels)
    figure, axes = canvas(-(-panels // columns), columns, width=3.0, height=2.5, sharey=True)
    for ax in axes.flat:
        ax.set_ylim(0, _top(bests, by_group=by_group))
    _overall(axes.flat[0], bests)
    for ax, (label, best) in zip(axes.flat[1:], bests.items(), strict=False):
        _by_group(ax, label, best, legend=label == labels[0])
    for ax in axes.flat[panels:]:
        ax.set_axis_off()
    for row in axes:
        row[0].set_ylabel("training loss")
    rows = [row for label, best in bests.items() for row in _rows(label, best, by_group=by_group)]
    return Drawing(figure, pa.Table.from_pylist(rows))


def _top(bests: Mapping[str, Best], *, by_group: bool) -> float:
    largest = max(float(np.nanmax(best.curves("group" if by_group else "loss"))) for best in bests.values())
    return min(ROOM * largest, MOST * max(float(best.curves()[:, 0].max()) for best in bests.values()))


def _overall(ax: Axes, bests: Mapping[str, Best]) -> None:
    for label, best in bests.items():
        plot_band(ax, _steps(best), best.curves(), label=label, **line_style(label))
    ax.set(title="All examples", xlabel="update")
    ax.legend(loc="upper right", handlelength=1.4, fontsize=7, ncols=2, columnspacing=0.8)


def _by_group(ax: Axes, label: str, best: Best, *, legend: bool) -> None:
    losses = best.curves("group")
    shown = [g for g in range(losses.shape[2]) if not np.isnan(losses[:, :, g]).all()]
    names = {shown[0]: "most frequent classes", shown[-1]: "rarest"}
    for g, colour in zip(shown, group_colours(len(shown)), strict=True):
        plot_band(ax, _steps(best), losses[:, :, g], color=colour, label=names.get(g, f"_group {g + 1}"))
    ax.set(
        title=f"{label}  $10^{{{best.exponent:g}}}$" + ("  (rate in doubt)" if best.trouble else ""), xlabel="update"
    )
    if legend:
        ax.legend(loc="upper right", handlelength=1.4, fontsize=7)


def rates(results: SweepResults) -> Drawing:
    """Return the final loss against the learning rate, worst seed, with the selected rates ringed."""
    figure, axes = canvas(1, 1, width=6.0, height=2.8)
    ax, rows = axes[0, 0], results.to_arrow().to_pylist()
    for label in results.labels:
        mine = [row for row in rows if row["method"] == label]
        worst = {row["lr"]: max(r["selection_loss"] for r in mine if r["lr"] == row["lr"]) for row in mine}
        lrs, chosen = sorted(worst), results.best(label, decisive=False).lr
        look = line_style(label)
        ax.plot(lrs, [worst[lr] for lr in lrs], marker="o", markersize=3, label=label, **look)
        ax.plot([chosen], [worst[chosen]], marker="o", markersize=8, fillstyle="none", color=look["color"])
    losses = [row["selection_loss"] for row in rows]
    ax.set(xscale="log", xlabel="learning rate", ylabel="final loss, worst seed")
    if min(losses) > 0 and max(losses) > SPAN * min(losses):
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    ax.set_title("Rates tried; rings mark those selected")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return Drawing(figure, pa.Table.from_pylist(rows))


def _steps(best: Best) -> np.ndarray:
    """Return the number of updates at each row of the curves, from the run that lasted longest."""
    return np.asarray(np.nanmax(best.curves("step"), axis=0))


def _rows(label: str, best: Best, *, by_group: bool) -> list[dict[str, Any]]:
    rows = []
    for run in best.runs:
        groups = run.column("group") if by_group else [()] * len(run.column("step"))
        for step, loss, losses in zip(run.column("step").tolist(), run.column("loss").tolist(), groups, strict=True):
            by_name = {f"group {g}": float(value) for g, value in enumerate(losses, start=1)}
            rows.append({"method": label, "run": run.id, "step": step, "loss": loss} | by_name)
    return rows
