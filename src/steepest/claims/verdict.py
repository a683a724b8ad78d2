"""Verdicts: where the interval of a measure over seeds lies with respect to a claim's two thresholds.

    holds ≥ fails:  supported if low ≥ holds,  contradicted if high ≤ fails,  undecided otherwise
    holds < fails:  the same with the inequalities turned round

The interval is Student's 95 % interval of the mean over seeds; a measure without randomness is a point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from steepest.claims.claim import Claim, Kind
from steepest.runs.results import NotRun, Undecided

State = Literal["supported", "contradicted", "undecided", "not run", "out of reach"]
MIN_SEEDS = 3


@dataclass(frozen=True)
class Verdict:
    """A claim judged; one row of the ledger."""

    paper: str
    figure: str
    claim: str
    kind: Kind
    where: str
    says: str
    scale: str
    setting: str
    verdict: State
    measured: float | None
    interval: tuple[float, float] | None
    holds: float
    fails: float
    seeds: int
    runs: tuple[str, ...]
    evidence: str
    reason: str
    edited: str

    def out_of_reach(self, hours: float) -> Verdict:
        """Return the row as out of reach, with the cost, if it was not run."""
        if self.verdict != "not run":
            return self
        return replace(self, verdict="out of reach", reason=f"about {hours:,.0f} CPU hours on this machine")

    def as_json(self) -> dict[str, Any]:
        """Return the row ready for JSON."""
        return asdict(self) | {"interval": list(self.interval) if self.interval else None, "runs": list(self.runs)}


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Return Student's interval of the mean: x̄ ± t_{n−1} s/√n.

    Raises:
        ValueError: fewer than two values.

    >>> [round(x, 3) for x in interval([1.0, 2.0, 3.0])]
    [-0.484, 4.484]
    """
    from scipy.special import stdtrit

    n = len(values)
    if n < 2:
        raise ValueError(f"an interval over seeds needs at least 2 values, got {n}")
    half = float(stdtrit(n - 1, 0.5 + confidence / 2)) * float(np.std(values, ddof=1)) / n**0.5
    mean = float(np.mean(values))
    return mean - half, mean + half


def locate(low: float, high: float, holds: float, fails: float) -> State:
    """Return where the interval lies with respect to the two thresholds.

    >>> locate(0.6, 0.8, holds=0.5, fails=0.1), locate(0.6, 0.8, holds=0.1, fails=0.5), locate(0.3, 0.6, 0.5, 0.1)
    ('supported', 'contradicted', 'undecided')
    """
    if holds < fails:
        low, high, holds, fails = -high, -low, -holds, -fails
    if low >= holds:
        return "supported"
    return "contradicted" if high <= fails else "undecided"


@dataclass(frozen=True)
class Finding:
    """The part of a verdict that the measure decides."""

    verdict: State
    measured: float | None = None
    interval: tuple[float, float] | None = None
    seeds: int = 0
    runs: tuple[str, ...] = ()
    evidence: str = ""
    reason: str = ""


def judge(claim: Claim, results: Any) -> Finding:
    """Evaluate the claim's measure on `results` and judge it."""
    try:
        found = claim.measure(results)
    except NotRun as missing:
        return Finding("not run", reason=str(missing))
    except Undecided as doubt:
        return Finding("undecided", reason=str(doubt))
    runs = tuple(found.runs)
    if not (len(found.values) and np.isfinite(found.values).all()):
        return Finding("undecided", runs=runs, reason="the measure is not a finite number")
    mean = float(np.mean(found.values))
    if found.exact:
        state = locate(mean, mean, claim.holds, claim.fails)
        return Finding(state, mean, (mean, mean), 0, runs, found.evidence)
    if len(found.values) < MIN_SEEDS:
        reason = f"{len(found.values)} seeds; a verdict needs at least {MIN_SEEDS}"
        return Finding("undecided", mean, None, len(found.values), runs, found.evidence, reason)
    low, high = interval(found.values)
    state = locate(low, high, claim.holds, claim.fails)
    return Finding(state, mean, (low, high), len(found.values), runs, found.evidence)
