"""Four stages of SignGD: values, then query and key noise, then query and key signals, then the collapse of attention."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.claims.claim import Claim, Measure, Measured, measure, placed
from steepest.claims.drawings import Rows, over_time, plot_points
from steepest.claims.figures import canvas
from steepest.claims.measures import at_step, over_seeds
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.runs.results import Undecided
from steepest.runs.spec import LearningRate, Spec
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan, Seeds
from steepest_papers.li2024signgd.optimizers import SIGN, final_loss
from steepest_papers.li2024signgd.signal_noise import (
    Features,
    Predictions,
    SignalNoise,
    ValueNoise,
    feature,
    noise_step,
    overlap_factor,
    prediction,
    signal_step,
)
from steepest_papers.li2024signgd.signal_noise import Rows as WeightRows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = 500
TIMES = (*range(20), *range(20, 200, 5), *range(200, STEPS + 1, 20))
TESTED = (0, 20, 50, 100, 150, 200, 300, 400, STEPS)
FIT_FROM = 150  # the slope of the training loss is fitted from here on
CUT = 100  # lines are split by their sign here, as in the paper's figure
per_seed = partial(over_seeds, "sign")  # one number from every run of the only plan
PROBES = (Features(at=TIMES), WeightRows(at=TIMES), ValueNoise(at=TIMES), Predictions(at=TESTED))

# The setting's first run, seeds 0 to 4: mean and spread of the training loss after some updates.
FIRST_STEPS = (0, 50, 100, 200, 300, 500)
FIRST_MEANS = (0.692, 0.346, 0.143, 0.0153, 1.47e-3, 2e-5)
FIRST_SPREADS = (0.006, 0.008, 0.007, 0.002, 3e-4, 7e-6)


class StageSizes(Settings):
    """Sizes of the run.

    Args:
        samples: n.
        dimension: d.
        sparsity: s.
        noise: σ_p.
        init_scale: σ_0.
        key_width: m_k.
        value_width: m_v.
        lr: η.
        seeds: they draw data and initial weights.
    """

    samples: Annotated[int, Field(ge=2, multiple_of=2)] = 20
    dimension: Annotated[int, Field(ge=2)] = 2000
    sparsity: Annotated[int, Field(ge=1)] = 40
    noise: Annotated[float, Field(gt=0)] = 2.0
    init_scale: Annotated[float, Field(gt=0)] = 0.02
    key_width: Annotated[int, Field(ge=1)] = 64
    value_width: Annotated[int, Field(ge=1)] = 32
    lr: LearningRate = 1e-4
    seeds: Seeds = (0, 1, 2, 3, 4)

    def problem(self) -> SignalNoise:
        """Return the problem."""
        return SignalNoise(**{name: value for name, value in self.fields().items() if name not in ("lr", "seeds")})

    def summary(self) -> str:
        """Return all sizes in one line."""
        return (
            f"n={self.samples}, d={self.dimension}, s={self.sparsity}, σ_p={self.noise:g}, σ_0={self.init_scale:g}, "
            f"m_k={self.key_width}, m_v={self.value_width}, η={self.lr:g}, T={STEPS}, "
            f"seeds {' '.join(map(str, self.seeds))}"
        )


def plans(sizes: StageSizes) -> dict[str, Plan]:
    """Return SignGD on every seed, with all probes."""
    problem = sizes.problem()
    runs = (Spec(problem=problem, method=SIGN, lr=sizes.lr, steps=STEPS, seed=s, probes=PROBES) for s in sizes.seeds)
    return {"sign": Calculations(tuple(runs))}


def boundaries(run: Run) -> tuple[int, int, int]:
    """Return the updates that end stages I, II and III: all values aligned; most noise agrees; s_21 below 10⁻².

    Raises:
        Undecided: one of them is not reached.
    """
    steps = run.column("step", "features")
    aligned = steps[run.column("values_aligned", "features") == 1]
    collapsed = steps[run.column("log_s21", "features") < math.log(1e-2)]
    if not (len(aligned) and len(collapsed)):
        raise Undecided(f"run {run.id}: a stage does not end within {STEPS} updates")
    return int(aligned[0]), int(steps[run.column("noise_agrees", "features").argmax()]), int(collapsed[0])


def order_of_stages(run: Run) -> float:
    """Return the smallest number of updates between the ends of successive stages; negative where they swap."""
    return float(np.diff(boundaries(run)).min())


def mean_boundaries(runs: Sequence[Run]) -> str:
    """Return when the stages end, means over runs."""
    ends = np.mean([boundaries(run) for run in runs], axis=0)
    return "ends of I, II, III at t = " + ", ".join(f"{end:.0f}" for end in ends)


def signal_signs_kept(run: Run) -> float:
    """Return the share of rows whose query signal has the sign at the end that it had at t = 100."""
    now, end = (at_step(run, "rows", step)["query_signal"] for step in (CUT, STEPS))
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


def signal_error(run: Run, sizes: StageSizes) -> float:
    """Return |growth of the value signal / 2η‖μ‖₁ − 1|."""
    return abs(growth(run, "value_signal") / signal_step(sizes.lr) - 1)


def noise_factor(run: Run, sizes: StageSizes) -> float:
    """Return the growth of the value noise in units of what it is where supports do not overlap."""
    return growth(run, "value_noise") / noise_step(sizes.problem(), sizes.lr)


def overlap_error(run: Run, sizes: StageSizes) -> float:
    """Return |noise factor / E[1/√(K + 1)] − 1|."""
    return abs(noise_factor(run, sizes) / overlap_factor(sizes.problem()) - 1)


def loss_slope(run: Run) -> float:
    """Return the least-squares slope of the logarithm of the training loss on t, from t = 150 on."""
    late = run.column("step") >= FIT_FROM
    return float(np.polyfit(run.column("step")[late], np.log(run.column("loss")[late]), 1)[0])


def loss_slope_error(run: Run) -> float:
    """Return |slope of log loss / (−2 × growth of the value noise) − 1|: both queries read the noise, the margin is twice it."""
    first = feature(run, "value_noise", FIT_FROM)
    noise = (feature(run, "value_noise", STEPS) - first) / (STEPS - FIT_FROM)
    return abs(loss_slope(run) / (-2 * noise) - 1)


def deviation(run: Run) -> float:
    """Return the largest deviation of the training loss from the first run's, in units of its spread over seeds."""
    losses = run.column("loss")[np.isin(run.column("step"), FIRST_STEPS)]
    return float((np.abs(losses - FIRST_MEANS) / FIRST_SPREADS).max())


@measure()
def first_run_error(results: Results) -> Measured:
    """Return the largest deviation of the training loss from the first run's.

    Raises:
        Undecided: the sizes are others.
    """
    if results.settings != StageSizes(seeds=results.settings.seeds):
        raise Undecided("the first run had the laptop's sizes")
    return per_seed(deviation)(results)


@measure()
def against_law(results: Results, number: Callable[[Run, StageSizes], float]) -> Measured:
    """Return a number that a run and the sizes give."""
    return per_seed(lambda run: number(run, results.settings))(results)


def column(name: str, step: int) -> Measure:
    """Return the measure of a column of `Features` after `step` updates."""
    return per_seed(lambda run: feature(run, name, step))


CLAIMS = (
    *placed(
        "four stages; quantities and thresholds ours",
        Claim("stage-1-keys", column("key_signs_kept", 2).at_least(0.95, fails=0.8)).says(
            "I: query and key noise are still what they were: share of key-noise signs kept at t = 2"
        ),
        Claim("stage-1-values", column("values_aligned", 10).at_least(0.95, fails=0.75)).says(
            "I: value noise turns to the labels early: share of samples at t = 10"
        ),
        Claim(
            "stage-2-noise",
            per_seed(lambda run: run.column("noise_agrees", "features").max()).at_least(0.8, fails=0.6),
        ).says("II: query and key noise align their signs: largest share over t"),
        Claim("stage-3-signals", column("signal_agrees", CUT).at_most(0.4, fails=0.5)).says(
            "III: query and key signals take opposite signs: share of rows with equal ones at t = 100"
        ),
        Claim("stage-3-fixed", per_seed(signal_signs_kept).at_least(0.9, fails=0.7)).says(
            "III: the signs of the query signals are settled by t = 100: share of rows that keep theirs to the end"
        ),
        Claim("stage-4-collapse", per_seed(signal_after_noise).at_least(0.2, fails=0.05)).says(
            "IV: s_21 collapses before s_11: s_11 where s_21 first is below 10⁻³"
        ),
        Claim("stage-4-signals", column("signal_agrees", STEPS).at_most(0.1, fails=0.3)).says(
            "IV: query and key signals end opposite: share of rows with equal signs at t = 500"
        ),
        Claim(
            "stage-4-noise",
            per_seed(lambda run: min(feature(run, f"{name}_follows", STEPS) for name in ("query", "key"))).at_least(
                0.8, fails=0.6
            ),
        ).says(
            "IV: noise realigns to the signals: smaller share of query and of key noise with the sign of y_i⟨w_Q, μ⟩, t = 500"
        ),
    ),
    *placed(
        "derived here",
        Claim("stage-order", per_seed(order_of_stages, mean_boundaries).at_least(0, fails=-10)).says(
            "The stages end in order: fewest updates between successive ends"
        ),
        Claim("value-signal", against_law(signal_error).at_most(0.03, fails=0.06)).says(
            "The value signal grows by 2η‖μ‖₁ per update: relative error"
        ),
        Claim(
            "value-noise", against_law(lambda run, sizes: abs(noise_factor(run, sizes) - 0.9)).at_most(0.1, fails=0.2)
        ).says("The value noise grows by at most 2η s σ_p √(2/π) per update: |its factor − 0.9|"),
        Claim("value-overlap", against_law(overlap_error).at_most(0.05, fails=0.1)).says(
            "That factor is E[1/√(K + 1)], K samples sharing a coordinate: relative error"
        ),
        Claim("fast-slope", per_seed(loss_slope_error).at_most(0.1, fails=0.2)).says(
            "The training loss falls exponentially at twice the growth of the value noise: relative error of the slope of its log"
        ),
        Claim("first-run", first_run_error().at_most(3, fails=6)).says(
            "Our first run is reproduced: largest deviation of the training loss, in spreads over seeds"
        ),
        kind="ours",
    ),
    Claim("fast", per_seed(lambda run: final_loss(run) / run.facts["initial_loss"]).at_most(1e-4, fails=1e-2)).says(
        "Fast convergence: training loss at t = 500 over that at the start"
    ),
    Claim(
        "poor-loss",
        per_seed(lambda run: run.column("test_loss", "predictions").min()).at_least(0.5, fails=0.3),
    ).says("Poor generalisation: smallest test loss over t"),
    Claim("poor-accuracy", per_seed(lambda run: prediction(run, "test_accuracy")).at_most(0.7, fails=0.8)).says(
        "Poor generalisation: test accuracy at t = 500"
    ),
)

SIGNAL, NOISE, QUERY, KEY = "#004488", "#bb5566", "#2f9e8f", "#ddaa33"
TICKS = (0, 2, 5, 10, 20, 50, 100, 200, 500)
LIFT = 10  # query signals are drawn this many times larger
SHARES = {
    "values_aligned": ("value noise follows labels", SIGNAL),
    "key_signs_kept": ("key-noise signs kept", "#999999"),
    "noise_agrees": ("query noise = key noise", NOISE),
    "signal_agrees": ("query signal = key signal", KEY),
    "query_follows": ("query noise = $y_i$ · query signal", QUERY),
}


def dynamics(results: Results) -> Drawing:
    """Return key noise and value noise of the first updates, attention, and queries and keys split by their sign at t = 100."""
    runs = results.calculations("sign")
    figure, axes = canvas(2, 2, width=3.7, height=2.7)
    rows = _first_updates(axes[0, 0], runs[0], "rows", "key_noise")
    axes[0, 0].set_title(r"(a) Key noise $\langle w_{K,r}, \xi_1\rangle$: rising, falling")
    rows += _first_updates(axes[0, 1], runs[0], "valuenoise", "value")
    axes[0, 1].set_title(r"(b) Value noise $y_i\langle v, \xi_i\rangle$: all rise")
    rows += _attention(axes[1, 0], runs) + _by_sign(axes[1, 1], runs[0])
    for ax in axes[1]:
        _mark_stages(ax, runs)
    return Drawing(figure, pa.Table.from_pylist(rows))


def _first_updates(ax: Axes, run: Run, table: str, name: str) -> Rows:
    """Plot the first two updates of each row or sample, red where it ends above its start."""
    steps, values = _matrix(run, table, name)
    steps, values = steps[steps <= 2], values[steps <= 2]
    up = values[-1] > values[0]
    for chosen, colour in ((up, NOISE), (~up, SIGNAL)):
        ax.plot(steps, values[:, chosen], color=colour, linewidth=0.7, alpha=0.6)
    ax.axhline(0, color="#666666", linewidth=0.8)
    ax.set_xticks([0, 1, 2])
    ax.set_xlabel("update $t$")
    return [row for member, line in enumerate(values.T) for row in _line(name, str(member), run, steps, line)]


def _attention(ax: Axes, runs: Sequence[Run]) -> Rows:
    rows: Rows = []
    for name, label, colour in (("log_s11", "$s_{11}$", SIGNAL), ("log_s21", "$s_{21}$", NOISE)):
        logs = over_time(runs, name, "features")
        decades = {t: [(run, log / np.log(10)) for run, log in at] for t, at in logs.items()}
        rows += plot_points(ax, decades, panel="attention", label=label, color=colour)
    ax.set_title("(c) Attention leaves the signal", pad=14)
    ax.set_ylabel(r"$\log_{10}$ of the mean")
    ax.legend(loc="lower left")
    return rows


def _by_sign(ax: Axes, run: Run) -> Rows:
    rows: Rows = []
    lines = (("query_noise", "query noise", QUERY, 1), ("key_noise", "key noise", KEY, 1))
    for name, label, colour, lift in (*lines, ("query_signal", f"query signal × {LIFT}", SIGNAL, LIFT)):
        steps, values = _matrix(run, "rows", name)
        positive = values[steps == CUT][0] > 0
        for part, shown in ((positive, label), (~positive, "_")):
            mean = values[:, part].mean(axis=1) if part.any() else np.full(len(steps), np.nan)
            ax.plot(steps, lift * mean, color=colour, label=shown)
            rows += _line("by sign", f"{name} {'+' if shown == label else '−'}", run, steps, mean)
    ax.axhline(0, color="#666666", linewidth=0.8)
    ax.set_title(f"(d) Rows split by sign at $t = {CUT}$, means", pad=14)
    ax.legend(loc="upper left", fontsize=7)
    return rows


def _matrix(run: Run, table: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return steps (T,) and a column of a probe with several rows per step, shape (T, rows)."""
    steps = np.unique(run.column("step", table))
    return steps, run.column(name, table).reshape(len(steps), -1)


def _line(panel: str, line: str, run: Run, steps: np.ndarray, values: np.ndarray) -> Rows:
    points = zip(steps.tolist(), values.tolist(), strict=True)
    return [{"panel": panel, "line": line, "run": run.id, "x": x, "y": y} for x, y in points]


def shares(results: Results) -> Drawing:
    """Return the shares that define the stages, over time."""
    runs = results.calculations("sign")
    figure, axes = canvas(1, 1, width=6.4, height=3.2)
    ax, rows = axes[0, 0], Rows()
    for name, (label, colour) in SHARES.items():
        rows += plot_points(ax, over_time(runs, name, "features"), panel="shares", label=label, color=colour)
    _mark_stages(ax, runs)
    ax.set_title("Shares of equal signs, and where stages end", pad=14)
    ax.set_ylim(-0.02, 1.04)
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return Drawing(figure, pa.Table.from_pylist(rows))


def _mark_stages(ax: Axes, runs: Sequence[Run]) -> None:
    """Draw a vertical line where a stage ends, at the median over seeds, on an axis that gives early updates room."""
    ends = np.median([boundaries(run) for run in runs], axis=0)
    for end, name in zip(ends, ("I", "II", "III"), strict=True):
        ax.axvline(end, color="#888888", linewidth=0.9, linestyle=":", zorder=0)
        last = end == ends.max()
        side, offset = ("left", (2, -1)) if last else ("right", (-2, -1))
        axis = ("data", "axes fraction")
        text = ax.annotate(name, (end, 1), offset, xycoords=axis, textcoords="offset points", ha=side, va="bottom")
        text.set(fontsize=7.5, color="#555555")
    ax.set_xscale("symlog", linthresh=10)
    ax.set_xticks(TICKS, [str(t) for t in TICKS])
    ax.minorticks_off()
    ax.set(xlabel="update $t$", xlim=(0, STEPS))


def training(results: Results) -> Drawing:
    """Return losses, accuracies, and the growth of the values against the laws."""
    runs, sizes = results.calculations("sign"), results.settings
    figure, axes = canvas(1, 3, width=3.1, height=2.7)
    rows = _losses(axes[0, 0], runs) + _accuracy(axes[0, 1], runs) + _values(axes[0, 2], runs, sizes)
    for ax in axes[0]:
        ax.set(xlabel="update $t$", xlim=(0, STEPS))
        ax.legend()
    return Drawing(figure, pa.Table.from_pylist(rows))


def _losses(ax: Axes, runs: Sequence[Run]) -> Rows:
    rows = plot_points(ax, over_time(runs, "loss"), panel="loss", label="training loss", color=SIGNAL)
    fresh = over_time(runs, "test_loss", "predictions")
    rows += plot_points(ax, fresh, panel="loss", label="test loss", color=NOISE, marker="o", markersize=3)
    ax.set_yscale("log")
    ax.set_title("Fast convergence")
    return rows


def _accuracy(ax: Axes, runs: Sequence[Run]) -> Rows:
    rows: Rows = []
    lines = (("train_accuracy", "training", SIGNAL), ("memorised", "training, signal negated", QUERY))
    for name, label, colour in (*lines, ("test_accuracy", "fresh samples", NOISE)):
        points = over_time(runs, name, "predictions")
        rows += plot_points(ax, points, panel="accuracy", label=label, color=colour, marker="o", markersize=3)
    ax.set(title="Poor generalisation", ylabel="accuracy", ylim=(-0.03, 1.05))
    return rows


def _values(ax: Axes, runs: Sequence[Run], sizes: StageSizes) -> Rows:
    rows: Rows = []
    noise = noise_step(sizes.problem(), sizes.lr) * overlap_factor(sizes.problem())
    for name, step, colour in (("value_noise", noise, NOISE), ("value_signal", signal_step(sizes.lr), SIGNAL)):
        law: Any = {"color": "black", "linewidth": 0.9, "linestyle": "--", "label": "_" if rows else "law"}
        points = over_time(runs, name, "features")
        rows += plot_points(ax, points, panel="values", label=name.replace("_", " "), color=colour)
        ax.plot(list(points), step * np.array(list(points)), **law)
    ax.set(title="Values grow linearly")
    return rows


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
    draw={"dynamics": dynamics, "shares": shares, "training": training},
    rule=(
        "Sizes, patches, the law of the noise, initial scale and rate are ours; the paper's could not be read. The paper's "
        "figure has s_21 near 0 and s_11 near ½ at t = 150; only that order is tested."
    ),
    where="abstract",
)
