"""Figure 4 at the next size: does the gap between gradient descent and Adam grow with the number of classes?"""

from __future__ import annotations

from steepest.claims.drawings import learning_rates, overview
from steepest.claims.paper import Figure
from steepest_papers.kunstner2024heavytailed.linear import RULE, SHOWN, LinearSizes, gap_claims, linear_plan
from steepest_papers.kunstner2024heavytailed.optimizers import GD_AND_ADAM

FIGURE = Figure(
    id="fig4-larger",
    title="Linear model at the next size, gradient descent and Adam",
    statement=(
        "The same experiment with twice the classes and half the frequency of the rarest. Small sets let gradient descent catch "
        "up within the horizon; the verdicts at two sizes show where the claims are heading as m grows to the paper's 11."
    ),
    scales={"smoke": LinearSizes(m=5), "laptop": LinearSizes(m=8), "paper": LinearSizes(m=11)},
    plans=linear_plan("larger", GD_AND_ADAM),
    claims=gap_claims("larger", "larger"),
    draw={
        "fig4-larger": overview("larger", SHOWN, title="Linear model, overall"),
        "fig4-larger-rates": learning_rates("larger"),
    },
    rule=RULE,
    where="Figure 4",
)
