"""Grey images of ten classes in the idx format of MNIST.

An idx file is a big-endian header, two zero bytes, the type (8 = unsigned byte), the number of dimensions and each
dimension in four bytes, followed by the bytes; often compressed by gzip (Y. LeCun, C. Cortes, C. Burges, The MNIST
database).
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from steepest.errors import DataError
from steepest.files import sha256

Bytes = NDArray[np.uint8]
SIDE = 28
IDX_BYTES = 64 * 2**20
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@dataclass(frozen=True, eq=False)
class GreyImages:
    """A data set as it is published.

    Attributes:
        train: (n, 28, 28) uint8.
        train_classes: (n,) uint8, 0 … 9.
        test: (v, 28, 28) uint8; none where the source has no test set.
        test_classes: (v,) uint8.
    """

    train: Bytes
    train_classes: Bytes
    test: Bytes
    test_classes: Bytes

    @cached_property
    def file_hashes(self) -> tuple[str, str, str, str]:
        """Return the SHA-256 of the four idx files, not compressed, in the order of `FILES`."""
        first, second, third, fourth = (sha256(_header(part) + part.tobytes()) for part in self._parts)
        return first, second, third, fourth

    @property
    def _parts(self) -> tuple[Bytes, ...]:
        return self.train, self.train_classes, self.test, self.test_classes


def _header(array: Bytes) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()


def parse_idx(data: bytes, ndim: int, name: str) -> Bytes:
    """Return the array of an idx file of bytes, compressed or not.

    Args:
        data: content of the file.
        ndim: number of dimensions that it must have.
        name: of the file, for messages.

    Raises:
        DataError: content that is not such a file, or larger than 64 MiB.
    """
    data = _unzipped(data, name)
    if data[:4] != bytes([0, 0, 8, ndim]):
        raise DataError(f"{name} is no idx file of bytes in {ndim} dimensions: it starts with {data[:4].hex(' ')}")
    shape = (
        [int(size) for size in np.frombuffer(data, ">u4", count=ndim, offset=4)] if len(data) >= 4 + 4 * ndim else []
    )
    expected = 4 + 4 * ndim + int(np.prod(shape, dtype=object))
    if not shape or len(data) != expected:
        raise DataError(f"{name} has {len(data)} bytes, not the {expected} of its header; copy it again")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * ndim).reshape(shape)


def _unzipped(data: bytes, name: str) -> bytes:
    """Return the content of a gzip file, or the bytes themselves, refusing more than `IDX_BYTES`."""
    try:
        if data[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(data)) as file:
                data = file.read(IDX_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        raise DataError(f"{name} is a damaged gzip file; copy it again") from None
    if len(data) > IDX_BYTES:
        raise DataError(f"{name} holds more than {IDX_BYTES} bytes; give the idx files of a data set like MNIST")
    return data


def parse_images(contents: list[tuple[str, bytes]]) -> GreyImages:
    """Return the data set of four (name, content) in the order of `FILES`.

    Raises:
        DataError: a bad file, images that are not 28×28, classes beyond 0 … 9, or images and classes that differ in
            number.
    """
    parts = [parse_idx(data, ndim, name) for (name, data), ndim in zip(contents, (3, 1, 3, 1), strict=True)]
    for k in (0, 2):
        (name, _), images, classes = contents[k], parts[k], parts[k + 1]
        if images.shape[1:] != (SIDE, SIDE):
            raise DataError(f"{name} holds images of {images.shape[1]}×{images.shape[2]}; give 28×28")
        if len(images) != len(classes) or len(images) == 0:
            raise DataError(f"{name} holds {len(images)} images, but {contents[k + 1][0]} {len(classes)} classes")
        if len(np.unique(classes)) != 10 or classes.max() != 9:
            raise DataError(f"{contents[k + 1][0]} must hold the classes 0 … 9, each at least once")
    return GreyImages(*parts)


def read_folder(folder: str) -> GreyImages:
    """Return the data set of a folder that holds the four files `FILES`, compressed (.gz) or not.

    Raises:
        DataError: a file that is absent, unreadable or bad.
    """
    files = [_path(Path(os.path.expanduser(folder)), name) for name in FILES]
    return _read(tuple((file, file.stat().st_mtime_ns) for file in files))


@lru_cache(maxsize=2)
def _read(files: tuple[tuple[Path, int], ...]) -> GreyImages:
    """Return the data set of four files, read once per process for each time of modification."""
    try:
        return parse_images([(str(path), path.read_bytes()) for path, _ in files])
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}; check its permissions") from None


def _path(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(f"folder {folder} holds no {name} or {name}.gz; give the folder of the four idx files")
