"""Section 3, Appendices H and I: Proposition 2, Theorem 3, Lemmas 4–7, the Zipf argument, and their errata. Exact."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from steepest.claims.paper import Figure, Settings
from steepest.runs.spec import Calculation
from steepest.runs.sweep import Calculations, Plan
from steepest_papers.kunstner2024heavytailed import theory_calculations as calculate
from steepest_papers.kunstner2024heavytailed.theory_claims import STATEMENTS
from steepest_papers.kunstner2024heavytailed.theory_drawing import draw
from steepest_papers.kunstner2024heavytailed.theory_errata import ERRATA, OURS

SEEDS = (0, 1, 2)
FEATURES, PROBABILITY = 4, 0.5


class TheorySizes(Settings):
    """Sizes of the calculations.

    Args:
        classes: c of the flows that are integrated on the full c×c matrix.
        levels: largest m, c = 2^m − 1, at which autograd is held against Proposition 2.
        vocabulary: largest c of the time that each flow needs under Zipf's law.
    """

    classes: Annotated[int, Field(ge=2, le=1_000)] = 30
    levels: Annotated[int, Field(ge=4, le=10)] = 7
    vocabulary: Annotated[int, Field(ge=100)] = 10_000


def plans(sizes: TheorySizes) -> dict[str, Plan]:
    """Return the calculations by name; those with random inputs once per seed."""
    assumed = {"features": FEATURES, "p": PROBABILITY}
    c = {"classes": sizes.classes}
    return {
        "initial": _seeded(Calculation(calculate.initial_derivatives, {"m": sizes.levels - 1, "features": FEATURES})),
        "assigned": _seeded(Calculation(calculate.assigned_derivatives, {"levels": sizes.levels} | assumed)),
        "ratio": _seeded(Calculation(calculate.gradient_to_trace, {"m": 14} | assumed)),
        "counterexamples": _once(Calculation(calculate.counterexamples, {"classes": 1000, "p": PROBABILITY})),
        "gradient flow": _once(Calculation(calculate.gradient_flow, c)),
        "rates": _once(Calculation(calculate.gradient_rates)),
        "sign flow": _once(Calculation(calculate.sign_flow, c)),
        "printed sign rate": _once(Calculation(calculate.printed_sign_rate, {"classes": 5, "time": 3.0})),
        "other flows": _once(Calculation(calculate.other_flows, {"classes": 10})),
        "times": _once(Calculation(calculate.times_to_fractions, {"largest": sizes.vocabulary})),
        "prefixes": _once(Calculation(calculate.zipf_prefixes)),
        "stable step": _once(Calculation(calculate.stable_step, {"classes": 50})),
        "class count": _once(Calculation(calculate.class_count, {"m": 11})),
    }


def _once(calculation: Calculation) -> Calculations:
    return Calculations((calculation,))


def _seeded(calculation: Calculation) -> Calculations:
    return Calculations(tuple(Calculation(calculation.function, calculation.options, seed) for seed in SEEDS))


FIGURE = Figure(
    id="theory",
    title="Why frequency slows gradient descent and not sign descent",
    statement=(
        "Once a softmax model assigns samples to their classes, gradient and Hessian of a class both scale with its "
        "frequency. On one-hot inputs the loss of class k then falls as 1/(π_k t) under gradient flow, and "
        "exponentially, at one rate for all classes, under sign descent."
    ),
    scales={
        "smoke": TheorySizes(classes=5, levels=5, vocabulary=1_000),
        "quick": TheorySizes(),
        "laptop": TheorySizes(),
        "paper": TheorySizes(classes=100, vocabulary=100_000),
    },
    plans=plans,
    claims=(*STATEMENTS, *ERRATA, *OURS),
    draw=draw,
    rule="The statements are exact at any size; sizes only bound the cost of checking them.",
)
