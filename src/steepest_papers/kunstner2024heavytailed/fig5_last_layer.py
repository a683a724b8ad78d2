"""Figure 5: only the last layer of a one-layer transformer is trained, full batch, on real text."""

from __future__ import annotations

import numpy as np

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.drawings import grid_of_methods, learning_rates, overview
from steepest.claims.measures import gap, gaps, least, rarest, run_ids
from steepest.claims.paper import Figure, Results
from steepest.runs.sweep import Plan, Sweep
from steepest_papers.kunstner2024heavytailed.last_layer import LastLayerSizes
from steepest_papers.kunstner2024heavytailed.optimizers import LAST_LAYER_RATES, MAIN, around

PLAN, PAPER_CLASSES, PAPER_STEPS = "last-layer", 9_900, 1_000
FAMILIES = ("GD", "Adam", "NormGD", "Sign")


def horizon(num_classes: int) -> int:
    """Return T = 1000·c/9900, rounded: the paper's horizon at its vocabulary, shrunk as 1/π_c ∝ c."""
    return max(1, round(PAPER_STEPS * num_classes / PAPER_CLASSES))


def plans(sizes: LastLayerSizes) -> dict[str, Plan]:
    """Return the sweep of the eight optimizers with ten frequency groups."""
    problem = sizes.problem()
    sweep = Sweep(
        problem=problem,
        optimizers={method: around(LAST_LAYER_RATES[method]) for method in MAIN},
        steps=horizon(problem.num_classes),
        seeds=sizes.seeds,
        groups=10,
    )
    return {PLAN: sweep}


@measure("largest |Γ| by momentum over Γ by sign")
def momentum_against_direction(results: Results, plan: str, families: tuple[str, ...]) -> Measured:
    """Return max_family |L(−m) − L(+m)| / (L(GD−m) − L(Sign−m)): what momentum changes in units of what the sign does."""
    sweep = results.sweep(plan)
    best = {f"{family}{m}": sweep.best(f"{family}{m}") for family in families for m in ("-m", "+m")}
    changes = {family: np.abs(gaps(best[f"{family}-m"], best[f"{family}+m"])) for family in families}
    direction = gaps(best["GD-m"], best["Sign-m"])
    values = np.max(list(changes.values()), axis=0) / direction
    parts = ", ".join(f"{family} {change.mean():.2f}" for family, change in changes.items())
    evidence = f"Γ by momentum: {parts}; by sign: {direction.mean():.2f}"
    return Measured(values.tolist(), run_ids(*best.values()), evidence=evidence)


FIGURE = Figure(
    id="fig5",
    title="Last layer of a frozen transformer on real text, eight optimizers",
    statement=(
        "Training only the head of a random one-layer transformer shows the same gap. What separates the methods is the "
        "direction of the step (sign against gradient); normalising its length or adding momentum matters less."
    ),
    scales={
        "smoke": LastLayerSizes(windows=12, width=16),
        "quick": LastLayerSizes(windows=60, width=64),
        "laptop": LastLayerSizes(windows=60, width=64),
        "paper": LastLayerSizes(windows=2_000, width=1_200),
    },
    plans=plans,
    claims=(
        Claim("fig5-sign-adam", gap(PLAN, "Sign+m", "Adam+m").absolute().at_most(0.1, fails=0.2)).says(
            "Sign descent ends where Adam does, both with momentum"
        ),
        Claim("fig5-sign-gd", gap(PLAN, "GD+m", "Sign+m").at_least(0.1, fails=0.0)).says(
            "Changing the direction matters: sign descent ends below GD, both with momentum"
        ),
        Claim("fig5-sign-gd-plain", gap(PLAN, "GD-m", "Sign-m").at_least(0.1, fails=0.0)).says(
            "Changing the direction matters: sign descent ends below GD, both without momentum"
        ),
        Claim("fig5-sign-norm", gap(PLAN, "NormGD+m", "Sign+m").at_least(0.1, fails=0.0)).says(
            "Normalising the length helps less than the sign: sign descent ends below normalised GD, both with momentum"
        ),
        Claim("fig5-momentum", momentum_against_direction(PLAN, FAMILIES).at_most(1.0, fails=1.25)).says(
            "Momentum changes any method by less than the sign changes GD"
        ),
        Claim("fig5-gd-rare", rarest(PLAN, "GD+m").at_most(0.15, fails=0.5)).says(
            "GD with momentum makes little progress on the rarest tenth of the tokens"
        ),
        Claim("fig5-adam-all", least(PLAN, "Adam+m").at_least(0.5, fails=0.15)).says(
            "Adam with momentum makes progress on every group"
        ),
    ),
    draw={
        "fig5": overview(PLAN, ("GD+m", "NormGD+m", "Adam+m", "Sign+m"), title="Last layer, overall"),
        "fig5-all": grid_of_methods(PLAN),
        "fig5-rates": learning_rates(PLAN),
    },
    rule=(
        "T = 1000·c/9900, with c the word types that occur. The number of windows is set by cost alone, a CPU second a run. "
        "The paper reads Penn Treebank; here the text is the lead sections of English Wikipedia articles, words as classes."
    ),
    where="Figure 5",
)
