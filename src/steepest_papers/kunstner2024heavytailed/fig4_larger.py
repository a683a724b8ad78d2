"""Figure 4 at the next size: does the gap between gradient descent and Adam grow with the number of classes?"""

from __future__ import annotations

from collections.abc import Mapping

from steepest.claims import drawings
from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.sweep import Plan
from steepest_papers.kunstner2024heavytailed.fig4_linear import gap_claims
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


FIGURE = Figure(
    id="fig4-larger",
    title="Linear model at the next size, gradient descent and Adam",
    statement=(
        "The same experiment with twice the classes and half the frequency of the rarest. Small sets let gradient descent catch "
        "up within the horizon; the verdicts at two sizes show where the claims are heading as m grows to the paper's 11."
    ),
    scales={"smoke": LinearSizes(m=5), "laptop": LinearSizes(m=8), "paper": LinearSizes(m=11)},
    plans=plans,
    claims=gap_claims("larger", "larger"),
    draw=draw,
    rule=RULE,
)
