"""Three ways to choose a learning rate, and contrasts of optimizers at the chosen ones.

training    smallest final training loss of the worst seed, the rule of every sweep
smallest    the smallest rate at which every seed fits the training data (loss ≤ 10⁻²)
accurate    of the rates that fit and are within one standard error of the highest accuracy on fresh samples, the middle one

The last rule looks at the fresh samples, which favours every optimizer as far as it can be favoured. Large rates fit in one
update, and accuracy is flat there, so that the middle of what is as good as the best is taken. A rate at the edge of its
grid decides nothing under any rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from steepest.claims.claim import Measured, measure
from steepest.claims.paper import Results
from steepest.runs.method import Method
from steepest.runs.results import Best, NotRun, Undecided
from steepest.runs.store import Run
from steepest.runs.sweep import Search
from steepest_papers.li2024signgd.measures import final_loss, last_prediction

Rule = Literal["training", "smallest", "accurate"]
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
    exponent, trouble = fitting_rate(search, rule)
    if trouble and decisive:
        raise Undecided(trouble)
    return Best(method.label, exponent, tuple(search.runs(exponent)), trouble)


def fitting_rate(search: Search, rule: Literal["smallest", "accurate"]) -> tuple[float, str | None]:
    """Return the exponent that a rule takes among the rates that fit the data, and why it decides nothing, if so.

    Where no rate fits, that is the exponent of the least training loss.
    """
    runs = {exponent: search.runs(exponent) for exponent in sorted(search.table)}
    fitting = {exponent: at for exponent, at in runs.items() if max(final_loss(run) for run in at) <= FITTED}
    if not fitting:
        return float(search.best or 0.0), f"{search.method.label}: no rate of the grid fits the training data"
    chosen = min(fitting) if rule == "smallest" else _middle(fitting)
    if chosen in (min(runs), max(runs)):
        return chosen, f"{search.method.label}: the {rule} rate 10^{chosen:g} is at the edge of its grid"
    return chosen, None


def _middle(runs: Mapping[float, Sequence[Run]]) -> float:
    """Return the middle exponent, the lower of two, of those within one standard error of the highest mean accuracy."""
    found = np.array([[last_prediction(run, "test_accuracy") for run in at] for at in runs.values()])
    means = found.mean(axis=1)
    best = found[means.argmax()]
    good = [e for e, mean in zip(runs, means, strict=True) if mean >= best.mean() - best.std(ddof=1) / len(best) ** 0.5]
    return good[(len(good) - 1) // 2]


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


@measure()
def lead(results: Results, plan: str, rule: Rule, method: Method, other: Method) -> Measured:
    """Return the measure: accuracy of `method` minus that of `other`, seed by seed."""
    first, second = (select(results, plan, each, rule) for each in (method, other))
    return measured(accuracies(first) - accuracies(second), first, second)


@measure()
def reached(results: Results, plan: str, rule: Rule, methods: Sequence[Method]) -> Measured:
    """Return the measure: the smallest accuracy among some optimizers."""
    bests = [select(results, plan, method, rule) for method in methods]
    return measured(np.min([accuracies(best) for best in bests], axis=0), *bests)
