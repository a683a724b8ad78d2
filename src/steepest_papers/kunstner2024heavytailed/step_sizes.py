"""Learning rates and horizons of GD on the linear model: what a better rate, or a longer run, could change.

`progress_at(run, t)` reads a run at a horizon before its last update: with a constant rate the shorter run is its beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steepest.claims.claim import Measured, measure
from steepest.claims.figures import canvas, group_colours, line_style, plot_band, table
from steepest.claims.paper import Drawing, Results
from steepest.measure.progress import group_progress
from steepest.runs.results import Undecided
from steepest.runs.store import Run
from steepest.runs.sweep import Search


def progress_at(run: Run, updates: int) -> float:
    """Return ρ_G, the progress of the rarest level, after some updates; −∞ if the run diverged before."""
    curves = run.column("group")
    if updates >= len(curves):
        return -np.inf
    value = float(group_progress(curves, updates)[-1])
    return value if np.isfinite(value) else -np.inf


@measure()
def rescue(results: Results, plan: str, label: str, shorter: int = 1) -> Measured:
    """Return the measure max_α ρ_G at T/shorter updates, over the rates that were run with every seed."""
    sweep = results.sweep(plan)
    sweep.best(label, decisive=False)
    search, t = sweep.searches[label], sweep.sweep.steps // shorter
    rho = {e: [progress_at(run, t) for run in search.runs(e)] for e in sorted(search.table)}
    values = np.max(list(rho.values()), axis=0)
    evidence = ", ".join(f"10^{e:g} {np.mean(v):.2f}" for e, v in rho.items())
    runs = [run.id for e in rho for run in search.runs(e)]
    return Measured(values.tolist(), runs, evidence=f"{label}, ρ_G after {t} updates: {evidence}")


@measure()
def equal_product(results: Results, plan: str, label: str) -> Measured:
    """Return the measure max |L_G(α, T) − L_G(10α, T/10)|/L_G(0) over the rates 10α that are stable.

    Stable is a rate at which no update raises the mean loss by more than 1 % of L(0), for any seed.
    """
    sweep = results.sweep(plan)
    sweep.best(label, decisive=False)
    search, steps = sweep.searches[label], sweep.sweep.steps
    stable = {e for e in search.table if all(steepest_rise(run) <= 0.01 for run in search.runs(e))}
    pairs = [e for e in sorted(stable) if e + 1 in stable]
    if not pairs:
        raise Undecided(f"{label}: no two stable rates a decade apart")
    change = np.array([_changes(search, e, steps) for e in pairs])
    means = zip(pairs, change.mean(axis=1), strict=True)
    evidence = f"{label}, rate and ten times the rate: " + ", ".join(f"10^{e:g} {x:.3f}" for e, x in means)
    runs = {run.id for e in pairs for rate in (e, e + 1) for run in search.runs(rate)}
    return Measured(change.max(axis=0).tolist(), sorted(runs), evidence=evidence)


def _changes(search: Search, exponent: float, steps: int) -> list[float]:
    slow, fast = search.runs(exponent), search.runs(exponent + 1)
    return [abs(progress_at(a, steps) - progress_at(b, steps // 10)) for a, b in zip(slow, fast, strict=True)]


def steepest_rise(run: Run) -> float:
    """Return the largest rise of the mean loss in one update, in units of L(0); ∞ if the run diverged."""
    loss = run.column("loss")
    return float(np.max(np.diff(loss)) / loss[0]) if np.isfinite(loss).all() else np.inf


def highest(run: Run) -> float:
    """Return max_t L(t)/L(0)."""
    loss = run.column("loss")
    return float(np.nanmax(loss) / loss[0])


def rises(run: Run) -> float:
    """Return the share of updates after which the loss is larger."""
    return float(np.mean(~(np.diff(run.column("loss")) <= 0)))


def told(run: Run) -> str:
    """Return first, last and highest loss of a run, and its largest rise in one update."""
    loss = run.column("loss")
    return (
        f"loss {loss[0]:.3g} to {loss[-1]:.3g}, highest {np.nanmax(loss):.3g}, largest rise {np.diff(loss).max():.2g}"
    )


def draw_rates(results: Results, plan: str, labels: Sequence[str], shorter: int) -> Drawing:
    """Return the loss of the rarest level against the rate, at the horizon and at a shorter one."""
    sweep = results.sweep(plan)
    times = (sweep.sweep.steps // shorter, sweep.sweep.steps)
    figure, axes = canvas(1, len(labels), width=3.6, height=2.8, sharey=True)
    rows: list[dict[str, Any]] = []
    for ax, label in zip(axes[0], labels, strict=True):
        search = sweep.searches[label]
        rates = sorted(search.table)
        for t, line in zip(times, ("--", "-"), strict=True):
            losses = {e: [_rarest_loss(run, t) for run in search.runs(e)] for e in rates}
            shown = np.array([losses[e] for e in rates]).T
            look = {"color": line_style(label)["color"], "linestyle": line, "marker": "o", "markersize": 3}
            plot_band(ax, 10.0 ** np.array(rates), shown, label=f"{t} updates", **look)
            ends = [(e, run.id, x) for e in rates for run, x in zip(search.runs(e), losses[e], strict=True)]
            rows += [{"method": label, "run": name, "lr": 10.0**e, "updates": t, "rarest": x} for e, name, x in ends]
        start = search.runs(rates[0])[0].column("group")[0, -1]
        ax.axhline(start, color="#999999", linewidth=1, linestyle=":", label="before training")
        ax.set(xscale="log", xlabel="learning rate", title=label, ylim=(0, 2 * start))
    axes[0, 0].set_ylabel("loss of the rarest level")
    axes[0, 0].legend(loc="lower left")
    return Drawing(figure, table(rows))


def _rarest_loss(run: Run, updates: int) -> float:
    curves = run.column("group")
    return float(curves[updates, -1]) if updates < len(curves) else np.nan


def draw_steps(cases: Mapping[str, Run]) -> Drawing:
    """Return loss by level of some runs, frequent levels dark; the axis is logarithmic where the loss blows up."""
    figure, axes = canvas(1, len(cases), width=3.6, height=2.8)
    rows: list[dict[str, Any]] = []
    for ax, (title, run) in zip(axes[0], cases.items(), strict=True):
        curves, t = run.column("group"), run.column("step")
        for g, colour in enumerate(group_colours(curves.shape[1])):
            name = "most frequent" if g == 0 else "rarest" if g == curves.shape[1] - 1 else f"_level {g + 1}"
            ax.plot(t, curves[:, g], color=colour, label=name)
        ax.plot(t, run.column("loss"), color="#999999", linewidth=1.2, linestyle=":", label="all")
        start = curves[0].max()
        blown = np.nanmax(curves) > 10 * start
        ax.set(xlabel="update", title=title, yscale="log" if blown else "linear")
        ax.set_ylim(*((0.1, None) if blown else (0, 2 * start)))
        pairs = np.ndindex(curves.shape)
        rows += [
            {"run": run.id, "rate": title, "step": int(t[i]), "group": g + 1, "loss": float(curves[i, g])}
            for i, g in pairs
        ]
    axes[0, 0].set_ylabel("training loss")
    axes[0, -1].legend(loc="upper right", ncols=3, fontsize=7, handlelength=1.4, columnspacing=0.8)
    return Drawing(figure, table(rows))
