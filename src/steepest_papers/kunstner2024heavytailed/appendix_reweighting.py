"""Appendix: gradient descent on reweighted losses, linear model."""

from __future__ import annotations

from steepest.claims.paper import Figure
from steepest.runs.sweep import Plan
from steepest_papers.kunstner2024heavytailed import reweighting
from steepest_papers.kunstner2024heavytailed.linear import RULE, LinearSizes, linear_sweep
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M, GD, GD_M


def plans(sizes: LinearSizes) -> dict[str, Plan]:
    """Return GD with and without momentum under each weighting; the runs without weights, and Adam's, are Figure 4's."""
    return reweighting.plans("rew", linear_sweep(sizes, (GD, GD_M, ADAM_M)), unweighted_only=(ADAM_M,))


FIGURE = Figure(
    id="reweighting",
    title="Linear model on reweighted losses",
    statement=(
        "If heavy-tailed classes are what holds gradient descent back, weighting the rare ones up should help it even on the "
        "unweighted loss. 1/√π_k does, and is the safer choice; 1/π_k helps on some problems only."
    ),
    scales={"smoke": LinearSizes(m=4), "laptop": LinearSizes(m=7), "paper": LinearSizes(m=11)},
    plans=plans,
    claims=reweighting.claims("rew", "Appendix, reweighted losses, linear model", "GD+m", safer_over=("GD-m", "GD+m")),
    draw={
        "reweighting": reweighting.draw("rew", "GD+m", ("Adam+m",)),
        "reweighting-plain": reweighting.draw("rew", "GD-m", ("Adam+m",)),
    },
    rule=f"{RULE} Grids start from those without weights. Rates are selected by the weighted loss, as in the paper.",
)
