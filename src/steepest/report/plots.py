"""Plots of the page: learning-rate sweeps as Vega-Lite, and the interval of a claim against its two thresholds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.figures import line_style
from steepest.verdict import Verdict

DECADES = 8
LABEL = "datum.value > 0 && datum.value < 0.001 ? format(datum.value, '.0e') : format(datum.value, '~g')"
CROSS = "M-1,-1L1,1M-1,1L1,-1"
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
    """Return the Vega-Lite plot of a sweep: one point per run, a line through the worst seeds, a band over seeds.

    Args:
        rows: `SweepResults.to_arrow().to_pylist()`.
        figure: id of the figure whose list of runs a click leads to.
        objective: what the y axis shows.
    """
    points = [_point(row, figure) for row in rows]
    losses = [point["counted"] for point in points if point["counted"] is not None]
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
            {"mark": {"type": "area", "tooltip": None}, "encoding": {"y": y | worst, "y2": best, "opacity": _shown(0.13)}},
            {
                "mark": {"type": "line", "strokeWidth": 2, "tooltip": None},
                "encoding": {"y": y | worst, "strokeDash": _dashes(methods), "opacity": _shown(1.0)},
                "params": [{"name": "method", "select": {"type": "point", "fields": ["method"]}, "bind": "legend"}],
            },
            {"mark": {"type": "point", "strokeWidth": 1.6, "cursor": "pointer"}, "encoding": {"y": y} | _point_encoding()},
        ],
        "config": {"font": FONT, "view": {"stroke": None}, "axis": {"labelFontSize": 12, "titleFontSize": 12}},
    }


def finite(value: float | None) -> float | None:
    """Return the number, or None where JSON has none for it."""
    return value if value is not None and math.isfinite(value) else None


def _point(row: Mapping[str, Any], figure: str) -> dict[str, Any]:
    return {
        "method": row["method"],
        "lr": row["lr"],
        "seed": row["seed"],
        "state": row["state"],
        "final": finite(row["final_loss"]),
        "counted": finite(row["selection_loss"]),
        "selected": "yes" if row["selected"] else "no",
        "run": row["run"],
        "href": f"#run-{figure}-{row['run']}",
    }


def _x_axis(points: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    exponents = [math.log10(point["lr"]) for point in points]
    first, last = min(exponents) - 0.2, max(exponents) + 0.2
    scale = {"type": "log", "domain": [10.0**first, 10.0**last]}
    axis = {"values": [10.0**e for e in range(math.ceil(first), math.floor(last) + 1)], "labelExpr": LABEL, "labelOverlap": True, "labelSeparation": 8, "gridColor": "#ececec"}
    return {"field": "lr", "type": "quantitative", "title": "learning rate", "scale": scale, "axis": axis}


def _y_axis(losses: Sequence[float], title: str) -> dict[str, Any]:
    """Return a linear axis, or a logarithmic one of at most DECADES where the losses span more than a factor of ten."""
    positive = [loss for loss in losses if loss > 0]
    lowest, highest = min(positive, default=1.0), max(positive, default=1.0)
    scale: dict[str, Any] = {"type": "linear", "zero": False}
    if highest > 10 * lowest:
        scale = {"type": "log", "domain": [max(lowest, highest * 10.0**-DECADES), highest], "clamp": True, "nice": True}
    axis = {"gridColor": "#ececec", "tickCount": 6, "labelExpr": LABEL}
    return {"field": "counted", "type": "quantitative", "title": title, "scale": scale, "axis": axis, "stack": None}


def _colours(methods: Sequence[str]) -> dict[str, Any]:
    colours = [line_style(method)["color"] for method in methods]
    legend = {"orient": "bottom", "title": None, "symbolType": "stroke", "symbolStrokeWidth": 2.5, "symbolOpacity": 1}
    sizes = {"symbolSize": 320, "columns": {"expr": "width < 420 ? 2 : 8"}, "labelFontSize": 12, "labelLimit": 160}
    return {"field": "method", "type": "nominal", "scale": {"domain": methods, "range": colours}, "legend": legend | sizes}


def _dashes(methods: Sequence[str]) -> dict[str, Any]:
    dashes = [[1, 0] if line_style(method)["linestyle"] == "-" else [5, 4] for method in methods]
    return {"field": "method", "type": "nominal", "scale": {"domain": methods, "range": dashes}}


def _shown(opacity: float) -> dict[str, Any]:
    return {"condition": {"param": "method", "value": opacity}, "value": opacity / 12}


def _point_encoding() -> dict[str, Any]:
    shown = {"seed": "seed", "state": "state", "run": "run", "selected": "selected rate"}
    numbers = {"lr": "learning rate", "final": "final loss", "counted": "counted for selection"}
    tooltip = [{"field": "method", "title": "method"}]
    tooltip += [{"field": name, "type": "quantitative", "title": title, "format": ".4~g"} for name, title in numbers.items()]
    tooltip += [{"field": name, "title": title} for name, title in shown.items()]
    selected = "datum.selected == 'yes'"
    return {
        "shape": {"field": "state", "scale": {"domain": ["done", "diverged"], "range": ["circle", CROSS]}, "legend": None},
        "size": {"condition": {"test": selected, "value": 110}, "value": 28},
        "opacity": _shown(1.0),
        "href": {"field": "href"},
        "tooltip": tooltip,
    }
