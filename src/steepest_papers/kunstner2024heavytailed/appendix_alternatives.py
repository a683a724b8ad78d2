"""Appendix: AdaGrad, rescaled sign descent and gradient descent with line search on the linear model."""

from __future__ import annotations

from collections.abc import Mapping

from steepest.claims import drawings, measures
from steepest.claims.claim import Claim
from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.sweep import Plan
from steepest_papers.kunstner2024heavytailed.linear import RULE, LinearSizes, linear_sweep
from steepest_papers.kunstner2024heavytailed.optimizers import ADAGRAD, ADAM, GD, LINE_SEARCH, RESCALED, RESCALED_M


def plans(sizes: LinearSizes) -> dict[str, Plan]:
    """Return the sweep of the further optimizers beside GD and Adam, whose runs are those of Figure 4."""
    return {"alternatives": linear_sweep(sizes, (GD, LINE_SEARCH, ADAM, ADAGRAD, RESCALED, RESCALED_M))}


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return loss by level of every optimizer."""
    shown = ("LineSearch", "AdaGrad", "RescaledSign-m", "RescaledSign+m")
    return {"alternatives": drawings.overview(results, "alternatives", shown, title="Linear model, overall")}


CLAIMS = (
    Claim("alt-line-search", measures.rarest("alternatives", "LineSearch").at_most(0.15, fails=0.5)).says(
        "A line search does not rescue GD on the rarest level"
    ),
    Claim("alt-adagrad", measures.least("alternatives", "AdaGrad").at_least(0.5, fails=0.15)).says(
        "AdaGrad makes progress on every level, like Adam"
    ),
    Claim("alt-rescaled", measures.gap("alternatives", "GD-m", "RescaledSign-m").at_least(0.15, fails=0.05)).says(
        "Sign descent rescaled by ‖g‖₁, the steepest descent in the ∞-norm, ends below GD"
    ),
    Claim("alt-rescaled-rare", measures.rarest("alternatives", "RescaledSign+m").at_least(0.5, fails=0.15)).says(
        "Rescaled sign descent with momentum reaches the rarest level"
    ),
)

FIGURE = Figure(
    id="alternatives",
    title="Linear model: AdaGrad, rescaled sign, line search",
    statement=(
        "Methods that change the direction coordinate by coordinate learn the rare classes; choosing the length of the gradient "
        "step better, by a line search, does not."
    ),
    scales={"smoke": LinearSizes(m=4), "laptop": LinearSizes(m=7), "paper": LinearSizes(m=11)},
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    rule=RULE,
    where="Appendix, further optimizers",
)
