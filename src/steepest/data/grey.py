"""Sets of grey 28×28 images of ten classes: what MNIST and Fashion-MNIST have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from steepest.data.idx import Bytes, GreyImages
from steepest.data.images import Images, ImageSet, Ints, Shape, pooled
from steepest.errors import DataError

Source = Annotated[str, Field(min_length=1)]
PUBLISHED = 60_000, 10_000


class GreyPool(NamedTuple):
    """Images (n, 28, 28) uint8 and their classes (n,) uint8."""

    images: Bytes
    classes: Bytes

    def take(self, items: Ints) -> GreyPool:
        """Return some images, in that order."""
        return GreyPool(self.images[items], self.classes[items])

    def of_each_class(self, counts: Sequence[int], random: np.random.Generator) -> GreyPool:
        """Return `counts[k]` images of each class k, drawn without replacement, in class order."""
        rows = [random.permutation(np.flatnonzero(self.classes == k))[:n] for k, n in enumerate(counts)]
        return self.take(np.concatenate(rows))

    def tensors(self, size: int) -> tuple[Tensor, Tensor]:
        """Return images (n, 1, size, size) in [0, 1] and classes (n,) int64."""
        images = torch.from_numpy(self.images.astype(np.float32)).div_(255).unsqueeze(1)
        return pooled(images, size), torch.from_numpy(self.classes.astype(np.int64))


class GreySet(ImageSet):
    """A set of grey images.

    Attributes:
        source: where the images come from.
        size: side of the images, 28 or 14; 14 takes the mean of 2×2 pixels.
    """

    source: Source
    size: Literal[28, 14] = 28

    @property
    def num_classes(self) -> int:
        """Return 10."""
        return 10

    @property
    def shape(self) -> Shape:
        """Return the shape of an image, (1, size, size)."""
        return (1, self.size, self.size)

    def description(self) -> dict[str, Any]:
        """Return kind, version, fingerprint and fields without the source: where the same images lie does not matter."""
        return {name: value for name, value in super().description().items() if name != "source"}

    def _images(self, train: GreyPool, held_out: GreyPool, mean: float, std: float) -> Images:
        """Return the images as (x − mean)/std, with their classes."""
        images, classes = train.tensors(self.size)
        held_out_images, held_out_classes = held_out.tensors(self.size)
        for pixels in (images, held_out_images):
            pixels.sub_(mean).div_(std)
        return Images(images, classes, held_out_images, held_out_classes, self.num_classes)


def complete(images: GreyImages, source: str) -> GreyImages:
    """Return a data set after checking that it holds 60,000 + 10,000 images, as `num_images` takes for granted.

    Raises:
        DataError: other sizes.
    """
    if (sizes := (len(images.train), len(images.test))) != PUBLISHED:
        raise DataError(f"source {source} holds {sizes[0]} + {sizes[1]} images; MNIST and Fashion-MNIST 60000 + 10000")
    return images
