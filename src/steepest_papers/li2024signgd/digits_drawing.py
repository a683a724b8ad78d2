"""Samples as the transformer reads them, and accuracy over the noise scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from steepest.claims.figures import canvas, plot_band
from steepest.claims.paper import Drawing, Results
from steepest.runs.method import Method
from steepest_papers.li2024signgd.digit_patches import scale_name
from steepest_papers.li2024signgd.measures import last_prediction
from steepest_papers.li2024signgd.methods import MAIN, STYLES
from steepest_papers.li2024signgd.selection import Rule, select

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = list[dict[str, Any]]
EXAMPLES = "samples"
PANELS: Mapping[str, tuple[Rule, str, str]] = {
    "Smallest rates that fit": ("smallest", "test_accuracy", "test accuracy"),
    "Most accurate rates": ("accurate", "test_accuracy", "test accuracy"),
    "Memorised, smallest rates": ("smallest", "memorised", "share memorised"),
}


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return accuracy and memorisation over the noise scale under both rules, and samples."""
    figure, axes = canvas(1, len(PANELS), width=3.1, height=2.7)
    rows: Rows = []
    for ax, (title, (rule, name, label)) in zip(axes[0], PANELS.items(), strict=True):
        for method in MAIN:
            rows += _line(ax, results, method, rule, name, title)
        ax.set(xlabel=r"noise $\sigma_p$", ylabel=label, title=title)
    axes[0, 0].legend()
    return {"digits": Drawing(figure, pa.Table.from_pylist(rows)), "samples": _samples(results)}


def _samples(results: Results) -> Drawing:
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
    return Drawing(figure, run.table("samples").append_column("run", pa.array([run.id] * len(value))))


def _line(ax: Axes, results: Results, method: Method, rule: Rule, name: str, panel: str) -> Rows:
    """Plot one optimizer; open markers where its rate lies at the edge of the grid or fits nothing."""
    noises = results.settings.noises
    bests = [select(results, scale_name(noise), method, rule, decisive=False) for noise in noises]
    values = np.array([[last_prediction(run, name) for run in best.runs] for best in bests])
    plot_band(ax, np.array(noises), values.T, label=method.label, **STYLES[method])
    for noise, best, row in zip(noises, bests, values, strict=True):
        fill = "none" if best.trouble else "full"
        ax.plot(noise, np.median(row), "o", markersize=4, color=STYLES[method]["color"], fillstyle=fill)
    return [
        {"panel": panel, "method": method.label, "run": run.id, "noise": noise, "lr": best.lr, "value": float(value)}
        for noise, best, row in zip(noises, bests, values, strict=True)
        for run, value in zip(best.runs, row, strict=True)
    ]
