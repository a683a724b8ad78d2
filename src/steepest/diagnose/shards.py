"""Token ids in `.bin` and `.npy` files, as training scripts memory-map them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steepest.diagnose.byte_ranges import damaged, open_file
from steepest.diagnose.class_counts import PartCounts, id_counts
from steepest.diagnose.spectrum import Ints
from steepest.errors import DataError, UsageError

PART_BYTES = 2**26
CHUNK = 2**17  # ids that are counted at once; the counting's own copies stay in the processor's cache
DTYPES = ("uint16", "uint32", "int32", "int64")
LLM_C = np.array([20240520, 1], dtype="<i4").tobytes()  # the header of llm.c's shards: 256 integers of 32 bits


@dataclass(frozen=True)
class Ids:
    """Ids start … stop of a file of integers that begin at a byte offset."""

    path: Path
    dtype: str
    offset: int
    start: int
    stop: int

    def count(self, how: object) -> PartCounts:  # noqa: ARG002 - ids are classes already
        """Return the counts of the ids.

        Raises:
            DataError: an id that is negative or too large to be one.
        """
        kind = np.dtype(self.dtype)
        where = self.offset + self.start * kind.itemsize
        ids = np.memmap(self.path, kind, "r", offset=where, shape=(self.stop - self.start,))
        total = np.zeros(0, dtype=np.int64)
        for first in range(0, len(ids), CHUNK):
            total = _sum(total, id_counts(ids[first : first + CHUNK], f"{self.path} from token {self.start + first}"))
        return PartCounts(total, ids.nbytes)

    def texts(self) -> list[str]:
        """Return nothing: ids have no text."""
        return []


def _sum(total: Ints, counts: Ints) -> Ints:
    long, short = (total, counts) if len(total) >= len(counts) else (counts, total)
    long[: len(short)] += short
    return long


def shard_parts(path: Path, dtype: str) -> Iterator[Ids]:
    """Yield the parts of a shard; `dtype` is that of the ids of a `.bin` file.

    The header of llm.c's shards is recognised and left out.

    Raises:
        DataError: a file of another size, or an array that does not hold integers.
        UsageError: a type that ids do not have.
    """
    kind, offset, count = _npy(path) if path.suffix == ".npy" else _bin(path, dtype)
    step = PART_BYTES // np.dtype(kind).itemsize
    for start in range(0, count, step):
        yield Ids(path, kind, offset, start, min(start + step, count))


def _npy(path: Path) -> tuple[str, int, int]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise damaged(path, error) from None
    if not np.issubdtype(array.dtype, np.integer):
        raise DataError(f"{path} holds {array.dtype} of shape {array.shape}, not token ids; ids are integers")
    return array.dtype.str, int(array.offset), int(array.size)


def _bin(path: Path, dtype: str) -> tuple[str, int, int]:
    if dtype not in DTYPES:
        raise UsageError(f"--dtype {dtype}: token ids are {', '.join(DTYPES)}")
    with open_file(path) as file:
        offset = 1024 if file.read(8) == LLM_C else 0
    kind, size = np.dtype("uint16" if offset else dtype).newbyteorder("<"), os.path.getsize(path) - offset
    if size % kind.itemsize:
        raise DataError(f"{path} has {size:,} bytes, not a multiple of the {kind.itemsize} of {dtype}; check --dtype")
    return kind.str, offset, size // kind.itemsize
