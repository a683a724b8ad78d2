"""Two ways to choose a learning rate, and contrasts of optimizers at the chosen ones.

training    smallest final training loss of the worst seed, the rule of every sweep
accurate    among the rates at which every seed fits the training data (loss ≤ 10⁻²), the highest mean accuracy on fresh
            samples; the smaller rate where two are equal

The second rule looks at the fresh samples, which favours every optimizer as far as it can be favoured. A rate at the edge
of its grid decides nothing under either rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from steepest.paper import Results
from steepest.results import Best, NotRun, Undecided
from steepest.spec import Method
from steepest.store import Run
from steepest.sweep import Search
from steepest.verdict import Measured
from steepest_papers.li2024signgd.measures import Measure, final_loss, last_prediction

Rule = Literal["training", "accurate"]
FITTED = 1e-2


def select(results: Results, plan: str, method: Method, rule: Rule, *, decisive: bool = True) -> Best:
    """Return an optimizer at the rate that a rule chooses.

    Args:
        results: of the figure.
        plan: name of the sweep.
        method: the optimizer.
        rule: how to choose.
        decisive: raise where the rate decides nothing; False returns it with its `trouble`.

    Raises:
        NotRun: runs are missing.
        Undecided: the rate lies at an edge of its grid, or none made progress.
    """
    sweep = results.sweep(plan)
    if rule == "training":
        return sweep.best(method.label, decisive=decisive)
    search = sweep.searches[method.label]
    if search.best is None:
        raise NotRun(f"{method.label}: {len(search.pending)} runs are missing")
    exponent, trouble = most_accurate(search)
    if trouble and decisive:
        raise Undecided(trouble)
    return Best(method.label, exponent, tuple(search.runs(exponent)), trouble)


def most_accurate(search: Search) -> tuple[float, str | None]:
    """Return the exponent that the rule 'accurate' takes, and why it decides nothing, if so.

    Where no rate fits the data, that is the exponent of the least training loss.
    """
    runs = {exponent: search.runs(exponent) for exponent in sorted(search.table)}
    means = {e: accuracy(at) for e, at in runs.items() if max(final_loss(run) for run in at) <= FITTED}
    if not means:
        return float(search.best or 0.0), f"{search.method.label}: no rate of the grid fits the training data"
    chosen = max(means, key=lambda exponent: (means[exponent], -exponent))
    if chosen in (min(runs), max(runs)):
        return chosen, f"{search.method.label}: the most accurate rate 10^{chosen:g} is at the edge of its grid"
    return chosen, None


def accuracy(runs: Sequence[Run]) -> float:
    """Return the mean accuracy on fresh samples at the end of some runs."""
    return float(np.mean([last_prediction(run, "test_accuracy") for run in runs]))


def accuracies(best: Best) -> np.ndarray:
    """Return the accuracy on fresh samples at the end, for each seed."""
    return np.array([last_prediction(run, "test_accuracy") for run in best.runs])


def measured(values: np.ndarray, *bests: Best) -> Measured:
    """Return values by seed, with the accuracies and rates of the optimizers behind them."""
    told = ", ".join(f"{best.label} {accuracy(best.runs):.3g} at 10^{best.exponent:g}" for best in bests)
    return Measured(values.tolist(), [run.id for best in bests for run in best.runs], evidence=told)


def lead(plan: str, rule: Rule, method: Method, other: Method) -> Measure:
    """Return the measure: accuracy of `method` minus that of `other`, seed by seed."""

    def measure(results: Results) -> Measured:
        first, second = (select(results, plan, each, rule) for each in (method, other))
        return measured(accuracies(first) - accuracies(second), first, second)

    return measure


def reached(plan: str, rule: Rule, methods: Sequence[Method]) -> Measure:
    """Return the measure: the smallest accuracy among some optimizers."""

    def measure(results: Results) -> Measured:
        bests = [select(results, plan, method, rule) for method in methods]
        return measured(np.min([accuracies(best) for best in bests], axis=0), *bests)

    return measure
