"""Accuracy, training loss and memorisation over the learning rate, and the course of training where it is slowest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from steepest.claims.figures import canvas, plot_band
from steepest.claims.paper import Drawing, Results
from steepest.runs.method import Method
from steepest.runs.results import Best, NotRun, stack
from steepest.runs.store import Run
from steepest_papers.li2024signgd.measures import last_prediction
from steepest_papers.li2024signgd.methods import ALL, STYLES
from steepest_papers.li2024signgd.selection import select

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SWEEP = "rates"
Rows = list[dict[str, Any]]
FLOOR = 1e-8  # the training loss is drawn down to here


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return what happens over rates, and over time at the smallest rates that fit the data."""
    return {"rates": _over_rates(results), "course": _over_time(results)}


def _over_rates(results: Results) -> Drawing:
    figure, axes = canvas(1, 3, width=3.0, height=2.7)
    panels: dict[str, Callable[[Run], float]] = {
        "training loss": lambda run: max(float(run.facts["final_loss"]), FLOOR),
        "test accuracy": lambda run: last_prediction(run, "test_accuracy"),
        "share memorised": lambda run: last_prediction(run, "memorised"),
    }
    rows: Rows = []
    for ax, (title, number) in zip(axes[0], panels.items(), strict=True):
        for method in ALL:
            rows += _against_rate(ax, results, method, number, title)
        ax.set(xscale="log", xlabel="learning rate", title=title.capitalize())
    axes[0, 0].set(yscale="log", title=r"Training loss, from $10^{-8}$ up")
    _legend(axes)
    return Drawing(figure, pa.Table.from_pylist(rows))


def _against_rate(ax: Axes, results: Results, method: Method, number: Callable[[Run], float], panel: str) -> Rows:
    search = results.sweep(SWEEP).searches[method.label]
    if search.best is None:
        raise NotRun(f"{method.label}: {len(search.pending)} runs are missing")
    runs = {10.0**exponent: search.runs(exponent) for exponent in sorted(search.table)}
    finished = {rate: at for rate, at in runs.items() if all(run.state == "done" for run in at)}
    values = np.array([[number(run) for run in at] for at in finished.values()])
    rates = np.array(list(finished))
    plot_band(ax, rates, values.T, label=method.label, marker="o", markersize=3, **STYLES[method])
    chosen = select(results, SWEEP, method, "accurate", decisive=False).lr
    at_chosen = np.median(values[np.isclose(rates, chosen)])
    ax.plot(chosen, at_chosen, "o", markersize=8, fillstyle="none", color=STYLES[method]["color"])
    return [
        {"panel": panel, "method": method.label, "run": run.id, "rate": rate, "value": float(value)}
        for (rate, at), row in zip(finished.items(), values, strict=True)
        for run, value in zip(at, row, strict=True)
    ]


def _over_time(results: Results) -> Drawing:
    figure, axes = canvas(1, 3, width=3.0, height=2.7)
    rows: Rows = []
    for method in ALL:
        best = select(results, SWEEP, method, "smallest", decisive=False)
        rows += _training(axes[0, 0], best, method)
        for ax, name in zip(axes[0, 1:], ("test_loss", "test_accuracy"), strict=True):
            rows += _fresh(ax, best, method, name)
    for ax, title in zip(axes[0], (r"Training loss, from $10^{-8}$ up", "Test loss", "Test accuracy"), strict=True):
        ax.set(xlabel="update $t$", title=title, xlim=(0, results.settings.steps))
    axes[0, 0].set(yscale="log", ylim=(FLOOR, 2))
    axes[0, 1].set(yscale="log")
    _legend(axes)
    return Drawing(figure, pa.Table.from_pylist(rows))


def _training(ax: Axes, best: Best, method: Method) -> Rows:
    steps, losses = best.runs[0].column("step"), np.maximum(best.curves(), FLOOR)
    plot_band(ax, steps, losses, label=f"{method.label}  $10^{{{best.exponent:g}}}$", **STYLES[method])
    return _long("training loss", best, steps, losses)


def _fresh(ax: Axes, best: Best, method: Method, name: str) -> Rows:
    steps = best.runs[0].column("step", "predictions")
    values = stack([run.column(name, "predictions") for run in best.runs])
    plot_band(ax, steps, values, **STYLES[method])
    return _long(name, best, steps, values)


def _long(panel: str, best: Best, steps: np.ndarray, values: np.ndarray) -> Rows:
    return [
        {"panel": panel, "method": best.label, "run": run.id, "step": int(step), "value": float(value)}
        for run, row in zip(best.runs, values, strict=True)
        for step, value in zip(steps, row, strict=True)
    ]


def _legend(axes: np.ndarray) -> None:
    axes[0, -1].legend(*axes[0, 0].get_legend_handles_labels(), loc="center left", bbox_to_anchor=(1.01, 0.5))
