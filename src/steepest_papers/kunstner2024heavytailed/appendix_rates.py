"""Appendix: a wide range of learning rates, ten times the updates, and two step sizes of GD, linear model.

GD and Adam without momentum run for 10·T(m) updates at the same rates; the first T(m) of them are the shorter run, since
the rate is constant: `progress_at(run, t)` reads it there. GD at 10³ and 10⁻¹ is shown at m = 7. What the paper says of the
long runs is inferred from which were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.claims.claim import Claim, Measured, measure, placed
from steepest.claims.figures import canvas, group_colours, line_style, plot_band, table
from steepest.claims.measures import gap, over_seeds
from steepest.claims.paper import Drawing, Figure, Results
from steepest.measure.progress import group_progress
from steepest.runs.method import Method
from steepest.runs.results import Undecided
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Grid, Plan, Search
from steepest_papers.kunstner2024heavytailed.linear import RULE, LinearSizes, horizon, linear_sweep
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM, GD, GD_M

LONGER = 10
LARGE_STEP, SMALL_STEP = "step-3", "step--1"


class RateSizes(LinearSizes):
    """Sizes of the linear experiment; exponents of the learning rates; levels of the set on which two steps are shown."""

    rates: tuple[float, ...] = (-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0)
    small_m: int = 7

    def summary(self) -> str:
        """Return the sizes, the longer horizon and the range of rates."""
        rates = f"{len(self.rates)} rates from 10^{min(self.rates):g} to 10^{max(self.rates):g}"
        return f"{super().summary()}; {rates}, {LONGER * horizon(self.m)} updates"


def plans(sizes: RateSizes) -> dict[str, Plan]:
    """Return GD and Adam for 10 T updates, GD with momentum for T, all at many rates; and GD at two step sizes."""
    sweep = linear_sweep(sizes, (GD,)).changed(refine=None)
    return {
        "long": sweep.changed(optimizers=every_rate(sizes, GD, ADAM), steps=LONGER * sweep.steps),
        "momentum": sweep.changed(optimizers=every_rate(sizes, GD_M)),
        LARGE_STEP: gd_runs(sizes, 3),
        SMALL_STEP: gd_runs(sizes, -1),
    }


def every_rate(sizes: RateSizes, *methods: Method) -> dict[Method, Grid]:
    """Return the same rates for some methods."""
    return {method: Grid(exponents=sizes.rates) for method in methods}


def gd_runs(sizes: RateSizes, exponent: float) -> Calculations:
    """Return GD without momentum at one rate on the small set, one run per seed."""
    sweep = linear_sweep(sizes.changed(m=sizes.small_m), (GD,))
    return Calculations(tuple(sweep.spec(GD, exponent, seed) for seed in sizes.seeds))


def progress_at(run: Run, updates: int) -> float:
    """Return ρ_G, the progress of the rarest level, after some updates; −∞ if the run diverged before."""
    curves = run.column("group")
    if updates >= len(curves):
        return -np.inf
    value = float(group_progress(curves, updates)[-1])
    return value if np.isfinite(value) else -np.inf


@measure("largest ρ_G over the rates")
def rescue(results: Results, plan: str, label: str, shorter: int = 1) -> Measured:
    """Return max_α ρ_G at T/shorter updates, over the rates that were run with every seed."""
    sweep = results.sweep(plan)
    sweep.best(label, decisive=False)
    search, t = sweep.searches[label], sweep.sweep.steps // shorter
    rho = {e: [progress_at(run, t) for run in search.runs(e)] for e in sorted(search.table)}
    values = np.max(list(rho.values()), axis=0)
    evidence = ", ".join(f"10^{e:g} {np.mean(v):.2f}" for e, v in rho.items())
    runs = [run.id for e in rho for run in search.runs(e)]
    return Measured(values.tolist(), runs, evidence=f"{label}, ρ_G after {t} updates: {evidence}")


@measure("largest change of L_G/L_G(0) at ten times the rate for a tenth of the time")
def equal_product(results: Results, plan: str, label: str) -> Measured:
    """Return max |L_G(α, T) − L_G(10α, T/10)|/L_G(0) over the rates 10α that are stable.

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


def at_the_end(run: Run) -> float:
    """Return ρ_G after the last update."""
    return progress_at(run, len(run.column("loss")) - 1)


def course(runs: Sequence[Run]) -> str:
    """Return first, last and highest loss of the first run, and its largest rise in one update."""
    loss = runs[0].column("loss")
    ends = f"loss {loss[0]:.3g} to {loss[-1]:.3g}, highest {np.nanmax(loss):.3g}"
    return f"{ends}, largest rise {np.diff(loss).max():.2g}"


def rarest_by_rate(results: Results) -> Drawing:
    """Return the loss of the rarest level against the rate, after T and after 10 T updates."""
    sweep = results.sweep("long")
    figure, axes = canvas(1, 2, width=3.6, height=2.8, sharey=True)
    rows: list[dict[str, Any]] = []
    for ax, label in zip(axes[0], ("GD-m", "Adam-m"), strict=True):
        search = sweep.searches[label]
        rates = sorted(search.table)
        for t, line in ((sweep.sweep.steps // LONGER, "--"), (sweep.sweep.steps, "-")):
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


def two_steps(results: Results) -> Drawing:
    """Return loss by level at two step sizes, frequent levels dark; the axis is logarithmic where the loss blows up."""
    figure, axes = canvas(1, 2, width=3.6, height=2.8)
    rows: list[dict[str, Any]] = []
    cases = {"GD, $10^{3}$": LARGE_STEP, "GD, $10^{-1}$": SMALL_STEP}
    for ax, (title, plan) in zip(axes[0], cases.items(), strict=True):
        run = results.calculations(plan)[0]
        curves, t = run.column("group"), run.column("step")
        for g, colour in enumerate(group_colours(curves.shape[1])):
            name = "most frequent" if g == 0 else "rarest" if g == curves.shape[1] - 1 else f"_level {g + 1}"
            ax.plot(t, curves[:, g], color=colour, label=name)
        ax.plot(t, run.column("loss"), color="#999999", linewidth=1.2, linestyle=":", label="all")
        start = curves[0].max()
        blown = np.nanmax(curves) > 10 * start
        ax.set(xlabel="update", title=title, yscale="log" if blown else "linear")
        ax.set_ylim(*((0.1, None) if blown else (0, 2 * start)))
        where = {"run": run.id, "rate": title}
        rows += [where | {"step": int(t[i]), "group": g + 1, "loss": float(x)} for (i, g), x in np.ndenumerate(curves)]
    axes[0, 0].set_ylabel("training loss")
    axes[0, -1].legend(loc="upper right", ncols=3, fontsize=7, handlelength=1.4, columnspacing=0.8)
    return Drawing(figure, table(rows))


FIGURE = Figure(
    id="rates",
    title="Linear model: every learning rate, ten times the updates, two step sizes",
    statement=(
        "No learning rate rescues gradient descent on the rare classes: larger ones are unstable, and stable ones only reach "
        "them after a time that is inverse to their frequency."
    ),
    scales={
        "smoke": RateSizes(m=4, small_m=4),
        "laptop": RateSizes(m=7),
        "paper": RateSizes(m=11, rates=tuple(e / 4 for e in range(-20, 21))),
    },
    plans=plans,
    claims=(
        Claim("rates-gd", rescue("long", "GD-m", shorter=LONGER).at_most(0.15, fails=0.5)).says(
            "No rate rescues GD without momentum on the rarest level by T"
        ),
        Claim("rates-gd-momentum", rescue("momentum", "GD+m").at_most(0.15, fails=0.5)).says(
            "No rate rescues GD with momentum on the rarest level by T"
        ),
        Claim("rates-longer", gap("long", "GD-m", "Adam-m").at_least(0.15, fails=0.05)).says(
            "Ten times the updates do not close the gap of GD to Adam, both without momentum"
        ),
        Claim(
            "rates-product",
            equal_product("long", "GD-m").at_most(0.05, fails=0.15),
            where="Appendix, learning rates and time",
        ).says("At stable rates only rate × updates counts"),
        *placed(
            "Appendix, step sizes",
            Claim("steps-large", over_seeds(LARGE_STEP, highest, course).at_least(1.5, fails=1.0)).says(
                "GD at 10³ does not settle: largest L(t)/L(0)"
            ),
            Claim("steps-small", over_seeds(SMALL_STEP, rises, course).at_most(0.05, fails=0.25)).says(
                "GD at 10⁻¹ is stable: share of updates that raise the loss"
            ),
            Claim("steps-slow", over_seeds(SMALL_STEP, at_the_end).at_most(0.15, fails=0.5)).says(
                "GD at 10⁻¹ is slow: ρ_G at T"
            ),
        ),
    ),
    draw={"rates": rarest_by_rate, "rates-steps": two_steps},
    rule=(
        f"{RULE} The paper has quarter decades from 10^−5 to 10^5 at m = 11 and 10·T updates. By the 1/d rule its range begins "
        "at 10^−3.6 for m = 7: whole decades from 10^−4, up to 10^2, where GD is unstable."
    ),
    where="Appendix, learning rates and time (claim inferred)",
)
