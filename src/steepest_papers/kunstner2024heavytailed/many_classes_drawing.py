"""Drawings of Figure 3 and its kin: example images, overall loss and loss by group on two sets; held-out beside training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from steepest.claims import drawings
from steepest.claims.figures import canvas
from steepest.claims.paper import Drawing, Results
from steepest.runs.results import Best
from steepest_papers.kunstner2024heavytailed.many_classes import EXAMPLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = ("SGD+m", "Adam+m")
GAP = 2  # pixels between two images


def drawer(name: str, titles: Mapping[str, str]) -> Callable[[Results], Mapping[str, Drawing]]:
    """Return the drawings of a figure `name`; `titles` are those of the plans `uniform` and `zipf`."""
    return lambda results: {
        name: main(results, titles),
        f"{name}-held-out": drawings.held_out(results, "zipf", SHOWN),
        f"{name}-rates": drawings.learning_rates(results, "zipf"),
        f"{name}-rates-uniform": drawings.learning_rates(results, "uniform"),
    }


def main(results: Results, titles: Mapping[str, str]) -> Drawing:
    """Return a row for each set: example images, overall loss, loss by group under SGD and under Adam."""
    figure, axes = canvas(len(titles), 2 + len(SHOWN), width=2.6, height=2.4)
    shown: dict[str, Best] = {}
    for row, (plan, title) in zip(axes, titles.items(), strict=True):
        sweep = results.sweep(plan)
        examples(row[0], results, f"{plan}-images")
        row[0].set_title(title)
        drawings.overall(row[1], sweep, sweep.labels)
        row[1].set_title("Overall training loss")
        row[1].set_ylabel("training loss")
        for ax, label in zip(row[2:], SHOWN, strict=True):
            best = shown[f"{label}, {title}"] = sweep.best(label, decisive=False)
            drawings.by_group(ax, best, legend=ax is axes[-1, 2])
            ax.set_title(f"{label}, by frequency" if plan == "zipf" else f"{label}, arbitrary groups")
            ax.sharey(row[1])
            ax.tick_params(labelleft=False)
    return Drawing(figure, drawings.curves_of(shown))


def examples(ax: Axes, results: Results, plan: str) -> None:
    """Show some images of classes from the most frequent to the rarest, a row each, with the number of images."""
    (run,) = results.calculations(plan)
    rank, count, pixels = (run.column(name, "images") for name in ("rank", "count", "pixels"))
    channels, side = int(run.facts["channels"]), int(run.facts["side"])
    ranks = np.unique(rank)
    step = side + GAP
    mosaic = np.full((len(ranks) * step - GAP, EXAMPLES * step - GAP, channels), 0 if channels == 1 else 255, np.uint8)
    for i, r in enumerate(ranks):
        for j, image in enumerate(pixels[rank == r]):
            tile = image.reshape(channels, side, side).transpose(1, 2, 0)
            mosaic[i * step : i * step + side, j * step : j * step + side] = tile
    ax.imshow(mosaic.squeeze(), cmap="gray_r", interpolation="nearest", rasterized=True)
    names = [f"class {r}: {count[rank == r][0]:,}" for r in ranks]
    ax.set_yticks(np.arange(len(ranks)) * step + side / 2, names, fontsize=7)
    ax.set_xticks([])
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
