"""Example images of Figure 3 and its kin: some classes from the most frequent to the rarest, with their counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from steepest.component import declared
from steepest.data.images import ImageSet
from steepest.runs.store import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EXAMPLES, BORDER = 6, 2  # classes, and images of each; pixels between two images


@declared("kunstner2024heavytailed.image_table")
def image_table(data: ImageSet, seed: int) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return how many images some classes have, six evenly in log rank, and their first six at most.

    Returns:
        Numbers: n_1, n_c, and the shape of an image. Table `images`: rank of the class, its n_k, pixels in 0 … 255.
    """
    drawn = data.draw(seed)
    counts = np.bincount(drawn.train_classes.numpy(), minlength=data.num_classes)
    order = np.argsort(counts, kind="stable")[::-1]
    rows: list[dict[str, Any]] = []
    for rank in np.unique(np.rint(np.geomspace(1, data.num_classes, EXAMPLES)).astype(int)).tolist():
        k = int(order[rank - 1])
        items = (drawn.train_classes == k).nonzero().flatten()[:EXAMPLES]
        pixels = drawn.batch(items)
        low, high = pixels.amin((1, 2, 3), keepdim=True), pixels.amax((1, 2, 3), keepdim=True)
        grey = ((pixels - low) / (high - low).clamp(min=1e-6) * 255).round().byte().flatten(1).tolist()
        rows += [{"rank": rank, "count": int(counts[k]), "pixels": image} for image in grey]
    channels, side, _ = data.shape
    layout = pa.schema({"rank": pa.int64(), "count": pa.int64(), "pixels": pa.list_(pa.uint8(), math.prod(data.shape))})
    numbers: dict[str, float] = {"n_1": int(counts.max()), "n_c": int(counts.min()), "channels": channels, "side": side}
    return numbers, {"images": pa.Table.from_pylist(rows, layout)}


def show_images(ax: Axes, run: Run) -> None:
    """Show some images of classes from the most frequent to the rarest, a row each, with the number of images."""
    rank, count, pixels = (run.column(name, "images") for name in ("rank", "count", "pixels"))
    channels, side = int(run.facts["channels"]), int(run.facts["side"])
    ranks = np.unique(rank)
    step = side + BORDER
    shape = (len(ranks) * step - BORDER, EXAMPLES * step - BORDER, channels)
    mosaic = np.full(shape, 0 if channels == 1 else 255, np.uint8)
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
