"""Pictures of feature learning: neurons that move to the cluster directions, their histograms, the decision function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from steepest.claims.figures import canvas
from steepest.claims.paper import Drawing, Results
from steepest.runs.store import Run
from steepest_papers.frei2022amplification import measures
from steepest_papers.frei2022amplification.drawings import BAD, GOOD, MINUS, PLUS, Rows, directions, log_time, over_time
from steepest_papers.frei2022amplification.measures import neurons
from steepest_papers.frei2022amplification.sizes import STEPS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOMENTS = (0, 1, 2, 5, STEPS)
EPOCHS = {0: "#bbbbbb", 2: "#66a3d9", 10: "#004488"}
BINS = 20
QUANTITIES = {
    "norm": r"$\Vert w_j\Vert$",
    "first": r"$\langle w_j, \mu_1\rangle$",
    "second": r"$\langle w_j, \mu_2\rangle$",
}
COURSES = (
    {"$A$": measures.amplification, r"$A_{\mathrm{bad}}$": measures.bad_amplification},
    {r"median $\cos_{\mathrm{good}}$": measures.cosine, "captured": measures.captured},
)


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return the neurons' directions over time, the course of training, histograms, and the decision function."""
    runs = results.calculations("network")
    return {"neurons": _neurons(runs[0]), "course": _course(runs), "histograms": _histograms(runs[0])}


def _neurons(run: Run) -> Drawing:
    """Return the direction of every neuron in the plane of the means, at five times."""
    figure, axes = canvas(1, len(MOMENTS), width=2.1, height=2.2, sharex=True, sharey=True)
    tables = []
    for ax, step in zip(axes[0], MOMENTS, strict=True):
        tables.append(directions(ax, run, step))
        ax.set_title(f"$t = {step}$   median cos {measures.cosine(run, step):.2f}", fontsize=9)
    return Drawing(figure, pa.concat_tables(tables))


def _course(runs: Sequence[Run]) -> Drawing:
    """Return A and A_bad, cos_good over time, cos_good at the start against t = 10, and the decision function."""
    figure, axes = canvas(1, 4, width=2.75, height=2.6)
    rows: Rows = []
    for ax, title, lines in zip(axes[0], ("Amplification", "Alignment"), COURSES, strict=False):
        for (name, number), colour in zip(lines.items(), (GOOD, BAD), strict=True):
            rows += over_time(ax, runs, number, {"label": name, "color": colour}, panel=title)
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
        rows += [
            {"panel": f"cosines {step}", "run": run.id, "x": x, "y": y} for x, y in zip(edges, counts, strict=False)
        ]
    ax.set_axisbelow(True)
    ax.axvline(measures.CAPTURED, color="#666666", linewidth=0.8, linestyle=":")
    ax.set(
        xlabel=r"$\cos_{\mathrm{good}}$", ylabel="share of neurons", title="Before and after ten updates", xlim=(0, 1)
    )
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


def _histograms(run: Run) -> Drawing:
    """Return histograms of ‖w_j‖ and of the alignment with each mean, for both signs, at three times."""
    figure, axes = canvas(2, len(QUANTITIES), width=3.0, height=2.1, sharex="col")
    rows: Rows = []
    for (quantity, label), column in zip(QUANTITIES.items(), axes.T, strict=True):
        values = {t: (getattr(neurons(run, t), quantity), neurons(run, t).sign) for t in EPOCHS}
        edges = np.histogram_bin_edges(np.concatenate([found for found, _ in values.values()]), BINS)
        for ax, sign in zip(column, (1, -1), strict=True):
            samples = {t: found[signs == sign] for t, (found, signs) in values.items()}
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
