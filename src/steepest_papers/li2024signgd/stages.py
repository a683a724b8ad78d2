"""Four stages of SignGD: values, then query and key noise, then query and key signals, then the collapse of attention."""

from __future__ import annotations

from collections.abc import Callable

from steepest.claims.claim import Claim
from steepest.claims.paper import Figure
from steepest.runs.store import Run
from steepest_papers.li2024signgd.measures import Measure, feature, final_loss, last_prediction, over_seeds
from steepest_papers.li2024signgd.stage_measures import (
    first_run_error,
    least_test_loss,
    loss_slope_error,
    noise_factor,
    overlap_error,
    signal_after_noise,
    signal_error,
    signal_signs_kept,
    told_boundaries,
)
from steepest_papers.li2024signgd.stage_sizes import CUT, STEPS, StageSizes, plans
from steepest_papers.li2024signgd.stages_drawing import draw


def against_law(number: Callable[[Run, StageSizes], float]) -> Measure:
    """Return the measure of a number that a run and the sizes give."""
    return lambda results: over_seeds("sign", lambda run: number(run, results.settings))(results)


def _stage(id: str, says: str, measure: Measure, holds: float, fails: float) -> Claim:
    return Claim(f"stage-{id}", "four stages; quantities and thresholds ours", says, measure, holds, fails)


def _ours(id: str, says: str, measure: Measure, holds: float, fails: float) -> Claim:
    return Claim(id, "derived here", says, measure, holds, fails, kind="ours")


CLAIMS = (
    _stage(
        "1-keys",
        "I: query and key noise are still what they were: share of key-noise signs kept at t = 2",
        over_seeds("sign", lambda run: feature(run, "key_signs_kept", 2)),
        0.95,
        0.8,
    ),
    _stage(
        "1-values",
        "I: value noise turns to the labels early: share of samples at t = 10",
        over_seeds("sign", lambda run: feature(run, "values_aligned", 10)),
        0.95,
        0.75,
    ),
    _stage(
        "2-noise",
        "II: query and key noise align their signs: largest share over t",
        over_seeds("sign", lambda run: float(run.column("noise_agrees", "features").max())),
        0.8,
        0.6,
    ),
    _stage(
        "3-signals",
        "III: query and key signals take opposite signs: share of rows with equal ones at t = 100",
        over_seeds("sign", lambda run: feature(run, "signal_agrees", CUT)),
        0.4,
        0.5,
    ),
    _stage(
        "3-fixed",
        "III: the signs of the query signals are settled by t = 100: share of rows that keep theirs to the end",
        over_seeds("sign", signal_signs_kept),
        0.9,
        0.7,
    ),
    _stage(
        "4-collapse",
        "IV: s_21 collapses before s_11: s_11 where s_21 first is below 10⁻³",
        over_seeds("sign", signal_after_noise),
        0.2,
        0.05,
    ),
    _stage(
        "4-signals",
        "IV: query and key signals end opposite: share of rows with equal signs at t = 500",
        over_seeds("sign", lambda run: feature(run, "signal_agrees", STEPS)),
        0.1,
        0.3,
    ),
    _stage(
        "4-noise",
        "IV: noise realigns to the signals: smaller share of query and of key noise with the sign of y_i⟨w_Q, μ⟩, t = 500",
        over_seeds("sign", lambda run: min(feature(run, f"{name}_follows", STEPS) for name in ("query", "key"))),
        0.8,
        0.6,
    ),
    _ours("stage-order", "The stages end in order: fewest updates between successive ends", told_boundaries, 0, -10),
    _ours(
        "value-signal",
        "The value signal grows by 2η‖μ‖₁ per update: relative error",
        against_law(signal_error),
        0.03,
        0.06,
    ),
    _ours(
        "value-noise",
        "The value noise grows by at most 2η s σ_p √(2/π) per update: |its factor − 0.9|",
        against_law(lambda run, sizes: abs(noise_factor(run, sizes) - 0.9)),
        0.1,
        0.2,
    ),
    _ours(
        "value-overlap",
        "That factor is E[1/√(K + 1)], K samples sharing a coordinate: relative error",
        against_law(overlap_error),
        0.05,
        0.1,
    ),
    Claim(
        "fast", over_seeds("sign", lambda run: final_loss(run) / run.facts["initial_loss"]).at_most(1e-4, fails=1e-2)
    ).says("Fast convergence: training loss at t = 500 over that at the start"),
    _ours(
        "fast-slope",
        "The training loss falls exponentially at twice the growth of the value noise: relative error of the slope of its log",
        over_seeds("sign", loss_slope_error),
        0.1,
        0.2,
    ),
    _ours(
        "first-run",
        "Our first run is reproduced: largest deviation of the training loss, in spreads over seeds",
        first_run_error,
        3,
        6,
    ),
    Claim("poor-loss", over_seeds("sign", least_test_loss).at_least(0.5, fails=0.3)).says(
        "Poor generalisation: smallest test loss over t"
    ),
    Claim(
        "poor-accuracy", over_seeds("sign", lambda run: last_prediction(run, "test_accuracy")).at_most(0.7, fails=0.8)
    ).says("Poor generalisation: test accuracy at t = 500"),
)

FIGURE = Figure(
    id="stages",
    title="Four stages of SignGD on signal and sparse noise",
    statement=(
        "Values learn first, while queries and keys stand still; query and key noise then agree on their signs; query and key "
        "signals follow a vote over the samples; attention leaves the signal, first where the noise asks. The training loss "
        "falls exponentially while fresh samples stay near chance."
    ),
    scales={
        "smoke": StageSizes(dimension=300, sparsity=12, key_width=16, value_width=4, lr=3e-4, seeds=(0, 1, 2)),
        "quick": StageSizes(),
        "laptop": StageSizes(),
    },
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    rule=(
        "Sizes, patches, the law of the noise, initial scale and rate are ours; the paper's could not be read. The paper's "
        "figure has s_21 near 0 and s_11 near ½ at t = 150; only that order is tested."
    ),
    where="abstract",
)
