"""Standard drawings: loss by frequency group, overall loss, learning-rate sweeps.

Those decorated by `drawing` are called without the results, which come when the figure is drawn:
`draw={"fig4-rates": learning_rates("linear")}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import numpy as np
import pyarrow as pa

from steepest.claims.figures import canvas, group_colours, legend_beside, line_style, plot_band
from steepest.claims.measures import Points, table_of
from steepest.claims.paper import Drawing, Results
from steepest.runs.results import Best, SweepResults, stack
from steepest.runs.store import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

P = ParamSpec("P")
Rows = list[dict[str, Any]]
TOP = 1.7  # loss axes end at this multiple of the initial loss


def drawing(function: Callable[Concatenate[Results, P], Drawing]) -> Callable[P, Callable[[Results], Drawing]]:
    """Decorate a function of results and other arguments: called with the others it gives what draws the results."""

    @wraps(function)
    def of(*arguments: P.args, **options: P.kwargs) -> Callable[[Results], Drawing]:
        return lambda results: function(results, *arguments, **options)

    return of


@drawing
def overview(results: Results, plan: str, shown: Sequence[str], *, title: str) -> Drawing:
    """Return the paper's main picture: overall loss of all optimizers, then loss by group of those in `shown`."""
    sweep = results.sweep(plan)
    figure, axes = canvas(1, 1 + len(shown), width=2.5, sharey=True)
    overall(axes[0, 0], sweep, sweep.labels)
    axes[0, 0].set_title(title)
    for ax, label in zip(axes[0, 1:], shown, strict=True):
        by_group(ax, sweep.best(label, decisive=False), legend=label == shown[0])
        ax.set_title(label)
    axes[0, 0].set_ylabel("training loss")
    return Drawing(figure, curve_table(sweep, sweep.labels))


@drawing
def grid_of_methods(results: Results, plan: str) -> Drawing:
    """Return loss by group for every optimizer of a sweep: without momentum above, with momentum below."""
    sweep = results.sweep(plan)
    above = [label for label in sweep.labels if not label.endswith("+m")]
    below = [label for label in sweep.labels if label.endswith("+m")]
    figure, axes = canvas(2, max(len(above), len(below)), width=2.3, height=2.1, sharex=True, sharey=True)
    for row, labels in zip(axes, (above, below), strict=True):
        for ax in row[len(labels) :]:
            ax.set_axis_off()
        for ax, label in zip(row, labels, strict=False):
            best = sweep.best(label, decisive=False)
            by_group(ax, best, legend=ax is axes[0, 0])
            ax.set_title(f"{label}  $10^{{{best.exponent:g}}}$" + ("  (undecided)" if best.trouble else ""))
            ax.tick_params(labelbottom=True)
        row[0].set_ylabel("training loss")
    return Drawing(figure, curve_table(sweep, sweep.labels))


def overall(ax: Axes, sweep: SweepResults, labels: Sequence[str]) -> None:
    """Plot the loss of each optimizer at its selected rate: median over seeds, band from smallest to largest."""
    lines(ax, selected(sweep, labels))


def selected(sweep: SweepResults, labels: Sequence[str]) -> dict[str, Best]:
    """Return some optimizers at their selected rates, by label."""
    return {label: sweep.best(label, decisive=False) for label in labels}


def lines(ax: Axes, bests: Mapping[str, Best], styles: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Plot the mean loss of each entry, in its own style or in that of an optimizer's label."""
    for label, best in bests.items():
        curves = best.curves()
        plot_band(ax, steps(best), curves, label=label, **(styles or {}).get(label, line_style(label)))
    ax.set_xlabel("update")
    ax.set_ylim(0, TOP * curves[:, 0].max())
    ax.legend(ncols=1 + len(bests) // 5, handlelength=1.4, columnspacing=0.8, fontsize=7, loc="upper right")


def by_group(ax: Axes, best: Best, *, legend: bool = True, data: str = "") -> None:
    """Plot the loss of each frequency group, dark the most frequent, and the mean in grey; `data="held_out_"` of other data."""
    curves, t = best.curves(f"{data}group"), steps(best)
    for g, colour in enumerate(group_colours(curves.shape[2])):
        if not np.isnan(curves[:, :, g]).all():
            plot_band(ax, t, curves[:, :, g], color=colour, label=_group_name(g, curves.shape[2]))
    mean = best.curves(f"{data}loss")
    ax.plot(t, np.median(mean, axis=0), color="#999999", linewidth=1.2, linestyle=":", label="all")
    ax.set_xlabel("update")
    ax.set_ylim(0, TOP * mean[:, 0].max())
    if legend:
        ax.legend(loc="upper right", handlelength=1.2, ncols=3, columnspacing=0.8, fontsize=7)


@drawing
def held_out(results: Results, plan: str, shown: Sequence[str]) -> Drawing:
    """Return loss by group on training and on held-out data for the optimizers in `shown`."""
    sweep = results.sweep(plan)
    figure, axes = canvas(1, 2 * len(shown), width=2.5, sharey=True)
    rows: list[dict[str, Any]] = []
    pairs = [(label, data) for label in shown for data in ("", "held_out_")]
    for ax, (label, data) in zip(axes[0], pairs, strict=True):
        best, name = sweep.best(label, decisive=False), "held out" if data else "training"
        by_group(ax, best, legend=ax is axes[0, 0], data=data)
        ax.set_title(f"{label}, {name}")
        for run in best.runs:
            for step, losses in zip(run.column("step").tolist(), run.column(f"{data}group").tolist(), strict=True):
                where = {"method": label, "data": name, "run": run.id, "step": step}
                rows += [where | {"group": g, "loss": loss} for g, loss in enumerate(losses, start=1)]
    axes[0, 0].set_ylabel("loss")
    axes[0, 0].set_ylim(0, 1.05 * np.nanmax([row["loss"] for row in rows]))
    return Drawing(figure, pa.Table.from_pylist(rows))


def steps(best: Best) -> np.ndarray:
    """Return the number of updates at each row of the curves, from the run that lasted longest."""
    return np.asarray(np.nanmax(best.curves("step"), axis=0))


def _group_name(g: int, num_groups: int) -> str:
    return "most frequent" if g == 0 else "rarest" if g == num_groups - 1 else f"_group {g + 1}"


@drawing
def learning_rates(results: Results, plan: str) -> Drawing:
    """Return the final loss against the learning rate for every optimizer: worst of the seeds that were run."""
    sweep = results.sweep(plan)
    rows = [row for row in sweep.to_arrow().to_pylist() if row["method"] in sweep.labels]
    figure, axes = canvas(1, 1, width=6.0, height=3.2)
    ax = axes[0, 0]
    for label in sweep.labels:
        worst: dict[float, float] = {}
        for row in rows:
            if row["method"] == label:
                worst[row["lr"]] = max(worst.get(row["lr"], 0.0), row["selection_loss"])
        rates = sorted(worst)
        ax.plot(rates, [worst[lr] for lr in rates], marker="o", markersize=3, label=label, **line_style(label))
        chosen = sweep.best(label, decisive=False).lr
        ax.plot([chosen], [worst[chosen]], marker="o", markersize=7, fillstyle="none", color=line_style(label)["color"])
    ax.set_xscale("log")
    ax.set_xlabel("learning rate")
    ax.set_ylabel("final loss, worst seed run")
    ax.set_title("Learning rates; rings mark the selected ones")
    legend_beside(ax)
    return Drawing(figure, pa.Table.from_pylist(rows))


@drawing
def grid_of_cases(results: Results, cases: Mapping[str, str], labels: Sequence[str]) -> Drawing:
    """Return loss by group: a row for each optimizer, a column for each case, given as title → plan."""
    figure, axes = canvas(len(labels), len(cases), width=2.3, height=2.1, sharex="col", sharey=True)
    bests: dict[str, Best] = {}
    for row, label in zip(axes, labels, strict=True):
        for ax, (title, plan) in zip(row, cases.items(), strict=True):
            best = bests[f"{label}, {title}"] = results.sweep(plan).best(label, decisive=False)
            by_group(ax, best, legend=ax is axes[0, 0])
            ax.set_title(f"{title}   $10^{{{best.exponent:g}}}$" + ("  (undecided)" if best.trouble else ""))
            ax.tick_params(labelbottom=True)
        row[0].set_ylabel(f"{label}, training loss")
    for ax in axes[:-1].flat:
        ax.set_xlabel("")
    axes[0, 0].get_legend().set(frame_on=True, zorder=9)
    return Drawing(figure, curves_of(bests))


@drawing
def overall_by_case(results: Results, cases: Mapping[str, str]) -> Drawing:
    """Return the mean loss of every optimizer, one panel for each case, given as title → plan."""
    figure, axes = canvas(1, len(cases), width=3.2, height=2.8, sharey=True)
    shown: dict[str, Best] = {}
    for ax, (title, plan) in zip(axes[0], cases.items(), strict=True):
        sweep = results.sweep(plan)
        bests = selected(sweep, sweep.labels)
        lines(ax, bests)
        ax.set_title(title)
        shown |= {f"{label}, {title}": best for label, best in bests.items()}
    for ax in axes[0]:
        ax.get_legend().remove()
    legend_beside(axes[0, -1])
    axes[0, 0].set_ylabel("training loss")
    return Drawing(figure, curves_of(shown))


@drawing
def ends_by_case(results: Results, cases: Mapping[str, str], labels: Sequence[str], *, axis: str) -> Drawing:
    """Return where each optimizer ends in each case, title → plan: mean loss on the left, rarest level on the right."""
    figure, axes = canvas(1, 2, width=max(3.6, 0.9 * len(cases)), height=2.8, sharey=True)
    x = np.arange(len(cases))
    rows: list[dict[str, Any]] = []
    for label in labels:
        bests = {title: results.sweep(plan).best(label, decisive=False) for title, plan in cases.items()}
        mean = np.stack([best.curves()[:, -1] for best in bests.values()], axis=1)
        rare = np.stack([best.curves("group")[:, -1, -1] for best in bests.values()], axis=1)
        for ax, values in zip(axes[0], (mean, rare), strict=True):
            plot_band(ax, x, values, label=label, marker="o", markersize=4, **line_style(label))
        for j, (title, best) in enumerate(bests.items()):
            ends = zip(best.runs, mean[:, j], rare[:, j], strict=True)
            rows += [{"case": title, "method": label, "run": r.id, "loss": a, "rarest": b} for r, a, b in ends]
    for ax, title in zip(axes[0], ("All samples", "Rarest level"), strict=True):
        ax.set_title(title)
        ax.set_xticks(x, list(cases))
        ax.set_xlabel(axis)
        ax.set_ylim(bottom=0)
    axes[0, 0].set_ylabel("final training loss")
    axes[0, 0].legend()
    return Drawing(figure, pa.Table.from_pylist(rows))


def curve_table(sweep: SweepResults, labels: Sequence[str]) -> pa.Table:
    """Return every plotted curve in long form: method, run, seed, step, group (0 = all), loss."""
    return curves_of(selected(sweep, labels))


def curves_of(bests: Mapping[str, Best]) -> pa.Table:
    """Return the curves of some entries in long form; their names are in the column `method`."""
    rows: list[dict[str, Any]] = []
    for label, best in bests.items():
        for run in best.runs:
            where, at = {"method": label, "run": run.id, "seed": run.spec["seed"]}, run.column("step").tolist()
            for g, column in enumerate([run.column("loss").tolist(), *run.column("group").T.tolist()]):
                rows += [where | {"step": t, "group": g, "loss": x} for t, x in zip(at, column, strict=True)]
    return pa.Table.from_pylist(rows)


def with_run(table: pa.Table, run: Run) -> pa.Table:
    """Return a table with the column `run`, which names the run behind every row."""
    return table.append_column("run", pa.array([run.id] * len(table)))


def plot_points(ax: Axes, points: Points, *, panel: str, **line: Any) -> Rows:
    """Plot numbers of runs against x, median and range over the runs; return a row for every run at every x.

    Args:
        ax: where.
        points: by x, runs with their numbers.
        panel: name of the panel in the rows.
        line: label, colour and style.
    """
    plot_band(ax, np.array(list(points)), table_of(points).T, **line)
    where = {"panel": panel, "line": line["label"]}
    return [where | {"run": run.id, "x": x, "y": float(y)} for x, at in points.items() for run, y in at]


def over_time(runs: Sequence[Run], column: str, table: str = "curves") -> Points:
    """Return a column with one row per step, by step; NaN after a run diverged."""
    steps = max((run.column("step", table) for run in runs), key=len)
    values = stack([run.column(column, table) for run in runs])
    return {step: list(zip(runs, at, strict=True)) for step, at in zip(steps.tolist(), values.T, strict=True)}


def with_runs(*tables: tuple[Run, str]) -> pa.Table:
    """Return tables of runs, one below the other, with the column `run`; what a table lacks is null in its rows."""
    return pa.concat_tables([with_run(run.table(name), run) for run, name in tables], promote_options="default")
