"""MNIST with bar codes: thousands of rare classes beside ten frequent ones (Kunstner et al., 2024, Figure 2 (b))."""

from __future__ import annotations

from itertools import product
from typing import ClassVar, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from steepest.data.digits import DigitSet, pool_sizes, pools
from steepest.data.grey import GreyPool
from steepest.data.idx import Bytes
from steepest.data.images import Images, Ints

ROWS = 4096


class BarcodedDigits(DigitSet):
    """Digits with a bar code of b pixels in the first row: 10·2^b classes of a few images each, and plain digits.

    A bar code is a string of bits; pixel j of row 0 is set to the maximum, 1, where bit j is 1. For each string, in
    lexicographic order, and each digit, images of the digit are drawn with replacement. Class = 10·(number of the
    string) + digit; with plain images, these are classes 0 … 9 and the others shift by 10. Plain images come first.

    The empty bar code leaves the image as it is: its ten classes hold the same digits as classes 0 … 9 under
    contradictory labels, so that with plain images the training loss has a small positive floor. As in the paper, it is
    included.

    Each pixel is normalised, x = (pixel − mean)/std over the training images; pixels that never vary there are left as
    they are. At size 14 the bar code is drawn after pooling.

    Of all MNIST, 50,000 of the training images, after a permutation, are for training and 10,000 are held out.

    Attributes:
        bits: b.
        per_class: training images of each bar-coded class.
        held_out_per_class: held-out images of each bar-coded class.
        plain: number of plain images; all for training if None, none if 0. With plain images, all digits that are held
            out are also plain held-out images.
        empty_barcode: whether the string without a 1 is a bar code.

    >>> paper = BarcodedDigits(source="hub")
    >>> paper.num_classes, paper.num_images, paper.num_held_out
    (10250, 101200, 20240)
    """

    kind: ClassVar[str] = "kunstner2024heavytailed.BarcodedDigits"

    bits: int = Field(default=10, ge=1, le=14)
    per_class: int = Field(default=5, ge=1)
    held_out_per_class: int = Field(default=1, ge=1)
    plain: int | None = Field(default=None, ge=0)
    empty_barcode: bool = True

    @model_validator(mode="after")
    def _digits_suffice(self) -> Self:
        most, _ = pool_sizes(self.source, standard=False)
        if self.plain is not None and self.plain > most:
            raise ValueError(f"plain {self.plain} is more than the {most} that source {self.source!r} holds")
        return self

    @property
    def num_barcodes(self) -> int:
        """The number of bar codes, 2^b or 2^b − 1."""
        return (1 << self.bits) - (not self.empty_barcode)

    @property
    def num_plain(self) -> tuple[int, int]:
        """The number of plain images, for training and held out."""
        train, held_out = pool_sizes(self.source, standard=False)
        return (train, held_out) if self.plain is None else (self.plain, held_out if self.plain else 0)

    @property
    def num_classes(self) -> int:
        """The number of classes, the ten plain digits included where there are plain images."""
        return self._first_class + 10 * self.num_barcodes

    @property
    def num_images(self) -> int:
        """The number of training images, n."""
        return self.num_plain[0] + 10 * self.num_barcodes * self.per_class

    @property
    def num_held_out(self) -> int:
        """The number of held-out images."""
        return self.num_plain[1] + 10 * self.num_barcodes * self.held_out_per_class

    def barcodes(self) -> Ints:
        """Return the bits of each bar code, (2^b, b)."""
        return np.array(list(product((0, 1), repeat=self.bits)), dtype=np.int64)[-self.num_barcodes :]

    def draw(self, seed: int) -> Images:
        """Return the normalised images."""
        images, classes, held_out, held_out_classes = self._drawn(seed)
        normalise(images, held_out)
        return Images(images, classes, held_out, held_out_classes, self.num_classes)

    def raw(self, seed: int) -> Images:
        """Return the images of `draw` before they are normalised, in [0, 1]."""
        return Images(*self._drawn(seed), self.num_classes)

    def _drawn(self, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return images and classes, for training and held out."""
        train, held_out = pools(self.source, seed, standard=False)
        plain_train, plain_held_out = self.num_plain
        random = np.random.default_rng([seed, 1])
        return (
            *self._combined(train, plain_train, self.per_class, random),
            *self._combined(held_out, plain_held_out, self.held_out_per_class, random),
        )

    @property
    def _first_class(self) -> int:
        """The first bar-coded class."""
        return 0 if self.plain == 0 else 10

    def _combined(
        self, pool: GreyPool, plain: int, per_class: int, random: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the first `plain` images of a pool, then `per_class` images of each bar-coded class."""
        drawn = with_replacement(pool.classes, self.num_barcodes, per_class, random)
        images, classes = pool.take(np.concatenate([np.arange(plain), drawn.ravel()])).tensors(self.size)
        bits = torch.from_numpy(self.barcodes()).bool().repeat_interleave(10 * per_class, dim=0)
        images[plain:, 0, 0, : self.bits].masked_fill_(bits, 1.0)
        classes[plain:] = self._first_class + torch.arange(10 * self.num_barcodes).repeat_interleave(per_class)
        return images, classes


def with_replacement(classes: Bytes, barcodes: int, per_class: int, random: np.random.Generator) -> Ints:
    """Return images drawn with replacement, (barcodes, 10, per_class); [:, k] are images of digit k."""
    rows = [random.choice(np.flatnonzero(classes == k), size=(barcodes, per_class)) for k in range(10)]
    return np.stack(rows, axis=1)


def normalise(train: Tensor, held_out: Tensor) -> None:
    """Replace x by (x − mean)/std, pixel by pixel, with the mean and std over `train` (1/n, in float64).

    Pixels that are the same in all of `train` are left as they are, in both.
    """
    parts = torch.split(train, ROWS)
    mean = torch.stack([part.sum(0, dtype=torch.float64) for part in parts]).sum(0) / len(train)
    variance = torch.stack([(part - mean).square().sum(0) for part in parts]).sum(0) / len(train)
    constant = train.amin(0) == train.amax(0)
    mean, std = mean.masked_fill(constant, 0.0).float(), variance.sqrt().masked_fill(constant, 1.0).float()
    for pixels in (train, held_out):
        pixels.sub_(mean).div_(std)
