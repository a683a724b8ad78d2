"""Corpora: named documents of text, and the fixed split of documents into train, validation and test."""

from __future__ import annotations

import hashlib
import json
import os
import re
from abc import abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from steepest.component import Component
from steepest.data.artefacts import WIKIPEDIA_LEADS, fetch
from steepest.errors import DataError
from steepest.files import sha256

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
Document = tuple[str, str]


class Corpus(Component):
    """A source of documents.

    Attributes:
        licence: of the text.
        attribution: whose text it is.
        marked: whether rare words are replaced by `<unk>` in the text itself.
    """

    licence: ClassVar[str]
    attribution: ClassVar[str]
    marked: ClassVar[bool] = False

    @abstractmethod
    def documents(self) -> list[Document]:
        """Return (key, text) of each document in a fixed order."""

    def splits(self) -> dict[Split, list[str]]:
        """Return the texts of each split, in order: by the documents' keys, unless the corpus has splits of its own."""
        return split_documents(self.documents())


class WikipediaLeads(Corpus):
    """10,033 lead sections of English Wikipedia, 4.9 million characters, sorted by title.

    It replaces WikiText: the word counts fall with the same exponent, 1.0, and the ten frequency groups have nearly
    the same sizes. Downloaded at the first use (5 MB), then read from the cache.
    """

    kind: ClassVar[str] = "WikipediaLeads"

    licence = WIKIPEDIA_LEADS.licence
    attribution = WIKIPEDIA_LEADS.attribution

    def documents(self) -> list[Document]:
        """Return (title, lead section) of each article."""
        (path,) = fetch(WIKIPEDIA_LEADS).values()
        articles = json.loads(path.read_bytes())
        return [(title, articles[title]["extract"]) for title in sorted(articles)]

    def fingerprint(self) -> str:
        """Return the hash of the pinned artefact."""
        return WIKIPEDIA_LEADS.sha256


class TextFiles(Corpus):
    """A plain-text file, or all .txt files below a folder, in UTF-8.

    In a folder, each file is one document, named and sorted by its path below the folder. A single file is cut into
    documents at blank lines, named by their number. Documents without text are left out.

    Attributes:
        path: the file or folder.
    """

    kind: ClassVar[str] = "TextFiles"

    path: Annotated[str, Field(min_length=1)]
    licence = "that of the user's own text"
    attribution = "the user's own text"

    def documents(self) -> list[Document]:
        """Return (key, text) of each document.

        Raises:
            DataError: a path that is missing, or text that is empty, binary or not UTF-8.
        """
        texts = [(key, read_text(file)) for key, file in self._files()]
        if os.path.isfile(self._root):
            texts = [(f"paragraph {i}", part) for i, part in enumerate(re.split(r"\n\s*\n", texts[0][1]))]
        documents = [(key, text) for key, text in texts if text.strip()]
        if not documents:
            raise DataError(f"corpus {self.path} is empty; give a text file or a folder of .txt files that hold text")
        return documents

    def fingerprint(self) -> str:
        """Return the hash of the files' contents and of their names below the folder."""
        lines = [f"{key} {digest(file)}" for key, file in self._files()]
        return sha256("\n".join(lines).encode(errors="surrogateescape"))

    def description(self) -> dict[str, Any]:
        """Return kind, version and fingerprint; the place is left out, so that moved files keep their runs."""
        return {name: value for name, value in super().description().items() if name != "path"}

    @property
    def _root(self) -> Path:
        return Path(os.path.expanduser(self.path))

    def _files(self) -> list[tuple[str, Path]]:
        """Return (key, path) of each file, sorted by key; the key of a single file is empty."""
        root = self._root
        if os.path.isfile(root):
            return [("", root)]
        if not os.path.isdir(root):
            reason = "is neither a file nor a folder" if os.path.exists(root) else "does not exist"
            raise DataError(f"corpus {self.path} {reason}; give a text file or a folder of .txt files")
        files = sorted((path.relative_to(root).as_posix(), path) for path in root.rglob("*.txt") if path.is_file())
        if not files:
            raise DataError(f"corpus folder {self.path} holds no .txt files; give a folder that does, or one text file")
        return files


def split_of(key: str) -> Split:
    """Return the split of a document: of 20 equal parts of the SHA-256 range, 18 train, 1 validation, 1 test.

    >>> [split_of(title) for title in ("Aardvark", "Abacus", "Zebra")]
    ['train', 'train', 'train']
    """
    digest = hashlib.sha256(key.encode(errors="surrogateescape")).digest()
    part = int.from_bytes(digest[:8], "big") * 20 >> 64
    return "train" if part < 18 else "validation" if part == 18 else "test"


def split_documents(documents: Sequence[Document]) -> dict[Split, list[str]]:
    """Return the texts of each split, in order.

    If no document belongs to train (a corpus of one document, for example), all do: a vocabulary needs text.
    """
    texts: dict[Split, list[str]] = {split: [] for split in SPLITS}
    for key, text in documents:
        texts[split_of(key)].append(text)
    if not texts["train"]:
        return {"train": [text for _, text in documents], "validation": [], "test": []}
    return texts


def read_text(file: Path) -> str:
    """Return the text of a UTF-8 file, without byte-order mark, lines ended by a line feed.

    Raises:
        DataError: a file that is missing, binary or not UTF-8.
    """
    data = _bytes(file)
    if (where := data.find(0)) >= 0:
        raise DataError(f"{file} is binary or UTF-16: NUL at byte {where}; give plain text in UTF-8")
    try:
        return data.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8: {error.reason} at byte {error.start}; convert it to UTF-8") from None


def digest(file: Path) -> str:
    """Return the hash of a file's content; within a process, an unchanged file is read once.

    Raises:
        DataError: a file that cannot be read.
    """
    return _digest(file, *_signature(file))


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}; check its permissions") from None


def _signature(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}; check its permissions") from None
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=100_000)
def _digest(file: Path, mtime: int, size: int) -> str:  # noqa: ARG001 - mtime and size say when to read again
    return sha256(_bytes(file))
