"""Image sets: what they have in common, and how many images each class has.

An image is a float32 tensor (C, H, W). A set that fits into memory is one tensor; a set of image files is read from the
disk, image by image, when it is indexed. `images.batch(items)` reads both.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_right
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from steepest.component import Component

Ints = NDArray[np.int64]
Shape = tuple[int, int, int]
Imbalance = Literal["none", "zipf"]


class Pixels(Protocol):
    """Images (n, C, H, W) in memory or on the disk."""

    def __len__(self) -> int: ...

    def __getitem__(self, items: Tensor, /) -> Tensor:
        """Return the images (b, C, H, W) of items (b,)."""
        ...


@dataclass(frozen=True, eq=False)
class Images:
    """A drawn image set.

    Attributes:
        train: images (n, C, H, W) float32: a tensor, or files that are read when indexed.
        train_classes: (n,) int64.
        held_out: images (v, C, H, W) that are not trained on.
        held_out_classes: (v,) int64.
        num_classes: c.
    """

    train: Pixels
    train_classes: Tensor
    held_out: Pixels
    held_out_classes: Tensor
    num_classes: int

    def batch(self, items: Tensor) -> Tensor:
        """Return training images (b, C, H, W) of items (b,)."""
        return self.train[items]

    def held_out_batch(self, items: Tensor) -> Tensor:
        """Return held-out images (b, C, H, W) of items (b,)."""
        return self.held_out[items]


class ImageSet(Component):
    """A source of images with classes. Its sizes are known before anything is loaded.

    Attributes:
        licence: of the images.
        attribution: whose images they are.
    """

    licence: ClassVar[str]
    attribution: ClassVar[str]

    @property
    @abstractmethod
    def num_classes(self) -> int:
        """Return the number of classes, c."""

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """Return the shape of an image, (C, H, W)."""

    @property
    @abstractmethod
    def num_images(self) -> int:
        """Return the number of training images, n."""

    @property
    @abstractmethod
    def num_held_out(self) -> int:
        """Return the number of held-out images, v."""

    @abstractmethod
    def draw(self, seed: int) -> Images:
        """Draw the set; the same seed gives the same bytes."""


def zipf_counts(total: int, num_classes: int) -> Ints:
    """Return the images of each class, most frequent first, n_k ∝ 1/k with n_k ≥ 1 and Σ n_k = total, in integers.

    n_k = max(1, ⌊n_1/k⌋) with the largest n_1 that the total allows; the few images that are left go to the first
    classes, one each (derived by us).

    Raises:
        ValueError: fewer images than classes.

    >>> zipf_counts(20, 5)
    array([10,  4,  3,  2,  1])
    """
    if not 1 <= num_classes <= total:
        raise ValueError(f"{total} images do not suffice for {num_classes} classes; each needs one")

    def spent(largest: int) -> int:
        return int(harmonic_counts(largest, num_classes).sum())

    counts = harmonic_counts(bisect_right(range(1, total + 1), total, key=spent), num_classes)
    left = total - int(counts.sum())
    return counts + (np.arange(num_classes) < left)


def harmonic_counts(largest: int, num_classes: int) -> Ints:
    """Return n_k = max(1, ⌊n_1/k⌋), k = 1 … c.

    >>> harmonic_counts(6, 8)
    array([6, 3, 2, 1, 1, 1, 1, 1])
    """
    return np.maximum(1, largest // np.arange(1, num_classes + 1, dtype=np.int64))


def uniform_counts(total: int, num_classes: int) -> Ints:
    """Return n_k = n/c, the first n mod c classes having one more.

    >>> uniform_counts(20, 6)
    array([4, 4, 3, 3, 3, 3])
    """
    return total // num_classes + (np.arange(num_classes, dtype=np.int64) < total % num_classes).astype(np.int64)


def pooled(images: Tensor, size: int) -> Tensor:
    """Return images (n, 1, 28, 28) at side `size`, 28 or 14; 14 takes the mean of 2×2 pixels."""
    return images if size == images.shape[-1] else F.avg_pool2d(images, images.shape[-1] // size)
