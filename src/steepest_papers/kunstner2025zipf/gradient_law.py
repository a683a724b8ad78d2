"""Gradient descent under a power law: three regimes, and Zipf's law is the worst (the paper's Theorem 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steepest.claims.claim import Claim, placed
from steepest.claims.measures import fact
from steepest.claims.paper import Figure
from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.runs.sweep import Plan
from steepest.theory.bigram import Floats, gd_relative_error
from steepest_papers.kunstner2025zipf import laws

LOG = {"xscale": "log", "ylim": (0, 1)}
CASES = {
    0.5: laws.Case(np.geomspace(0.05, 6, laws.POINTS), r"$\alpha = 1/2$: $2t = \tau\, d^{\alpha}$", LOG),
    1.0: laws.Case(np.linspace(0.1, 0.9, laws.POINTS), r"$\alpha = 1$: $2t = d^{\tau}$", {"ylim": (0, 1)}),
    2.0: laws.Case(np.geomspace(1, 256, laws.POINTS), r"$\alpha = 2$: $2t = \tau$", LOG),
}
LATE = (4.0, 16.0, 64.0, 256.0)


def error(pi: Floats, tau: float, alpha: float) -> float:
    """Return r of gradient descent at τ."""
    return gd_relative_error(pi, laws.gd_updates_of(tau, len(pi), alpha))


@declared("kunstner2025zipf.gradient_law.law", version=2)
def law(alpha: float, sizes: Sequence[int]) -> laws.Tables:
    """Return how r approaches its limit, and the curves; with α = 2 also the error of the tail's power law at τ = 256."""
    numbers, tables = laws.against_limit(error, laws.gd_limit, alpha, CASES[alpha].taus, sizes)
    if alpha > 1:
        few, many = (np.array([error(zipf(d, alpha), t, alpha) for t in LATE]) for d in (sizes[0], sizes[-1]))
        numbers["tail_error"] = float(abs(laws.gd_tail(LATE[-1], alpha) / many[-1] - 1))
        numbers["beta_error"] = float(np.abs([laws.gd_limit(t, alpha) for t in LATE] / many - 1).max())
        numbers["change"] = float(np.abs(few - many).max())
    return numbers, tables


def plans(sizes: laws.LawSizes) -> dict[str, Plan]:
    """Return one calculation per exponent."""
    return laws.law_plans(law, CASES, sizes, takes=2.0)


CLAIMS = (
    Claim("gd-flat", fact("alpha 0.5", "gap_largest", laws.GAPS).at_most(2e-3, fails=0.05)).says(
        "α = 1/2: r tends to ((1−α)/α) E_{1/α}(τ) in time units of d^α: largest distance at the largest d"
    ),
    Claim("gd-zipf", fact("alpha 1", "steps_down", laws.DISTANCE).at_least(1.0, fails=0.5)).says(
        "α = 1: r tends to 1 − τ at d^τ updates, slowly: share of the steps in d at which the distance falls"
    ),
    Claim("gd-zipf-close", fact("alpha 1", "gap_largest").at_most(0.02, fails=0.2)).says(
        "α = 1: the limit describes the largest d that was summed: largest distance from 1 − τ"
    ),
    Claim("gd-steep", fact("alpha 2", "change").at_most(0.01, fails=0.05)).says(
        "α = 2: r does not depend on d: largest difference of the smallest and the largest d at τ = 4, 16, 64, 256"
    ),
    *placed(
        "derived here",
        Claim("gd-steep-beta", fact("alpha 2", "beta_error").at_most(0.01, fails=0.05)).says(
            "α = 2: r tends to B(1−1/α, τ+1)/(α ζ(α)): largest relative error at τ = 4, 16, 64, 256"
        ),
        Claim("gd-steep-early", fact("alpha 2", "gap_largest").at_most(0.01, fails=0.05)).says(
            "α = 2: the same form holds from τ = 1 on: largest distance at the largest d"
        ),
        kind="ours",
    ),
    Claim("gd-steep-tail", fact("alpha 2", "tail_error").at_most(0.01, fails=0.1)).says(
        "α = 2: for large τ the limit falls as C τ^{−(1−1/α)}, C = Γ(1−1/α)/(α ζ(α)): relative error at τ = 256"
    ),
)

FIGURE = Figure(
    id="gradient-law",
    title="Gradient descent under a power law, in the limit of a large vocabulary",
    statement=(
        "With frequencies ∝ k^−α, gradient descent needs d^α updates for α < 1 and a number that does not depend on d for α > 1. "
        "At α = 1, Zipf's law, it needs d^{1−ε} for a relative error ε: the worst case."
    ),
    scales=laws.SCALES,
    plans=plans,
    claims=CLAIMS,
    draw={"gradient-law": laws.curves(CASES)},
    rule="None is needed: sums over d classes are exact.",
    where="Theorem 3.1",
)
