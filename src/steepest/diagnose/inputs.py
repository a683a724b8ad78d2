"""What can be diagnosed: files, folders, data by name, a dataset of the Hugging Face hub. Each becomes a stream of parts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Literal, Protocol

import pyarrow as pa
import pyarrow.parquet

from steepest.diagnose import columns
from steepest.diagnose.byte_ranges import COMPRESSED, RANGE_BYTES, ByteRange, byte_ranges, damaged, open_stream
from steepest.diagnose.class_counts import PartCounts
from steepest.diagnose.named_data import NAMED_DATA, named_values
from steepest.diagnose.shards import shard_parts
from steepest.diagnose.tokenization import Tokenization
from steepest.errors import DataError, UsageError, unknown

Kind = Literal["text", "labels", "ids"]
FORMATS = {
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".jsonl": "JSON Lines",
    ".ndjson": "JSON Lines",
    ".csv": "CSV",
    ".tsv": "CSV",
    ".tab": "CSV",
    ".parquet": "Parquet",
    ".arrow": "Arrow",
    ".bin": "token ids",
    ".npy": "token ids",
}
BLANKS, LINE_END = b" \t\n\r\x0b\x0c", b"\n"
SAMPLE = 2**23  # characters of text from which vocabularies are trained
SAMPLE_PARTS = 16


class Part(Protocol):
    """A part of an input that one process counts on its own."""

    def count(self, how: Tokenization | None) -> PartCounts:
        """Return its counts."""

    def texts(self) -> list[str]:
        """Return its texts; none where it holds labels or ids."""


@dataclass(frozen=True)
class Text:
    """A byte range of plain text."""

    range: ByteRange

    def count(self, how: Tokenization | None) -> PartCounts:
        """Return the counts of its tokens."""
        assert how is not None
        return how.count_bytes(self.range.read(), str(self.range.path))

    def texts(self) -> list[str]:
        """Return its lines, damaged characters left out."""
        return self.range.read().decode(errors="ignore").splitlines()


@dataclass(frozen=True)
class Input:
    """Something to diagnose.

    Attributes:
        name: what it is called.
        kind: what its classes are made of.
        how: one line about where the classes come from.
        parts: bytes → a new stream of parts; those of plain text end behind one of these bytes.
        bytes: size on disk, 0 if unknown.
        spread: whether a part in the middle can be read without those before it.
        skipped: what was left out, by reason.
    """

    name: str
    kind: Kind
    how: str
    parts: Callable[[bytes], Iterator[Part]]
    bytes: int = 0
    spread: bool = False
    skipped: Counter[str] = field(default_factory=Counter)

    def sample(self) -> list[str]:
        """Return texts for training a vocabulary: from 16 places spread evenly, or from the beginning of a stream."""
        stride = max(1, self.bytes // RANGE_BYTES // SAMPLE_PARTS) if self.spread else 1
        chosen = list(islice(self.parts(LINE_END), 0, SAMPLE_PARTS * stride, stride))
        return list(chain.from_iterable(_first(part.texts(), SAMPLE // len(chosen)) for part in chosen))


def _first(texts: Sequence[str], characters: int) -> Iterator[str]:
    """Yield texts until there are enough characters."""
    for text in texts:
        if characters <= 0:
            return
        characters -= len(text)
        yield text


def open_input(target: str, column: str | None = None, *, as_text: bool = False, dtype: str = "uint16") -> Input:
    """Open a file, a folder, data by name, or a dataset of the Hugging Face hub.

    Args:
        target: path or name.
        column: of a table; `text`, else `label` if None.
        as_text: whether the column holds texts, as it does if it is called `text`.
        dtype: of the ids in `.bin` files.

    Raises:
        UsageError: a mistyped name, an unknown column, a mixed folder, or a column where there is none.
        DataError: nothing there, or nothing that can be read.
    """
    path = Path(target).expanduser()
    if path.exists():
        return _of_files(path, column, as_text, dtype)
    if target in NAMED_DATA:
        return _of_values(target, NAMED_DATA[target].kind, NAMED_DATA[target].says, lambda: named_values(target))
    if get_close_matches(target, NAMED_DATA, cutoff=0.8):
        raise unknown("data", target, NAMED_DATA)
    if _like_a_path(target):
        raise DataError(
            f"{target} does not exist; give a file, a folder, {', '.join(NAMED_DATA)}, or a dataset of the hub"
        )
    from steepest.diagnose.hub import hub_values

    rows, chosen = hub_values(target, column)
    kind: Kind = "text" if as_text or chosen == columns.TEXT else "labels"
    return _of_values(target, kind, f"column {chosen} of the training split", rows)


def _like_a_path(target: str) -> bool:
    return target.count("/") > 1 or target.startswith((".", "/", "~")) or bool(Path(target).suffix)


def _of_values(name: str, kind: Kind, how: str, values: Callable[[], Iterator[columns.Values]]) -> Input:
    return Input(name, kind, how, lambda _: values())


def _of_files(path: Path, column: str | None, as_text: bool, dtype: str) -> Input:
    skipped: Counter[str] = Counter()
    files = _files(path, skipped)
    form, size = _format(path, files), sum(file.stat().st_size for file in files)
    many = f"{len(files):,} files" if len(files) > 1 else "1 file"
    spread = not any(file.suffix in COMPRESSED for file in files)
    if form in ("text", "token ids"):
        if column is not None:
            raise UsageError(f"--column {column}: {path} holds {form}, which has no columns; leave the option out")
        if form == "text":
            parts = _each(files, lambda file, ends: map(Text, byte_ranges(file, ends)))
            return Input(path.name, "text", f"plain text, {many}", parts, size, spread, skipped)
        parts = _each(files, lambda file, _: shard_parts(file, dtype))
        return Input(path.name, "ids", f"token ids, {many}", parts, size, True, skipped)
    chosen = columns.choose(column, _names(files[0], form), files[0].name)
    parts = _each(files, lambda file, _: _table_parts(file, form, chosen))
    kind: Kind = "text" if as_text or chosen == columns.TEXT else "labels"
    return Input(path.name, kind, f"column {chosen} of {form}, {many}", parts, size, False, skipped)


def _each(files: Sequence[Path], read: Callable[[Path, bytes], Iterator[Part]]) -> Callable[[bytes], Iterator[Part]]:
    return lambda ends: (part for file in files for part in read(file, ends))


def _files(path: Path, skipped: Counter[str]) -> list[Path]:
    """Return the files to read; of a folder those whose suffix is known, the others being counted as skipped."""
    if not path.is_dir():
        return [path]
    below = sorted(file for file in path.rglob("*") if file.is_file() and not _hidden(file.relative_to(path)))
    known = [file for file in below if _suffix(file) in FORMATS]
    if len(known) < len(below):
        skipped["files of another kind"] = len(below) - len(known)
    if not known:
        raise DataError(f"{path} holds none of {', '.join(FORMATS)} (plain, .gz or .zst); give a folder that does")
    return known


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _suffix(file: Path) -> str:
    return Path(file.stem).suffix if file.suffix in COMPRESSED else file.suffix


def _format(path: Path, files: Sequence[Path]) -> str:
    """Return the one format of the files; a single file of unknown suffix is text."""
    formats = Counter(FORMATS.get(_suffix(file), "text") for file in files)
    if len(formats) > 1:
        kinds = ", ".join(f"{form} ({count})" for form, count in formats.most_common())
        raise UsageError(f"{path} holds {kinds}; give a folder or a file of one kind")
    return next(iter(formats))


def _names(file: Path, form: str) -> list[str]:
    """Return the columns of a table."""
    if form == "CSV":
        return columns.csv_names(file)
    try:
        if form == "Parquet":
            return list(pa.parquet.read_schema(file).names)
        if form == "Arrow":
            with pa.OSFile(str(file)) as source:
                return list(pa.ipc.open_stream(source).schema.names)
    except columns.UNREADABLE as error:
        raise damaged(file, error) from None
    return _keys(file)


def _keys(file: Path) -> list[str]:
    """Return the keys of the first object of JSON Lines."""
    try:
        with open_stream(file) as stream:
            lines = stream.read(2**20).split(LINE_END)
    except OSError as error:
        raise damaged(file, error) from None
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            return list(row)
    raise DataError(f"{file} holds no JSON object in its first lines; JSON Lines has one object on every line")


def _table_parts(file: Path, form: str, column: str) -> Iterator[Part]:
    match form:
        case "CSV":
            yield from columns.csv_values(file, column)
        case "Arrow":
            yield from columns.arrow_values(file, column)
        case "Parquet":
            yield from columns.row_groups(file, column)
        case _:
            for part in byte_ranges(file, LINE_END):
                yield columns.Unread(partial(columns.json_values, part, column))
