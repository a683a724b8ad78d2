"""Images of many classes, equally frequent or π_k ∝ 1/k, in mini-batches: sizes and plans of Figure 3 and its kin.

Sizes were fixed before any run. The paper's ImageNet subsets are not released, so that nothing but T can be taken from it:

    c = 200 classes              set by cost; a set of n images with π_k ∝ 1/k then has n_1/n_c ≈ c
    n = 20 c images              the rarest classes have three
    n/32 images per update       125 of 4000
    T = 10 epochs, 320 updates   about the 300 of the paper's other image runs (Figure 2)

The uniform set has the same c and n. In units of 1/π_c, the time in which gradient descent learns the rarest class
(Theorem 3), the horizon is T π_c = 0.2; the linear model of Figure 4 has T π_c = 0.09. Curves have a row after whole epochs,
which visit every class.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.claims.paper import Settings
from steepest.component import declared
from steepest.data.folders import ImageFolder
from steepest.data.glyphs import Glyphs
from steepest.data.images import Images, ImageSet, Imbalance, Shape
from steepest.errors import DataError
from steepest.models.resnet import Norm, Stem
from steepest.problems.image_classification import ImageClassification
from steepest.problems.image_models import ImageModel, ResNet
from steepest.runs.method import Method
from steepest.runs.spec import Calculation
from steepest.runs.sweep import Calculations, Grid, Plan, Seeds, Sweep
from steepest_papers.kunstner2024heavytailed.language import around
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M, GD_M, renamed

SGD = renamed(GD_M, "SGD+m")
SETS: Mapping[str, Imbalance] = {"uniform": "none", "zipf": "zipf"}
IMAGES_PER_CLASS, UPDATES_PER_EPOCH, EPOCHS = 20, 32, 10
ROWS, EXAMPLES = 20, 6
IMAGENET, IMAGENET_CLASSES = "imagenet", 1000
RULE = (
    "c = 200 by cost, n = 20 c so that the rarest classes have three images, n/32 images an update, T = 10 epochs: 320 updates, "
    "about the 300 of the paper's other image runs (Figure 2). Grids start from three decades around the paper's rates. The "
    "paper's ImageNet subsets are not released: classes, images, batch and updates at its scale are assumed. There n_1 is below "
    "732, the images of ImageNet's smallest class; give the folder with --set source=FOLDER."
)


class Unlocated(ImageSet):
    """A folder of images that the user has yet to name. The sizes are known, so that its cost can be shown.

    Attributes:
        name: of the data set.
        classes: c.
        total: n.
        size: side of the images.
        imbalance: "none" or "zipf".
    """

    kind: ClassVar[str] = "kunstner2024heavytailed.Unlocated"

    name: str
    classes: int
    total: int
    size: int
    imbalance: Imbalance

    @property
    def num_classes(self) -> int:
        """The number of classes, c."""
        return self.classes

    @property
    def shape(self) -> Shape:
        """The shape of an image, (3, size, size)."""
        return (3, self.size, self.size)

    @property
    def num_images(self) -> int:
        """The number of training images, n."""
        return self.total

    @property
    def num_held_out(self) -> int:
        """The number of held-out images: two of each class."""
        return 2 * self.classes

    def draw(self, seed: int) -> Images:  # noqa: ARG002 - there is nothing to draw from
        """Refuse.

        Raises:
            DataError: always.
        """
        raise DataError(
            f"source {self.name}: its folder is not known; unpack it with one folder of images for each class and give "
            "--set source=FOLDER"
        )


class ManyClasses(Settings):
    """Sizes of an experiment on images of many classes.

    Args:
        classes: c.
        images: n of both sets; None takes 20 c.
        size: side of the images.
        per_update: images in an update; None takes n/32.
        per_chunk: images that go through the network together.
        steps: T; None takes ten epochs.
        source: `glyphs`, rendered; a folder with one folder of images for each class; or `imagenet`, whose folder is to be
            given before anything is run.
        precision: of matrix products and convolutions.
        seeds: they draw the images, the initial weights and the order of the images.
        device: `cpu`, or a GPU as torch names it.
    """

    groups: ClassVar[int] = 10

    classes: Annotated[int, Field(ge=2)] = 200
    images: Annotated[int, Field(ge=2)] | None = None
    size: int = 20
    per_update: Annotated[int, Field(ge=1)] | None = None
    per_chunk: Annotated[int, Field(ge=1)] = 128
    steps: Annotated[int, Field(ge=1)] | None = None
    source: Annotated[str, Field(min_length=1)] = "glyphs"
    precision: Literal["float32", "bfloat16"] = "float32"
    seeds: Seeds = (0, 1, 2)
    device: str = "cpu"

    @property
    @abstractmethod
    def model(self) -> ImageModel:
        """Return the network."""

    @property
    @abstractmethod
    def optimizers(self) -> dict[Method, Grid]:
        """Return SGD and Adam, both with momentum, with their starting grids."""

    @property
    def total(self) -> int:
        """Return n."""
        return self.images or IMAGES_PER_CLASS * self.classes

    @property
    def batch(self) -> int:
        """Return the number of images in an update."""
        return self.per_update or max(1, round(self.total / UPDATES_PER_EPOCH))

    @property
    def epoch(self) -> int:
        """Return the number of updates in an epoch, rounded up."""
        return math.ceil(self.total / self.batch)

    @property
    def horizon(self) -> int:
        """Return T."""
        return self.steps or EPOCHS * self.epoch

    def summary(self) -> str:
        """Return source, classes, images, horizon and network."""
        sizes = f"c={self.classes:,}, n={self.total:,}, {self.size}×{self.size} pixels"
        updates = f"T={self.horizon:,}, {self.batch} images an update"
        model = ", ".join(f"{name} {_plain(value)}" for name, value in dict(self.model).items())
        seeds = " ".join(map(str, self.seeds))
        return f"{self.source}, {sizes}, {updates}, {type(self.model).__name__} ({model}), seeds {seeds}"

    def data(self, imbalance: Imbalance) -> ImageSet:
        """Return the uniform set ("none") or the one with π_k ∝ 1/k ("zipf")."""
        shared: dict[str, Any] = {"total": self.total, "size": self.size, "imbalance": imbalance}
        if self.source == "glyphs":
            return Glyphs(num_glyphs=self.classes, **shared)
        if self.source == IMAGENET:
            return Unlocated(name=self.source, classes=self.classes, **shared)
        return ImageFolder(path=self.source, classes=self.classes, **shared)

    def sweep(self, imbalance: Imbalance) -> Sweep:
        """Return the sweep on one of the sets."""
        problem = ImageClassification(
            data=self.data(imbalance),
            model=self.model,
            per_update=self.batch,
            per_chunk=self.per_chunk,
            precision=self.precision,
        )
        return Sweep(
            problem=problem,
            optimizers=self.optimizers,
            steps=self.horizon,
            seeds=self.seeds,
            groups=self.groups,
            refine=0.5,
            every=self.epoch * max(1, self.horizon // (ROWS * self.epoch)),
            device=self.device,
        )


class ResNetSizes(ManyClasses):
    """Sizes with a residual network. Both grids hold the decade nearest to the rates of the paper's CNN in Figure 2.

    Args:
        widths: channels of each stage.
        blocks: blocks of each stage.
        stem: `small` or `imagenet`.
        norm: `group` or `batch`.
    """

    widths: tuple[int, ...] = (8, 16, 32)
    blocks: tuple[int, ...] = (1, 1, 1)
    stem: Stem = "small"
    norm: Norm = "group"

    @property
    def model(self) -> ResNet:
        """Return the network."""
        return ResNet(widths=self.widths, blocks=self.blocks, stem=self.stem, norm=self.norm)

    @property
    def optimizers(self) -> dict[Method, Grid]:
        """Return the three decades around 10^-2 and 10^-2.5, rounded up to a decade."""
        return {SGD: around(-2.0, width=1), ADAM_M: around(-2.5, width=1)}


RESNET18: dict[str, Any] = {
    "widths": (64, 128, 256, 512),
    "blocks": (2, 2, 2, 2),
    "norm": "batch",
    "precision": "bfloat16",
    "device": "cuda",
}
IMAGENET_SIZES: dict[str, Any] = {
    "classes": IMAGENET_CLASSES,
    "images": 5_000,
    "size": 224,
    "per_update": 500,
    "per_chunk": 500,
    "steps": 3_000,
    "source": IMAGENET,
}


def plans(sizes: ManyClasses) -> dict[str, Plan]:
    """Return the sweep on each set, `uniform` and `zipf`, and its class counts with example images."""
    sweeps: dict[str, Plan] = {name: sizes.sweep(imbalance) for name, imbalance in SETS.items()}
    shown = {f"{name}-images": Calculations((shown_images(sizes, imbalance),)) for name, imbalance in SETS.items()}
    return sweeps | shown


def shown_images(sizes: ManyClasses, imbalance: Imbalance) -> Calculation:
    """Return the calculation of `image_table`, with the first seed."""
    return Calculation(image_table, {"data": sizes.data(imbalance)}, seed=sizes.seeds[0])


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


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
