"""The answer of a comparison: a row for each optimizer, paired differences to the leader, and what follows from them.

The leader has the smallest mean final training loss. For another optimizer o the differences d_s = L_o(s) − L_leader(s) are
taken seed by seed, as both met the same data order and initial params, and averaged with Student's interval. The K − 1
intervals hold together with 95 % (Bonferroni: each has confidence 1 − 0.05/(K − 1)). The leader is ahead of o where the
interval lies above 0 and no rate of the two is in doubt; otherwise the two cannot be told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from steepest.claims.verdict import interval
from steepest.compare.rate_search import Stage
from steepest.measure.progress import group_progress
from steepest.runs.results import Best, NotRun, SweepResults
from steepest.runs.store import Run, Store
from steepest.runs.sweep import Sweep, selection_loss


@dataclass(frozen=True)
class Mean:
    """A mean over seeds with its interval."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], confidence: float = 0.95) -> Mean:
        """Return the mean of some values with Student's interval."""
        return cls(float(np.mean(values)), *interval(values, confidence))

    def __str__(self) -> str:
        """Return `mean [low, high]` with the digits that the interval allows.

        >>> str(Mean(0.31234, 0.2211, 0.4033)), str(Mean(1e-5, 1e-5, 1e-5))
        ('0.312 [0.221, 0.403]', '1e-05 [1e-05, 1e-05]')
        """
        return f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}]"


@dataclass(frozen=True)
class Row:
    """One optimizer.

    Attributes:
        label: its name.
        exponent: the selected rate is 10 to this.
        losses: final training loss by seed; a run that diverged counts as its initial loss.
        rarest: progress of the rarest frequency group, ρ = 1 − L(T)/L(0), or None without groups.
        held_out: final loss on held-out data, or None.
        update: CPU seconds of a run for each of its updates, in the run that was least disturbed.
        runs: number of runs, probes included.
        updates: of all its runs together.
        seconds: CPU seconds of all its runs together.
        trouble: why its rate decides nothing, or None.
        ids: the runs at the selected rate, by seed.
    """

    label: str
    exponent: float
    losses: tuple[float, ...]
    rarest: Mean | None
    held_out: Mean | None
    update: float
    runs: int
    updates: int
    seconds: float
    trouble: str | None
    ids: tuple[str, ...]

    @property
    def lr(self) -> float:
        """Return the selected learning rate."""
        return float(10.0**self.exponent)

    @property
    def loss(self) -> Mean:
        """Return the final training loss."""
        return Mean.of(self.losses)


@dataclass(frozen=True)
class Difference:
    """How far above the leader an optimizer ends.

    Attributes:
        label: the optimizer.
        loss: final loss minus the leader's.
        doubt: why nothing can be told, or None where the leader is ahead.
    """

    label: str
    loss: Mean
    doubt: str | None


@dataclass(frozen=True)
class Answer:
    """The answer of a comparison.

    Attributes:
        rows: one per optimizer, the smallest loss first.
        differences: to the first row, in the order of the rows.
        sweep: what decided.
        initial_loss: the mean loss before training.
    """

    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    sweep: Sweep
    initial_loss: float

    @property
    def leader(self) -> Row:
        """Return the optimizer with the smallest mean loss."""
        return self.rows[0]

    @property
    def decided(self) -> bool:
        """Return whether the leader is ahead of every other optimizer."""
        return self.leader.trouble is None and not any(difference.doubt for difference in self.differences)

    @property
    def headline(self) -> str:
        """Return the recommendation in one line."""
        leader, at = self.leader, f"at learning rate {self.leader.lr:.3g}"
        if leader.trouble:
            return f"Cannot tell: {leader.trouble}."
        doubtful = [difference.label for difference in self.differences if difference.doubt]
        if not doubtful:
            return f"Use {leader.label} {at}."
        others = " It is ahead of the others." if len(doubtful) < len(self.differences) else ""
        return f"Cannot tell {leader.label} {at} from {_listed(doubtful)}.{others}"

    def reasons(self) -> list[str]:
        """Return one sentence per other optimizer."""
        return [self._reason(difference) for difference in self.differences]

    def _reason(self, difference: Difference) -> str:
        ends = f"{self.leader.label} ends below {difference.label} by {difference.loss}"
        return f"{ends}: {difference.doubt}." if difference.doubt else f"{ends}."

    def as_json(self) -> dict[str, Any]:
        """Return everything but the curves, ready for JSON."""
        return {
            "recommendation": self.headline,
            "decided": self.decided,
            "reasons": self.reasons(),
            "steps": self.sweep.steps,
            "seeds": list(self.sweep.seeds),
            "initial_loss": self.initial_loss,
            "optimizers": [asdict(row) | {"lr": row.lr, "loss": asdict(row.loss)} for row in self.rows],
            "differences": [asdict(difference) for difference in self.differences],
        }


def answer(stages: Sequence[Stage], store: Store) -> Answer:
    """Return the answer of a comparison from its runs in the store.

    Args:
        stages: those that are complete; the last one decides.
        store: where the runs are.

    Raises:
        NotRun: no round is complete.
    """
    if not stages or stages[-1].name == "probes":
        raise NotRun("the first round of runs is not complete")
    results = SweepResults(stages[-1].sweep, store)
    spent = {run.id: run for stage in stages for run in SweepResults(stage.sweep, store).runs()}
    rows = sorted((_row(results, label, spent.values()) for label in results.labels), key=lambda row: row.loss.mean)
    first = results.best(rows[0].label, decisive=False).runs[0]
    differences = tuple(_difference(rows[0], row, len(rows) - 1) for row in rows[1:])
    return Answer(tuple(rows), differences, stages[-1].sweep, float(first.facts["initial_loss"]))


def _row(results: SweepResults, label: str, spent: Iterable[Run]) -> Row:
    best = results.best(label, decisive=False)
    method = best.runs[0].spec["method"]
    mine = [run for run in spent if run.spec["method"] == method]
    return Row(
        label=label,
        exponent=best.exponent,
        losses=tuple(selection_loss(run.facts) for run in best.runs),
        rarest=_rarest(best),
        held_out=_held_out(best),
        update=min(run.seconds / max(1, run.facts["last_step"]) for run in mine),
        runs=len(mine),
        updates=sum(int(run.facts["last_step"]) for run in mine),
        seconds=sum(run.seconds for run in mine),
        trouble=best.trouble,
        ids=tuple(run.id for run in best.runs),
    )


def _rarest(best: Best) -> Mean | None:
    if "group" not in best.runs[0].table("curves").column_names:
        return None
    rho = np.stack([group_progress(run.column("group")) for run in best.runs])
    present = ~np.isnan(rho).all(axis=0)
    last = rho[:, present][:, -1] if present.any() else np.array([np.nan])
    return Mean.of(last.tolist()) if np.isfinite(last).all() else None


def _held_out(best: Best) -> Mean | None:
    if "held_out_loss" not in best.runs[0].table("curves").column_names:
        return None
    losses = [float(run.column("held_out_loss")[-1]) for run in best.runs]
    return Mean.of(losses) if np.isfinite(losses).all() else None


def _difference(leader: Row, other: Row, comparisons: int) -> Difference:
    values = np.subtract(other.losses, leader.losses)
    loss = Mean.of(values.tolist(), 1 - 0.05 / comparisons)
    return Difference(other.label, loss, _doubt(leader, other, loss))


def _doubt(leader: Row, other: Row, loss: Mean) -> str | None:
    """Return why the leader cannot be said to be ahead.

    Where the other made no progress at any rate, or may do better beyond the edge of its grid, its loss proves little.
    """
    for row in (leader, other):
        if row.trouble:
            return f"cannot tell, {row.trouble.removeprefix(f'{row.label}: ')} ({row.label})"
    return None if loss.low > 0 else "cannot tell, the interval contains 0"


def _listed(names: Sequence[str]) -> str:
    """Return names as a phrase.

    >>> _listed(["A"]), _listed(["A", "B", "C"])
    ('A', 'A, B or C')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
