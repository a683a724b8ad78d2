"""Appendix to Figure 2: bar-coded digits alone, and eight optimizers at a longer horizon, with the floor of their loss.

The empty bar code leaves a digit as it is, under another label than the plain digit has. No function of the image x has a
training loss below

    H(y|x) = −(1/n) Σ_x Σ_y n_xy log(n_xy/n_x)

where n_xy counts the images x of class y (derived by us).
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, ClassVar

import numpy as np
import torch

from steepest.claims.claim import Claim, Measured, measure, placed
from steepest.claims.drawings import curve_table, grid_of_methods, learning_rates, overall_by_case, selected, steps
from steepest.claims.figures import canvas, line_style
from steepest.claims.measures import final_losses, gap, run_ids
from steepest.claims.paper import Drawing, Figure, Results
from steepest.component import declared
from steepest.runs.results import Undecided
from steepest.runs.spec import Calculation
from steepest.runs.sweep import Calculations, Plan
from steepest_papers.kunstner2024heavytailed.barcoded import (
    PAPER,
    RATES,
    RULE,
    SMOKE,
    BarcodedSizes,
    gap_and_rest,
    learnt,
)
from steepest_papers.kunstner2024heavytailed.barcodes import BarcodedDigits
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM, ADAM_M, GD, GD_M

ONLY, LONG, FLOORS = "barcoded-only", "barcoded-long", "floors"
# The middle of the rates that the paper tries on bar-coded digits alone.
ONLY_RATES = {GD: 0.5, GD_M: 0.0, ADAM: -2.0, ADAM_M: -2.0}


class LongSizes(BarcodedSizes):
    """Sizes of the longer experiment: the paper trains for 600 updates and shows 400, where it selects the rates."""

    paper_steps: ClassVar[int] = 400


def only(sizes: BarcodedSizes) -> dict[str, Plan]:
    """Return gradient descent and Adam on the bar-coded classes, all of the same size."""
    return {ONLY: sizes.sweep(sizes.barcoded(), ONLY_RATES)}


def long(sizes: BarcodedSizes) -> dict[str, Plan]:
    """Return the eight optimizers, and the floor of the loss with and without the empty bar code."""
    data = sizes.barcoded()
    calculations = tuple(
        Calculation(loss_floor, {"data": data.changed(empty_barcode=empty)}, seed=seed)
        for seed in sizes.seeds
        for empty in (True, False)
    )
    return {LONG: sizes.sweep(data, RATES), FLOORS: Calculations(calculations)}


@declared("kunstner2024heavytailed.loss_floor")
def loss_floor(data: BarcodedDigits, seed: int) -> dict[str, float]:
    """Return H(y|x) of the training images, and how many of them share their pixels with another class."""
    images = data.raw(seed)
    pixels = [image.tobytes() for image in images.batch(torch.arange(data.num_images)).numpy()]
    classes = images.train_classes.tolist()
    return {"floor": conditional_entropy(pixels, classes), "contradicted": contradicted(pixels, classes)}


def conditional_entropy(xs: list[Any], ys: list[int]) -> float:
    """Return H(y|x) in nats for equally likely pairs.

    >>> conditional_entropy(["a", "a", "b", "b"], [0, 1, 2, 2])
    0.34657359027997264
    """
    of_x, of_pair = Counter(xs), Counter(zip(xs, ys, strict=True))
    return sum(count * math.log(of_x[x] / count) for (x, _), count in of_pair.items()) / len(xs)


def contradicted(xs: list[Any], ys: list[int]) -> int:
    """Return the number of pairs whose x also occurs with another y.

    >>> contradicted(["a", "a", "b", "b"], [0, 1, 2, 2])
    2
    """
    classes = Counter(x for x, _ in set(zip(xs, ys, strict=True)))
    return sum(classes[x] > 1 for x in xs)


def floors(results: Results) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the floors with and without the empty bar code, one per seed, and the ids of their runs."""
    runs = results.calculations(FLOORS)
    values = np.reshape([run.facts["floor"] for run in runs], (-1, 2))
    return values[:, 0], values[:, 1], [run.id for run in runs]


@measure("share of H(y|x) that it causes")
def floor_removed(results: Results) -> Measured:
    """Return 1 − H without/H with the empty bar code."""
    with_it, without, runs = floors(results)
    if not with_it.all():
        raise Undecided("no image occurs under two labels in one of the seeds, so there is no floor to remove")
    evidence = f"H(y|x) {with_it.mean():.2g} with, {without.mean():.2g} without the empty bar code"
    return Measured((1 - without / with_it).tolist(), runs, evidence=evidence)


@measure("H(y|x) in units of the lowest final loss of the eight optimizers")
def floor_in_loss(results: Results) -> Measured:
    """Return H(y|x)/L(T), L(T) the smallest loss of the eight optimizers."""
    with_it, _, runs = floors(results)
    bests = selected(results.sweep(LONG), results.sweep(LONG).labels).values()
    lowest = min(bests, key=lambda best: float(final_losses(best).mean()))
    losses = final_losses(lowest)
    evidence = f"H(y|x) {with_it.mean():.2g}, {lowest.label} ends at {losses.mean():.3g}"
    return Measured((with_it / losses).tolist(), [*runs, *run_ids(lowest)], evidence=evidence)


def draw_floor(results: Results) -> Drawing:
    """Return the loss of all optimizers on a logarithmic axis, above the floor."""
    sweep = results.sweep(LONG)
    figure, axes = canvas(1, 1, width=5.2, height=3.2)
    ax = axes[0, 0]
    for label, best in selected(sweep, sweep.labels).items():
        ax.plot(steps(best), np.median(best.curves(), axis=0), label=label, **line_style(label))
    ax.axhline(floors(results)[0].mean(), color="#999999", linestyle=":", label="floor $H(y|x)$")
    ax.set(yscale="log", xlabel="update", ylabel="training loss", title="Eight optimizers, and what no model can beat")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return Drawing(figure, curve_table(sweep, sweep.labels))


NO_PLAIN: dict[str, Any] = {"plain": 0}

ALONE = Figure(
    id="barcoded-only",
    title="Convolutional network on bar-coded digits alone",
    statement="Without the frequent classes gradient descent learns the bar-coded digits too: the images are not what is hard.",
    scales={
        "smoke": BarcodedSizes(**SMOKE | NO_PLAIN),
        "laptop": BarcodedSizes(bits=6, **NO_PLAIN),
        "paper": BarcodedSizes(**PAPER | NO_PLAIN, momentum_only=False),
    },
    plans=only,
    claims=(
        Claim("only-gd", learnt(ONLY, "GD+m").at_least(0.5, fails=0.15)).says(
            "GD with momentum learns the bar-coded digits where all classes are as frequent"
        ),
        Claim("only-gap", gap_and_rest(ONLY, "GD+m", "Adam+m").at_most(0.05, fails=0.15)).says(
            "There GD ends where Adam does, both with momentum, so the images are not what is hard"
        ),
    ),
    draw={ONLY: overall_by_case({"Bar-coded digits alone": ONLY}), f"{ONLY}-rates": learning_rates(ONLY)},
    rule=f"Sizes and horizon of Figure 2. {RULE}",
    where="Appendix, bar-coded digits alone",
)

LONGER = Figure(
    id="barcoded-long",
    title="Convolutional network on MNIST with bar-coded rare classes, eight optimizers, longer",
    statement="The gap of Figure 2 is there for longer too. Sign descent sides with Adam, normalised descent with GD.",
    scales={
        "smoke": LongSizes(**SMOKE, momentum_only=False),
        "laptop": LongSizes(bits=5, momentum_only=False),
        "paper": LongSizes(**PAPER, momentum_only=False),
    },
    plans=long,
    claims=(
        Claim("long-gap", gap(LONG, "GD-m", "Adam-m").at_least(0.15, fails=0.05)).says(
            "Adam still ends below GD, both without momentum"
        ),
        Claim("long-gap-momentum", gap(LONG, "GD+m", "Adam+m").at_least(0.15, fails=0.05)).says(
            "Adam still ends below GD, both with momentum"
        ),
        Claim("long-sign", gap(LONG, "Sign+m", "Adam+m").absolute().at_most(0.1, fails=0.2)).says(
            "Sign descent ends where Adam does, both with momentum"
        ),
        Claim(
            "long-norm", gap(LONG, "NormGD+m", "Sign+m").named("Γ of NormGD over Sign").at_least(0.15, fails=0.05)
        ).says("Normalising the gradient's length without changing its direction does not close the gap"),
        *placed(
            "Data of Figure 2",
            Claim("long-floor", floor_removed().at_least(1.0, fails=0.5)).says(
                "Without the empty bar code, which contradicts the plain digits, the floor under the training loss is gone"
            ),
            Claim("long-floor-small", floor_in_loss().at_most(0.1, fails=0.5)).says(
                "The floor explains little of any loss"
            ),
            kind="ours",
        ),
    ),
    draw={
        LONG: grid_of_methods(LONG),
        f"{LONG}-overall": draw_floor,
        f"{LONG}-rates": learning_rates(LONG),
    },
    rule=f"{RULE} Here the paper shows T = 400 instead of 300.",
    where="Appendix, longer horizon on MNIST + bar-coded (claim inferred)",
)
