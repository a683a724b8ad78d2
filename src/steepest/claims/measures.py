"""Claims on numbers that calculations store as facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from steepest.claims.verdict import Measured

if TYPE_CHECKING:
    from steepest.claims.paper import Results


def fact(plan: str, name: str, evidence: str = "") -> Callable[[Results], Measured]:
    """Return the measure that reads the number `name` of a plan's calculations.

    Args:
        plan: name of the plan; one calculation is exact, several are seeds.
        name: name of the number.
        evidence: a format string over the numbers, shown for each calculation.
    """

    def measure(results: Results) -> Measured:
        runs = results.calculations(plan)
        values = [float(run.facts[name]) for run in runs]
        shown = "; ".join(evidence.format(**run.facts) for run in runs) if evidence else ""
        return Measured(values, [run.id for run in runs], exact=len(runs) == 1, evidence=shown)

    return measure
