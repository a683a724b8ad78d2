"""Images of many classes, equally frequent or π_k ∝ 1/k, in mini-batches: Figure 3 and its kin.

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

from pydantic import Field

from steepest.claims.claim import Claim, placed
from steepest.claims.drawings import by_group, curves_of, drawing, held_out, learning_rates, overall
from steepest.claims.figures import canvas
from steepest.claims.measures import behind, gap, held_out_lead, least, rarest
from steepest.claims.paper import Draw, Drawing, Results, Settings
from steepest.data.folders import ImageFolder
from steepest.data.glyphs import Glyphs
from steepest.data.images import Images, ImageSet, Imbalance, Shape
from steepest.errors import DataError
from steepest.models.resnet import Norm, Stem
from steepest.problems.image_classification import ImageClassification
from steepest.problems.image_models import ImageModel, ResNet
from steepest.runs.method import Method
from steepest.runs.results import Best
from steepest.runs.spec import Calculation
from steepest.runs.sweep import Calculations, Grid, Plan, Seeds, Sweep
from steepest_papers.kunstner2024heavytailed.example_images import image_table, show_images
from steepest_papers.kunstner2024heavytailed.language import SGD, three_decades
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M

SHOWN = ("SGD+m", "Adam+m")
SETS: Mapping[str, Imbalance] = {"uniform": "none", "zipf": "zipf"}
IMAGES_PER_CLASS, UPDATES_PER_EPOCH, EPOCHS = 20, 32, 10
ROWS = 20
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
        return {SGD: three_decades(-2.0), ADAM_M: three_decades(-2.5)}


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
RESNET: Mapping[str, ResNetSizes] = {
    "smoke": ResNetSizes(classes=20, size=12, widths=(8,), blocks=(1,), per_update=100, steps=8),
    "laptop": ResNetSizes(),
    "paper": ResNetSizes(stem="imagenet", **RESNET18, **IMAGENET_SIZES),
}


def plans(sizes: ManyClasses) -> dict[str, Plan]:
    """Return the sweep on each set, `uniform` and `zipf`, and its class counts with example images of the first seed."""
    sweeps: dict[str, Plan] = {name: sizes.sweep(imbalance) for name, imbalance in SETS.items()}
    images = {
        f"{name}-images": Calculations(
            (Calculation(image_table, {"data": sizes.data(imbalance)}, seed=sizes.seeds[0]),)
        )
        for name, imbalance in SETS.items()
    }
    return sweeps | images


def claims(prefix: str, where: str, network: str) -> tuple[Claim, ...]:
    """Return the claims about a network on the uniform and the heavy-tailed set."""
    tail = f"{network}, π_k ∝ 1/k"
    return placed(
        where,
        Claim(f"{prefix}-uniform", gap("uniform", *SHOWN).absolute().at_most(0.05, fails=0.15)).says(
            f"{network}, uniform set: SGD ends where Adam does, both with momentum"
        ),
        Claim(f"{prefix}-gap", gap("zipf", *SHOWN).at_least(0.15, fails=0.05)).says(
            f"{tail}: Adam ends below SGD, both with momentum"
        ),
        Claim(f"{prefix}-sgd-rare", rarest("zipf", "SGD+m").at_most(0.15, fails=0.5)).says(
            f"{tail}: SGD with momentum makes little progress on the rarest tenth"
        ),
        Claim(f"{prefix}-sgd-lag", behind("zipf", "SGD+m").at_least(0.3, fails=0.1)).says(
            f"{tail}: under SGD with momentum the rarest tenth lags behind the mean"
        ),
        Claim(f"{prefix}-adam-all", least("zipf", "Adam+m").at_least(0.5, fails=0.15)).says(
            f"{tail}: Adam with momentum makes progress on every group"
        ),
        Claim(
            f"{prefix}-held-out-rare",
            held_out_lead("zipf", *SHOWN).at_least(0.1, fails=0.0),
            where=f"{where}, on held-out images",
            kind="ours",
        ).says(
            f"{tail}: what Adam learns of the rarest tenth carries over to images that were not trained on: "
            "ρ_10 of Adam minus ρ_10 of SGD"
        ),
    )


def drawings(name: str, uniform: str = "Uniform") -> dict[str, Draw]:
    """Return the drawings of a figure `name`; `uniform` is the title of the set without a tail."""
    return {
        name: both_sets({"uniform": uniform, "zipf": "π ∝ 1/k"}),
        f"{name}-held-out": held_out("zipf", SHOWN),
        f"{name}-rates": learning_rates("zipf"),
        f"{name}-rates-uniform": learning_rates("uniform"),
    }


@drawing
def both_sets(results: Results, titles: Mapping[str, str]) -> Drawing:
    """Return a row for each set, plan → title: example images, overall loss, loss by group under SGD and under Adam."""
    figure, axes = canvas(len(titles), 2 + len(SHOWN), width=2.6, height=2.4)
    shown: dict[str, Best] = {}
    for row, (plan, name) in zip(axes, titles.items(), strict=True):
        sweep, title = results.sweep(plan), f"{name}: images of a class"
        (images,) = results.calculations(f"{plan}-images")
        show_images(row[0], images)
        row[0].set_title(title)
        overall(row[1], sweep, sweep.labels)
        row[1].set(title="Overall training loss", ylabel="training loss")
        for ax, label in zip(row[2:], SHOWN, strict=True):
            best = shown[f"{label}, {title}"] = sweep.best(label, decisive=False)
            by_group(ax, best, legend=ax is axes[-1, 2])
            ax.set_title(f"{label}, by frequency" if plan == "zipf" else f"{label}, arbitrary groups")
            ax.sharey(row[1])
            ax.tick_params(labelleft=False)
    return Drawing(figure, curves_of(shown))


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
