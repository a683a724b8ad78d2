"""Corpora with splits of their own: 20 Newsgroups, Penn Treebank and WikiText."""

from __future__ import annotations

import os
from abc import abstractmethod
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from steepest.data.artefacts import NEWSGROUPS, fetch
from steepest.data.corpus import SPLITS, Corpus, Document, Split, TextFiles, WikipediaLeads, digest, read_text
from steepest.errors import DataError
from steepest.files import sha256

WIKITEXT = "Salesforce/wikitext"
PTB_FILES = {"train": "train.txt", "validation": "valid.txt", "test": "test.txt"}


class SplitCorpus(Corpus):
    """A corpus that comes with a split; a document's key is its split and its number there."""

    @abstractmethod
    def splits(self) -> dict[Split, list[str]]:
        """Return the texts of each split, in order."""

    def documents(self) -> list[Document]:
        """Return (key, text) of each document: all of train, then validation, then test."""
        texts = self.splits()
        return [(f"{split} {i}", text) for split in SPLITS for i, text in enumerate(texts[split])]


class Newsgroups(SplitCorpus):
    """18,821 Usenet postings of 20 groups, 27 million characters, lower-cased letters only.

    Train is the collection's own, 11,293 postings; of its test postings, which are later, every other one is validation.
    Downloaded at the first use (38 MB) and never passed on: the authors of the postings gave no licence.
    """

    kind: ClassVar[str] = "Newsgroups"

    licence = NEWSGROUPS.licence
    attribution = NEWSGROUPS.attribution

    def splits(self) -> dict[Split, list[str]]:
        """Return the texts of each split, empty postings left out."""
        train, test = ([text for _, text in labelled(f"20newsgroups-{part}")] for part in ("train", "test"))
        return {"train": train, "validation": test[::2], "test": test[1::2]}

    def fingerprint(self) -> str:
        """Return the hash of the pinned artefact."""
        return NEWSGROUPS.sha256


def labelled(table: str) -> list[tuple[str, str]]:
    """Return (label, text) of a table of the artefact `NEWSGROUPS`, which has three lines of header and no quotes."""
    file = fetch(NEWSGROUPS)[f"orangecontrib/text/datasets/{table}.tab"]
    rows = (line.partition("\t") for line in read_text(file).split("\n")[3:])
    return [(label, text) for label, _, text in rows if label and text.strip()]


class PennTreebank(SplitCorpus):
    """The user's copy of Penn Treebank's language-modelling text: ptb.train.txt, ptb.valid.txt and ptb.test.txt.

    Names without `ptb.` do too. Each line, a sentence, is one document. The text is lower-cased and has 10,000 words,
    the others replaced by `<unk>`, which the vocabulary BasicEnglish keeps as one token.

    Attributes:
        path: the folder.
    """

    kind: ClassVar[str] = "PennTreebank"

    path: Annotated[str, Field(min_length=1)]
    licence = "that of the user's own copy"
    attribution = "Penn Treebank by Marcus, Marcinkiewicz and Santorini (1993), as prepared by Mikolov (2010)"
    marked = True

    def splits(self) -> dict[Split, list[str]]:
        """Return the sentences of each file.

        Raises:
            DataError: a folder or file that is missing, or text that is empty, binary or not UTF-8.
        """
        return {split: self._sentences(split) for split in SPLITS}

    def fingerprint(self) -> str:
        """Return the hash of the three files' contents."""
        return sha256("\n".join(digest(self._file(split)) for split in SPLITS).encode())

    def description(self) -> dict[str, Any]:
        """Return kind, version and fingerprint; the place is left out, so that moved files keep their runs."""
        return {name: value for name, value in super().description().items() if name != "path"}

    def _sentences(self, split: Split) -> list[str]:
        file = self._file(split)
        sentences = [line.strip() for line in read_text(file).split("\n") if line.strip()]
        if not sentences:
            raise DataError(f"{file} is empty; give the folder of Penn Treebank's three files as they came")
        return sentences

    def _file(self, split: Split) -> Path:
        file = _ptb_file(self.path, split)
        if file is None:
            name = PTB_FILES[split]
            raise DataError(
                f"corpus {self.path} has no ptb.{name} and no {name}; give the folder of Penn Treebank's files"
            )
        return file


def _ptb_file(folder: str, split: Split) -> Path | None:
    names = (f"{prefix}{PTB_FILES[split]}" for prefix in ("ptb.", ""))
    files = (os.path.join(os.path.expanduser(folder), name) for name in names)
    return next((Path(file) for file in files if os.path.isfile(file)), None)


class _WikiText(SplitCorpus):
    """WikiText (Merity et al. 2016) from the Hugging Face hub, at a fixed revision; each line of text is one document.

    Words are separated by blanks, the rare ones replaced by `<unk>`. Needs `pip install 'steepest[hub]'`.

    Attributes:
        revision: the commit of the dataset's repository.
    """

    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] = "b08601e04326c79dfdd32d625aee71d232d685c3"
    configuration: ClassVar[str]
    licence = "CC BY-SA 3.0 and GFDL"
    attribution = "WikiText by Merity, Xiong, Bradbury and Socher (2016), from Wikipedia by its contributors"
    marked = True

    def splits(self) -> dict[Split, list[str]]:
        """Return the lines of each split that hold text.

        Raises:
            DataError: the library or the network is missing, or the dataset is not the expected one.
        """
        tables = _load_dataset(WIKITEXT, self.configuration, self.revision)
        return {split: _lines(tables, split) for split in SPLITS}

    def fingerprint(self) -> str:
        """Return names and revision of the dataset."""
        return f"{WIKITEXT} {self.configuration} {self.revision}"


class WikiText2(_WikiText):
    """WikiText-2: 2 million training words."""

    kind: ClassVar[str] = "WikiText2"

    configuration = "wikitext-2-v1"


class WikiText103(_WikiText):
    """WikiText-103: 103 million training words."""

    kind: ClassVar[str] = "WikiText103"

    configuration = "wikitext-103-v1"


def _load_dataset(name: str, configuration: str, revision: str) -> Any:
    try:
        library = import_module("datasets")
    except ImportError:
        raise DataError(f"{configuration} needs the library datasets; pip install 'steepest[hub]'") from None
    try:
        return library.load_dataset(name, configuration, revision=revision)
    except Exception as error:  # noqa: BLE001 - the hub raises whatever its transports raise
        reason = str(error).split("\n", 1)[0][:200]
        raise DataError(f"{name} {configuration} cannot be loaded ({reason}); use a text file of your own") from None


def _lines(tables: Any, split: Split) -> list[str]:
    """Return the lines of one split; what came from the hub is checked."""
    try:
        lines = list(tables[split]["text"])
    except (KeyError, TypeError):
        raise DataError(f"{WIKITEXT} has no texts for {split}; use its pinned revision") from None
    texts = [line for line in lines if isinstance(line, str) and line.strip()]
    if not texts:
        raise DataError(f"{WIKITEXT} has no texts for {split}; use its pinned revision")
    return texts


NAMED: dict[str, type[Corpus]] = {
    "wikipedia": WikipediaLeads,
    "newsgroups": Newsgroups,
    "wikitext-2": WikiText2,
    "wikitext-103": WikiText103,
}


def open_corpus(name: str) -> Corpus:
    """Return a corpus by its name, or the user's: a folder with Penn Treebank's files, other text files.

    >>> open_corpus("wikipedia")
    WikipediaLeads()
    """
    if name in NAMED:
        return NAMED[name]()
    return PennTreebank(path=name) if _ptb_file(name, "train") else TextFiles(path=name)
