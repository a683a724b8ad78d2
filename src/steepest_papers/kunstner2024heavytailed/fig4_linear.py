"""Figure 4: a linear model on noise with heavy-tailed labels behaves like the language model."""

from __future__ import annotations

from steepest.claims.claim import Claim, placed
from steepest.claims.drawings import grid_of_methods, learning_rates, overview
from steepest.claims.measures import gap, lag, least, order
from steepest.claims.paper import Figure
from steepest_papers.kunstner2024heavytailed.linear import RULE, SHOWN, LinearSizes, gap_claims, linear_plan
from steepest_papers.kunstner2024heavytailed.optimizers import MAIN

FIGURE = Figure(
    id="fig4",
    title="Linear model, heavy-tailed labels, eight optimizers",
    statement=(
        "Heavy-tailed labels alone reproduce the gap: on a convex problem with uninformative inputs, gradient descent learns "
        "classes in the order of their frequency and hardly reaches the rare ones, while Adam and sign descent learn them all."
    ),
    scales={
        "smoke": LinearSizes(m=4),
        "quick": LinearSizes(m=7),
        "laptop": LinearSizes(m=7),
        "paper": LinearSizes(m=11),
    },
    plans=linear_plan("linear", MAIN),
    claims=(
        *gap_claims("fig4", "linear"),
        Claim("fig4-gd-ordered", order("linear", "GD-m").at_least(0.8, fails=0.3)).says(
            "Under GD without momentum the loss grows with rarity, level by level"
        ),
        Claim("fig4-adam-lag", lag("linear", "Adam+m").at_most(0.3, fails=0.5)).says(
            "Under Adam with momentum the rarest level is not behind the most frequent one"
        ),
        *placed(
            "Figure 4, appendix",
            Claim("fig4-sign-all", least("linear", "Sign+m").at_least(0.5, fails=0.15)).says(
                "Sign descent with momentum makes progress on every level"
            ),
            Claim("fig4-sign-adam", gap("linear", "Sign+m", "Adam+m").absolute().at_most(0.1, fails=0.2)).says(
                "Sign descent ends where Adam does, both with momentum"
            ),
            Claim(
                "fig4-norm",
                gap("linear", "NormGD-m", "Sign-m").named("Γ of NormGD over Sign").at_least(0.15, fails=0.05),
            ).says("Normalising the gradient's length without changing its direction does not close the gap"),
        ),
    ),
    draw={
        "fig4": overview("linear", SHOWN, title="Linear model, overall"),
        "fig4-all": grid_of_methods("linear"),
        "fig4-rates": learning_rates("linear"),
    },
    rule=RULE,
    where="Figure 4",
)
