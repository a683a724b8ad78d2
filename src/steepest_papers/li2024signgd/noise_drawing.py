"""The phase picture, curves over the noise scale, and the ratio of value noise to value signal against the laws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from steepest.claims.figures import canvas, plot_band
from steepest.claims.paper import Drawing, Results
from steepest.runs.method import Method
from steepest_papers.li2024signgd import laws
from steepest_papers.li2024signgd.comparison import by_noise, by_samples, cell
from steepest_papers.li2024signgd.measures import Number, last_prediction, ratio
from steepest_papers.li2024signgd.methods import GD, MAIN, SIGN, STYLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = list[dict[str, Any]]
NOISE_AXIS = r"noise $\sigma_p$"


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return the phase picture and the curves at n = 20."""
    return {"phase": _phase(results), "noise": _curves(results)}


def _phase(results: Results) -> Drawing:
    """Return test error over σ_p and n for each optimizer, mean over seeds."""
    noises, counts = results.settings.noises, results.settings.samples
    ratios = [1 / (noise * results.settings.sparsity**0.5) for noise in noises]
    figure, axes = canvas(1, len(MAIN), width=2.9, height=2.7, sharey=True)
    rows: Rows = []
    for ax, method in zip(axes[0], MAIN, strict=True):
        runs = {(n, noise): results.calculations(cell(method, n, noise)) for n in counts for noise in noises}
        errors = {where: [1 - last_prediction(run, "test_accuracy") for run in at] for where, at in runs.items()}
        means = np.array([[np.mean(errors[n, noise]) for noise in noises] for n in counts])
        image = _heat(ax, means)
        ax.set_xticks(
            range(len(noises)), [f"{noise:g}\n{ratio:.2g}" for noise, ratio in zip(noises, ratios, strict=True)]
        )
        ax.set_yticks(range(len(counts)), [str(n) for n in counts])
        ax.set(title=method.label, xlabel=r"$\sigma_p$, and signal-to-noise ratio $1/(\sigma_p\sqrt{s})$")
        rows += [
            {"method": method.label, "samples": n, "noise": noise, "run": run.id, "error": error}
            for (n, noise), at in runs.items()
            for run, error in zip(at, errors[n, noise], strict=True)
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


def _curves(results: Results) -> Drawing:
    figure, axes = canvas(1, 4, width=2.7, height=2.6)
    rows: Rows = []
    panels = {"test accuracy": "test_accuracy", "test loss": "test_loss", "share memorised": "memorised"}
    for ax, (title, name) in zip(axes[0], panels.items(), strict=False):
        for method in MAIN:
            rows += _against_noise(ax, results, method, partial(last_prediction, name=name), title)
        ax.set(xscale="log", xlabel=NOISE_AXIS, title=title.capitalize())
    axes[0, 0].legend()
    rows += _ratios(axes[0, 3], results)
    return Drawing(figure, pa.Table.from_pylist(rows))


def _against_noise(ax: Axes, results: Results, method: Method, number: Number, panel: str) -> Rows:
    runs = by_noise(results, method)
    values = np.array([[number(run) for run in at] for at in runs.values()])
    plot_band(ax, np.array(list(runs)), values.T, label=method.label, marker="o", markersize=3, **STYLES[method])
    return [
        {"panel": panel, "method": method.label, "x": x, "run": run.id, "y": float(y)}
        for (x, at), row in zip(runs.items(), values, strict=True)
        for run, y in zip(at, row, strict=True)
    ]


def _ratios(ax: Axes, results: Results) -> Rows:
    """Draw the ratio of value noise to value signal over n at σ_p = 0.5, with the laws."""
    rows: Rows = []
    for method, law in ((SIGN, laws.sign_ratio), (GD, laws.gradient_ratio)):
        runs = by_samples(results, method)
        values = np.array([[ratio(run) for run in at] for at in runs.values()])
        plot_band(ax, np.array(list(runs)), values.T, label=method.label, marker="o", markersize=3, **STYLES[method])
        ax.plot(list(runs), _predicted(results, law), color="#999999", linestyle=":", label="_" if rows else "law")
        rows += [
            {"panel": "ratio", "method": method.label, "x": n, "run": run.id, "y": float(y)}
            for (n, at), row in zip(runs.items(), values, strict=True)
            for run, y in zip(at, row, strict=True)
        ]
    ax.set(xscale="log", yscale="log", xlabel="samples $n$", title=r"Value noise / signal, $\sigma_p = 0.5$")
    ax.set_xticks(results.settings.samples, [str(n) for n in results.settings.samples])
    ax.minorticks_off()
    ax.legend()
    return rows


def _predicted(results: Results, law: Callable[[Any], float]) -> list[float]:
    return [law(results.settings.problem(samples=n)) for n in results.settings.samples]
