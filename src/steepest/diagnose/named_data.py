"""Data by name: what the tests, the page and the reference corpora are measured on. Downloaded at the first use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

from steepest.data.corpora import NAMED, labelled
from steepest.diagnose.columns import Values

ROWS = 2**12


class NamedData(NamedTuple):
    """A data set: what its classes are made of, what it is, and its labels or texts."""

    kind: Literal["text", "labels"]
    says: str
    values: Callable[[], pa.Array]


def _texts(name: str) -> Callable[[], pa.Array]:
    return lambda: pa.array([text for _, text in NAMED[name]().documents()], pa.large_string())


def _labels(table: str) -> Callable[[], pa.Array]:
    """Return the function that gives the labels of both parts of a collection."""
    parts = (f"{table}-train", f"{table}-test")
    return lambda: pa.array([label for part in parts for label, _ in labelled(part)], pa.large_string())


def _fashion() -> pa.Array:
    from steepest.data.fashion import Fashion

    return pa.array(np.repeat(np.arange(10), Fashion(imbalance="zipf").counts()))


def _glyphs() -> pa.Array:
    from steepest.data.glyphs import Glyphs

    return pa.array(np.repeat(np.arange(1000), Glyphs(imbalance="zipf").counts(seed=0)))


NAMED_DATA = {
    "wikipedia": NamedData("text", "10,033 lead sections of English Wikipedia", _texts("wikipedia")),
    "newsgroups": NamedData("text", "18,821 postings of 20 Newsgroups", _texts("newsgroups")),
    "wikitext-2": NamedData("text", "WikiText-2, from the Hugging Face hub", _texts("wikitext-2")),
    "wikitext-103": NamedData("text", "WikiText-103, from the Hugging Face hub", _texts("wikitext-103")),
    "newsgroups-labels": NamedData("labels", "the 20 groups of 18,821 postings", _labels("20newsgroups")),
    "reuters": NamedData("labels", "the topics of 9,100 news of Reuters-52", _labels("reuters-r52")),
    "fashion": NamedData("labels", "Fashion-MNIST made long-tailed, n_k = ⌊6000/k⌋", _fashion),
    "glyphs": NamedData("labels", "20,000 glyphs of 1,000 characters, n_k ∝ 1/k", _glyphs),
}


def named_values(name: str) -> Iterator[Values]:
    """Yield the labels or texts of a data set."""
    array = NAMED_DATA[name].values()
    for start in range(0, len(array), ROWS):
        rows = array.slice(start, ROWS)
        yield Values(name, rows, rows.nbytes)
