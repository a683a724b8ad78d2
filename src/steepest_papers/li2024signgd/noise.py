"""Signal against noise: SignGD and Adam learn noise where gradient descent learns the signal. Phase picture, memorisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.claims.claim import Claim, Measure, Measured, measure, placed
from steepest.claims.drawings import Rows, plot_points
from steepest.claims.figures import canvas
from steepest.claims.measures import Number, by_case, over_cases, over_seeds, paired, table_of
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.measure.curvature import log_slope
from steepest.runs.method import Method
from steepest.runs.results import Undecided
from steepest.runs.spec import Spec
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan, Seeds
from steepest_papers.li2024signgd.optimizers import ADAM, FITTED, GD, LINES, MAIN, RATES, SIGN, final_loss
from steepest_papers.li2024signgd.signal_noise import (
    Features,
    Predictions,
    SignalNoise,
    feature,
    gradient_ratio,
    prediction,
    sign_ratio,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAIN_SAMPLES, MAIN_NOISE = 20, 0.5
QUIET, LOUD = 0.1, 2.0  # the smallest noise scale, and the largest

# The first sweep at n = 20, seeds 0 to 2: accuracy by noise scale.
FIRST_SWEEP = {
    SIGN: {0.1: 0.997, 0.2: 0.951, 0.5: 0.768, 1.0: 0.620, 2.0: 0.548},
    ADAM: {0.1: 0.903, 0.2: 0.722, 0.5: 0.616, 1.0: 0.560, 2.0: 0.530},
    GD: {0.1: 1.000, 0.2: 1.000, 0.5: 1.000, 1.0: 1.000, 2.0: 0.859},
}
Law = Callable[[SignalNoise], float]


class ComparisonSizes(Settings):
    """Sizes of the comparison.

    Args:
        samples: the n of the phase picture; 20 among them.
        noises: the σ_p; 0.1, 0.5 and 2 among them.
        dimension: d.
        sparsity: s.
        init_scale: σ_0.
        key_width: m_k.
        value_width: m_v.
        steps: updates of SignGD and Adam; gradient descent has twice as many.
        seeds: they draw data and initial weights.
    """

    samples: Annotated[tuple[int, ...], Field(min_length=1)] = (10, 20, 80)
    noises: Annotated[tuple[float, ...], Field(min_length=1)] = (0.1, 0.2, 0.5, 1.0, 2.0)
    dimension: Annotated[int, Field(ge=2)] = 1000
    sparsity: Annotated[int, Field(ge=1)] = 20
    init_scale: Annotated[float, Field(gt=0)] = 0.02
    key_width: Annotated[int, Field(ge=1)] = 16
    value_width: Annotated[int, Field(ge=1)] = 8
    steps: Annotated[int, Field(ge=1)] = 300
    seeds: Seeds = (0, 1, 2, 3, 4)

    def problem(self, samples: int = MAIN_SAMPLES, noise: float = MAIN_NOISE) -> SignalNoise:
        """Return the problem of one cell of the phase picture."""
        names = ("dimension", "sparsity", "init_scale", "key_width", "value_width")
        return SignalNoise(samples=samples, noise=noise, **{name: getattr(self, name) for name in names})

    def summary(self) -> str:
        """Return all sizes in one line."""
        return (
            f"n={' '.join(map(str, self.samples))}, σ_p={' '.join(f'{noise:g}' for noise in self.noises)}, "
            f"d={self.dimension}, s={self.sparsity}, σ_0={self.init_scale:g}, m_k={self.key_width}, "
            f"m_v={self.value_width}, T={self.steps} and {2 * self.steps}, seeds {' '.join(map(str, self.seeds))}"
        )


def cell(method: Method, samples: int = MAIN_SAMPLES, noise: float = MAIN_NOISE) -> str:
    """Return the name of a plan: a method in one cell of the phase picture.

    >>> cell(GD, noise=0.1)
    'GD, n = 20, σ = 0.1'
    """
    return f"{method.label}, n = {samples}, σ = {noise:g}"


def runs_of(sizes: ComparisonSizes, method: Method, samples: int, noise: float) -> Calculations:
    """Return a method's runs in one cell, one for each seed, probed at the end."""
    steps = 2 * sizes.steps if method == GD else sizes.steps
    probes = (Features(at=(steps,)), Predictions(at=(steps,)))
    problem, lr = sizes.problem(samples, noise), RATES[method]
    runs = (Spec(problem=problem, method=method, lr=lr, steps=steps, seed=s, probes=probes) for s in sizes.seeds)
    return Calculations(tuple(runs))


def plans(sizes: ComparisonSizes) -> dict[str, Plan]:
    """Return every method in every cell."""
    cells = ((method, n, noise) for method in MAIN for n in sizes.samples for noise in sizes.noises)
    return {cell(*where): runs_of(sizes, *where) for where in cells}


def over_noise(results: Results, method: Method) -> dict[float, str]:
    """Return a method's plans at n = 20, by noise scale."""
    return {noise: cell(method, noise=noise) for noise in results.settings.noises}


def over_samples(results: Results, method: Method) -> dict[float, str]:
    """Return a method's plans at σ_p = 0.5, by number of samples."""
    return {n: cell(method, n) for n in results.settings.samples}


accuracy: Number = partial(prediction, name="test_accuracy")
test_loss: Number = partial(prediction, name="test_loss")
memorised: Number = partial(prediction, name="memorised")


def ratio(run: Run) -> float:
    """Return value noise over value signal at the end of a run."""
    return feature(run, "value_noise") / feature(run, "value_signal")


def time_to_fit(run: Run) -> float:
    """Return the number of updates until the training loss is below 10⁻².

    Raises:
        Undecided: it never is.
    """
    below = run.column("loss") < FITTED
    if not below.any():
        raise Undecided(f"{run.spec['method']['kind']} does not reach a loss of 10⁻² within the horizon")
    return float(run.column("step")[below.argmax()])


def octaves(first: Run, second: Run) -> float:
    """Return |log₂| of the ratio of the times that two runs need to fit the data."""
    return float(abs(np.log2(time_to_fit(second) / time_to_fit(first))))


def gain(first: Run, second: Run) -> float:
    """Return the accuracy of the second run minus that of the first."""
    return accuracy(second) - accuracy(first)


def mean_of(name: str, number: Number) -> Callable[[Sequence[Run]], str]:
    """Return what writes the mean of another number over runs, as evidence."""
    return lambda runs: f"{name} {np.mean([number(run) for run in runs]):.3g}"


def attention_to_signal(method: Method) -> Measure:
    """Return the measure log₁₀ s_11 at σ_p = 0.5, with the share of queries and keys that agree on the signal."""
    agree = mean_of("equal signal signs", partial(feature, name="signal_agrees"))
    return over_seeds(cell(method), lambda run: feature(run, "log_s11") / np.log(10), agree)


@measure()
def ratio_error(results: Results, method: Method, law: Law) -> Measured:
    """Return the largest |value noise / value signal / law − 1| over noise scales, n = 20."""
    ratios = by_case(results, over_noise(results, method), ratio)
    predicted = np.array([[law(results.settings.problem(noise=noise))] for noise in ratios])
    return over_cases(ratios, np.abs(table_of(ratios) / predicted - 1).max(axis=0), "σ_p", "ratio ")


@measure()
def ratio_slope(results: Results, method: Method) -> Measured:
    """Return d log(value noise / value signal) / d log n at σ_p = 0.5."""
    ratios = by_case(results, over_samples(results, method), ratio)
    slopes = np.array([log_slope(list(ratios), seed) for seed in table_of(ratios).T])
    return over_cases(ratios, slopes, "n", "ratio ")


@measure()
def first_sweep_error(results: Results) -> Measured:
    """Return the largest difference of an accuracy from the first sweep's, over optimizers and noise scales.

    Raises:
        Undecided: the sizes are others.
    """
    sizes = results.settings
    if sizes != ComparisonSizes(samples=sizes.samples, noises=sizes.noises, seeds=sizes.seeds):
        raise Undecided("the first sweep had the laptop's sizes")
    errors, runs = [], []
    for method, first in FIRST_SWEEP.items():
        points = by_case(results, {noise: cell(method, noise=noise) for noise in first}, accuracy)
        errors.append(np.abs(table_of(points) - np.array(list(first.values()))[:, None]).max(axis=0))
        runs += [run.id for at in points.values() for run, _ in at]
    return Measured(np.max(errors, axis=0).tolist(), runs)


CLAIMS = (
    *placed(
        "abstract",
        Claim("noise-sign-fits", over_seeds(cell(SIGN), final_loss).at_most(FITTED, fails=10 * FITTED)).says(
            "SignGD fits the training data: training loss, σ_p = 0.5"
        ),
        Claim("noise-sign-poor", over_seeds(cell(SIGN), accuracy).at_most(0.85, fails=0.95)).says(
            "… and generalises poorly: test accuracy, σ_p = 0.5"
        ),
        Claim("noise-adam-poor", paired(cell(SIGN), cell(ADAM), gain).at_most(0.02, fails=0.1)).says(
            "Adam generalises no better than SignGD: test accuracy, its own minus SignGD's, σ_p = 0.5"
        ),
        Claim("noise-adam-fast", paired(cell(SIGN), cell(ADAM), octaves).at_most(1.0, fails=2.0)).says(
            "Adam converges as SignGD does: |log₂ of the ratio of updates to a training loss of 10⁻²|, σ_p = 0.5"
        ),
        Claim("noise-quiet-sign", over_seeds(cell(SIGN, noise=QUIET), test_loss).at_least(0.45, fails=0.2)).says(
            "Not only noise: test loss of SignGD at the highest signal-to-noise ratio, σ_p = 0.1"
        ),
        kind="paper",
    ),
    Claim("noise-quiet-gd", over_seeds(cell(GD, noise=QUIET), test_loss).at_most(0.059, fails=0.2)).says(
        "Gradient descent has no such floor: its test loss at σ_p = 0.1"
    ),
    Claim(
        "noise-gd-well",
        over_seeds(cell(GD), accuracy, mean_of("training loss", final_loss)).at_least(0.99, fails=0.95),
    ).says("Gradient descent on the same data generalises: test accuracy, σ_p = 0.5"),
    Claim("noise-ratio-sign", ratio_error(SIGN, lambda problem: 13.0 * problem.noise).at_most(0.2, fails=0.4)).says(
        "SignGD: value noise over value signal is 13.0 σ_p: largest relative error over σ_p"
    ),
    Claim("noise-ratio-overlap", ratio_error(SIGN, sign_ratio).at_most(0.2, fails=0.4)).says(
        "SignGD: that ratio is s σ_p √(2/π) E[1/√(K + 1)]/‖μ‖₁: largest relative error over σ_p"
    ),
    Claim("noise-ratio-gd", ratio_error(GD, gradient_ratio).at_most(0.4, fails=0.8)).says(
        "Gradient descent: that ratio is s σ_p²/(n‖μ‖²): largest relative error over σ_p"
    ),
    Claim("noise-samples-gd", ratio_slope(GD).at_most(-0.6, fails=-0.3)).says(
        "Gradient descent divides noise by n: slope of the log of that ratio on log n, σ_p = 0.5"
    ),
    Claim("noise-samples-sign", ratio_slope(SIGN).at_least(-0.3, fails=-0.6)).says("SignGD does not: the same slope"),
    Claim("noise-phase-gd", paired(cell(GD, 10, LOUD), cell(GD, 80, LOUD), gain).at_least(0.1, fails=0.02)).says(
        "Gradient descent needs more samples for more noise: its accuracy gain from n = 10 to 80, σ_p = 2"
    ),
    Claim("noise-phase-sign", over_seeds(cell(SIGN, 80, LOUD), accuracy).at_most(0.65, fails=0.8)).says(
        "More samples do not help SignGD there: its test accuracy at n = 80, σ_p = 2"
    ),
    Claim("noise-attention-gd", attention_to_signal(GD).at_least(np.log10(0.8), fails=np.log10(0.5))).says(
        "Gradient descent attends to the signal: log₁₀ s_11, σ_p = 0.5"
    ),
    Claim("noise-attention-sign", attention_to_signal(SIGN).at_most(-2.0, fails=-1.0)).says(
        "SignGD attends to the noise: log₁₀ s_11, σ_p = 0.5"
    ),
    Claim("noise-memory-sign", over_seeds(cell(SIGN), memorised).at_least(0.9, fails=0.5)).says(
        "SignGD memorises: share of training samples that keep their label when the signal is negated, σ_p = 0.5"
    ),
    Claim("noise-memory-adam", over_seeds(cell(ADAM), memorised).at_least(0.9, fails=0.5)).says(
        "Adam memorises: the same share"
    ),
    Claim("noise-memory-gd", over_seeds(cell(GD), memorised).at_most(0.1, fails=0.5)).says(
        "Gradient descent does not: the same share"
    ),
    Claim("noise-first-sweep", first_sweep_error().at_most(0.1, fails=0.2)).says(
        "Our first sweep is reproduced: largest difference of a test accuracy, over optimizers and σ_p"
    ),
)


def phase(results: Results) -> Drawing:
    """Return test error over σ_p and n for each optimizer, mean over seeds."""
    noises, counts = results.settings.noises, results.settings.samples
    ratios = [1 / (noise * results.settings.sparsity**0.5) for noise in noises]
    ticks = [f"{noise:g}\n{ratio:.2g}" for noise, ratio in zip(noises, ratios, strict=True)]
    figure, axes = canvas(1, len(MAIN), width=2.9, height=2.7, sharey=True)
    rows: Rows = []
    for ax, method in zip(axes[0], MAIN, strict=True):
        errors = {
            (n, noise): [(run, 1 - accuracy(run)) for run in results.calculations(cell(method, n, noise))]
            for n in counts
            for noise in noises
        }
        means = [[np.mean([error for _, error in errors[n, noise]]) for noise in noises] for n in counts]
        image = _heat(ax, np.array(means))
        ax.set_xticks(range(len(noises)), ticks)
        ax.set_yticks(range(len(counts)), [str(n) for n in counts])
        ax.set(title=method.label, xlabel=r"$\sigma_p$, and signal-to-noise ratio $1/(\sigma_p\sqrt{s})$")
        rows += [
            {"method": method.label, "samples": n, "noise": noise, "run": run.id, "error": error}
            for (n, noise), at in errors.items()
            for run, error in at
        ]
    axes[0, 0].set_ylabel("samples $n$")
    figure.colorbar(image, ax=axes[0].tolist(), label="test error", shrink=0.9)
    return Drawing(figure, pa.Table.from_pylist(rows))


def _heat(ax: Axes, means: np.ndarray) -> Any:
    image = ax.imshow(means, origin="lower", vmin=0, vmax=0.5, cmap="viridis", aspect="auto")
    for (row, column), value in np.ndenumerate(means):
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8, color="k" if value > 0.3 else "w")
    ax.grid(visible=False)
    return image


def curves(results: Results) -> Drawing:
    """Return accuracy, loss and memory over the noise scale at n = 20, and the ratio over n against the laws."""
    figure, axes = canvas(1, 4, width=2.7, height=2.6)
    rows: Rows = []
    panels = {"test accuracy": accuracy, "test loss": test_loss, "share memorised": memorised}
    for ax, (title, number) in zip(axes[0], panels.items(), strict=False):
        for method in MAIN:
            points = by_case(results, over_noise(results, method), number)
            rows += plot_points(ax, points, panel=title, label=method.label, marker="o", markersize=3, **LINES[method])
        ax.set(xscale="log", xlabel=r"noise $\sigma_p$", title=title.capitalize())
    axes[0, 0].legend()
    rows += _ratios(axes[0, 3], results)
    return Drawing(figure, pa.Table.from_pylist(rows))


def _ratios(ax: Axes, results: Results) -> Rows:
    """Draw the ratio of value noise to value signal over n at σ_p = 0.5, with the laws."""
    rows: Rows = []
    for method, law in ((SIGN, sign_ratio), (GD, gradient_ratio)):
        name = "_" if rows else "law"
        points = by_case(results, over_samples(results, method), ratio)
        rows += plot_points(ax, points, panel="ratio", label=method.label, marker="o", markersize=3, **LINES[method])
        predicted = [law(results.settings.problem(samples=n)) for n in results.settings.samples]
        ax.plot(list(points), predicted, color="#999999", linestyle=":", label=name)
    ax.set(xscale="log", yscale="log", xlabel="samples $n$", title=r"Value noise / signal, $\sigma_p = 0.5$")
    ax.set_xticks(results.settings.samples, [str(n) for n in results.settings.samples])
    ax.minorticks_off()
    ax.legend()
    return rows


FIGURE = Figure(
    id="noise",
    title="Signal against noise: SignGD, Adam, gradient descent",
    statement=(
        "On the same data and the same loss, SignGD and Adam put their weight on the noise of the training samples, and "
        "gradient descent on what they have in common. A sign step counts coordinates: s σ_p of noise against one of signal, "
        "however many samples there are; a gradient step averages noise over n samples."
    ),
    scales={
        "smoke": ComparisonSizes(
            samples=(10, 20, 80), dimension=100, sparsity=4, key_width=4, value_width=2, seeds=(0, 1, 2)
        ),
        "laptop": ComparisonSizes(),
    },
    plans=plans,
    claims=CLAIMS,
    draw={"phase": phase, "noise": curves},
    rule=(
        "Sizes and rates are ours. One rate per optimizer: 10⁻³ for SignGD and Adam, 0.3 for gradient descent, at which the "
        "statements about gradient descent were formed; the figure 'rates' compares over grids."
    ),
    where="derived here",
    kind="ours",
)
