"""Appendix: SGD on reweighted losses, the heavy-tailed images of Figure 3."""

from __future__ import annotations

from steepest.claims.paper import Figure
from steepest.runs.sweep import Plan
from steepest_papers.kunstner2024heavytailed import reweighting
from steepest_papers.kunstner2024heavytailed.many_classes import RESNET, RULE, ManyClasses
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M

PREFIX = "rew-images"


def plans(sizes: ManyClasses) -> dict[str, Plan]:
    """Return SGD with momentum under each weighting; the runs without weights, and Adam's, are Figure 3's."""
    return reweighting.plans(PREFIX, sizes.sweep("zipf"), unweighted_only=(ADAM_M,))


FIGURE = Figure(
    id="reweighting-images",
    title="ResNet on heavy-tailed images, reweighted losses",
    statement=(
        "Weighting rare classes up helps SGD on images too, judged by the unweighted loss: 1/√π_k does, 1/π_k not always. The "
        "paper shows it on MNIST with barcoded classes and on heavy-tailed ImageNet."
    ),
    scales=RESNET,
    plans=plans,
    claims=reweighting.claims(PREFIX, "Appendix, reweighted losses, images", "SGD+m", safer_over=("SGD+m",)),
    draw={"reweighting-images": reweighting.draw(PREFIX, "SGD+m", ("Adam+m",))},
    rule=f"{RULE} Grids start from those without weights. Rates are selected by the weighted loss, as in the paper.",
)
