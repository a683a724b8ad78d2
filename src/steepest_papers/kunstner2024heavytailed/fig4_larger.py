"""Figure 4 at the next size: does the gap between gradient descent and Adam grow with the number of classes?"""

from __future__ import annotations

from collections.abc import Mapping

from steepest.paper import Drawing, Figure, Results
from steepest.sweep import Plan
from steepest.verdict import Claim
from steepest_papers.kunstner2024heavytailed import drawings, measures
from steepest_papers.kunstner2024heavytailed.linear import RULE, LinearSizes, linear_sweep
from steepest_papers.kunstner2024heavytailed.optimizers import GD_AND_ADAM


def plans(sizes: LinearSizes) -> dict[str, Plan]:
    """Return the sweep of gradient descent and Adam, with and without momentum."""
    return {"larger": linear_sweep(sizes, GD_AND_ADAM)}


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return overall loss and loss by level, and the learning-rate sweep."""
    shown = ("GD-m", "GD+m", "Adam-m", "Adam+m")
    return {
        "fig4-larger": drawings.overview(results, "larger", shown, title="Linear model, overall"),
        "fig4-larger-rates": drawings.learning_rates(results, "larger"),
    }


CLAIMS = (
    Claim(
        "larger-gd-rare",
        "Figure 4",
        "GD without momentum makes little progress on the rarest level: ρ_G",
        measures.rarest("larger", "GD-m"),
        holds=0.15,
        fails=0.5,
    ),
    Claim(
        "larger-gdm-rare",
        "Figure 4",
        "GD with momentum makes little progress on the rarest level: ρ_G",
        measures.rarest("larger", "GD+m"),
        holds=0.15,
        fails=0.5,
    ),
    Claim(
        "larger-adam-all",
        "Figure 4",
        "Adam without momentum makes progress on every level: min_g ρ_g",
        measures.least("larger", "Adam-m"),
        holds=0.5,
        fails=0.15,
    ),
    Claim(
        "larger-adamm-all",
        "Figure 4",
        "Adam with momentum makes progress on every level: min_g ρ_g",
        measures.least("larger", "Adam+m"),
        holds=0.5,
        fails=0.15,
    ),
    Claim(
        "larger-gap",
        "Figure 4",
        "Adam ends below GD, both without momentum: Γ",
        measures.gap("larger", "GD-m", "Adam-m"),
        holds=0.15,
        fails=0.05,
    ),
    Claim(
        "larger-gap-momentum",
        "Figure 4",
        "Adam ends below GD, both with momentum: Γ",
        measures.gap("larger", "GD+m", "Adam+m"),
        holds=0.15,
        fails=0.05,
    ),
)

FIGURE = Figure(
    id="fig4-larger",
    title="Linear model at the next size, gradient descent and Adam",
    statement=(
        "The same experiment with twice the classes and half the frequency of the rarest. Small sets let gradient descent catch "
        "up within the horizon; the verdicts at two sizes show where the claims are heading as m grows to the paper's 11."
    ),
    scales={"smoke": LinearSizes(m=5), "laptop": LinearSizes(m=8), "paper": LinearSizes(m=11)},
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    rule=RULE,
)
