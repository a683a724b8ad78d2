"""Signal against noise: SignGD and Adam learn noise where gradient descent learns the signal. Phase picture, memorisation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.paper import Figure, Results
from steepest.measure.curvature import log_slope
from steepest.runs.method import Method
from steepest.runs.results import Undecided
from steepest.runs.store import Run
from steepest_papers.li2024signgd import laws
from steepest_papers.li2024signgd.comparison import LOUD, QUIET, ComparisonSizes, by_noise, by_samples, cell, plans
from steepest_papers.li2024signgd.measures import (
    Measure,
    Number,
    difference,
    final_loss,
    last_feature,
    last_prediction,
    over_seeds,
    paired,
    ratio,
)
from steepest_papers.li2024signgd.methods import ADAM, GD, SIGN
from steepest_papers.li2024signgd.noise_drawing import draw
from steepest_papers.li2024signgd.problem import SignalNoise

# The first sweep at n = 20, seeds 0 to 2: accuracy by noise scale.
FIRST_SWEEP = {
    SIGN: {0.1: 0.997, 0.2: 0.951, 0.5: 0.768, 1.0: 0.620, 2.0: 0.548},
    ADAM: {0.1: 0.903, 0.2: 0.722, 0.5: 0.616, 1.0: 0.560, 2.0: 0.530},
    GD: {0.1: 1.000, 0.2: 1.000, 0.5: 1.000, 1.0: 1.000, 2.0: 0.859},
}
FITTED = 1e-2  # a training loss below which the data are fitted
Runs = Mapping[float, list[Run]] | Mapping[int, list[Run]]

accuracy: Number = partial(last_prediction, name="test_accuracy")
test_loss: Number = partial(last_prediction, name="test_loss")
memorised: Number = partial(last_prediction, name="memorised")
log_s11: Number = partial(last_feature, name="log_s11")
signals_agree: Number = partial(last_feature, name="signal_agrees")


def tabulated(runs: Runs, number: Number) -> np.ndarray:
    """Return a number of each run, shape (cells, seeds)."""
    return np.array([[number(run) for run in at] for at in runs.values()])


def named(runs: Runs) -> list[str]:
    """Return the runs' ids."""
    return [run.id for at in runs.values() for run in at]


def told(runs: Runs, values: np.ndarray, symbol: str) -> str:
    """Return the mean over seeds in every cell."""
    return ", ".join(f"{row.mean():.3g} at {symbol} = {x:g}" for x, row in zip(runs, values, strict=True))


@measure()
def ratio_error(results: Results, method: Method, law: Callable[[SignalNoise], float]) -> Measured:
    """Return the largest |value noise / value signal / law − 1| over noise scales, n = 20."""
    runs = by_noise(results, method)
    predicted = np.array([[law(results.settings.problem(noise=noise))] for noise in runs])
    found = tabulated(runs, ratio)
    worst = np.abs(found / predicted - 1).max(axis=0)
    return Measured(worst.tolist(), named(runs), evidence=f"ratio {told(runs, found, 'σ_p')}")


@measure()
def ratio_slope(results: Results, method: Method) -> Measured:
    """Return d log(value noise / value signal) / d log n at σ_p = 0.5."""
    runs = by_samples(results, method)
    found = tabulated(runs, ratio)
    slopes = [log_slope(list(runs), seed) for seed in found.T]
    return Measured(slopes, named(runs), evidence=f"ratio {told(runs, found, 'n')}")


@measure()
def first_sweep_error(results: Results) -> Measured:
    """Return the largest difference of an accuracy from the first sweep's, over optimizers and noise scales.

    Raises:
        Undecided: the sizes are others.
    """
    sizes = results.settings
    if sizes != ComparisonSizes(samples=sizes.samples, noises=sizes.noises, seeds=sizes.seeds):
        raise Undecided("the first sweep had the laptop's sizes")
    differences, ids = [], []
    for method, first in FIRST_SWEEP.items():
        runs = {noise: results.calculations(cell(method, noise=noise)) for noise in first}
        differences.append(np.abs(tabulated(runs, accuracy) - np.array(list(first.values()))[:, None]).max(axis=0))
        ids += named(runs)
    return Measured(np.max(differences, axis=0).tolist(), ids)


def time_to_fit(run: Run) -> float:
    """Return the number of updates until the training loss is below 10⁻².

    Raises:
        Undecided: it never is.
    """
    below = run.column("loss") < FITTED
    if not below.any():
        raise Undecided(f"{run.spec['method']['kind'].split('.')[-1]} does not reach a loss of 10⁻² within the horizon")
    return float(run.column("step")[below.argmax()])


def octaves(first: Run, second: Run) -> float:
    """Return |log₂| of the ratio of the times that two runs need to fit the data."""
    return float(abs(np.log2(time_to_fit(second) / time_to_fit(first))))


def told_mean(name: str, number: Number) -> Callable[[object], str]:
    """Return the note with the mean of another number over runs."""
    return lambda runs: f"{name} {np.mean([number(run) for run in runs]):.3g}"  # type: ignore[attr-defined]


def _paper(id: str, where: str, says: str, measure: Measure, holds: float, fails: float) -> Claim:
    return Claim(f"noise-{id}", where, says, measure, holds, fails)


def _ours(id: str, says: str, measure: Measure, holds: float, fails: float) -> Claim:
    return Claim(f"noise-{id}", "derived here", says, measure, holds, fails, kind="ours")


AT_MAIN = "σ_p = 0.5"
CLAIMS = (
    _paper(
        "sign-fits",
        "abstract",
        f"SignGD fits the training data: training loss, {AT_MAIN}",
        over_seeds(cell(SIGN), final_loss),
        FITTED,
        10 * FITTED,
    ),
    _paper(
        "sign-poor",
        "abstract",
        f"… and generalises poorly: test accuracy, {AT_MAIN}",
        over_seeds(cell(SIGN), accuracy),
        0.85,
        0.95,
    ),
    _paper(
        "adam-poor",
        "abstract",
        f"Adam generalises no better than SignGD: test accuracy, its own minus SignGD's, {AT_MAIN}",
        paired(cell(SIGN), cell(ADAM), difference(accuracy)),
        0.02,
        0.1,
    ),
    _paper(
        "adam-fast",
        "abstract",
        f"Adam converges as SignGD does: |log₂ of the ratio of updates to a training loss of 10⁻²|, {AT_MAIN}",
        paired(cell(SIGN), cell(ADAM), octaves),
        1.0,
        2.0,
    ),
    _ours(
        "gd-well",
        f"Gradient descent on the same data generalises: test accuracy, {AT_MAIN}",
        over_seeds(cell(GD), accuracy, told_mean("training loss", final_loss)),
        0.99,
        0.95,
    ),
    _ours(
        "ratio-sign",
        "SignGD: value noise over value signal is 13.0 σ_p: largest relative error over σ_p",
        ratio_error(SIGN, lambda problem: 13.0 * problem.noise),
        0.2,
        0.4,
    ),
    _ours(
        "ratio-overlap",
        "SignGD: that ratio is s σ_p √(2/π) E[1/√(K + 1)]/‖μ‖₁: largest relative error over σ_p",
        ratio_error(SIGN, laws.sign_ratio),
        0.2,
        0.4,
    ),
    _ours(
        "ratio-gd",
        "Gradient descent: that ratio is s σ_p²/(n‖μ‖²): largest relative error over σ_p",
        ratio_error(GD, laws.gradient_ratio),
        0.4,
        0.8,
    ),
    _ours(
        "samples-gd",
        f"Gradient descent divides noise by n: slope of the log of that ratio on log n, {AT_MAIN}",
        ratio_slope(GD),
        -0.6,
        -0.3,
    ),
    _ours("samples-sign", "SignGD does not: the same slope", ratio_slope(SIGN), -0.3, -0.6),
    _ours(
        "phase-gd",
        "Gradient descent needs more samples for more noise: its accuracy gain from n = 10 to 80, σ_p = 2",
        paired(cell(GD, 10, LOUD), cell(GD, 80, LOUD), difference(accuracy)),
        0.1,
        0.02,
    ),
    _ours(
        "phase-sign",
        "More samples do not help SignGD there: its test accuracy at n = 80, σ_p = 2",
        over_seeds(cell(SIGN, 80, LOUD), accuracy),
        0.65,
        0.8,
    ),
    _ours(
        "attention-gd",
        f"Gradient descent attends to the signal: log₁₀ s_11, {AT_MAIN}",
        over_seeds(cell(GD), lambda run: log_s11(run) / np.log(10), told_mean("equal signal signs", signals_agree)),
        np.log10(0.8),
        np.log10(0.5),
    ),
    _ours(
        "attention-sign",
        f"SignGD attends to the noise: log₁₀ s_11, {AT_MAIN}",
        over_seeds(cell(SIGN), lambda run: log_s11(run) / np.log(10), told_mean("equal signal signs", signals_agree)),
        -2.0,
        -1.0,
    ),
    _ours(
        "memory-sign",
        f"SignGD memorises: share of training samples that keep their label when the signal is negated, {AT_MAIN}",
        over_seeds(cell(SIGN), memorised),
        0.9,
        0.5,
    ),
    _ours("memory-adam", "Adam memorises: the same share", over_seeds(cell(ADAM), memorised), 0.9, 0.5),
    _ours("memory-gd", "Gradient descent does not: the same share", over_seeds(cell(GD), memorised), 0.1, 0.5),
    _paper(
        "quiet-sign",
        "abstract",
        "Not only noise: test loss of SignGD at the highest signal-to-noise ratio, σ_p = 0.1",
        over_seeds(cell(SIGN, noise=QUIET), test_loss),
        0.45,
        0.2,
    ),
    _ours(
        "quiet-gd",
        "Gradient descent has no such floor: its test loss at σ_p = 0.1",
        over_seeds(cell(GD, noise=QUIET), test_loss),
        0.059,
        0.2,
    ),
    _ours(
        "first-sweep",
        "Our first sweep is reproduced: largest difference of a test accuracy, over optimizers and σ_p",
        first_sweep_error,
        0.1,
        0.2,
    ),
)

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
    draw=draw,
    rule=(
        "Sizes and rates are ours. One rate per optimizer: 10⁻³ for SignGD and Adam, 0.3 for gradient descent, at which the "
        "statements about gradient descent were formed; the figure 'rates' compares over grids."
    ),
)
