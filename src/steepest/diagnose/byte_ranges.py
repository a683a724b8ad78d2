"""Files cut into byte ranges that end where a record does; compressed files are read as a stream."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from steepest.errors import DataError

RANGE_BYTES = 2**24  # what one process holds at a time
PEEK = 2**16
COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class ByteRange:
    """Bytes start … stop of a file, or the bytes themselves where they come from a stream.

    Attributes:
        path: the file.
        start: of the first byte.
        stop: behind the last byte.
        held: the bytes, if they were read already.
    """

    path: Path
    start: int
    stop: int
    held: bytes | None = None

    def read(self) -> bytes:
        """Return the bytes, without a byte-order mark."""
        data = self.held
        if data is None:
            with open_file(self.path) as file:
                file.seek(self.start)
                data = file.read(self.stop - self.start)
        return data.removeprefix(BYTE_ORDER_MARK) if self.start == 0 else data


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; check the path and its permissions") from None


def byte_ranges(path: Path, ends: bytes, size: int = RANGE_BYTES) -> Iterator[ByteRange]:
    """Yield the ranges of a file, plain or compressed, each of about `size` bytes and ending behind one of `ends`.

    Raises:
        DataError: a record longer than a range, or a compressed file that is cut off or damaged.
    """
    return _of_stream(path, ends, size) if path.suffix in COMPRESSED else _of_file(path, ends, size)


def _of_file(path: Path, ends: bytes, size: int) -> Iterator[ByteRange]:
    start, last = 0, os.path.getsize(path)
    with open_file(path) as file:
        while start < last:
            stop = start + size
            file.seek(stop)
            while stop < last and (block := file.read(PEEK)):
                cut = _first(block, ends)
                stop += cut or len(block)
                if cut:
                    break
                if stop > start + 2 * size:
                    raise _no_end(path, stop - start)
            yield ByteRange(path, start, min(stop, last))
            start = stop


def _of_stream(path: Path, ends: bytes, size: int) -> Iterator[ByteRange]:
    start, rest = 0, b""
    with open_stream(path) as stream:
        while block := _next(stream, path, size):
            data = rest + block
            cut = _last(data, ends)
            if not cut and len(data) > size:
                raise _no_end(path, len(data))
            if cut:
                yield ByteRange(path, start, start + cut, data[:cut])
            start, rest = start + cut, data[cut:]
    if rest:
        yield ByteRange(path, start, start + len(rest), rest)


def _first(block: bytes, ends: bytes) -> int:
    """Return the position behind the first of `ends`, 0 if there is none."""
    return min((i + 1 for end in ends if (i := block.find(end)) >= 0), default=0)


def _last(block: bytes, ends: bytes) -> int:
    """Return the position behind the last of `ends`, 0 if there is none."""
    return max(block.rfind(end) for end in ends) + 1


def _no_end(path: Path, size: int) -> DataError:
    return DataError(
        f"{path}: no end of a record in {size:,} bytes; give text with line ends, or token ids as .bin or .npy"
    )


def _next(stream: pa.NativeFile, path: Path, size: int) -> bytes:
    try:
        block: bytes = stream.read(size)
    except (OSError, EOFError, ValueError) as error:
        raise damaged(path, error) from None
    return block


def damaged(path: Path, error: Exception) -> DataError:
    """Return the error for a file whose content does not match its name."""
    reason = str(error).partition("\n")[0][:150].rstrip(". ")
    return DataError(f"{path} is cut off or damaged: {reason}; make or fetch it again")


def open_stream(path: Path) -> pa.NativeFile:
    """Open a file, decompressing `.gz` and `.zst`.

    Raises:
        DataError: it cannot be read.
    """
    open_file(path).close()
    return pa.input_stream(str(path), compression=COMPRESSED.get(path.suffix))
