"""Feature learning: neurons that start as random features are amplified towards the clusters and ignore flipped labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from steepest.claims.claim import Claim, placed
from steepest.claims.drawings import Rows
from steepest.claims.figures import canvas
from steepest.claims.measures import over_seeds
from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.store import Run
from steepest.runs.sweep import Plan
from steepest_papers.frei2022amplification.clusters import RULE, SMOKE, STEPS, TIMES, ClusterSizes, descents
from steepest_papers.frei2022amplification.neurons import (
    BAD,
    CAPTURED,
    GOOD,
    MINUS,
    PLUS,
    amplification,
    bad_amplification,
    captured,
    clean_error,
    cosine,
    directions,
    log_time,
    memorised,
    neurons,
    plot_course,
    predicted,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPECIFIED_A10, TOLERANCE = 56.0, 6.0  # the middle and half-width of [50, 62]
per_seed = partial(over_seeds, "network")  # one number from every run of the only plan


def plans(sizes: ClusterSizes) -> dict[str, Plan]:
    """Return the runs."""
    return {"network": descents(sizes.problem(), sizes.lr, sizes.seeds)}


def noisy_error(run: Run) -> float:
    """Return |noisy test error − η| at the end."""
    return abs(predicted(run, "noisy_error") - float(run.spec["problem"]["flip_rate"]))


def history(runs: Sequence[Run]) -> str:
    """Return A(t) at some times, mean over seeds."""
    A = {t: np.mean([amplification(run, t) for run in runs]) for t in (1, 2, 5, 10, 50, STEPS)}
    return "A(t): " + ", ".join(f"{value:.3g} at {t}" for t, value in A.items())


def agreement(run: Run) -> float:
    """Return the share of the plane through μ₁, μ₂ where sign f agrees with the XOR rule sign(|u| − |v|)."""
    u, v, value = (run.column(name, "plane") for name in ("u", "v", "value"))
    rule = abs(u) - abs(v)
    decided = rule != 0
    return float(((value * rule) > 0)[decided].mean())


CLAIMS = (
    Claim("amp-random-features", per_seed(lambda run: cosine(run, 0)).at_most(0.1, fails=0.3)).says(
        "At initialisation almost all neurons are weakly correlated with the useful directions: median cos_good"
    ),
    Claim("amp-captured", per_seed(lambda run: captured(run, 10)).at_least(0.99, fails=0.9)).says(
        "Random features become useful ones: share of neurons with cos_good > 0.7 at t = 10"
    ),
    Claim(
        "amp-clean",
        per_seed(lambda run: max(clean_error(run, t) for t in TIMES if t >= 5)).at_most(0.005, fails=0.05),
    ).says("The network learns the clusters: largest clean test error at t ≥ 5"),
    Claim("amp-noisy", per_seed(noisy_error).at_most(0.02, fails=0.04)).says(
        "Its error is close to the noise rate: |noisy test error − η| at t = 400"
    ),
    *placed(
        "derived here",
        Claim(
            "amp-good",
            per_seed(lambda run: abs(amplification(run, 10) - SPECIFIED_A10), history).at_most(
                TOLERANCE, fails=2 * TOLERANCE
            ),
        ).says("Gradient descent amplifies the good direction, A(10) within [50, 62]: |A(10) − 56|"),
        Claim("amp-bad", per_seed(lambda run: bad_amplification(run, 10)).at_most(1.5, fails=3.0)).says(
            "It does not amplify the bad direction: A_bad(10)"
        ),
        Claim("amp-ignores", per_seed(memorised).at_most(0.01, fails=0.1)).says(
            "It ignores the flips: share of the flipped training points that are memorised at t = 400"
        ),
        Claim("amp-overfitting", per_seed(lambda run: cosine(run, 50) - cosine(run)).at_least(0.02, fails=0.0)).says(
            "Alignment is best early, then noise directions are fitted: median cos_good at t = 50 minus t = 400"
        ),
        Claim("amp-quadrants", per_seed(agreement).at_least(0.95, fails=0.8)).says(
            "The decision function on the plane of the means is XOR by quadrant: share of the plane that agrees"
        ),
        kind="ours",
    ),
)

MOMENTS = (0, 1, 2, 5, STEPS)
EPOCHS = {0: "#bbbbbb", 2: "#66a3d9", 10: "#004488"}
BINS = 20
QUANTITIES = {
    "norm": r"$\Vert w_j\Vert$",
    "first": r"$\langle w_j, \mu_1\rangle$",
    "second": r"$\langle w_j, \mu_2\rangle$",
}
COURSES = (
    {"$A$": amplification, r"$A_{\mathrm{bad}}$": bad_amplification},
    {r"median $\cos_{\mathrm{good}}$": cosine, "captured": captured},
)


def draw_neurons(results: Results) -> Drawing:
    """Return the direction of every neuron in the plane of the means, at five times."""
    run = results.calculations("network")[0]
    figure, axes = canvas(1, len(MOMENTS), width=2.1, height=2.2, sharex=True, sharey=True)
    tables = []
    for ax, step in zip(axes[0], MOMENTS, strict=True):
        tables.append(directions(ax, run, step))
        ax.set_title(f"$t = {step}$   median cos {cosine(run, step):.2f}", fontsize=9)
    return Drawing(figure, pa.concat_tables(tables))


def draw_course(results: Results) -> Drawing:
    """Return A and A_bad, cos_good over time, cos_good at the start against t = 10, and the decision function."""
    runs = results.calculations("network")
    figure, axes = canvas(1, 4, width=2.75, height=2.6)
    rows: Rows = []
    for ax, title, lines in zip(axes[0], ("Amplification", "Alignment"), COURSES, strict=False):
        for (name, number), colour in zip(lines.items(), (GOOD, BAD), strict=True):
            rows += plot_course(ax, runs, number, panel=title, label=name, color=colour)
        log_time(ax)
        ax.set_title(title)
        ax.legend(loc="center right")
    axes[0, 0].set_yscale("log")
    axes[0, 1].set_ylim(0, 1.04)
    rows += _cosines(axes[0, 2], runs[0]) + _decision(axes[0, 3], runs[0])
    return Drawing(figure, pa.Table.from_pylist(rows))


def _cosines(ax: Axes, run: Run) -> Rows:
    rows: Rows = []
    for step, colour in ((0, EPOCHS[0]), (10, EPOCHS[10])):
        values = neurons(run, step).cosine
        counts, edges = np.histogram(values, bins=2 * BINS, range=(0, 1))
        ax.stairs(counts / len(values), edges, fill=True, color=colour, alpha=0.8, label=f"$t = {step}$")
        bars = zip(edges, counts, strict=False)
        rows += [{"panel": f"cosines {step}", "run": run.id, "x": x, "y": y} for x, y in bars]
    ax.set_axisbelow(True)
    ax.axvline(CAPTURED, color="#666666", linewidth=0.8, linestyle=":")
    ax.set(xlabel=r"$\cos_{\mathrm{good}}$", ylabel="share of neurons", xlim=(0, 1))
    ax.set_title("Before and after ten updates")
    ax.legend(loc="upper center")
    return rows


def _decision(ax: Axes, run: Run) -> Rows:
    u, v, value = (run.column(name, "plane") for name in ("u", "v", "value"))
    size, top, reach = round(len(u) ** 0.5), float(np.abs(value).max()), float(u.max())
    square = value.reshape(size, size).T
    ax.imshow(square, origin="lower", extent=(-reach, reach, -reach, reach), cmap="RdBu_r", vmin=-top, vmax=top)
    ax.contour(np.unique(u), np.unique(v), square, levels=[0.0], colors="black", linewidths=1)
    ax.plot([1, -1], [0, 0], "o", color=PLUS, markeredgecolor="white", markersize=6)
    ax.plot([0, 0], [1, -1], "o", color=MINUS, markeredgecolor="white", markersize=6)
    ax.grid(visible=False)
    ax.set(xlabel=r"along $\mu_1$", ylabel=r"along $\mu_2$", title="Decision function", aspect="equal")
    points = zip(u.tolist(), v.tolist(), value.tolist(), strict=True)
    return [{"panel": "plane", "run": run.id, "x": x, "y": y, "value": f} for x, y, f in points]


def draw_histograms(results: Results) -> Drawing:
    """Return histograms of ‖w_j‖ and of the alignment with each mean, for both signs, at three times."""
    run = results.calculations("network")[0]
    figure, axes = canvas(2, len(QUANTITIES), width=3.0, height=2.1, sharex="col")
    rows: Rows = []
    for (quantity, label), column in zip(QUANTITIES.items(), axes.T, strict=True):
        values = {t: getattr(neurons(run, t), quantity) for t in EPOCHS}
        edges = np.histogram_bin_edges(np.concatenate(list(values.values())), BINS)
        for ax, sign in zip(column, (1, -1), strict=True):
            samples = {t: at[neurons(run, t).sign == sign] for t, at in values.items()}
            rows += _stairs(ax, samples, edges, {"panel": label, "sign": sign, "run": run.id})
        column[1].set_xlabel(label)
    axes[0, 0].set_ylabel("neurons of sign +")
    axes[1, 0].set_ylabel("neurons of sign −")
    axes[0, 0].legend()
    return Drawing(figure, pa.Table.from_pylist(rows))


def _stairs(ax: Axes, samples: Mapping[int, np.ndarray], edges: np.ndarray, where: Mapping[str, object]) -> Rows:
    ax.set_axisbelow(True)
    rows: Rows = []
    for step, sample in samples.items():
        counts, _ = np.histogram(sample, edges)
        ax.stairs(counts, edges, fill=True, color=EPOCHS[step], alpha=0.65, label=f"$t = {step}$")
        bars = zip(edges.tolist(), counts.tolist(), strict=False)
        rows += [{**where, "step": step, "x": x, "y": y} for x, y in bars]
    return rows


FIGURE = Figure(
    id="amplification",
    title="Random features are amplified into cluster directions",
    statement=(
        "At initialisation almost all neurons of a two-layer ReLU network are random features, weakly correlated with "
        "the directions that separate the clusters. Gradient descent amplifies these weak correlations, and the network "
        "reaches an error close to the rate of label noise."
    ),
    scales={"smoke": SMOKE, "quick": ClusterSizes(), "laptop": ClusterSizes()},
    plans=plans,
    claims=CLAIMS,
    draw={"neurons": draw_neurons, "course": draw_course, "histograms": draw_histograms},
    rule=RULE,
    where="abstract",
)
