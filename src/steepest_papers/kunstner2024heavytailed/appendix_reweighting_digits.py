"""Appendix: gradient descent on reweighted losses, MNIST with bar-coded digits."""

from __future__ import annotations

from steepest.claims.paper import Figure
from steepest.runs.sweep import Plan
from steepest_papers.kunstner2024heavytailed import reweighting
from steepest_papers.kunstner2024heavytailed.barcoded import PAPER, RATES, RULE, SMOKE, BarcodedSizes
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M, GD_M

PREFIX = "rew-digits"


def plans(sizes: BarcodedSizes) -> dict[str, Plan]:
    """Return GD with momentum under each weighting; runs without weights, and Adam's, are those of Figure 2's quick size."""
    sweep = sizes.sweep(sizes.barcoded(), {method: RATES[method] for method in (GD_M, ADAM_M)})
    return reweighting.plans(PREFIX, sweep, unweighted_only=(ADAM_M,))


FIGURE = Figure(
    id="reweighting-digits",
    title="Convolutional network on MNIST with bar-coded rare classes, reweighted losses",
    statement=(
        "Weighting the bar-coded classes up lets gradient descent reach them; with 1/√π_k it should end below plain gradient "
        "descent in the unweighted loss."
    ),
    scales={"smoke": BarcodedSizes(**SMOKE), "laptop": BarcodedSizes(bits=5), "paper": BarcodedSizes(**PAPER)},
    plans=plans,
    claims=reweighting.claims(PREFIX, "Appendix, reweighted losses, digits", "GD+m", safer_over=("GD+m",)),
    draw={"reweighting-digits": reweighting.draw(PREFIX, "GD+m", ("Adam+m",))},
    rule=f"{RULE} Grids start from those without weights. Rates are selected by the weighted loss, as in the paper.",
)
