"""Measures on the run of the four stages: where stages end, and growth rates against the laws derived here."""

from __future__ import annotations

import math

import numpy as np

from steepest.claims.claim import Measured, measure
from steepest.claims.paper import Results
from steepest.runs.results import Undecided
from steepest.runs.store import Run
from steepest_papers.li2024signgd import laws
from steepest_papers.li2024signgd.measures import at, feature, measured_at
from steepest_papers.li2024signgd.stage_sizes import CUT, FITTED, STEPS, StageSizes

# The setting's first run, seeds 0 to 4: mean and spread of the training loss.
TRAINING = {
    0: (0.692, 0.006),
    50: (0.346, 0.008),
    100: (0.143, 0.007),
    200: (0.0153, 0.002),
    300: (1.47e-3, 3e-4),
    500: (2e-5, 7e-6),
}


def boundaries(run: Run) -> tuple[int, int, int]:
    """Return the updates that end stages I, II and III: all values aligned; most noise agrees; s_21 below 10⁻².

    Raises:
        Undecided: one of them is not reached.
    """
    steps = measured_at(run, "features")
    aligned = steps[run.column("values_aligned", "features") == 1]
    collapsed = steps[run.column("log_s21", "features") < math.log(1e-2)]
    if not (len(aligned) and len(collapsed)):
        raise Undecided(f"run {run.id}: a stage does not end within {STEPS} updates")
    return int(aligned[0]), int(steps[run.column("noise_agrees", "features").argmax()]), int(collapsed[0])


def order_of_stages(run: Run) -> float:
    """Return the smallest number of updates between the ends of successive stages; negative where they swap."""
    return float(np.diff(boundaries(run)).min())


def signal_signs_kept(run: Run) -> float:
    """Return the share of rows whose query signal has the sign at the end that it had at t = 100."""
    now, end = (at(run, "rows", "query_signal", step) for step in (CUT, STEPS))
    return float(np.mean(now * end > 0))


def signal_after_noise(run: Run) -> float:
    """Return s_11 where s_21 first falls below 10⁻³.

    Raises:
        Undecided: it does not.
    """
    below = run.column("log_s21", "features") < math.log(1e-3)
    if not below.any():
        raise Undecided(f"run {run.id}: s_21 stays above 10⁻³")
    return float(np.exp(run.column("log_s11", "features")[below.argmax()]))


def growth(run: Run, name: str) -> float:
    """Return the mean growth per update of a value term over the whole run."""
    return (feature(run, name, STEPS) - feature(run, name, 0)) / STEPS


def loss_slope(run: Run) -> float:
    """Return the least-squares slope of the logarithm of the training loss on t, from t = 150 on."""
    late = run.column("step") >= FITTED
    return float(np.polyfit(run.column("step")[late], np.log(run.column("loss")[late]), 1)[0])


def loss_slope_error(run: Run) -> float:
    """Return |slope of log loss / (−2 × growth of the value noise) − 1|: both queries read the noise, the margin is twice it."""
    first = feature(run, "value_noise", FITTED)
    noise = (feature(run, "value_noise", STEPS) - first) / (STEPS - FITTED)
    return abs(loss_slope(run) / (-2 * noise) - 1)


@measure()
def first_run_error(results: Results) -> Measured:
    """Return the largest deviation of the training loss from the first run's, in units of its spread over seeds.

    Raises:
        Undecided: the sizes are others.
    """
    sizes = results.settings
    if sizes != StageSizes(seeds=sizes.seeds):
        raise Undecided("the first run had the laptop's sizes")
    runs = results.calculations("sign")
    return Measured([_deviation(run) for run in runs], [run.id for run in runs])


def _deviation(run: Run) -> float:
    steps, losses = run.column("step").tolist(), run.column("loss")
    return float(max(abs(losses[steps.index(t)] - mean) / spread for t, (mean, spread) in TRAINING.items()))


def signal_error(run: Run, sizes: StageSizes) -> float:
    """Return |growth of the value signal / 2η‖μ‖₁ − 1|."""
    return abs(growth(run, "value_signal") / laws.signal_step(sizes.lr) - 1)


def noise_factor(run: Run, sizes: StageSizes) -> float:
    """Return the growth of the value noise in units of what it is where supports do not overlap."""
    return growth(run, "value_noise") / laws.noise_step(sizes.problem(), sizes.lr)


def overlap_error(run: Run, sizes: StageSizes) -> float:
    """Return |noise factor / E[1/√(K + 1)] − 1|."""
    return abs(noise_factor(run, sizes) / laws.overlap_factor(sizes.problem()) - 1)


def least_test_loss(run: Run) -> float:
    """Return the smallest test loss over t."""
    return float(run.column("test_loss", "predictions").min())


@measure()
def told_boundaries(results: Results) -> Measured:
    """Return the measure of the order of the stages, with their ends."""
    runs = results.calculations("sign")
    ends = np.mean([boundaries(run) for run in runs], axis=0)
    evidence = "ends of I, II, III at t = " + ", ".join(f"{end:.0f}" for end in ends)
    return Measured([order_of_stages(run) for run in runs], [run.id for run in runs], evidence=evidence)
