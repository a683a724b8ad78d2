"""Standard measures: one number per seed, of a sweep's selected runs or of the runs of a plan.

ρ_g is the progress of frequency group g at the horizon, g = 1 the most frequent; Γ the gap between two optimizers in units
of the initial loss (`steepest.measure.progress`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from steepest.claims.claim import Measure, Measured, measure
from steepest.claims.paper import Results
from steepest.measure.progress import group_progress, optimizer_gap, progress, rank_order
from steepest.runs.results import Best, Undecided
from steepest.runs.store import Run

Number = Callable[[Run], float]
Points = Mapping[
    float, Sequence[tuple[Run, float]]
]  # by x (a size, a step): runs with their numbers, one for each seed


@measure("ρ_G")
def rarest(results: Results, plan: str, label: str) -> Measured:
    """Return ρ_G, the progress of the rarest group that has samples."""
    return _by_group(results, plan, label, lambda rho: rho[:, -1])


@measure("min_g ρ_g")
def least(results: Results, plan: str, label: str) -> Measured:
    """Return min_g ρ_g."""
    return _by_group(results, plan, label, lambda rho: rho.min(axis=1))


@measure("ρ_1 − ρ_G")
def lag(results: Results, plan: str, label: str) -> Measured:
    """Return ρ_1 − ρ_G: how far the rarest group is behind the most frequent one."""
    return _by_group(results, plan, label, lambda rho: rho[:, 0] - rho[:, -1])


@measure("1 − ρ_G/ρ")
def behind(results: Results, plan: str, label: str) -> Measured:
    """Return 1 − ρ_G/ρ: by how much the rarest group lags behind the mean of all samples."""
    best = results.sweep(plan).best(label)
    rare, losses = group_progress(best.curves("group"))[:, -1], best.curves()
    mean = progress(losses[:, 0], losses[:, -1])
    evidence = f"ρ_G {rare.mean():.2f}, ρ {mean.mean():.2f}"
    return Measured((1 - rare / mean).tolist(), run_ids(best), evidence=evidence)


@measure("Kendall's τ of rarity and loss")
def order(results: Results, plan: str, label: str) -> Measured:
    """Return τ, Kendall's correlation between a group's rarity and its final loss."""
    best = results.sweep(plan).best(label)
    taus = [rank_order(row) for row in best.curves("group")[:, -1]]
    if np.isnan(taus).any():
        raise Undecided(f"{label} at 10^{best.exponent:g}: all groups end at the same loss, so they have no order")
    return Measured(taus, run_ids(best), evidence=f"{label} at 10^{best.exponent:g}")


@measure("Γ")
def gap(results: Results, plan: str, worse: str, better: str) -> Measured:
    """Return Γ = (L_worse − L_better)/L(0) at the horizon."""
    slow, fast = (results.sweep(plan).best(label) for label in (worse, better))
    evidence = f"{worse} {final_losses(slow).mean():.3g}, {better} {final_losses(fast).mean():.3g}"
    return Measured(gaps(slow, fast).tolist(), run_ids(slow, fast), evidence=evidence)


@measure("Γ")
def held_out_gap(results: Results, plan: str, worse: str, better: str) -> Measured:
    """Return Γ on held-out data."""
    slow, fast = (results.sweep(plan).best(label) for label in (worse, better))
    first, second = (best.curves("held_out_loss") for best in (slow, fast))
    ends = f"held out: {worse} {first[:, -1].mean():.3g}, {better} {second[:, -1].mean():.3g}"
    evidence = f"{ends}, {first[:, 0].mean():.3g} before training"
    return Measured(((first - second)[:, -1] / first[:, 0]).tolist(), run_ids(slow, fast), evidence=evidence)


@measure("")
def held_out_lead(results: Results, plan: str, worse: str, better: str) -> Measured:
    """Return ρ_G of `better` minus ρ_G of `worse`, on held-out data."""
    slow, fast = (results.sweep(plan).best(label) for label in (worse, better))
    first, second = (group_progress(best.curves("held_out_group"))[:, -1] for best in (slow, fast))
    evidence = f"held out, ρ_G: {worse} {first.mean():.2f}, {better} {second.mean():.2f}"
    return Measured((second - first).tolist(), run_ids(slow, fast), evidence=evidence)


@measure()
def difference(results: Results, first: Measure, second: Measure) -> Measured:
    """Return first − second, seed by seed."""
    a, b = first(results), second(results)
    evidence = f"{np.mean(a.values):.3g} ({a.evidence}) against {np.mean(b.values):.3g} ({b.evidence})"
    return Measured(np.subtract(a.values, b.values).tolist(), [*a.runs, *b.runs], evidence=evidence)


@measure()
def smallest(results: Results, *parts: Measure) -> Measured:
    """Return the smallest of several measures, seed by seed."""
    return _extreme(results, parts, np.min)


@measure()
def largest(results: Results, *parts: Measure) -> Measured:
    """Return the largest of several measures, seed by seed."""
    return _extreme(results, parts, np.max)


@measure()
def fact(results: Results, plan: str, name: str, evidence: str = "") -> Measured:
    """Return the number `name` that a plan's calculations stored.

    Args:
        results: of the figure.
        plan: name of the plan; one calculation is exact, several are seeds.
        name: name of the number.
        evidence: a format string over the numbers, shown for each calculation.
    """
    runs = results.calculations(plan)
    values = [float(run.facts[name]) for run in runs]
    shown = "; ".join(evidence.format(**run.facts) for run in runs) if evidence else ""
    return Measured(values, [run.id for run in runs], exact=len(runs) == 1, evidence=shown)


@measure()
def over_seeds(
    results: Results, plan: str, number: Number, evidence: Callable[[Sequence[Run]], str] = lambda _: ""
) -> Measured:
    """Return one number from each run of a plan; `evidence` tells more about the runs."""
    runs = results.calculations(plan)
    return Measured([number(run) for run in runs], [run.id for run in runs], evidence=evidence(runs))


@measure()
def paired(results: Results, first: str, second: str, number: Callable[[Run, Run], float]) -> Measured:
    """Return one number from the runs of two plans with the same seed."""
    pairs = list(zip(results.calculations(first), results.calculations(second), strict=True))
    return Measured([number(a, b) for a, b in pairs], [run.id for pair in pairs for run in pair])


def exact(value: float, runs: Iterable[Run], evidence: str = "") -> Measured:
    """Return one number of some runs in which nothing is random."""
    return Measured([float(value)], [run.id for run in runs], exact=True, evidence=evidence)


def select(table: pa.Table, **values: Any) -> dict[str, np.ndarray]:
    """Return the columns of a table, of those rows that have these values.

    >>> select(pa.table({"d": [1, 2, 2], "r": [0.5, 0.1, 0.2]}), d=2)["r"]
    array([0.1, 0.2])
    """
    columns = {name: table[name].to_numpy() for name in table.column_names}
    rows = np.all([columns[name] == value for name, value in values.items()], axis=0)
    return {name: column[rows] for name, column in columns.items()}


def gaps(worse: Best, better: Best) -> np.ndarray:
    """Return Γ for every seed."""
    rows = zip(final_losses(worse), final_losses(better), worse.curves()[:, 0], strict=True)
    return np.array([optimizer_gap(*row) for row in rows])


def final_losses(best: Best) -> np.ndarray:
    """Return L(T) for every seed."""
    return np.asarray(best.curves()[:, -1])


def run_ids(*bests: Best) -> list[str]:
    """Return the ids of some selected runs."""
    return [run.id for best in bests for run in best.runs]


def _extreme(results: Results, parts: Sequence[Measure], choose: Callable[..., Any]) -> Measured:
    found = [part(results) for part in parts]
    values = choose([part.values for part in found], axis=0)
    means = " ".join(f"{np.mean(part.values):.2f}" for part in found)
    return Measured(values.tolist(), [run for part in found for run in part.runs], evidence=f"means: {means}")


def _by_group(results: Results, plan: str, label: str, number: Callable[[np.ndarray], np.ndarray]) -> Measured:
    best = results.sweep(plan).best(label)
    rho = group_progress(best.curves("group"))
    rho = rho[:, ~np.isnan(rho).all(axis=0)]
    shown = " ".join(f"{value:.2f}" for value in rho.mean(axis=0))
    evidence = f"{label} at 10^{best.exponent:g}, ρ by group: {shown}"
    return Measured(number(rho).tolist(), run_ids(best), evidence=evidence)


def at_step(run: Run, table: str, step: int) -> dict[str, np.ndarray]:
    """Return the columns of a probe's table after `step` updates.

    Raises:
        Undecided: the run diverged before.
    """
    columns = {name: run.column(name, table) for name in run.table(table).column_names}
    rows = columns["step"] == step
    if not rows.any():
        raise Undecided(f"run {run.id} diverged before update {step}")
    return {name: values[rows] for name, values in columns.items()}


def by_case(results: Results, cases: Mapping[float, str], number: Number) -> Points:
    """Return a number of every run of some plans; `cases` are the plans by what differs between them."""
    return {x: [(run, number(run)) for run in results.calculations(plan)] for x, plan in cases.items()}


def table_of(points: Points) -> np.ndarray:
    """Return the numbers without their runs, shape (cases, seeds)."""
    return np.array([[y for _, y in at] for at in points.values()])


def over_cases(points: Points, values: np.ndarray, symbol: str, name: str = "") -> Measured:
    """Return what was found for each seed, with the runs, and the mean of `name` in every case, as evidence."""
    means = zip(points, table_of(points).mean(axis=1), strict=True)
    evidence = name + ", ".join(f"{mean:.3g} at {symbol} = {x:g}" for x, mean in means)
    return Measured(values.tolist(), [run.id for at in points.values() for run, _ in at], evidence=evidence)
