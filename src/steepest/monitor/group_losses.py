"""The numbers of a monitor by window and frequency group, and which groups lag.

    lag of group g = mean loss of g − mean loss of the most frequent group, in the same window

with Welch's interval (`steepest.monitor.intervals`); the intervals of all groups of a window hold together with
probability 95 %. A group lags where the interval of the latest window lies above 0, since the first window from which on
all of them do.

Shapes: W windows, G groups, c classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa

from steepest.data.frequency import Floats, FrequencyGroups, Ints, frequency_groups
from steepest.monitor.intervals import Interval, Sample, since, welch
from steepest.monitor.state import State, highest
from steepest.monitor.windows import SKIPS


class Lag(NamedTuple):
    """A group that lags: its number, 1 the most frequent; lag in the latest window; step since which; change of its loss.

    The change is from the first window to the latest, NaN where there is one window.
    """

    group: int
    lag: Interval
    since: int
    change: Interval


@dataclass(frozen=True, eq=False)
class GroupLosses:
    """What a monitor has seen, in numbers.

    Attributes:
        groups: of the classes; group g is row g of the arrays, and is called g + 1 in words and tables.
        counts: (c,) class counts.
        learnt: whether the counts are those of the targets seen.
        steps: (W, 2) first and last step of each window.
        sums: (5, W, G), as in `steepest.monitor.windows`.
        open: whether the last window is not complete yet.
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

    @classmethod
    def of(cls, state: State, last: int | None = None) -> Self:
        """Return the numbers of a state; classes are grouped here, so that learnt counts regroup what was seen before.

        Args:
            state: of a monitor.
            last: only so many windows, the open one included; all if None.

        Raises:
            ValueError: `last` < 1.
        """
        if last is not None and last < 1:
            raise ValueError(f"last must be at least 1 window, got {last}")
        window, slot, sums = *state.entries.numpy(), state.sums.numpy()
        learnt = not len(state.counts)
        counts = _learnt(state) if learnt else state.counts.numpy()
        G, W = state.setting("groups"), state.steps.shape[1]
        skipped = dict(zip(SKIPS, state.skipped.tolist(), strict=True))
        groups = (
            frequency_groups(counts, G) if counts.any() else FrequencyGroups(counts - 1, np.zeros(G, dtype=np.int64))
        )
        group, class_sums = slot, None
        if state.setting("by_class"):
            group = groups.of_class[slot]
            skipped["without count"] += int(sums[0, group < 0].sum())
            recent = window >= W - (last or W)
            class_sums = np.stack([_sums(slot[recent], row[recent], len(counts)) for row in sums])
        kept = group >= 0
        cells = window[kept] * G + group[kept]  # (window, group) as one index
        by_group = np.stack([_sums(cells, row[kept], W * G).reshape(W, G) for row in sums])
        first = max(0, W - (last or W))
        return cls(
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

    @property
    def count(self) -> Ints:
        """Return the number of examples, (W, G)."""
        return np.asarray(self.sums[0], dtype=np.int64)

    @property
    def loss(self) -> Floats:
        """Return the mean loss, (W, G); NaN without examples."""
        return _ratio(self.sums[1], self.sums[0])

    @property
    def accuracy(self) -> Floats:
        """Return the fraction of right predictions, (W, G); NaN where none is known."""
        return _ratio(self.sums[4], self.sums[3])

    @property
    def variance(self) -> Floats:
        """Return the sample variance of the loss, (W, G); NaN with fewer than two examples."""
        n, total, squares = self.sums[:3]
        return _ratio(np.maximum(squares - _ratio(total, n) * total, 0), n - 1)  # (Σℓ² − (Σℓ)²/n) / (n − 1)

    @property
    def latest(self) -> int:
        """Return the window that statements are about: the last complete one, or the open one where there is none."""
        return len(self.steps) - (2 if self.open and len(self.steps) > 1 else 1)

    @property
    def present(self) -> Ints:
        """Return the groups that have classes, as rows, most frequent first."""
        return np.flatnonzero(self.groups.classes_per_group)

    def lag(self) -> Interval:
        """Return the lag of each group behind the most frequent one by window, (W, G); NaN for that one itself."""
        n, first = self.sums[0], self.present[:1] if len(self.present) else [0]
        frequent = Sample(self.loss[:, first], self.variance[:, first], n[:, first])
        difference = welch(Sample(self.loss, self.variance, n), frequent, max(1, len(self.present) - 1))
        others = ~np.isin(np.arange(self.groups.num_groups), first)
        return Interval(*(np.where(others, end, np.nan) for end in difference))

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
        lag, change, lags = self.lag(), self.change(), []
        for g in self.present[1:]:
            start = since(lag.low[: self.latest + 1, g])
            if start is not None:
                lags.append(Lag(int(g) + 1, lag.at((self.latest, g)), int(self.steps[start, 0]), change.at(g)))
        return lags

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
