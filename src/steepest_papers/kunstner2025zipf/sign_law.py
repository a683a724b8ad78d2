"""Sign descent under a power law: at most √d updates, whatever the exponent (the paper's Theorem 4.5)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steepest.claims.claim import Claim
from steepest.claims.measures import fact
from steepest.claims.paper import Figure
from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.runs.sweep import Plan
from steepest.theory.bigram import Floats, sign_relative_error
from steepest_papers.kunstner2025zipf import laws

LOG = {"xscale": "log", "yscale": "log"}
CASES = {
    0.25: laws.Case(np.geomspace(1, 30, laws.POINTS), r"$\alpha = 1/4$: $T = \tau$", LOG),
    0.5: laws.Case(np.linspace(0.1, 0.9, laws.POINTS), r"$\alpha = 1/2$: $4T^2 = d^{\tau}$", {"ylim": (0, 1)}),
    1.0: laws.Case(np.geomspace(1, 10, laws.POINTS), r"$\alpha = 1$: $4T^2 = \tau^2 d$", LOG),
    2.0: laws.Case(np.geomspace(1, 10, laws.POINTS), r"$\alpha = 2$: $4T^2 = \tau^2 d$", LOG),
}


def error(pi: Floats, tau: float, alpha: float) -> float:
    """Return r of sign descent with its best step at τ; T need not be an integer here."""
    return sign_relative_error(pi, laws.sign_updates_of(tau, len(pi), alpha)).error


@declared("kunstner2025zipf.sign_law.law")
def law(alpha: float, sizes: Sequence[int]) -> laws.Tables:
    """Return how r approaches its limit, the curves, and for α > 1/2 the error of the best step's rank φ at τ = 2."""
    numbers, tables = laws.against_limit(error, laws.sign_limit, alpha, CASES[alpha].taus, sizes)
    if alpha > 0.5:
        numbers["rank"] = laws.sign_rank(zipf(sizes[-1], alpha), 2.0, alpha)
        numbers["rank_error"] = abs(numbers["rank"] / laws.best_rank(2.0, alpha) - 1)
    return numbers, tables


def plans(sizes: laws.LawSizes) -> dict[str, Plan]:
    """Return one calculation per exponent."""
    return laws.law_plans(law, CASES, sizes, takes=6.0)


CLAIMS = (
    Claim("sign-flat", fact("alpha 0.25", "gap_largest", laws.GAPS).at_most(2e-3, fails=0.05)).says(
        "α = 1/4: r tends to a function of T alone, whatever d: largest distance at the largest d"
    ),
    Claim("sign-half", fact("alpha 0.5", "steps_down", laws.DISTANCE).at_least(1.0, fails=0.5)).says(
        "α = 1/2: r tends to 1 − τ at T = d^{τ/2}/2, slowly: share of the steps in d at which the distance falls"
    ),
    Claim("sign-zipf", fact("alpha 1", "gap_largest").at_most(3e-3, fails=0.05)).says(
        "α = 1: r tends to 1/(ζ(2)(1+τ²)) at T = τ √d/2: largest distance at the largest d"
    ),
    Claim("sign-steep", fact("alpha 2", "gap_largest").at_most(3e-3, fails=0.05)).says(
        "α = 2: r tends to 1/(ζ(4)(1+τ²)) at T = τ √d/2: largest distance at the largest d"
    ),
    Claim("sign-rank", fact("alpha 1", "rank_error", "φ = {rank:.4f}").at_most(0.02, fails=0.2)).says(
        "α = 1: at the best step the ranks below φ = (1 + 1/τ²)^{1/α} are still moving: relative error of φ at τ = 2"
    ),
)

FIGURE = Figure(
    id="sign-law",
    title="Sign descent under a power law, in the limit of a large vocabulary",
    statement=(
        "With the best constant step for its horizon, sign descent needs a number of updates that does not depend on d "
        "for α < 1/2, d^{(1−ε)/2} at α = 1/2, and √d beyond, at Zipf's law too."
    ),
    scales=laws.SCALES,
    plans=plans,
    claims=CLAIMS,
    draw={"sign-law": laws.curves(CASES)},
    rule="None is needed: sums over d classes are exact in the model of the paper's Assumption 4.1.",
    where="Theorem 4.5",
)
