"""Figure 4: a linear model on noise with heavy-tailed labels behaves like the language model."""

from __future__ import annotations

from collections.abc import Mapping

from steepest.claims.paper import Drawing, Figure, Results
from steepest.claims.verdict import Claim
from steepest.runs.sweep import Plan
from steepest_papers.kunstner2024heavytailed import drawings, measures
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
            Claim(
                f"{prefix}-gd-rare{tag}",
                "Figure 4",
                f"GD {words} makes little progress on the rarest level: ρ_G",
                measures.rarest(plan, f"GD{m}"),
                holds=0.15,
                fails=0.5,
            ),
            Claim(
                f"{prefix}-adam-all{tag}",
                "Figure 4",
                f"Adam {words} makes progress on every level: min_g ρ_g",
                measures.least(plan, f"Adam{m}"),
                holds=0.5,
                fails=0.15,
            ),
            Claim(
                f"{prefix}-gap{tag}",
                "Figure 4",
                f"Adam ends below GD, both {words}: Γ",
                measures.gap(plan, f"GD{m}", f"Adam{m}"),
                holds=0.15,
                fails=0.05,
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
    Claim(
        "fig4-gd-ordered",
        "Figure 4",
        "Under GD without momentum the loss grows with rarity, level by level: Kendall's τ of level and loss",
        measures.order("linear", "GD-m"),
        holds=0.8,
        fails=0.3,
    ),
    Claim(
        "fig4-adam-lag",
        "Figure 4",
        "Under Adam with momentum the rarest level is not behind the most frequent one: ρ_1 − ρ_G",
        measures.lag("linear", "Adam+m"),
        holds=0.3,
        fails=0.5,
    ),
    Claim(
        "fig4-sign-all",
        "Figure 4, appendix",
        "Sign descent with momentum makes progress on every level: min_g ρ_g",
        measures.least("linear", "Sign+m"),
        holds=0.5,
        fails=0.15,
    ),
    Claim(
        "fig4-sign-adam",
        "Figure 4, appendix",
        "Sign descent ends where Adam does, both with momentum: |Γ|",
        measures.gap("linear", "Sign+m", "Adam+m", absolute=True),
        holds=0.1,
        fails=0.2,
    ),
    Claim(
        "fig4-norm",
        "Figure 4, appendix",
        "Normalising the gradient's length without changing its direction does not close the gap: Γ of NormGD over Sign",
        measures.gap("linear", "NormGD-m", "Sign-m"),
        holds=0.15,
        fails=0.05,
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
)
