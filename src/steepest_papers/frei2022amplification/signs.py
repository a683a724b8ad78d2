"""Sign descent and Adam on the same data: do sign-like steps align neurons? An extension of ours, over rates and dimensions.

Hypothesis: a sign step moves all p − 1 noise coordinates as far as the useful one, so that neurons are amplified without
being aligned, and flipped labels are memorised. Right after its first step a neuron of sign descent, started from nearly 0,
has the same cosine 1/√p with every axis. That argument needs means along the axes: it is tested on rotated ones too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.paper import Figure, Results
from steepest.measure.curvature import log_slope
from steepest.runs.method import Method
from steepest.runs.results import Best
from steepest.runs.store import Run
from steepest_papers.frei2022amplification import measures
from steepest_papers.frei2022amplification.measures import Measure, Number, mean, predicted
from steepest_papers.frei2022amplification.sign_sweeps import (
    ADAM,
    ROTATED,
    SIGN,
    SignSizes,
    as_specified,
    by_held_out_error,
    by_training_loss,
    complete,
    plans,
    sweep_name,
)
from steepest_papers.frei2022amplification.signs_drawing import draw
from steepest_papers.frei2022amplification.sizes import GD, RULE, STEPS

HUGE = -1.0  # exponent of a rate of sign descent against which ω is nothing


Chooser = Callable[[Results, Method], Best]


class Contrast(NamedTuple):
    """What the hypothesis says about sign steps against gradient descent, with thresholds."""

    id: str
    says: str
    number: Number
    holds: float
    fails: float


def amplification_decades(run: Run) -> float:
    """Return log₁₀ A(400)."""
    return math.log10(measures.amplification(run, STEPS))


def final_cosine(run: Run) -> float:
    """Return the median of cos_good at t = 400."""
    return measures.cosine(run, STEPS)


def final_error(run: Run) -> float:
    """Return the clean test error at t = 400."""
    return predicted(run, "clean_error")


def final_memorised(run: Run) -> float:
    """Return the share of flipped training points that are memorised at t = 400."""
    return predicted(run, "memorised")


ALIGNED = Contrast("aligned", "is less aligned: median cos_good, its own minus GD's", final_cosine, -0.5, -0.1)
ERRS = Contrast("errs", "errs more: clean test error, its own minus GD's", final_error, 0.1, 0.02)
MEMORISES = Contrast("memorises", "memorises flips: share of them, its own minus GD's", final_memorised, 0.5, 0.1)
CHOSEN: dict[str, tuple[str, Chooser, tuple[Contrast, ...]]] = {
    "specified": ("At the specified rates", as_specified, (ALIGNED, ERRS, MEMORISES)),
    "training": ("At the rates of least training loss", by_training_loss, (ALIGNED, ERRS, MEMORISES)),
    "held-out": ("At the rates of least held-out error", by_held_out_error, (ALIGNED, ERRS)),
}


@measure()
def difference(results: Results, choose: Chooser, method: Method, number: Number) -> Measured:
    """Return the measure of a number of an optimizer's run minus that of gradient descent, at chosen rates."""
    descent, other = (choose(results, each) for each in (GD, method))
    values = [number(b) - number(a) for a, b in zip(descent.runs, other.runs, strict=True)]
    return Measured(values, ids(descent, other), evidence=told(number, descent, other))


@measure()
def same_amplification(results: Results, method: Method) -> Measured:
    """Return the measure |log₁₀ A/A_GD| at the specified rates; where α ≫ ω it grows with α, so others cannot be compared."""
    signed = difference(as_specified, method, amplification_decades)

    def measure(results: Results) -> Measured:
        found = signed(results)
        return Measured(np.abs(found.values).tolist(), found.runs, evidence=f"log₁₀ A: {found.evidence}")

    return measure


def trend(method: Method) -> Measure:
    """Return the measure d log cos_good / d log p at the rates of least held-out error."""
    dimensions = results.settings.dimensions
    bests = [by_held_out_error(results, method, sweep_name(p)) for p in dimensions]
    cosines = np.array([[final_cosine(run) for run in best.runs] for best in bests])
    pairs = zip(dimensions, cosines.mean(axis=1), strict=True)
    evidence = ", ".join(f"{value:.2f} at p = {p}" for p, value in pairs)
    return Measured([log_slope(dimensions, seed) for seed in cosines.T], ids(*bests), evidence=evidence)


@measure()
def gain_by_rotation(results: Results, method: Method, number: Number) -> Measured:
    """Return the measure of a number on rotated means minus that on axes, at the rates of least held-out error."""
    axes, rotated = (by_held_out_error(results, method, plan) for plan in (None, ROTATED))
    values = [number(b) - number(a) for a, b in zip(axes.runs, rotated.runs, strict=True)]
    on_axes, off_axes = (mean(number, best.runs) for best in (axes, rotated))
    return Measured(values, ids(axes, rotated), evidence=f"on axes {on_axes:.3g}, rotated {off_axes:.3g}")


@measure()
def first_cosine(results: Results) -> Measured:
    """Return the largest |√p · median cos_good − 1| over p, after one huge step of sign descent."""
    dimensions = results.settings.dimensions
    runs = [complete(results, sweep_name(p), SIGN).runs(HUGE) for p in dimensions]
    scaled = [
        [abs(math.sqrt(p) * measures.cosine(run, 1) - 1) for run in at] for p, at in zip(dimensions, runs, strict=True)
    ]
    return Measured(np.max(scaled, axis=0).tolist(), [run.id for at in runs for run in at])


def ids(*bests: Best) -> list[str]:
    """Return the runs of some selected rates."""
    return [run.id for best in bests for run in best.runs]


def told(number: Number, *bests: Best) -> str:
    """Return the mean of a number for each optimizer, with its rate."""
    return ", ".join(f"{best.label} {mean(number, best.runs):.3g} at 10^{best.exponent:g}" for best in bests)


def _ours(id: str, says: str, measure: Callable[[Results], Measured], holds: float, fails: float) -> Claim:
    return Claim(f"signs-{id}", "extension", says, measure, holds, fails, kind="ours")


def _contrasts() -> Iterator[Claim]:
    for rule, (where, choose, contrasts) in CHOSEN.items():
        for method in (SIGN, ADAM):
            name = f"{rule}-{method.label.lower()}"
            for one in contrasts:
                says = f"{where}, {method.label} {one.says}"
                yield _ours(f"{name}-{one.id}", says, difference(choose, method, one.number), one.holds, one.fails)


def _amplifications() -> Iterator[Claim]:
    for method in (SIGN, ADAM):
        says = f"At the specified rates, {method.label} amplifies as GD does: |log₁₀ A(400)/A_GD(400)|"
        name = f"specified-{method.label.lower()}-amplifies"
        yield _ours(name, says, same_amplification(method), math.log10(2), 1.0)


def _rotations() -> Iterator[Claim]:
    for method in (SIGN, ADAM):
        name, text = method.label.lower(), f"With means off the axes {method.label}"
        aligns = f"{text} aligns more: median cos_good there minus on axes"
        yield _ours(f"rotated-{name}-aligned", aligns, gain_by_rotation(method, final_cosine), 0.2, 0.0)
        errs = f"{text} errs less: clean test error there minus on axes"
        yield _ours(f"rotated-{name}-errs", errs, gain_by_rotation(method, final_error), -0.1, 0.0)


FALLS = "alignment falls with the dimension: slope of log cos_good on log p, least held-out error"
CLAIMS = (
    *_amplifications(),
    *_contrasts(),
    _ours(
        "first-step",
        "After one huge sign step the cosine with every axis is 1/√p: |√p cos_good − 1|",
        first_cosine,
        0.1,
        0.5,
    ),
    _ours("trend-sign", f"Sign's {FALLS}", trend(SIGN), -0.25, 0.0),
    _ours("trend-adam", f"Adam's {FALLS}", trend(ADAM), -0.25, 0.0),
    _ours("trend-gd", "GD's does not: the same slope", trend(GD), -0.1, -0.25),
    *_rotations(),
)

FIGURE = Figure(
    id="signs",
    title="Sign descent and Adam on XOR clusters",
    statement=(
        "Nothing: this is an extension of ours. Hypothesis: sign-like steps move every noise coordinate as fast as the "
        "useful one, so neurons grow without turning to the clusters, and flipped labels are memorised. Judged over a grid "
        "of rates with every seed, three dimensions, and means along the axes or not."
    ),
    scales={
        "smoke": SignSizes(dimensions=(9, 16, 25), samples=120, width=40, specified_width=60, seeds=(0, 1, 2)),
        "laptop": SignSizes(),
    },
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    rule=RULE
    + " Sweeps have m = 100 to keep their cost low, and for every optimizer the decades within three of the rate at "
    "which the hypothesis was formed, each with every seed.",
)
