"""Plots of the page: learning-rate sweeps as Vega-Lite, and the interval of a claim against its two thresholds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.claims.figures import line_style
from steepest.claims.verdict import Verdict

DECADES = 8
LABEL = "datum.value > 0 && datum.value < 0.001 ? format(datum.value, '.0e') : format(datum.value, '~g')"
CROSS = "M-1,-1L1,1M-1,1L1,-1"
AXIS = {"labelFontSize": 12, "titleFontSize": 12, "gridColor": "#ececec"}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Gauge:
    """Where mean and interval of a claim lie, as shares of a strip whose thirds are: fails, undecided, holds."""

    low: float
    mean: float
    high: float


def gauge(row: Verdict) -> Gauge | None:
    """Return the gauge of a claim, or None where it has no interval."""
    if row.interval is None or row.measured is None:
        return None
    low, mean, high = (share(value, row.holds, row.fails) for value in (row.interval[0], row.measured, row.interval[1]))
    return Gauge(min(low, high), mean, max(low, high))


def share(value: float, holds: float, fails: float) -> float:
    """Return the place of `value` on a strip of length 1: `fails` lies at 1/3, `holds` at 2/3, whichever is larger.

    With s = (value − fails) / (holds − fails) the place is (1 + s)/3 between the thresholds, 1 − 1/(3s) beyond `holds`
    and 1/(3(1 − s)) beyond `fails`: continuous with a continuous slope, so that any distance fits on the strip.

    >>> [round(share(x, holds=3.0, fails=1.0), 3) for x in (-1e9, 1.0, 2.0, 3.0, 5.0)]
    [0.0, 0.333, 0.5, 0.667, 0.833]
    """
    s = (value - fails) / (holds - fails)
    if s > 1:
        return 1 - 1 / (3 * s)
    return 1 / (3 * (1 - s)) if s < 0 else (1 + s) / 3


def learning_rate_plot(rows: Sequence[Mapping[str, Any]], figure: str, objective: str) -> dict[str, Any]:
    """Return the Vega-Lite plot of a sweep: one point per run, a line through the worst seeds, a bar over seeds.

    Args:
        rows: `SweepResults.to_arrow().to_pylist()`.
        figure: id of the figure whose list of runs a click leads to.
        objective: what the y axis shows.
    """
    points = [_point(row, figure) for row in rows]
    losses = [point["counted"] for point in points]
    methods = list(dict.fromkeys(point["method"] for point in points))
    worst, best = {"aggregate": "max", "field": "counted"}, {"aggregate": "min", "field": "counted"}
    y = _y_axis(losses, objective)
    return {
        "description": f"Learning-rate sweep of {', '.join(methods)}: {objective} against the learning rate.",
        "data": {"values": points},
        "width": "container",
        "height": 320,
        "encoding": {"x": _x_axis(points), "color": _colours(methods)},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 7, "tooltip": None},
                "encoding": {"y": y | worst, "y2": best} | _shown(0.25),
            },
            _lines(methods, y | worst),
            {
                "mark": {"type": "point", "strokeWidth": 1.6, "cursor": "pointer"},
                "encoding": {"y": y} | _run_encoding(),
            },
        ],
        "config": {"font": FONT, "view": {"stroke": None}, "axis": AXIS},
    }


def _point(row: Mapping[str, Any], figure: str) -> dict[str, Any]:
    return {
        "method": row["method"],
        "lr": row["lr"],
        "seed": row["seed"],
        "state": row["state"],
        "final": "not finite" if row["final_loss"] is None else f"{row['final_loss']:.4g}",
        "counted": row["selection_loss"],
        "selected": "yes" if row["selected"] else "no",
        "run": row["run"],
        "href": f"#run-{figure}-{row['run']}",
    }


def _x_axis(points: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    exponents = [math.log10(point["lr"]) for point in points]
    first, last = min(exponents) - 0.2, max(exponents) + 0.2
    scale = {"type": "log", "domain": [10.0**first, 10.0**last]}
    axis = {
        "values": _log_ticks(math.ceil(first), math.floor(last)),
        "labelExpr": LABEL,
        "labelOverlap": True,
        "labelSeparation": 8,
    }
    return {"field": "lr", "type": "quantitative", "title": "learning rate", "scale": scale, "axis": axis}


def _y_axis(losses: Sequence[float], title: str) -> dict[str, Any]:
    """Return a linear axis, or a logarithmic one of at most DECADES where the losses span more than a factor of ten."""
    positive = [loss for loss in losses if loss > 0]
    lowest, highest = min(positive, default=1.0), max(positive, default=1.0)
    lowest = max(lowest, highest * 10.0**-DECADES)
    scale: dict[str, Any] = {"type": "linear", "zero": False}
    axis: dict[str, Any] = {"labelExpr": LABEL}
    if highest > 10 * lowest:
        scale = {"type": "log", "domain": [lowest, highest], "clamp": True, "nice": True}
        axis["values"] = _log_ticks(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)))
    return {"field": "counted", "type": "quantitative", "title": title, "scale": scale, "axis": axis, "stack": None}


def _log_ticks(first: int, last: int) -> list[float]:
    """Return the decades 10^first … 10^last, with 2 and 5 between them where they are few."""
    multiples = (1, 2, 5) if last - first <= 2 else (1,)
    return [m * 10.0**e for e in range(first, last + 1) for m in multiples]


def _lines(methods: Sequence[str], y: Mapping[str, Any]) -> dict[str, Any]:
    dashes = [[1, 0] if line_style(method)["linestyle"] == "-" else [5, 4] for method in methods]
    return {
        "mark": {"type": "line", "strokeWidth": 2, "tooltip": None},
        "encoding": {"y": y, "strokeDash": _by_method(methods, dashes)} | _shown(1.0),
        "params": [{"name": "method", "select": {"type": "point", "fields": ["method"]}, "bind": "legend"}],
    }


def _colours(methods: Sequence[str]) -> dict[str, Any]:
    legend = {"orient": "bottom", "title": None, "columns": {"expr": "width < 420 ? 2 : 8"}}
    symbols = {"symbolType": "stroke", "symbolStrokeWidth": 2.5, "symbolOpacity": 1, "symbolSize": 320}
    colours = [line_style(method)["color"] for method in methods]
    return _by_method(methods, colours) | {"legend": legend | symbols | {"labelFontSize": 12, "labelLimit": 160}}


def _by_method(methods: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    return {"field": "method", "type": "nominal", "scale": {"domain": methods, "range": values}}


def _shown(opacity: float) -> dict[str, Any]:
    """Return an opacity that falls where another method is chosen in the legend."""
    return {"opacity": {"condition": {"param": "method", "value": opacity}, "value": opacity / 12}}


def _run_encoding() -> dict[str, Any]:
    titles = {"method": "method", "lr": "learning rate", "final": "final loss", "counted": "counted for selection"}
    titles |= {"seed": "seed", "state": "state", "selected": "selected rate", "run": "run"}
    rounded = {"type": "quantitative", "format": ".4~g"}
    tooltip = [{"field": f, "title": t} | (rounded if f in ("lr", "counted") else {}) for f, t in titles.items()]
    larger = [{"test": "datum.selected == 'yes'", "value": 110}, {"test": "datum.state == 'diverged'", "value": 70}]
    states = {"domain": ["done", "diverged"], "range": ["circle", CROSS]}
    return _shown(1.0) | {
        "shape": {"field": "state", "scale": states, "legend": None},
        "size": {"condition": larger, "value": 28},
        "href": {"field": "href"},
        "tooltip": tooltip,
    }
