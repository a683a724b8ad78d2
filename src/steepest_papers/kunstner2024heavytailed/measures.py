"""Measures shared by the figures: one number per seed, at each optimizer's selected learning rate.

ρ_g is the progress of frequency group g at the horizon, g = 1 the most frequent; Γ the gap between two optimizers in units
of the initial loss (`steepest.measure.progress`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from steepest.claims.paper import Results
from steepest.claims.verdict import Measured
from steepest.measure.progress import group_progress, optimizer_gap, progress, rank_order
from steepest.runs.results import Best, Undecided

Measure = Callable[[Results], Measured]


def rarest(plan: str, label: str) -> Measure:
    """Return the measure ρ_G, the progress of the rarest group that has samples."""
    return lambda results: _by_group(results, plan, label, lambda rho: rho[:, -1])


def least(plan: str, label: str) -> Measure:
    """Return the measure min_g ρ_g."""
    return lambda results: _by_group(results, plan, label, lambda rho: rho.min(axis=1))


def lag(plan: str, label: str) -> Measure:
    """Return the measure ρ_1 − ρ_G: how far the rarest group is behind the most frequent one."""
    return lambda results: _by_group(results, plan, label, lambda rho: rho[:, 0] - rho[:, -1])


def behind(plan: str, label: str) -> Measure:
    """Return the measure 1 − ρ_G/ρ: by how much the rarest group lags behind the mean of all samples."""

    def measure(results: Results) -> Measured:
        best = results.sweep(plan).best(label)
        rare, losses = group_progress(best.curves("group"))[:, -1], best.curves()
        mean = progress(losses[:, 0], losses[:, -1])
        evidence = f"ρ_G {rare.mean():.2f}, ρ {mean.mean():.2f}"
        return Measured((1 - rare / mean).tolist(), run_ids(best), evidence=evidence)

    return measure


def held_out_gap(plan: str, worse: str, better: str) -> Measure:
    """Return the measure Γ on held-out data."""

    def measure(results: Results) -> Measured:
        slow, fast = (results.sweep(plan).best(label) for label in (worse, better))
        first, second = (best.curves("held_out_loss") for best in (slow, fast))
        told = f"held out: {worse} {first[:, -1].mean():.3g}, {better} {second[:, -1].mean():.3g}"
        evidence = f"{told}, {first[:, 0].mean():.3g} before training"
        return Measured(((first - second)[:, -1] / first[:, 0]).tolist(), run_ids(slow, fast), evidence=evidence)

    return measure


def held_out_lead(plan: str, worse: str, better: str) -> Measure:
    """Return the measure ρ_G of `better` minus ρ_G of `worse`, on held-out data."""

    def measure(results: Results) -> Measured:
        slow, fast = (results.sweep(plan).best(label) for label in (worse, better))
        first, second = (group_progress(best.curves("held_out_group"))[:, -1] for best in (slow, fast))
        evidence = f"held out, ρ_G: {worse} {first.mean():.2f}, {better} {second.mean():.2f}"
        return Measured((second - first).tolist(), run_ids(slow, fast), evidence=evidence)

    return measure


def order(plan: str, label: str) -> Measure:
    """Return the measure τ, Kendall's correlation between a group's rarity and its final loss."""

    def measure(results: Results) -> Measured:
        best = results.sweep(plan).best(label)
        taus = [rank_order(row) for row in best.curves("group")[:, -1]]
        if np.isnan(taus).any():
            raise Undecided(f"{label} at 10^{best.exponent:g}: all groups end at the same loss, so they have no order")
        return Measured(taus, run_ids(best), evidence=f"{label} at 10^{best.exponent:g}")

    return measure


def gap(plan: str, worse: str, better: str, *, absolute: bool = False) -> Measure:
    """Return the measure Γ = (L_worse − L_better)/L(0) at the horizon, or its absolute value."""

    def measure(results: Results) -> Measured:
        sweep = results.sweep(plan)
        slow, fast = sweep.best(worse), sweep.best(better)
        values = gaps(slow, fast)
        evidence = f"{worse} {final_losses(slow).mean():.3g}, {better} {final_losses(fast).mean():.3g}"
        return Measured(
            np.abs(values).tolist() if absolute else values.tolist(), run_ids(slow, fast), evidence=evidence
        )

    return measure


def momentum_against_direction(plan: str, families: tuple[str, ...]) -> Measure:
    """Return max_family |L(−m) − L(+m)| / (L(GD−m) − L(Sign−m)): what momentum changes in units of what the sign does."""

    def measure(results: Results) -> Measured:
        sweep = results.sweep(plan)
        best = {f"{family}{m}": sweep.best(f"{family}{m}") for family in families for m in ("-m", "+m")}
        changes = {family: np.abs(gaps(best[f"{family}-m"], best[f"{family}+m"])) for family in families}
        direction = gaps(best["GD-m"], best["Sign-m"])
        values = np.max(list(changes.values()), axis=0) / direction
        parts = ", ".join(f"{family} {change.mean():.2f}" for family, change in changes.items())
        evidence = f"Γ by momentum: {parts}; by sign: {direction.mean():.2f}"
        return Measured(values.tolist(), run_ids(*best.values()), evidence=evidence)

    return measure


def difference(first: Measure, second: Measure, *, absolute: bool = False) -> Measure:
    """Return first − second, seed by seed, or its absolute value."""

    def measure(results: Results) -> Measured:
        a, b = first(results), second(results)
        values = np.subtract(a.values, b.values)
        evidence = f"{np.mean(a.values):.3g} ({a.evidence}) against {np.mean(b.values):.3g} ({b.evidence})"
        return Measured((np.abs(values) if absolute else values).tolist(), [*a.runs, *b.runs], evidence=evidence)

    return measure


def smallest(*parts: Measure) -> Measure:
    """Return the smallest of several measures, seed by seed."""
    return _extreme(parts, np.min)


def largest(*parts: Measure) -> Measure:
    """Return the largest of several measures, seed by seed."""
    return _extreme(parts, np.max)


def _extreme(parts: Sequence[Measure], choose: Callable[..., Any]) -> Measure:
    def measure(results: Results) -> Measured:
        found = [part(results) for part in parts]
        values = choose([part.values for part in found], axis=0)
        means = " ".join(f"{np.mean(part.values):.2f}" for part in found)
        return Measured(values.tolist(), [run for part in found for run in part.runs], evidence=f"means: {means}")

    return measure


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


def _by_group(results: Results, plan: str, label: str, number: Callable[[np.ndarray], np.ndarray]) -> Measured:
    best = results.sweep(plan).best(label)
    rho = group_progress(best.curves("group"))
    rho = rho[:, ~np.isnan(rho).all(axis=0)]
    shown = " ".join(f"{value:.2f}" for value in rho.mean(axis=0))
    return Measured(
        number(rho).tolist(), run_ids(best), evidence=f"{label} at 10^{best.exponent:g}, ρ by group: {shown}"
    )
