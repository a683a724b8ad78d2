"""The picture of the extension: alignment, error and memorised flips against the rate, and alignment against dimension."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from steepest.claims.figures import canvas, line_style, plot_band
from steepest.claims.paper import Drawing, Results
from steepest.runs.method import Method
from steepest_papers.frei2022amplification import measures
from steepest_papers.frei2022amplification.drawings import At, Rows, directions
from steepest_papers.frei2022amplification.sign_sweeps import (
    ADAM,
    ROTATED,
    SIGN,
    SPECIFIED,
    by_held_out_error,
    complete,
    finished,
    sweep_name,
)
from steepest_papers.frei2022amplification.sizes import GD, STEPS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COSINE = r"median $\cos_{\mathrm{good}}$"


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return the sweep over rates and dimensions, and where the neurons point at the selected rates."""
    return {"signs": _sweeps(results), "signs-neurons": _neurons(results)}


def cases(results: Results) -> list[tuple[str, Method, dict[str, Any]]]:
    """Return plan, method and line of every curve: solid on axes, dotted on rotated means."""
    main = results.settings.main
    found = [(main, method, line_style(method.label) | {"label": method.label}) for method in (GD, SIGN, ADAM)]
    for method in (SIGN, ADAM):
        line = line_style(method.label) | {"label": f"{method.label}, means off the axes", "linestyle": ":"}
        found.append((ROTATED, method, line))
    return found


def _sweeps(results: Results) -> Drawing:
    figure, axes = canvas(1, 4, width=2.8, height=2.7)
    panels: dict[str, At] = {
        COSINE: measures.cosine,
        "clean test error": measures.clean_error,
        "share of flips memorised": measures.memorised,
    }
    rows: Rows = []
    for ax, (title, number) in zip(axes[0], panels.items(), strict=False):
        for plan, method, line in cases(results):
            rows += _against_rate(ax, results, plan, method, number, line, title)
        ax.set(
            xscale="log", xlabel=r"$\alpha$ / specified rate", title=title[0].upper() + title[1:], ylim=(-0.03, 1.06)
        )
    axes[0, 1].set_ylim(-0.01, 0.42)
    rows += _against_dimension(axes[0, 3], results)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return Drawing(figure, pa.Table.from_pylist(rows))


def _against_rate(
    ax: Axes, results: Results, plan: str, method: Method, number: At, line: Mapping[str, Any], panel: str
) -> Rows:
    found = finished(complete(results, plan, method))
    rates = {exponent: 10.0 ** (exponent - SPECIFIED[method]) for exponent in found}
    values = {exponent: np.array([number(run, STEPS) for run in runs]) for exponent, runs in found.items()}
    plot_band(ax, np.array(list(rates.values())), np.stack(list(values.values()), 1), marker="o", markersize=3, **line)
    chosen = by_held_out_error(results, method, plan, decisive=False).exponent
    ring = {"marker": "o", "markersize": 8, "fillstyle": "none", "color": line["color"]}
    ax.plot(rates[chosen], np.median(values[chosen]), **ring)
    return [
        {"panel": panel, "line": line["label"], "run": run.id, "x": rates[exponent], "y": float(y)}
        for exponent, runs in found.items()
        for run, y in zip(runs, values[exponent], strict=True)
    ]


def _against_dimension(ax: Axes, results: Results) -> Rows:
    p, rows = np.array(results.settings.dimensions), Rows()
    for method in (GD, SIGN, ADAM):
        bests = [by_held_out_error(results, method, sweep_name(each), decisive=False) for each in p.tolist()]
        values = np.array([[measures.cosine(run, STEPS) for run in best.runs] for best in bests])
        plot_band(ax, p, values.T, marker="o", markersize=3, **line_style(method.label))
        rows += [
            {"panel": "dimension", "line": method.label, "run": run.id, "x": int(x), "y": float(y)}
            for x, best, at in zip(p, bests, values, strict=True)
            for run, y in zip(best.runs, at, strict=True)
        ]
    ax.plot(p, 1 / np.sqrt(p), color="#999999", linewidth=1, linestyle="--", label=r"$1/\sqrt{p}$")
    ax.set(xlabel="dimension $p$", ylabel=COSINE, title="At the rings' rates", ylim=(0, 1.02), xticks=p)
    ax.legend()
    return rows


def _neurons(results: Results) -> Drawing:
    """Return the direction of every neuron of the first seed at the end, at the rates of least held-out error."""
    shown = cases(results)
    figure, axes = canvas(1, len(shown), width=2.1, height=2.4)
    tables = []
    for ax, (plan, method, line) in zip(axes[0], shown, strict=True):
        best = by_held_out_error(results, method, plan, decisive=False)
        tables.append(directions(ax, best.runs[0], STEPS))
        ax.set_title(f"{line['label']}\n$10^{{{best.exponent:g}}}$", fontsize=8.5)
    return Drawing(figure, pa.concat_tables(tables))
