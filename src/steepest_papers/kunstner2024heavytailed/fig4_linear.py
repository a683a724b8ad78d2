"""Figure 4: a linear model on noise with heavy-tailed labels behaves like the language model."""

from __future__ import annotations

from collections.abc import Mapping

from steepest.claims import drawings, measures
from steepest.claims.claim import Claim
from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.sweep import Plan
from steepest_papers.kunstner2024heavytailed.linear import RULE, LinearSizes, linear_sweep
from steepest_papers.kunstner2024heavytailed.optimizers import MAIN


def plans(sizes: LinearSizes) -> dict[str, Plan]:
    """Return the sweep of the eight optimizers."""
    return {"linear": linear_sweep(sizes, MAIN)}


def gap_claims(prefix: str, plan: str) -> tuple[Claim, ...]:
    """Return the figure's main claims for a sweep of gradient descent and Adam, with and without momentum."""
    claims = []
    for tag, m, words in (("", "-m", "without momentum"), ("-momentum", "+m", "with momentum")):
        claims += [
            Claim(f"{prefix}-gd-rare{tag}", measures.rarest(plan, f"GD{m}").at_most(0.15, fails=0.5)).says(
                f"GD {words} makes little progress on the rarest level"
            ),
            Claim(f"{prefix}-adam-all{tag}", measures.least(plan, f"Adam{m}").at_least(0.5, fails=0.15)).says(
                f"Adam {words} makes progress on every level"
            ),
            Claim(f"{prefix}-gap{tag}", measures.gap(plan, f"GD{m}", f"Adam{m}").at_least(0.15, fails=0.05)).says(
                f"Adam ends below GD, both {words}"
            ),
        ]
    return tuple(claims)


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return overall loss and loss by level, all eight optimizers by level, and the learning-rate sweep."""
    shown = ("GD-m", "GD+m", "Adam-m", "Adam+m")
    return {
        "fig4": drawings.overview(results, "linear", shown, title="Linear model, overall"),
        "fig4-all": drawings.grid_of_methods(results, "linear"),
        "fig4-rates": drawings.learning_rates(results, "linear"),
    }


CLAIMS = (
    *gap_claims("fig4", "linear"),
    Claim("fig4-gd-ordered", measures.order("linear", "GD-m").at_least(0.8, fails=0.3)).says(
        "Under GD without momentum the loss grows with rarity, level by level"
    ),
    Claim("fig4-adam-lag", measures.lag("linear", "Adam+m").at_most(0.3, fails=0.5)).says(
        "Under Adam with momentum the rarest level is not behind the most frequent one"
    ),
    Claim(
        "fig4-sign-all", measures.least("linear", "Sign+m").at_least(0.5, fails=0.15), where="Figure 4, appendix"
    ).says("Sign descent with momentum makes progress on every level"),
    Claim(
        "fig4-sign-adam",
        measures.gap("linear", "Sign+m", "Adam+m").absolute().at_most(0.1, fails=0.2),
        where="Figure 4, appendix",
    ).says("Sign descent ends where Adam does, both with momentum"),
    Claim(
        "fig4-norm", measures.gap("linear", "NormGD-m", "Sign-m").at_least(0.15, fails=0.05), where="Figure 4, appendix"
    ).says(
        "Normalising the gradient's length without changing its direction does not close the gap: Γ of NormGD over Sign"
    ),
)

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
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    rule=RULE,
    where="Figure 4",
)
