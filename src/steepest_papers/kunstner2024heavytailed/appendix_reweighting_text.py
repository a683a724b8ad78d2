"""Appendix: SGD on reweighted losses, language model."""

from __future__ import annotations

from collections.abc import Mapping

from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.sweep import Plan
from steepest_papers.kunstner2024heavytailed import reweighting
from steepest_papers.kunstner2024heavytailed.fig1_language_model import FIGURE as FIG1
from steepest_papers.kunstner2024heavytailed.fig1_language_model import GROUPS, MAIN, SGD, grids
from steepest_papers.kunstner2024heavytailed.language import RULE, LanguageSizes
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M

PREFIX = "rew-text"


def plans(sizes: LanguageSizes) -> dict[str, Plan]:
    """Return SGD with momentum under each weighting; the runs without weights, and Adam's, are also `fig1-classes`'."""
    started = grids(sizes)
    sweep = sizes.sweep(sizes.problem(), {method: started[method] for method in MAIN}, groups=GROUPS)
    return reweighting.plans(PREFIX, sweep, unweighted_only=(ADAM_M,))


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return unweighted loss and loss by group under each weighting."""
    return {"reweighting-text": reweighting.draw(results, PREFIX, "SGD+m", ("Adam+m",))}


FIGURE = Figure(
    id="reweighting-text",
    title="Language model on reweighted losses",
    statement=(
        "On text too, weighting the rare tokens up lets SGD reach them: on the loss weighted by 1/√π_k it ends below plain SGD "
        "in the unweighted loss, with 1/π_k not always."
    ),
    scales={
        "smoke": FIG1.scales["smoke"],
        "laptop": FIG1.scales["laptop"].changed(classes=640),  # 1,024 would take three minutes of the hour
        "medium": FIG1.scales["laptop"],
        "paper": FIG1.scales["paper"],
    },
    plans=plans,
    claims=reweighting.claims(PREFIX, "Appendix, reweighted losses, text", SGD.label, safer_over=(SGD.label,)),
    draw=draw,
    rule=f"{RULE} Grids start from those without weights. Rates are selected by the weighted loss, as in the paper.",
)
