"""The network against classifiers without feature learning: linear, random features, neural tangent kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from steepest.claims.claim import Claim
from steepest.claims.figures import canvas
from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.spec import Calculation
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan
from steepest_papers.frei2022amplification import measures
from steepest_papers.frei2022amplification.baselines import compare
from steepest_papers.frei2022amplification.drawings import Rows, log_time, over_time
from steepest_papers.frei2022amplification.measures import clean_error, mean, over_seeds, paired, predicted
from steepest_papers.frei2022amplification.problem import XORClusters
from steepest_papers.frei2022amplification.sizes import RULE, SMOKE, STEPS, ClusterSizes, descents

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BASELINES = {  # label and colour by name
    "linear": ("linear", "#777777"),
    "rf_small": ("random features", "#e08214"),
    "rf_large": ("random features, ten times as many", "#997700"),
    "ntk": ("tangent kernel", "#aa4499"),
}


def high_dimensional(problem: XORClusters) -> XORClusters:
    """Return the problem with half of the samples in twice the dimension, everything else the same."""
    return problem.changed(samples=problem.samples // 2, dimension=2 * problem.dimension)


def plans(sizes: ClusterSizes) -> dict[str, Plan]:
    """Return network and baselines, in the usual and in the high-dimensional setting."""
    usual = sizes.problem()
    high = high_dimensional(usual)
    return {
        "network": descents(usual, sizes.lr, sizes.seeds),
        "baselines": _baselines(usual, sizes),
        "high network": descents(high, sizes.lr, sizes.seeds),
        "high baselines": _baselines(high, sizes),
    }


def _baselines(problem: XORClusters, sizes: ClusterSizes) -> Calculations:
    options = {"problem": problem, "small": sizes.width, "large": 10 * sizes.width}
    return Calculations(tuple(Calculation(compare, options, seed, takes=1.5) for seed in sizes.seeds))


def _orders(prefix: str, plan: str, setting: str) -> tuple[Claim, ...]:
    """Return the claims that a network errs less than the tangent kernel, and that less than random features."""
    return (
        Claim(
            f"{prefix}-network-ntk",
            paired(
                f"{plan}network",
                f"{plan}baselines",
                lambda run, b: b.facts["ntk_clean"] - predicted(run, "clean_error"),
            ).at_least(0.0, fails=-0.005),
        ).says(
            f"{setting} the network errs no more than the tangent kernel: clean error of the kernel minus the network's"
        ),
        Claim(
            f"{prefix}-ntk-features",
            over_seeds(f"{plan}baselines", lambda b: b.facts["rf_small_clean"] - b.facts["ntk_clean"], errors).at_least(
                0.0, fails=-0.005
            ),
        ).says(f"{setting} the tangent kernel errs no more than random features of the network's width: difference"),
    )


def course(runs: Sequence[Run]) -> str:
    """Return A(10), and the median of cos_good early and late, means over seeds."""
    A = mean(lambda run: measures.amplification(run, 10), runs)
    early, late = (np.mean([measures.cosine(run, t) for run in runs]) for t in (50, STEPS))
    return f"A(10) {A:.3g}; median cos_good {early:.2f} at 50, {late:.2f} at {STEPS}"


def errors(runs: Sequence[Run]) -> str:
    """Return the mean clean errors of the baselines."""
    means = {name: np.mean([run.facts[f"{name}_clean"] for run in runs]) for name in BASELINES}
    parts = (f"{BASELINES[name][0]} {value:.3f}" for name, value in means.items())
    return "clean errors: " + ", ".join(parts)


CLAIMS = (
    Claim(
        "base-linear",
        over_seeds("baselines", lambda run: abs(run.facts["linear_clean"] - 0.5)).at_most(0.05, fails=0.1),
        where="abstract",
        kind="paper",
    ).says("Linear rules are no better than chance: |clean test error − ½|"),
    Claim(
        "base-mirrored",
        over_seeds("baselines", lambda run: abs(run.facts["linear_mirrored"] - 0.5)).at_most(1e-9, fails=1e-3),
    ).says(
        "They cannot be: x and −x have one label, so on points and their mirror images the error is ½ exactly: |error − ½|"
    ),
    *_orders("base", "", "In the usual setting"),
    Claim(
        "base-ntk-interpolates", over_seeds("baselines", lambda run: run.facts["ntk_train"]).at_most(0.005, fails=0.05)
    ).says("The tangent kernel fits the flipped labels: training error on noisy labels"),
    Claim(
        "base-network-does-not",
        over_seeds("network", lambda run: predicted(run, "train_error")).at_least(0.05, fails=0.005),
    ).says("The network, stopped at t = 400, does not: training error on noisy labels"),
    Claim(
        "high-linear-fits",
        over_seeds("high baselines", lambda run: run.facts["linear_train"]).at_most(0.005, fails=0.05),
    ).says("With n = p a linear rule fits the training set: its training error"),
    Claim(
        "high-linear",
        over_seeds("high baselines", lambda run: abs(run.facts["linear_clean"] - 0.5)).at_most(0.05, fails=0.1),
        where="abstract",
        kind="paper",
    ).says("… and remains at chance: |clean test error − ½|"),
    Claim(
        "high-network",
        over_seeds("high network", lambda run: predicted(run, "clean_error")).at_most(0.005, fails=0.05),
        where="abstract",
        kind="paper",
    ).says("… where the network learns the clusters: clean test error at t = 400"),
    Claim(
        "high-captured",
        over_seeds("high network", lambda run: measures.captured(run, 10), course).at_least(0.95, fails=0.5),
    ).says("… by amplification as before: share of neurons with cos_good > 0.7 at t = 10"),
    *_orders("high", "high ", "With n = p"),
)


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return error against time with the baselines as lines, in both settings."""
    figure, axes = canvas(1, 2, width=4.0, height=2.9, sharey=True)
    rows: Rows = []
    for ax, plan in zip(axes[0], ("", "high "), strict=True):
        rows += _panel(ax, results, plan)
    axes[0, 0].set_ylabel("clean test error")
    axes[0, 1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return {"classifiers": Drawing(figure, pa.Table.from_pylist(rows))}


def _panel(ax: Axes, results: Results, plan: str) -> Rows:
    runs, baselines = results.calculations(f"{plan}network"), results.calculations(f"{plan}baselines")
    problem = runs[0].spec["problem"]
    title = f"$n = {problem['samples']}$, $p = {problem['dimension']}$"
    rows: Rows = []
    for name, (label, colour) in BASELINES.items():
        values = [float(run.facts[f"{name}_clean"]) for run in baselines]
        ax.axhline(np.median(values), color=colour, linestyle="--", label=label)
        ax.axhspan(min(values), max(values), color=colour, alpha=0.12, linewidth=0)
        rows += [
            {"panel": title, "line": label, "run": run.id, "y": y} for run, y in zip(baselines, values, strict=True)
        ]
    network = {"label": "network", "color": "black", "marker": "o", "markersize": 3}
    rows += over_time(ax, runs, clean_error, network, panel=title)
    ax.axhline(problem["flip_rate"], color="#66a3d9", linestyle=":", label=r"noise rate $\eta$")
    log_time(ax)
    ax.set_yscale("symlog", linthresh=0.01)
    ax.set_yticks([0, 0.01, 0.1, 0.5], ["0", "0.01", "0.1", "0.5"])
    ax.set(ylim=(-0.001, 0.8), title=title)
    return rows


FIGURE = Figure(
    id="classifiers",
    title="Network, tangent kernel, random features and linear rules on the same data",
    statement=(
        "Labels are not a linear function of the inputs, so linear classifiers are no better than chance, while the "
        "network's error is close to the rate of label noise. Frozen random features and the tangent kernel are comparisons "
        "of this project."
    ),
    scales={"smoke": SMOKE, "quick": ClusterSizes(), "laptop": ClusterSizes()},
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    rule=RULE
    + " The high-dimensional setting has n/2 samples in 2p dimensions. Baselines take the step 1/L, with 2000 "
    "(linear), 600 (random features) and 3000 (tangent kernel) updates.",
    where="derived here",
    kind="ours",
)
