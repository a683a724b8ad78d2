"""Results of a sweep: the selected learning rates, their runs, and tables of everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa

from steepest.errors import unknown
from steepest.runs.store import Run, Store
from steepest.runs.sweep import Known, Lookup, Search, Sweep, learning_rate, selection_loss

if TYPE_CHECKING:
    import pandas as pd


class Undecided(Exception):  # noqa: N818 - a state of knowledge, not an error
    """A measure cannot decide; its text says why."""


class NotRun(Undecided):
    """Runs are missing."""


@dataclass(frozen=True)
class Best:
    """A method at its selected learning rate: one run per seed.

    Attributes:
        trouble: why the rate decides nothing (at the edge of its grid, no progress), or None.
    """

    label: str
    exponent: float
    runs: tuple[Run, ...]
    trouble: str | None

    @property
    def lr(self) -> float:
        """Return the selected learning rate."""
        return learning_rate(self.exponent)

    def curves(self, column: str = "loss") -> np.ndarray:
        """Return one recorded column for all seeds, shape (seeds, steps + 1, …); NaN after a run diverged."""
        return stack([run.column(column) for run in self.runs])


class SweepResults:
    """What a store knows of a sweep.

    Args:
        sweep: the sweep.
        store: where its runs are.
    """

    def __init__(self, sweep: Sweep, store: Store) -> None:
        self.sweep = sweep
        self._known: Known = Lookup(store).now()
        self.searches: dict[str, Search] = {m.label: s for m, s in sweep.searches(self._known).items()}

    def __repr__(self) -> str:
        missing = sum(len(search.pending) for search in self.searches.values())
        state = f"{missing} runs missing" if missing else "complete"
        return f"SweepResults({', '.join(self.labels)}; {len(self.runs())} runs, {state})"

    @property
    def labels(self) -> list[str]:
        """Return the labels of the methods in the order of the sweep."""
        return list(self.searches)

    def best(self, label: str, *, decisive: bool = True) -> Best:
        """Return a method at its selected learning rate.

        Args:
            label: the method's label.
            decisive: raise where the selected rate decides nothing; False returns it with its `trouble`.

        Raises:
            NotRun: runs are missing.
            Undecided: the rate is at the edge of its grid, or no rate made progress.
        """
        search = self.search(label)
        if decisive and search.trouble:
            raise Undecided(search.trouble)
        exponent = cast(float, search.best)  # a finished search has one
        return Best(label, exponent, tuple(search.runs(exponent)), search.trouble)

    def search(self, label: str) -> Search:
        """Return a method's finished search for its learning rate.

        Raises:
            NotRun: runs are missing.
        """
        if label not in self.searches:
            raise unknown("method", label, self.searches)
        search = self.searches[label]
        if search.best is None:
            raise NotRun(f"{label}: {missing(len(search.pending), 'run')}")
        return search

    def runs(self) -> list[Run]:
        """Return every known run of the sweep."""
        return [run for search in self.searches.values() for spec in search.explored if (run := self._known(spec))]

    def to_arrow(self) -> pa.Table:
        """Return one row per run: method, exponent, lr, seed, state, losses, selection loss, selected, seconds, run."""
        rows = [row for label, search in self.searches.items() for row in self._rows(label, search)]
        return pa.Table.from_pylist(rows)

    def to_pandas(self) -> pd.DataFrame:
        """Return `to_arrow()` as a data frame; needs pandas (`pip install 'steepest[pandas]'`)."""
        frame: pd.DataFrame = self.to_arrow().to_pandas()
        return frame

    def curves(self, label: str) -> pa.Table:
        """Return the curves of the selected rate as one long table: seed, run, step, loss, and loss by group."""
        best = self.best(label, decisive=False)
        tables = []
        for seed, run in zip(self.sweep.seeds, best.runs, strict=True):
            table = run.table("curves")
            table = table.append_column("seed", pa.array([seed] * len(table)))
            tables.append(table.append_column("run", pa.array([run.id] * len(table))))
        return pa.concat_tables(tables)

    def _rows(self, label: str, search: Search) -> list[dict[str, Any]]:
        found = [(spec, run) for spec in search.explored if (run := self._known(spec))]
        return [
            {
                "method": label,
                "lr": spec.lr,
                "exponent": round(float(np.log10(spec.lr)), 6),
                "seed": spec.seed,
                "state": run.state,
                "initial_loss": run.facts["initial_loss"],
                "final_loss": run.facts["final_loss"],
                "selection_loss": selection_loss(run.facts),
                "selected": search.best is not None and spec.lr == learning_rate(search.best),
                "seconds": run.seconds,
                "run": run.id,
            }
            for spec, run in found
        ]


def middle_of_the_best(scores: Mapping[float, Sequence[float]]) -> float:
    """Return the middle exponent, the lower of two, of those within one standard error of the highest mean score.

    Where the score is flat over decades, the middle of what is as good as the best is far from both ends.

    Args:
        scores: by exponent, one for each seed.

    >>> middle_of_the_best({-2.0: [0.1, 0.2], -1.0: [0.8, 0.9], 0.0: [0.9, 0.9], 1.0: [0.85, 0.95], 2.0: [0.3, 0.3]})
    0.0
    """
    values = np.array(list(scores.values()))
    best = values[values.mean(axis=1).argmax()]
    error = best.std(ddof=1) / len(best) ** 0.5 if len(best) > 1 else 0.0
    good = [e for e, mean in zip(scores, values.mean(axis=1), strict=True) if mean >= best.mean() - error]
    return good[(len(good) - 1) // 2]


def missing(count: int, what: str) -> str:
    """Return how many runs or calculations are missing.

    >>> missing(1, "run"), missing(2, "run")
    ('1 run is missing', '2 runs are missing')
    """
    return f"{count} {what} is missing" if count == 1 else f"{count} {what}s are missing"


def stack(arrays: list[np.ndarray]) -> np.ndarray:
    """Return arrays of different length stacked on a new first axis, filled with NaN at the end."""
    longest = max(len(a) for a in arrays)
    out = np.full((len(arrays), longest, *arrays[0].shape[1:]), np.nan)
    for row, a in zip(out, arrays, strict=True):
        row[: len(a)] = a
    return out
