"""Rendered glyphs: images of up to a few thousand classes, drawn from the fonts that ship with matplotlib.

A class is a character. Its images are its glyph in one of the fonts that have it, distorted: rotated, sheared, scaled,
shifted, its strokes thickened or thinned unevenly, its contrast lowered, noise added. The set is ours: it replaces
photographs of many classes, at a size that a laptop can train on.
"""

from __future__ import annotations

import math
from typing import ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor

from steepest.data.images import Images, ImageSet, Imbalance, Ints, Shape, uniform_counts, zipf_counts
from steepest.data.typeface import MOST_CLASSES, Atlas, atlas, distinct_characters, fonts_digest

MEAN, STD = 0.21, 0.23
BATCH = 1024
HELD_OUT_PER_CLASS = 2
ROTATION, SHEAR, SHIFT = math.radians(15), 0.15, 0.08
SCALE = 0.85, 1.1


class Glyphs(ImageSet):
    """Images of glyphs, x = (ink − 0.21)/0.23 with ink in [0, 1] up to the noise.

    Classes are characters in a fixed order (`steepest.data.typeface`). "none" gives each class n/c images; "zipf" gives
    n_k ∝ 1/k, n_k ≥ 1, to the classes in an order that the seed permutes, so that frequency does not follow the
    alphabet. Both hold n images. Two further images of each class are held out.

    Attributes:
        num_glyphs: c.
        imbalance: "none" or "zipf".
        total: n.
        size: side of the images.

    >>> Glyphs(num_glyphs=4, imbalance="zipf", total=25).counts(seed=0)
    array([ 4, 12,  6,  3])
    """

    kind: ClassVar[str] = "Glyphs"

    num_glyphs: int = Field(default=1000, ge=2, le=MOST_CLASSES)
    imbalance: Imbalance = "none"
    total: int = Field(default=20_000, ge=2)
    size: int = Field(default=20, ge=12, le=64)
    licence = "Bitstream Vera and DejaVu licence, free to use and to embed"
    attribution = "Glyphs of the DejaVu and STIX fonts that come with matplotlib"

    @model_validator(mode="after")
    def _each_class_has_an_image(self) -> Self:
        if self.total < self.num_glyphs:
            raise ValueError(f"total {self.total} is less than the {self.num_glyphs} classes; each needs an image")
        return self

    @property
    def num_classes(self) -> int:
        """Return the number of classes, c."""
        return self.num_glyphs

    @property
    def shape(self) -> Shape:
        """Return the shape of an image, (1, size, size)."""
        return (1, self.size, self.size)

    @property
    def num_images(self) -> int:
        """Return the number of training images, n."""
        return self.total

    @property
    def num_held_out(self) -> int:
        """Return the number of held-out images."""
        return HELD_OUT_PER_CLASS * self.num_glyphs

    def fingerprint(self) -> str:
        """Return the hash of the fonts."""
        return fonts_digest()

    def characters(self) -> str:
        """Return the character of each class."""
        return distinct_characters(self.num_glyphs)

    def counts(self, seed: int) -> Ints:
        """Return the training images n_k of each class, (c,)."""
        if self.imbalance == "none":
            return uniform_counts(self.total, self.num_glyphs)
        rank = np.random.default_rng([seed, 0]).permutation(self.num_glyphs)
        return zipf_counts(self.total, self.num_glyphs)[rank]

    def draw(self, seed: int) -> Images:
        """Render the images, in class order."""
        glyphs = atlas(self.num_glyphs)
        classes = np.repeat(np.arange(self.num_glyphs), self.counts(seed))
        held_out = np.repeat(np.arange(self.num_glyphs), HELD_OUT_PER_CLASS)
        return Images(
            render(glyphs, classes, self.size, np.random.default_rng([seed, 1])),
            torch.from_numpy(classes),
            render(glyphs, held_out, self.size, np.random.default_rng([seed, 2])),
            torch.from_numpy(held_out),
            self.num_glyphs,
        )


def render(glyphs: Atlas, classes: Ints, size: int, random: np.random.Generator) -> Tensor:
    """Return one distorted image of each class in the list, (n, 1, size, size) float32, normalised."""
    parts = np.array_split(classes, math.ceil(len(classes) / BATCH))
    return torch.cat([_rendered(glyphs, part, size, random) for part in parts]).sub_(MEAN).div_(STD)


def _rendered(glyphs: Atlas, classes: Ints, size: int, random: np.random.Generator) -> Tensor:
    """Return images (n, 1, size, size), ink about 0 … 1.

    The soft edges of the atlas are sampled at twice the size and cut at a level that varies from image to image and
    smoothly within the image, which moves the edges of the strokes; then 2×2 points are averaged to a pixel.
    """
    n = len(classes)
    count, first = glyphs.fonts_of[classes], glyphs.first_of[classes]
    soft = glyphs.bitmaps[first + random.integers(count)].float().div_(255).unsqueeze(1)
    grid = F.affine_grid(_affine(n, random), [n, 1, 2 * size, 2 * size], align_corners=False)
    sampled = F.grid_sample(soft, grid, align_corners=False)
    level = _uniform(random, 0.3, 0.55, n) + _smooth(n, 2 * size, 0.07, random)
    ink = F.avg_pool2d((sampled - level).mul_(_uniform(random, 8, 16, n)).sigmoid_(), 2)
    paper = _uniform(random, 0.0, 0.2, n)
    noise = torch.from_numpy(random.standard_normal(ink.shape, dtype=np.float32)).mul_(_uniform(random, 0.0, 0.08, n))
    return ink.mul_(_uniform(random, 0.6, 1.0, n) - paper).add_(paper).add_(noise)


def _uniform(random: np.random.Generator, low: float, high: float, n: int) -> Tensor:
    """Return n uniform numbers, (n, 1, 1, 1)."""
    return torch.from_numpy(random.uniform(low, high, (n, 1, 1, 1)).astype(np.float32))


def _smooth(n: int, side: int, std: float, random: np.random.Generator) -> Tensor:
    """Return smooth noise (n, 1, side, side): Gaussian on a 5×5 grid, interpolated."""
    coarse = torch.from_numpy(random.standard_normal((n, 1, 5, 5), dtype=np.float32)).mul_(std)
    return F.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=True)


def _affine(n: int, random: np.random.Generator) -> Tensor:
    """Return random maps from output to input coordinates, rotation · shear · scale and a shift, (n, 2, 3)."""
    angle, shear = random.uniform(-ROTATION, ROTATION, n), random.uniform(-SHEAR, SHEAR, n)
    scale, shift = 1 / random.uniform(*SCALE, (n, 2)), random.uniform(-2 * SHIFT, 2 * SHIFT, (n, 2))
    cosine, sine = np.cos(angle), np.sin(angle)
    rows = np.stack([cosine, shear * cosine - sine, shift[:, 0], sine, shear * sine + cosine, shift[:, 1]], axis=1)
    matrix = rows.reshape(n, 2, 3)
    matrix[:, :, :2] *= scale[:, None, :]
    return torch.from_numpy(matrix.astype(np.float32))
