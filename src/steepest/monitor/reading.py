"""What a monitor has seen, read out: numbers by window and group, and which groups lag.

    lag of group g = mean loss of g − mean loss of the most frequent group, in the same window

with Welch's interval (`steepest.monitor.evidence`); all groups of a window together hold with probability 95 %. A group
lags where the interval of the latest window lies above 0, and it does so since the first window from which all do.

Shapes: W windows, G groups, c classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from steepest.data.frequency import Floats, FrequencyGroups, Ints, frequency_groups
from steepest.monitor.evidence import Interval, Sample, since, welch
from steepest.monitor.state import State, highest
from steepest.monitor.tally import SKIPS


class Lag(NamedTuple):
    """A group that lags: its number, 1 the most frequent; lag in the latest window; step since which; change of its loss.

    The change is from the first window to the latest, NaN where there is one window.
    """

    group: int
    lag: Interval
    since: int
    change: Interval


@dataclass(frozen=True, eq=False)
class Reading:
    """Numbers of a monitor.

    Attributes:
        groups: of the classes; group g is row g of the arrays, and is called g + 1 in words and tables.
        counts: (c,) class counts.
        learnt: whether the counts are those of the targets seen.
        steps: (W, 2) first and last step of each window.
        sums: (5, W, G), as in `steepest.monitor.tally`.
        open: whether the last window still goes on.
        updates: of the monitor, measured or not.
        skipped: examples that are in no group, by reason.
        class_sums: (5, c) over all windows, or None.
    """

    groups: FrequencyGroups
    counts: Ints
    learnt: bool
    steps: Ints
    sums: Floats
    open: bool
    updates: int
    skipped: dict[str, int]
    class_sums: Floats | None

    @property
    def count(self) -> Ints:
        """(W, G) examples."""
        return np.asarray(self.sums[0], dtype=np.int64)

    @property
    def loss(self) -> Floats:
        """(W, G) mean loss; NaN without examples."""
        return _ratio(self.sums[1], self.sums[0])

    @property
    def accuracy(self) -> Floats:
        """(W, G) fraction of right predictions; NaN where none is known."""
        return _ratio(self.sums[4], self.sums[3])

    @property
    def variance(self) -> Floats:
        """(W, G) sample variance of the loss; NaN with fewer than two examples."""
        n, total, squares = self.sums[:3]
        return _ratio(np.maximum(squares - _ratio(total, n) * total, 0), n - 1)

    @property
    def latest(self) -> int:
        """The window that statements are about: the last complete one, or the open one where there is none."""
        return len(self.steps) - (2 if self.open and len(self.steps) > 1 else 1)

    @property
    def present(self) -> Ints:
        """Groups with classes, as rows, most frequent first."""
        return np.flatnonzero(self.groups.classes_per_group)

    def lag(self) -> Interval:
        """Return the lag of each group behind the most frequent one by window, (W, G); NaN for that one itself."""
        n, first = self.sums[0], self.present[:1] if len(self.present) else [0]
        frequent = Sample(self.loss[:, first], self.variance[:, first], n[:, first])
        found = welch(Sample(self.loss, self.variance, n), frequent, max(1, len(self.present) - 1))
        behind = ~np.isin(np.arange(self.groups.num_groups), first)
        return Interval(*(np.where(behind, end, np.nan) for end in found))

    def change(self) -> Interval:
        """Return how much the loss of each group rose from its first window to the latest, (G,); NaN with one window."""
        n = self.sums[0]
        start = (n >= 2).argmax(0), np.arange(self.groups.num_groups)
        then = Sample(self.loss[start], self.variance[start], n[start])
        now = Sample(self.loss[self.latest], self.variance[self.latest], n[self.latest])
        changed = welch(now, then, max(1, len(self.present)))
        return Interval(*(np.where(start[0] < self.latest, end, np.nan) for end in changed))

    def lags(self) -> list[Lag]:
        """Return the groups that lag, most frequent first; none without evidence."""
        if not len(self.steps):
            return []
        lag, change, found = self.lag(), self.change(), []
        for g in self.present[1:]:
            start = since(lag.low[: self.latest + 1, g])
            if start is not None:
                found.append(Lag(int(g) + 1, lag.at((self.latest, g)), int(self.steps[start, 0]), change.at(g)))
        return found

    def table(self) -> pa.Table:
        """Return one row for each window and group that has classes: steps, classes, count, loss, lag, accuracy."""
        lag, loss, accuracy, count = self.lag(), self.loss, self.accuracy, self.count
        rows = [
            {
                "first_step": int(first),
                "last_step": int(last),
                "group": int(g) + 1,
                "classes": int(self.groups.classes_per_group[g]),
                "count": int(count[w, g]),
                "loss": loss[w, g],
                "lag": lag.value[w, g],
                "lag_low": lag.low[w, g],
                "lag_high": lag.high[w, g],
                "accuracy": accuracy[w, g],
            }
            for w, (first, last) in enumerate(self.steps)
            for g in self.present
        ]
        return pa.Table.from_pylist(rows)

    def by_class(self) -> pa.Table:
        """Return class, group, its training count, and count, loss and accuracy over the windows read.

        Raises:
            ValueError: a monitor that keeps groups only.
        """
        if self.class_sums is None:
            raise ValueError("this monitor keeps sums by group; make it with by_class=True")
        n, total, _, judged, hits = self.class_sums
        group = np.where(self.groups.of_class < 0, 0, self.groups.of_class + 1)
        return pa.table(
            {
                "class": np.arange(len(n)),
                "group": pa.array(group, mask=group == 0),
                "training_count": self.counts,
                "count": n.astype(np.int64),
                "loss": _ratio(total, n),
                "accuracy": _ratio(hits, judged),
            }
        )

    def __str__(self) -> str:
        """Return what is seen, in words."""
        from steepest.monitor.words import in_words

        return in_words(self)

    def _repr_html_(self) -> str:
        """Return the words and a table of the latest window, for a notebook."""
        from steepest.monitor.words import as_html

        return as_html(self)


def reading_of(state: State, last: int | None = None) -> Reading:
    """Return the reading of a state; classes are grouped here, so that learnt counts regroup what was seen before.

    Raises:
        ValueError: `last` < 1.
    """
    if last is not None and last < 1:
        raise ValueError(f"last must be at least 1 window, got {last}")
    window, slot, sums = *state.entries.numpy(), state.sums.numpy()
    learnt = not len(state.counts)
    counts = _learnt(state) if learnt else state.counts.numpy()
    G, W, skipped = state.setting("groups"), state.steps.shape[1], dict(zip(SKIPS, state.skipped.tolist(), strict=True))
    groups = frequency_groups(counts, G) if counts.any() else FrequencyGroups(counts - 1, np.zeros(G, dtype=np.int64))
    group, class_sums = slot, None
    if state.setting("by_class"):
        group = groups.of_class[slot]
        skipped["without count"] += int(sums[0, group < 0].sum())
        recent = window >= W - (last or W)
        class_sums = np.stack([_sums(slot[recent], row[recent], len(counts)) for row in sums])
    kept = group >= 0
    cells = window[kept] * G + group[kept]
    by_group = np.stack([_sums(cells, row[kept], W * G).reshape(W, G) for row in sums])
    first = max(0, W - (last or W))
    return Reading(
        groups,
        counts,
        learnt,
        state.steps.numpy().T[first:],
        by_group[:, first:],
        state.setting("open") > 0,
        state.setting("updates"),
        skipped,
        class_sums,
    )


def _learnt(state: State) -> Ints:
    slot = state.entries[1]
    c = max(state.setting("classes"), highest(slot))
    return np.bincount(slot.numpy(), state.sums[0].numpy(), c).astype(np.int64)


def _sums(ids: Ints, numbers: Floats, size: int) -> Floats:
    """Return the sum of the numbers of each id."""
    return np.asarray(np.bincount(ids, numbers, size), dtype=np.float64)


def _ratio(a: Floats, b: Floats) -> Floats:
    """Return a / b, NaN where b is not positive."""
    quotient = np.full(np.broadcast(a, b).shape, np.nan)
    np.divide(a, b, out=quotient, where=b > 0)
    return quotient
