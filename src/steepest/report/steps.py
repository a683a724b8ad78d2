"""The stepped view of the page: loss by frequency group after a number of updates, which a slider sets, one line per method.

Gradient descent learns the frequent classes first, sign descent and Adam all of them together: a slider shows that better
than one picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from steepest.claims.figures import line_style
from steepest.report.plots import AXIS, FONT
from steepest.runs.results import SweepResults, Undecided

FRAMES = 40
DIGITS = 4


def group_steps(results: SweepResults) -> pa.Table | None:
    """Return the mean over seeds of each group's loss, by method at its selected rate; None where no group is recorded.

    Columns: step, method, group (1 = the most frequent), loss.
    """
    if not results.sweep.recorded_groups:
        return None
    rows = [row for label in results.labels for row in _of_method(results, label)]
    return pa.Table.from_pylist(rows) if rows else None


def _of_method(results: SweepResults, label: str) -> list[dict[str, Any]]:
    try:
        best = results.best(label, decisive=False)
    except Undecided:
        return []
    steps, losses = best.runs[0].column("step"), best.curves("group").mean(axis=0)
    return [
        {"step": int(steps[at]), "method": label, "group": g + 1, "loss": float(loss)}
        for at in frames(len(losses))
        for g, loss in enumerate(losses[at])
        if np.isfinite(loss)
    ]


def frames(rows: int) -> list[int]:
    """Return at most FRAMES of `rows` rows, the first ones all and then evenly in the logarithm, the last included.

    >>> frames(3), frames(1000)[:5], frames(1000)[-1]
    ([0, 1, 2], [0, 1, 2, 3, 4], 999)
    """
    spaced = np.geomspace(1, rows, min(rows, FRAMES)).round().astype(int) - 1
    return np.unique(spaced).tolist() if rows > FRAMES else list(range(rows))


def steps_plot(table: pa.Table, axis: str = "frequency group, 1 = most frequent") -> dict[str, Any]:
    """Return the Vega-Lite plot of the rows of `group_steps`, with a slider `frame` over the steps.

    Args:
        table: columns step, method, group and loss.
        axis: what a group is.
    """
    rows = table.to_pylist()
    steps = sorted({row["step"] for row in rows})
    methods = list(dict.fromkeys(row["method"] for row in rows))
    place = {step: frame for frame, step in enumerate(steps)}
    points = [
        {"f": place[r["step"]], "m": r["method"], "g": r["group"], "y": float(f"{r['loss']:.{DIGITS}g}")} for r in rows
    ]
    slider = {"input": "range", "min": 0, "max": len(steps) - 1, "step": 1, "name": "frame "}
    return {
        "description": f"Loss by frequency group after a number of updates, for {', '.join(methods)}.",
        "data": {"values": points},
        "params": [{"name": "frame", "value": len(steps) // 2, "bind": slider}],
        "transform": [{"filter": "datum.f == frame"}],
        "width": "container",
        "height": 260,
        "title": {"text": {"expr": f"'after ' + {steps}[frame] + ' updates'"}, "anchor": "start", "fontSize": 13},
        "mark": {"type": "line", "point": True, "strokeWidth": 2},
        "encoding": _encoding(points, methods, axis),
        "config": {"font": FONT, "view": {"stroke": None}, "axis": AXIS},
    }


def _encoding(points: Sequence[Mapping[str, Any]], methods: Sequence[str], axis: str) -> dict[str, Any]:
    looks = [line_style(method) for method in methods]
    dashes = [[1, 0] if look["linestyle"] == "-" else [5, 4] for look in looks]
    start = max(point["y"] for point in points if point["f"] == 0)
    y = {"type": "quantitative", "title": "loss", "scale": {"domain": [0, 1.15 * start], "clamp": True}}
    by_method = {"field": "m", "type": "nominal"}
    legend = {"orient": "bottom", "title": None, "symbolType": "stroke", "symbolSize": 320, "labelFontSize": 12}
    titles = {"m": "method", "g": "group", "y": "loss"}
    groups = sorted({point["g"] for point in points})
    return {
        "x": {"field": "g", "type": "ordinal", "title": axis, "axis": {"labelAngle": 0}, "scale": {"domain": groups}},
        "y": {"field": "y", **y},
        "color": by_method
        | {"scale": {"domain": list(methods), "range": [look["color"] for look in looks]}, "legend": legend},
        "strokeDash": by_method | {"scale": {"domain": list(methods), "range": dashes}},
        "tooltip": [{"field": field, "title": title} for field, title in titles.items()],
    }
