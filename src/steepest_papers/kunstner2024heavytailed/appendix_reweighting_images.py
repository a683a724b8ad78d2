"""Appendix: SGD on reweighted losses, the heavy-tailed images of Figure 3."""

from __future__ import annotations

from collections.abc import Mapping

from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.sweep import Plan
from steepest_papers.kunstner2024heavytailed import fig3_many_classes, reweighting
from steepest_papers.kunstner2024heavytailed.many_classes import RULE, ManyClasses
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M

PREFIX = "rew-images"


def plans(sizes: ManyClasses) -> dict[str, Plan]:
    """Return SGD with momentum under each weighting; the runs without weights, and Adam's, are Figure 3's."""
    return reweighting.plans(PREFIX, sizes.sweep("zipf"), unweighted_only=(ADAM_M,))


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return unweighted loss and loss by group under each weighting."""
    return {"reweighting-images": reweighting.draw(results, PREFIX, "SGD+m", ("Adam+m",))}


FIGURE = Figure(
    id="reweighting-images",
    title="ResNet on heavy-tailed images, reweighted losses",
    statement=(
        "Weighting rare classes up helps SGD on images too, judged by the unweighted loss: 1/√π_k does, 1/π_k not always. The "
        "paper shows it on MNIST with barcoded classes and on heavy-tailed ImageNet."
    ),
    scales=fig3_many_classes.FIGURE.scales,
    plans=plans,
    claims=reweighting.claims(PREFIX, "Appendix, reweighted losses, images", "SGD+m", safer_over=("SGD+m",)),
    draw=draw,
    rule=f"{RULE} Grids start from those without weights. Rates are selected by the weighted loss, as in the paper.",
)
