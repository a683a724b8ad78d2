"""Appendix: a wide range of learning rates, ten times the updates, and two step sizes of GD, linear model.

GD and Adam without momentum run for 10·T(m) updates at the same rates; the first T(m) of them are the shorter run. GD at 10³
and 10⁻¹ is shown at m = 7. What the paper says of the long runs is inferred from which were made.
"""

from __future__ import annotations

from collections.abc import Mapping

from steepest.claims.claim import Claim
from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.method import Method
from steepest.runs.sweep import Calculations, Grid, Plan
from steepest_papers.kunstner2024heavytailed import measures, step_sizes
from steepest_papers.kunstner2024heavytailed.linear import RULE, LinearSizes, horizon, linear_sweep
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM, GD, GD_M
from steepest_papers.kunstner2024heavytailed.paths import over_seeds

LONGER = 10
LARGE_STEP, SMALL_STEP = "step-3", "step--1"
WHERE, STEPS = "Appendix, learning rates and time (claim inferred)", "Appendix, step sizes"


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


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return loss of the rarest level by rate, and loss by level at two step sizes."""
    steps = {"GD, $10^{3}$": results.calculations(LARGE_STEP)[0], "GD, $10^{-1}$": results.calculations(SMALL_STEP)[0]}
    return {
        "rates": step_sizes.draw_rates(results, "long", ("GD-m", "Adam-m"), LONGER),
        "rates-steps": step_sizes.draw_steps(steps),
    }


CLAIMS = (
    Claim("rates-gd", step_sizes.rescue("long", "GD-m", shorter=LONGER).at_most(0.15, fails=0.5)).says(
        "No rate rescues GD without momentum on the rarest level by T: largest ρ_G over the rates"
    ),
    Claim("rates-gd-momentum", step_sizes.rescue("momentum", "GD+m").at_most(0.15, fails=0.5)).says(
        "No rate rescues GD with momentum on the rarest level by T: largest ρ_G over the rates"
    ),
    Claim("rates-longer", measures.gap("long", "GD-m", "Adam-m").at_least(0.15, fails=0.05)).says(
        "Ten times the updates do not close the gap of GD to Adam, both without momentum"
    ),
    Claim(
        "rates-product",
        step_sizes.equal_product("long", "GD-m").at_most(0.05, fails=0.15),
        where="Appendix, learning rates and time",
    ).says(
        "At stable rates only rate × updates counts: largest change of L_G/L_G(0) at ten times the rate for a tenth of the time"
    ),
    Claim(
        "steps-large", over_seeds(LARGE_STEP, step_sizes.highest, step_sizes.told).at_least(1.5, fails=1.0), where=STEPS
    ).says("GD at 10³ does not settle: largest L(t)/L(0)"),
    Claim(
        "steps-small", over_seeds(SMALL_STEP, step_sizes.rises, step_sizes.told).at_most(0.05, fails=0.25), where=STEPS
    ).says("GD at 10⁻¹ is stable: share of updates that raise the loss"),
    Claim(
        "steps-slow",
        over_seeds(SMALL_STEP, lambda run: step_sizes.progress_at(run, len(run.column("loss")) - 1)).at_most(
            0.15, fails=0.5
        ),
        where=STEPS,
    ).says("GD at 10⁻¹ is slow: ρ_G at T"),
)

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
    claims=CLAIMS,
    draw=draw,
    rule=(
        f"{RULE} The paper has quarter decades from 10^−5 to 10^5 at m = 11 and 10·T updates. By the 1/d rule its range begins "
        "at 10^−3.6 for m = 7: whole decades from 10^−4, up to 10^2, where GD is unstable."
    ),
    where=WHERE,
)
