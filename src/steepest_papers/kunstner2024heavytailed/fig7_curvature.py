"""Figure 7: along the path of Adam, gradient norm and Hessian trace of a class come to be proportional."""

from __future__ import annotations

from steepest.claims.claim import Claim
from steepest.claims.measures import over_seeds
from steepest.claims.paper import Figure
from steepest_papers.kunstner2024heavytailed.curvature_paths import (
    RULE,
    PathSizes,
    correlation,
    history,
    path_plans,
    relation,
    scatter,
)

FIGURE = Figure(
    id="fig7",
    title="Gradient and Hessian by class along Adam's path",
    statement=(
        "At initialisation gradients differ between classes and Hessians do not. During training both come to be proportional "
        "to class frequency, so that dividing by the gradient's size, as Adam and sign descent do, acts like a preconditioner."
    ),
    scales={"smoke": PathSizes(m=4), "quick": PathSizes(m=8), "laptop": PathSizes(m=8), "paper": PathSizes(m=11)},
    plans=path_plans,
    claims=(
        Claim("fig7-start", over_seeds("adam", relation(0)).at_most(0.5, fails=0.9)).says(
            "At initialisation gradient norm and Hessian trace by class are unrelated: r of their logs at t = 0"
        ),
        Claim("fig7-end", over_seeds("adam", relation(100), history()).at_least(0.9, fails=0.5)).says(
            "Along Adam's path they become proportional: r of their logs at t = 100"
        ),
        Claim(
            "fig7-gradient-frequency",
            over_seeds("adam", correlation(100, "count", "gradient_norm")).at_least(0.8, fails=0.3),
        ).says("Gradient norms grow with class frequency: r of log π and log g at t = 100"),
        Claim(
            "fig7-hessian-frequency",
            over_seeds("adam", correlation(100, "count", "hessian_trace")).at_least(0.9, fails=0.5),
        ).says("Hessian traces grow with class frequency: r of log π and log h at t = 100"),
    ),
    draw={"fig7": scatter("adam", (0, 1, 5, 10, 50, 100), 3)},
    rule=RULE,
    where="Figure 7",
)
