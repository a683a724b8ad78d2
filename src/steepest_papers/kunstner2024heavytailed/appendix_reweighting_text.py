"""Appendix: SGD on reweighted losses, language model."""

from __future__ import annotations

from steepest.claims.paper import Figure
from steepest.runs.sweep import Plan
from steepest_papers.kunstner2024heavytailed import reweighting
from steepest_papers.kunstner2024heavytailed.language import GPT2, LAPTOP, RULE, SMOKE, LanguageSizes, gpt_sweep
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M

PREFIX = "rew-text"


def plans(sizes: LanguageSizes) -> dict[str, Plan]:
    """Return SGD with momentum under each weighting; the runs without weights, and Adam's, are also `fig1-classes`'."""
    return reweighting.plans(PREFIX, gpt_sweep(sizes), unweighted_only=(ADAM_M,))


FIGURE = Figure(
    id="reweighting-text",
    title="Language model on reweighted losses",
    statement=(
        "On text too, weighting the rare tokens up lets SGD reach them: on the loss weighted by 1/√π_k it ends below plain SGD "
        "in the unweighted loss, with 1/π_k not always."
    ),
    scales={
        "smoke": SMOKE,
        "laptop": LAPTOP.changed(classes=640),  # 1,024 would take three minutes of the hour
        "medium": LAPTOP,
        "paper": GPT2,
    },
    plans=plans,
    claims=reweighting.claims(PREFIX, "Appendix, reweighted losses, text", "SGD+m", safer_over=("SGD+m",)),
    draw={"reweighting-text": reweighting.draw(PREFIX, "SGD+m", ("Adam+m",))},
    rule=f"{RULE} Grids start from those without weights. Rates are selected by the weighted loss, as in the paper.",
)
