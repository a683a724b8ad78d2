"""MNIST digits: where they come from, and the balanced set of Kunstner et al. (2024), Figure 2 (a)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from steepest.data.artefacts import MNIST_DIGITS, fetch
from steepest.data.grey import PUBLISHED, GreyPool, GreySet, Source, complete
from steepest.data.idx import SIDE, Bytes, GreyImages, read_folder
from steepest.data.images import Images
from steepest.errors import DataError
from steepest.files import sha256

MEAN, STD = 0.1307, 0.3081
NPM_TRAIN, NPM_IMAGES = 8_000, 10_000
MOST_PER_CLASS = {"npm": 600, "all": 5_421}
MNIST_FILES = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)


class DigitSet(GreySet):
    """An image set made of MNIST digits.

    Attributes:
        source: "npm", the first 10,000 training images, a small download; "hub", all 70,000 from the Hugging Face hub,
            which needs the extra `hub`; or a folder that holds MNIST's four idx files.
    """

    source: Source = "npm"
    licence = MNIST_DIGITS.licence
    attribution = MNIST_DIGITS.attribution

    def fingerprint(self) -> str:
        """Return the hash of the digits."""
        if self.source == "npm":
            return MNIST_DIGITS.sha256
        files = MNIST_FILES if self.source == "hub" else digits(self.source).file_hashes
        return sha256("".join(files).encode())


def digits(source: str) -> GreyImages:
    """Return MNIST from a source of `DigitSet`; "npm" has no test images.

    Raises:
        DataError: a source that is absent, unreadable or not MNIST.
    """
    if source == "npm":
        return _npm()
    return _hub() if source == "hub" else complete(read_folder(source), source)


def pools(source: str, seed: int, *, standard: bool) -> tuple[GreyPool, GreyPool]:
    """Return the digits for training and those held out.

    Args:
        source: of `DigitSet`; "npm" gives 8,000 and 2,000 digits after a permutation.
        seed: of the permutation.
        standard: of all MNIST, take the 60,000 training and the 10,000 test images; else 50,000 and 10,000 of the
            training images after a permutation.
    """
    mnist = digits(source)
    train = GreyPool(mnist.train, mnist.train_classes)
    if standard and source != "npm":
        return train, GreyPool(mnist.test, mnist.test_classes)
    order = np.random.default_rng(seed).permutation(len(train.images))
    cut, _ = pool_sizes(source, standard=standard)
    return train.take(order[:cut]), train.take(order[cut:])


def pool_sizes(source: str, *, standard: bool) -> tuple[int, int]:
    """Return the sizes of both pools, without loading them."""
    if source == "npm":
        return NPM_TRAIN, NPM_IMAGES - NPM_TRAIN
    return PUBLISHED if standard else (PUBLISHED[0] - PUBLISHED[1], PUBLISHED[1])


class Digits(DigitSet):
    """MNIST, x = (pixel/255 − 0.1307)/0.3081: ten classes of about the same size, or exactly the same.

    The authors' released code omits the division by 255, so that their inputs reach 827; learning rates differ
    accordingly. Held out are 2,000 digits of the source "npm", and the 10,000 test images otherwise.

    Attributes:
        per_class: training images of each digit; all images if None.

    >>> Digits().num_images, Digits(source="hub").num_images, Digits(per_class=100, size=14).shape
    (8000, 60000, (1, 14, 14))
    """

    kind: ClassVar[str] = "Digits"

    per_class: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _digits_suffice(self) -> Self:
        most = MOST_PER_CLASS["npm" if self.source == "npm" else "all"]
        if self.per_class is not None and self.per_class > most:
            raise ValueError(f"per_class {self.per_class} is more than the {most} that source {self.source!r} allows")
        return self

    @property
    def num_images(self) -> int:
        """Return the number of training images, n."""
        return pool_sizes(self.source, standard=True)[0] if self.per_class is None else 10 * self.per_class

    @property
    def num_held_out(self) -> int:
        """Return the number of held-out images."""
        return pool_sizes(self.source, standard=True)[1]

    def draw(self, seed: int) -> Images:
        """Return the digits; the seed decides which of 10,000 are held out, and which are taken of a class."""
        train, held_out = pools(self.source, seed, standard=True)
        if self.per_class is not None:
            train = train.of_each_class([self.per_class] * 10, np.random.default_rng([seed, 1]))
        return self._images(train, held_out, MEAN, STD)


@lru_cache(maxsize=1)
def _npm() -> GreyImages:
    """Return the digits of ten files of rounded numbers in [0, 1]; the bytes are the nearest integers of 255 times them."""
    files = sorted(fetch(MNIST_DIGITS).items())
    by_class = [np.array(json.loads(path.read_bytes())["data"]).reshape(-1, SIDE, SIDE) for _, path in files]
    images = np.rint(np.concatenate(by_class) * 255).astype(np.uint8)
    classes = np.repeat(np.arange(10, dtype=np.uint8), [len(part) for part in by_class])
    return GreyImages(images, classes, images[:0], classes[:0])


@lru_cache(maxsize=1)
def _hub() -> GreyImages:
    way_out = "give the folder of MNIST's four idx files as the source"
    try:
        mnist = GreyImages(*_arrays(import_module("datasets").load_dataset("ylecun/mnist")))
    except ImportError:
        raise DataError("source 'hub' needs the datasets library; run pip install 'steepest[hub]'") from None
    except Exception as error:  # noqa: BLE001 - the library raises those of several others
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise DataError(f"source 'hub' cannot be loaded ({reason}); {way_out}") from None
    if mnist.file_hashes != MNIST_FILES:
        raise DataError(f"source 'hub' is not MNIST as published: its hashes differ; {way_out}")
    return mnist


def _arrays(splits: Any) -> Iterator[Bytes]:
    for split in ("train", "test"):
        yield np.stack([np.asarray(image, dtype=np.uint8) for image in splits[split]["image"]])
        yield np.asarray(splits[split]["label"]).astype(np.uint8)
