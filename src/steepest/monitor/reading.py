"""A reading of a monitor: its numbers, which are printed as sentences and shown as a table in notebooks."""

from __future__ import annotations

import math
from html import escape
from typing import SupportsFloat

import numpy as np

from steepest.monitor.group_losses import GroupLosses, Lag
from steepest.monitor.intervals import Interval

COLUMNS = (
    "group",
    "classes",
    "examples",
    "loss",
    "lag",
    "accuracy",
    "lags since step",
    "change since the first window",
)
CELL = "text-align:right;padding:2px 12px;min-width:4em;white-space:nowrap;"
BAR = "background:linear-gradient(to right, rgba(222,130,60,.35) {0:.0f}%, transparent {0:.0f}%)"


class Reading(GroupLosses):
    """Numbers of a monitor, which print as sentences."""

    def __str__(self) -> str:
        """Return what is seen, a line for each statement."""
        if not self.sums.any():
            return "\n".join(["Nothing seen yet.", *_left_out(self)])
        return "\n".join([overview(self), now(self), *statements(self), *_left_out(self)])

    def _repr_html_(self) -> str:
        """Return the overview and a table of the latest window, without scripts, for a notebook."""
        if not self.sums.any():
            return _lines(str(self).splitlines())
        lags = {lag.group: lag for lag in self.lags()}
        none = [] if lags else statements(self)
        head = "".join(f'<th style="{CELL}">{name}</th>' for name in COLUMNS)
        rows = "".join(_html_row(self, int(g), lags.get(int(g) + 1)) for g in self.present)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        return _lines([overview(self), now(self), *none]) + table + _lines(_left_out(self))


def overview(reading: GroupLosses) -> str:
    """Return what was watched."""
    c, groups = int((reading.counts > 0).sum()), len(reading.present)
    how = ", counted while training" if reading.learnt else ""
    return f"{reading.updates:,} updates, {int(reading.count.sum()):,} examples; {c:,} classes in {groups} groups{how}."


def now(reading: GroupLosses) -> str:
    """Return the mean loss of the latest window, over all and of the most frequent group."""
    n, total, _, judged, hits = reading.sums[:, reading.latest]
    frequent = reading.present[0]
    loss = total.sum() / n.sum() if n.sum() else math.nan
    right = f", accuracy {hits.sum() / judged.sum():.1%}" if judged.sum() else ""
    return (
        f"{steps(reading)}: loss {number(loss)}{right}; most frequent group"
        f" ({_classes(reading, frequent)}): {number(reading.loss[reading.latest, frequent])}."
    )


def statements(reading: GroupLosses) -> list[str]:
    """Return a line for each group that lags, or that there is no evidence for a lag."""
    return [_lag(reading, lag) for lag in reading.lags()] or [
        "No group lags behind the most frequent one, as far as seen."
    ]


def steps(reading: GroupLosses) -> str:
    """Return the steps of the latest window."""
    first, last = reading.steps[reading.latest]
    return f"Steps {first:,} to {last:,}"


def number(x: SupportsFloat) -> str:
    """Return a loss for reading.

    >>> number(12.345), number(0.012345), number(float("nan"))
    ('12.35', '0.0123', '–')
    """
    x = float(x)
    return "–" if math.isnan(x) else f"{x:.2f}" if abs(x) >= 1 else f"{x:.3g}"


def interval(of: Interval) -> str:
    """Return the two ends."""
    return f"[{number(of.low)}, {number(of.high)}]"


def _lag(reading: GroupLosses, lag: Lag) -> str:
    loss = number(reading.loss[reading.latest, lag.group - 1])
    return (
        f"Group {lag.group} ({_classes(reading, lag.group - 1)}): {loss}, lags by {number(lag.lag.value)}"
        f" {interval(lag.lag)} since step {lag.since:,}{_change(lag.change)}."
    )


def _change(change: Interval) -> str:
    if math.isnan(change.value):
        return ""
    if change.low <= 0 <= change.high:
        return f"; no evidence that it moves: {number(change.value)} {interval(change)} since the first window"
    low, high = sorted((abs(change.low), abs(change.high)))
    word = "fell" if change.value < 0 else "ROSE"
    return f"; it {word} by {number(abs(change.value))} [{number(low)}, {number(high)}] since the first window"


def _classes(reading: GroupLosses, g: int) -> str:
    size = int(reading.groups.classes_per_group[g])
    return f"{size:,} class{'es' if size != 1 else ''}"


def _left_out(reading: GroupLosses) -> list[str]:
    reasons = [f"{count:,} {why}" for why, count in reading.skipped.items() if count]
    return [f"Examples left out: {', '.join(reasons)}."] if reasons else []


def _lines(texts: list[str]) -> str:
    return "".join(f"<div>{escape(text)}</div>" for text in texts)


def _html_row(reading: GroupLosses, g: int, lag: Lag | None) -> str:
    since = "" if lag is None else f"{lag.since:,}"
    change = reading.change().at(g)
    moved = "" if math.isnan(change.value) else f"{number(change.value)} {interval(change)}"
    loss = reading.loss[reading.latest]
    width = 100 * loss[g] / loss[~np.isnan(loss)].max(initial=1e-9) if loss[g] > 0 else 0.0
    cells = [*row(reading, g), since, moved]
    look = [CELL + (BAR.format(width) if name == "loss" else "") for name in COLUMNS]
    return "<tr>" + "".join(f'<td style="{s}">{escape(c)}</td>' for s, c in zip(look, cells, strict=True)) + "</tr>"


def row(reading: GroupLosses, g: int) -> tuple[str, str, str, str, str, str]:
    """Return group, classes, examples, loss, lag and accuracy in the latest window."""
    w = reading.latest
    lag = reading.lag().at((w, g))
    behind = "" if g == reading.present[0] else f"{number(lag.value)} {interval(lag)}"
    accuracy = reading.accuracy[w, g]
    return (
        str(g + 1),
        f"{reading.groups.classes_per_group[g]:,}",
        f"{reading.count[w, g]:,}",
        number(reading.loss[w, g]),
        behind,
        "–" if math.isnan(accuracy) else f"{accuracy:.1%}",
    )
