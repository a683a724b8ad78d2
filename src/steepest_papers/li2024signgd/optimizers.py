"""The optimizers, three ways to choose a learning rate for each, and contrasts of optimizers at the chosen ones.

training    smallest final training loss of the worst seed, the rule of every sweep
smallest    the smallest rate at which every seed fits the training data (loss ≤ 10⁻²)
accurate    of the rates that fit and are within one standard error of the highest accuracy on fresh samples, the middle one

The last rule looks at the fresh samples, which favours every optimizer as far as it can be favoured. Large rates fit in one
update, and accuracy is flat there, so that the middle of what is as good as the best is taken. A rate at the edge of its
grid decides nothing under any rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import numpy as np

from steepest.claims.claim import Measured, measure
from steepest.claims.figures import COLOURS
from steepest.claims.measures import run_ids
from steepest.claims.paper import Results
from steepest.optim import Adam, GradientDescent, SignDescent
from steepest.runs.method import Method
from steepest.runs.results import Best, Undecided, middle_of_the_best
from steepest.runs.store import Run
from steepest.runs.sweep import Grid, Search, decades
from steepest_papers.li2024signgd.signal_noise import prediction

SIGN = Method(SignDescent, "Sign")
SIGNUM = Method(SignDescent, "Signum", momentum=0.9, order="signum")
ADAM = Method(Adam, "Adam", betas=(0.9, 0.999))
ADAM_NO_MOMENTUM = Method(Adam, "Adam (0, 0.999)", betas=(0.0, 0.999))
ADAM_NO_MEMORY = Method(Adam, "Adam (0.9, 0)", betas=(0.9, 0.0))
ADAM_AS_SIGN = Method(Adam, "Adam (0, 0), ε → 0", betas=(0.0, 0.0), eps=1e-30)
GD = Method(GradientDescent, "GD")
GD_MOMENTUM = Method(GradientDescent, "GD+m", momentum=0.9)

MAIN = (SIGN, ADAM, GD)
ALL = (SIGN, SIGNUM, ADAM, ADAM_NO_MOMENTUM, ADAM_NO_MEMORY, GD, GD_MOMENTUM)
RATES = {SIGN: 1e-3, ADAM: 1e-3, GD: 0.3}  # at which the statements about single rates were formed
FITTED = 1e-2  # a training loss below which the data are fitted

LINES: Mapping[Method, Mapping[str, Any]] = {
    SIGN: {"color": COLOURS["Sign"]},
    SIGNUM: {"color": COLOURS["Signum"]},
    ADAM: {"color": COLOURS["Adam"]},
    ADAM_NO_MOMENTUM: {"color": COLOURS["Adam"], "linestyle": "--"},
    ADAM_NO_MEMORY: {"color": COLOURS["AdamW"], "linestyle": "-."},
    GD: {"color": COLOURS["GD"], "linestyle": "--"},
    GD_MOMENTUM: {"color": COLOURS["GD"]},
}

Rule = Literal["training", "smallest", "accurate"]


def grid(method: Method) -> Grid:
    """Return eight decades of rates, the same number for every optimizer, with those of `RATES` inside.

    >>> grid(GD).exponents, grid(ADAM).exponents
    ((-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0), (-5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0))
    """
    return decades(-3, 4) if method.optimizer is GradientDescent else decades(-5, 2)


def final_loss(run: Run) -> float:
    """Return the last training loss; infinite where the run diverged."""
    loss = run.facts["final_loss"]
    return float("inf") if loss is None else float(loss)


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
    search = sweep.search(method.label)
    exponent, trouble = fitting_rate(search, rule)
    if trouble and decisive:
        raise Undecided(trouble)
    return Best(method.label, exponent, tuple(search.runs(exponent)), trouble)


def fitting_rate(search: Search, rule: Literal["smallest", "accurate"]) -> tuple[float, str | None]:
    """Return the exponent that a rule takes among the rates that fit the data, and why it decides nothing, if so.

    Where no rate fits, that is the exponent of the least training loss.
    """
    fitting = {e: at for e, at in search.finished().items() if max(final_loss(run) for run in at) <= FITTED}
    if not fitting:
        return cast(float, search.best), f"{search.method.label}: no rate of the grid fits the training data"
    accuracies = {e: [prediction(run, "test_accuracy") for run in at] for e, at in fitting.items()}
    chosen = min(fitting) if rule == "smallest" else middle_of_the_best(accuracies)
    if chosen in (min(search.table), max(search.table)):
        return chosen, f"{search.method.label}: the {rule} rate 10^{chosen:g} is at the edge of its grid"
    return chosen, None


def accuracy(best: Best) -> np.ndarray:
    """Return the accuracy on fresh samples at the end, for each seed."""
    return np.array([prediction(run, "test_accuracy") for run in best.runs])


def measured(values: np.ndarray, *bests: Best) -> Measured:
    """Return values by seed, with the accuracies and rates of the optimizers behind them."""
    evidence = ", ".join(f"{best.label} {accuracy(best).mean():.3g} at 10^{best.exponent:g}" for best in bests)
    return Measured(values.tolist(), run_ids(*bests), evidence=evidence)


@measure()
def lead(results: Results, plan: str, rule: Rule, method: Method, other: Method) -> Measured:
    """Return the accuracy of `method` minus that of `other`, seed by seed."""
    first, second = (select(results, plan, each, rule) for each in (method, other))
    return measured(accuracy(first) - accuracy(second), first, second)


@measure()
def reached(results: Results, plan: str, rule: Rule, methods: Sequence[Method]) -> Measured:
    """Return the smallest accuracy among some optimizers."""
    bests = [select(results, plan, method, rule) for method in methods]
    return measured(np.min([accuracy(best) for best in bests], axis=0), *bests)
