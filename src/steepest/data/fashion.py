"""Fashion-MNIST with a balanced or a long-tailed training set."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import numpy as np
from pydantic import Field

from steepest.data.artefacts import FASHION_MNIST, fetch
from steepest.data.grey import GreyPool, GreySet, Source, complete
from steepest.data.idx import GreyImages, parse_images, read_folder
from steepest.data.images import Images, Imbalance, Ints, harmonic_counts
from steepest.files import sha256

MEAN, STD = 0.2860, 0.3530
PER_CLASS, HELD_OUT_PER_CLASS = 6_000, 1_000


class Fashion(GreySet):
    """Fashion-MNIST (Xiao, Rasul & Vollgraf, 2017), x = (pixel/255 − 0.2860)/0.3530.

    Ten classes in the order of the labels (T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, boot):
    the k-th has n_k = n_1 training images, or n_k = ⌊n_1/k⌋ for "zipf". Test images are held out, balanced.

    Attributes:
        source: "deb", the Debian package, a download of 31 MB; or a folder that holds the four idx files.
        imbalance: "none" or "zipf".
        largest: n_1.
        held_out_per_class: test images of each class.

    >>> Fashion(imbalance="zipf", largest=600).counts()
    array([600, 300, 200, 150, 120, 100, 85, 75, 66, 60])
    """

    kind: ClassVar[str] = "Fashion"

    source: Source = "deb"
    imbalance: Imbalance = "none"
    largest: int = Field(default=PER_CLASS, ge=10, le=PER_CLASS)
    held_out_per_class: int = Field(default=HELD_OUT_PER_CLASS, ge=1, le=HELD_OUT_PER_CLASS)
    licence = FASHION_MNIST.licence
    attribution = FASHION_MNIST.attribution

    @property
    def num_images(self) -> int:
        """Return the number of training images, n."""
        return int(self.counts().sum())

    @property
    def num_held_out(self) -> int:
        """Return the number of held-out images."""
        return 10 * self.held_out_per_class

    def counts(self) -> Ints:
        """Return the training images n_k of each class, (10,)."""
        return harmonic_counts(self.largest, 10) if self.imbalance == "zipf" else np.full(10, self.largest)

    def fingerprint(self) -> str:
        """Return the hash of the images."""
        if self.source == "deb":
            return FASHION_MNIST.sha256
        return sha256("".join(_fashion(self.source).file_hashes).encode())

    def draw(self, seed: int) -> Images:
        """Return the images, in class order; the seed decides which."""
        fashion = _fashion(self.source)
        random = np.random.default_rng(seed)
        train = GreyPool(fashion.train, fashion.train_classes).of_each_class(self.counts().tolist(), random)
        test = GreyPool(fashion.test, fashion.test_classes).of_each_class([self.held_out_per_class] * 10, random)
        return self._images(train, test, MEAN, STD)


def _fashion(source: str) -> GreyImages:
    return _debian() if source == "deb" else complete(read_folder(source), source)


@lru_cache(maxsize=1)
def _debian() -> GreyImages:
    files = [(path.name, path.read_bytes()) for path in fetch(FASHION_MNIST).values()]
    return complete(parse_images(files), "deb")
