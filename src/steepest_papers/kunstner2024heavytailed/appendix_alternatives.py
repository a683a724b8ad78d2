"""Appendix: AdaGrad, rescaled sign descent and gradient descent with line search on the linear model."""

from __future__ import annotations

from steepest.claims.claim import Claim
from steepest.claims.drawings import overview
from steepest.claims.measures import gap, least, rarest
from steepest.claims.paper import Figure
from steepest_papers.kunstner2024heavytailed.linear import RULE, LinearSizes, linear_plan
from steepest_papers.kunstner2024heavytailed.optimizers import ADAGRAD, ADAM, GD, LINE_SEARCH, RESCALED, RESCALED_M

PLAN, NEW = "alternatives", ("LineSearch", "AdaGrad", "RescaledSign-m", "RescaledSign+m")
METHODS = (GD, LINE_SEARCH, ADAM, ADAGRAD, RESCALED, RESCALED_M)  # the runs of GD and Adam are those of Figure 4

FIGURE = Figure(
    id="alternatives",
    title="Linear model: AdaGrad, rescaled sign, line search",
    statement=(
        "Methods that change the direction coordinate by coordinate learn the rare classes; choosing the length of the gradient "
        "step better, by a line search, does not."
    ),
    scales={"smoke": LinearSizes(m=4), "laptop": LinearSizes(m=7), "paper": LinearSizes(m=11)},
    plans=linear_plan(PLAN, METHODS),
    claims=(
        Claim("alt-line-search", rarest(PLAN, "LineSearch").at_most(0.15, fails=0.5)).says(
            "A line search does not rescue GD on the rarest level"
        ),
        Claim("alt-adagrad", least(PLAN, "AdaGrad").at_least(0.5, fails=0.15)).says(
            "AdaGrad makes progress on every level, like Adam"
        ),
        Claim("alt-rescaled", gap(PLAN, "GD-m", "RescaledSign-m").at_least(0.15, fails=0.05)).says(
            "Sign descent rescaled by ‖g‖₁, the steepest descent in the ∞-norm, ends below GD"
        ),
        Claim("alt-rescaled-rare", rarest(PLAN, "RescaledSign+m").at_least(0.5, fails=0.15)).says(
            "Rescaled sign descent with momentum reaches the rarest level"
        ),
    ),
    draw={"alternatives": overview(PLAN, NEW, title="Linear model, overall")},
    rule=RULE,
    where="Appendix, further optimizers",
)
