"""Class counts that are added up part by part while an input is read, in bounded memory.

Classes with names are kept in Arrow tables. When there are too many for memory, their counts go to files in a temporary
folder, one for each hash of the name, and each file is added up by itself at the end: exact, whatever the number of
classes. Token ids are counted in one vector.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from steepest.diagnose.spectrum import Ints, Spectrum
from steepest.errors import DataError

SCHEMA = pa.schema([("name", pa.large_string()), ("count", pa.int64())])
ROWS = 2**21  # names that are held in memory, about 100 MB of words
PARTITIONS = 64
MOST_IDS = 2**26
TOP = 10


@dataclass
class PartCounts:
    """The counts of one part of an input.

    Attributes:
        counts: counts by name, or by id.
        bytes: how much was read.
        skipped: how many samples were left out, by reason.
    """

    counts: pa.Table | Ints
    bytes: int
    skipped: Counter[str] = field(default_factory=Counter)


def named(names: Iterable[str] | pa.Array, counts: Iterable[int] | pa.Array) -> pa.Table:
    """Return counts by name."""
    return pa.table({"name": pa.array(names, pa.large_string()), "count": pa.array(counts, pa.int64())}, schema=SCHEMA)


def added(tables: list[pa.Table]) -> pa.Table:
    """Return the sum of tables of counts by name."""
    grouped = (
        pa.concat_tables([SCHEMA.empty_table(), *tables])
        .group_by("name", use_threads=False)
        .aggregate([("count", "sum")])
    )
    return grouped.rename_columns({"count_sum": "count"}).select(["name", "count"]).combine_chunks()


class NameCounts:
    """Counts by name, spilled to disk where there are more than `rows`."""

    def __init__(self, rows: int = ROWS) -> None:
        self._rows, self._held = rows, 0
        self._tables: list[pa.Table] = []
        self._open = ExitStack()
        self._writers: list[pa.ipc.RecordBatchStreamWriter] = []
        self._folder = Path()

    def add(self, counts: pa.Table) -> None:
        """Add counts by name."""
        self._tables.append(counts)
        self._held += len(counts)
        if self._held > self._rows:
            self._compact()

    def _compact(self) -> None:
        total = added(self._tables)
        if len(total) > self._rows // 2:
            self._spill(total)
            self._tables, self._held = [], 0
        else:
            self._tables, self._held = [total], len(total)

    def _spill(self, total: pa.Table) -> None:
        if not self._writers:
            self._folder = Path(self._open.enter_context(TemporaryDirectory(prefix="steepest-")))
            files = [str(self._folder / f"{p}.arrow") for p in range(PARTITIONS)]
            self._writers = [pa.ipc.new_stream(file, SCHEMA) for file in files]
        hashes = np.array([zlib.crc32(name.encode()) % PARTITIONS for name in total["name"].to_pylist()])
        for p, writer in enumerate(self._writers):
            writer.write_table(total.filter(pa.array(hashes == p)))

    def partitions(self) -> Iterator[pa.Table]:
        """Yield the total, every name once, in tables that fit in memory; ends the counting."""
        with self._open:
            if not self._writers:
                yield added(self._tables)
                return
            self._spill(added(self._tables))
            for p, writer in enumerate(self._writers):
                writer.close()
                with pa.memory_map(str(self._folder / f"{p}.arrow")) as file:
                    yield added([pa.ipc.open_stream(file).read_all()])

    def result(self) -> tuple[Spectrum, list[tuple[str, int]]]:
        """Return the spectrum and the most frequent classes; ends the counting."""
        classes: Counter[int] = Counter()
        top: list[tuple[str, int]] = []
        for table in self.partitions():
            sizes = table["count"].combine_chunks().value_counts()
            classes.update(dict(zip(*(sizes.field(i).to_pylist() for i in (0, 1)), strict=True)))
            top = _top([*top, *_most_frequent(table)])
        return Spectrum.from_dict(classes), top


def _most_frequent(table: pa.Table) -> list[tuple[str, int]]:
    order = pc.select_k_unstable(table, TOP, [("count", "descending"), ("name", "ascending")])
    best = table.take(order)
    return list(zip(best["name"].to_pylist(), best["count"].to_pylist(), strict=True))


def _top(rows: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(rows, key=lambda row: (-row[1], row[0]))[:TOP]


class IdCounts:
    """Counts by token id, in one vector that grows to the largest id."""

    def __init__(self) -> None:
        self._total = np.zeros(0, dtype=np.int64)

    def add(self, counts: Ints) -> None:
        """Add counts by id, shape (largest id + 1,)."""
        if len(counts) > len(self._total):
            self._total = np.pad(self._total, (0, len(counts) - len(self._total)))
        self._total[: len(counts)] += counts

    def result(self) -> tuple[Spectrum, list[tuple[str, int]]]:
        """Return the spectrum and the most frequent classes."""
        best = np.argsort(-self._total, kind="stable")[:TOP]
        rows = [(str(i), int(self._total[i])) for i in best if self._total[i]]
        return Spectrum.of(self._total), rows


def id_counts(ids: np.ndarray, place: str) -> Ints:
    """Return the counts of token ids, shape (largest id + 1,).

    Raises:
        DataError: an id below 0 or too large; `place` is named in the message.

    >>> id_counts(np.array([2, 0, 2], dtype=np.uint16), "here")
    array([1, 0, 2])
    """
    if ids.size == 0:
        return np.zeros(0, dtype=np.int64)
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= MOST_IDS:
        wrong = low if low < 0 else high
        raise DataError(
            f"{place}: token id {wrong} is not one of 0 … {MOST_IDS - 1}; check the type of the ids (--dtype), and "
            "leave padding out"
        )
    return np.bincount(ids).astype(np.int64, copy=False)
