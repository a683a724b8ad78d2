"""Labels, texts or token ids in a column of CSV, JSON Lines, Parquet or Arrow files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from steepest.diagnose.byte_ranges import ByteRange, damaged, open_stream
from steepest.diagnose.class_counts import PartCounts, added, named
from steepest.diagnose.tokenization import Tokenization, decoded
from steepest.errors import DataError, UsageError, unknown

MISSING, NEGATIVE, NOT_UTF8 = "rows without a value", "negative labels", "rows that are not UTF-8"
MALFORMED = "malformed rows"
TEXT, LABELS = "text", ("label", "labels", "class", "target")
UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError, KeyError)  # what reading a damaged table may raise


@dataclass(frozen=True, eq=False)
class Values:
    """A part of a column: labels, or texts where `how` is given to `count`.

    Attributes:
        place: what messages call it.
        array: the values.
        bytes: how much was read for it.
        malformed: rows that were left out before.
    """

    place: str
    array: pa.Array
    bytes: int
    malformed: int = 0

    def count(self, how: Tokenization | None) -> PartCounts:
        """Return the counts of the labels, or those of the texts' tokens."""
        counts = count_values(self.array, how, self.place)
        counts.bytes = self.bytes
        counts.skipped[MALFORMED] += self.malformed
        return counts

    def texts(self) -> list[str]:
        """Return the texts."""
        return [text for text in self.array.to_pylist() if isinstance(text, str)]


@dataclass(frozen=True)
class Unread:
    """A part of a column that is read by the process that counts it.

    Attributes:
        read: returns its values; it can be sent to a worker process.
    """

    read: partial[Values]

    def count(self, how: Tokenization | None) -> PartCounts:
        """Return the counts of the labels, or those of the texts' tokens."""
        return self.read().count(how)

    def texts(self) -> list[str]:
        """Return the texts."""
        return self.read().texts()


def json_values(part: ByteRange, column: str) -> Values:
    """Return one key of a byte range of JSON Lines."""
    data = part.read()
    array, malformed = json_column(data, column, str(part.path))
    return Values(str(part.path), array, len(data), malformed)


def row_group_values(path: Path, group: int, column: str) -> Values:
    """Return a column of a row group of a Parquet file."""
    try:
        array = pa.parquet.ParquetFile(path).read_row_group(group, columns=[column])[column].combine_chunks()
        array.validate(full=True)
    except UNREADABLE as error:
        raise damaged(path, error) from None
    return Values(str(path), array, array.nbytes)


def count_values(values: pa.Array, how: Tokenization | None, place: str) -> PartCounts:
    """Return the counts of labels, or of the tokens of texts if a tokenization is given.

    Labels are texts, integers, truth values, or lists of integers, whose elements are counted. Missing values and
    negative integers, which training ignores, are skipped and counted.

    Raises:
        DataError: real numbers or nested values, which are no classes.

    >>> count_values(pa.array([3, 1, 3, -100, None]), None, "here").skipped
    Counter({'rows without a value': 1, 'negative labels': 1})
    """
    values, skipped = _flat(values), Counter[str]()
    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    if pa.types.is_string_view(values.type):
        values = values.cast(pa.large_string())
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        values = _utf8(values, skipped)
    present = values.drop_null()
    if _is_text(values.type):
        present = present.filter(pc.not_equal(present, ""))
    skipped[MISSING] += len(values) - len(present)
    if how is not None:
        if not _is_text(values.type):
            raise DataError(
                f"{place}: values of type {values.type} are not text; leave --tokenizer out to count labels"
            )
        tokens = how.count_texts(present.to_pylist(), place)
        return PartCounts(tokens.counts, values.nbytes, +(tokens.skipped + skipped))
    counts = _label_counts(present, skipped, place)
    return PartCounts(counts, values.nbytes, +skipped)


def _flat(values: pa.Array) -> pa.Array:
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return values.flatten() if any(is_kind(values.type) for is_kind in kinds) else values


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _label_counts(labels: pa.Array, skipped: Counter[str], place: str) -> pa.Table:
    kind = labels.type
    if pa.types.is_floating(kind):
        labels = _whole(labels, place)
    elif pa.types.is_null(kind):
        return added([named([], [])])
    elif not (_is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise DataError(f"{place}: values of type {kind} are not labels; labels are texts or integers")
    if pa.types.is_signed_integer(labels.type):
        wanted = labels.filter(pc.greater_equal(labels, 0))
        skipped[NEGATIVE] += len(labels) - len(wanted)
        labels = wanted
    counts = labels.value_counts()
    return named(counts.field("values").cast(pa.large_string()), counts.field("counts"))


def _whole(labels: pa.Array, place: str) -> pa.Array:
    """Return integers that were stored as real numbers, as pandas does where one is missing."""
    try:
        return labels.cast(pa.int64())
    except pa.ArrowInvalid:
        raise DataError(f"{place}: real numbers or NaN are not labels; give a column of classes (--column)") from None


def _utf8(values: pa.Array, skipped: Counter[str]) -> pa.Array:
    try:
        return values.cast(pa.large_string())
    except pa.ArrowInvalid:
        texts = [decoded(value) for value in values.drop_null().to_pylist()]
        skipped[NOT_UTF8] += texts.count(None)
        return pa.array([text for text in texts if text is not None], pa.large_string())


def json_column(data: bytes, column: str, place: str) -> tuple[pa.Array, int]:
    """Return the values of one key of JSON Lines, and the number of lines that are no JSON object.

    Lines are read by Arrow; where it refuses, one by one.
    """
    if not data.strip():
        return pa.nulls(0), 0
    for kind in (pa.string(), pa.int64(), pa.list_(pa.int64())):
        options = pa.json.ParseOptions(pa.schema([(column, kind)]), unexpected_field_behavior="ignore")
        reading = pa.json.ReadOptions(use_threads=False, block_size=len(data) + 1)
        try:
            return pa.json.read_json(pa.BufferReader(data), reading, options)[column].combine_chunks(), 0
        except pa.ArrowInvalid:
            continue
    return _json_lines(data, column, place)


def _json_lines(data: bytes, column: str, place: str) -> tuple[pa.Array, int]:
    values, malformed = [], 0
    for line in data.split(b"\n"):
        try:
            row = json.loads(line) if line.strip() else None
        except ValueError:  # UnicodeDecodeError is one
            row, malformed = None, malformed + 1
        if isinstance(row, dict):
            values.append(row.get(column))
        elif row is not None:
            malformed += 1
    try:
        return pa.array(values), malformed
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        raise DataError(f"{place}: {column!r} mixes {', '.join(kinds)}; labels are all texts or all integers") from None


def csv_values(path: Path, column: str) -> Iterator[Values]:
    """Yield a column of a CSV file, or of a TSV file, plain or compressed; rows of another width are left out.

    Raises:
        DataError: the file cannot be read.
    """
    malformed = 0

    def skip(_: pa.csv.InvalidRow) -> str:
        nonlocal malformed
        malformed += 1
        return "skip"

    try:
        for batch in _csv(
            path, skip, pa.csv.ConvertOptions(include_columns=[column], column_types={column: pa.binary()})
        ):
            yield Values(str(path), batch.column(0), batch.nbytes, malformed)
            malformed = 0
    except UNREADABLE as error:
        raise damaged(path, error) from None


def csv_names(path: Path) -> list[str]:
    """Return the column names of a CSV file."""
    try:
        return list(_csv(path, lambda _: "skip", None).schema.names)
    except UNREADABLE as error:
        raise damaged(path, error) from None


def _csv(
    path: Path, skip: Callable[[pa.csv.InvalidRow], str], converting: pa.csv.ConvertOptions | None
) -> pa.csv.CSVStreamingReader:
    tabs = Path(path.name.removesuffix(".gz").removesuffix(".zst")).suffix in (".tsv", ".tab")
    parsing = pa.csv.ParseOptions(
        delimiter="\t" if tabs else ",", quote_char=False if tabs else '"', newlines_in_values=not tabs
    )
    parsing.invalid_row_handler = skip
    reading = pa.csv.ReadOptions(use_threads=False, block_size=2**24)
    return pa.csv.open_csv(open_stream(path), reading, parsing, converting)


def arrow_values(path: Path, column: str) -> Iterator[Values]:
    """Yield a column of an Arrow stream, as the library datasets saves them.

    Arrow follows offsets and indices unchecked, out of memory where they are damaged, so values are validated first. Batches
    are read, not mapped: reading a map of a file that is cut off meanwhile ends the process.
    """
    try:
        with pa.OSFile(str(path)) as file:
            for batch in pa.ipc.open_stream(file):
                values = batch.column(column)
                values.validate(full=True)
                yield Values(str(path), values, values.nbytes)
    except UNREADABLE as error:
        raise damaged(path, error) from None


def choose(column: str | None, names: Sequence[str], place: str) -> str:
    """Return the column to count: the one given, else `text`, else the one that is called like labels.

    Raises:
        UsageError: no such column, or none that can be guessed.

    >>> choose(None, ["id", "label"], "here")
    'label'
    """
    if column is not None:
        if column not in names:
            raise unknown(f"column of {place}", column, names)
        return column
    usual = next((name for name in (TEXT, *LABELS) if name in names), None)
    if usual is None:
        raise UsageError(f"{place} has the columns {', '.join(names)}; say with --column which holds labels or texts")
    return usual


def row_groups(path: Path, column: str) -> Iterator[Unread]:
    """Yield the row groups of a Parquet file."""
    try:
        number = pa.parquet.read_metadata(path).num_row_groups
    except UNREADABLE as error:
        raise damaged(path, error) from None
    yield from (Unread(partial(row_group_values, path, group, column)) for group in range(number))
