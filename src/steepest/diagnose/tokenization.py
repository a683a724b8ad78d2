"""How text becomes classes: words by a fast rule, or the ids of a tokenizer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from steepest.data.tokens import BPE, GPT2BPE, Encoder
from steepest.diagnose.class_counts import PartCounts, id_counts
from steepest.diagnose.spectrum import Ints
from steepest.diagnose.word_counts import RULES, count_words
from steepest.errors import DataError, UsageError, unknown

BATCH = 2**10  # texts that are encoded at once
NOT_UTF8 = "lines that are not UTF-8"
NAMES = (*RULES, "gpt2", "bpe", "bpe:SIZE", "a tokenizer.json")
BPE_SIZE = "4096"


@dataclass(frozen=True, eq=False)
class Tokenization:
    """A way to cut text into classes.

    Attributes:
        name: `words`, `whitespace`, or that of a tokenizer.
        strings: the text of each id; empty for words.
        encode: from texts to ids; None for words.
    """

    name: str
    strings: Sequence[str] = ()
    encode: Encoder | None = None

    def count_bytes(self, text: bytes, place: str) -> PartCounts:
        """Return the counts of a text in UTF-8; a tokenizer sees one line at a time, without its end.

        What is not UTF-8 is skipped and counted: words, or whole lines.

        Raises:
            DataError: the text is binary, or UTF-16.
        """
        if self.encode is None:
            return count_words(text, RULES[self.name], place)
        if (where := text.find(0)) >= 0:
            raise DataError(f"{place} is binary or UTF-16: NUL at byte {where}; give plain text in UTF-8")
        skipped: Counter[str] = Counter()
        return PartCounts(self._ids(_lines(text, skipped), place), len(text), skipped)

    def count_texts(self, texts: Sequence[str], place: str) -> PartCounts:
        """Return the counts of texts; a tokenizer sees each as a whole."""
        if self.encode is None:
            return count_words("\n".join(texts).encode("utf-8", "surrogatepass"), RULES[self.name], place)
        return PartCounts(self._ids(texts, place), sum(map(len, texts)))

    def _ids(self, texts: Sequence[str], place: str) -> Ints:
        assert self.encode is not None
        total, rest = np.zeros(len(self.strings), dtype=np.int64), iter(texts)
        while batch := list(islice(rest, BATCH)):
            ids = np.fromiter(chain.from_iterable(self.encode(batch)), dtype=np.int64)
            counts = id_counts(ids, place)
            total[: len(counts)] += counts
        return total


def _lines(text: bytes, skipped: Counter[str]) -> list[str]:
    try:
        return text.decode().split("\n")
    except UnicodeDecodeError:
        lines = [decoded(line) for line in text.split(b"\n")]
        skipped[NOT_UTF8] += lines.count(None)
        return [line for line in lines if line is not None]


def decoded(data: bytes) -> str | None:
    """Return bytes as text, None if they are not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def tokenization(name: str, sample: Callable[[], list[str]]) -> Tokenization:
    """Return a tokenization by name.

    Args:
        name: `words`, `whitespace`, `gpt2`, `bpe` or `bpe:SIZE`, which are trained on the sample, or a tokenizer.json.
        sample: gives texts of the input.

    Raises:
        UsageError: an unknown name, or a size that is not one.
        DataError: a tokenizer file that is none.
    """
    if name in RULES:
        return Tokenization(name)
    if name == "gpt2":
        return Tokenization(name, *GPT2BPE().fit([]))
    kind, colon, size = name.partition(":")
    if kind == "bpe":
        size = size if colon else BPE_SIZE
        if not size.isdigit() or not 256 < int(size) <= 1_000_000:
            raise UsageError(f"--tokenizer {name}: the size must be 257 … 1,000,000, as in bpe:4096")
        return Tokenization(f"BPE {int(size):,}", *BPE(size=int(size)).fit(sample()))
    if Path(name).is_file():
        return _from_file(name)
    raise unknown("tokenizer", name, NAMES)


def _from_file(path: str) -> Tokenization:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(path)
    except Exception as error:  # noqa: BLE001 - the library raises Exception itself
        reason = str(error).partition("\n")[0][:150]
        raise DataError(f"{path} is not a tokenizer ({reason}); give a tokenizer.json of Hugging Face") from None
    size = max(tokenizer.get_vocab().values(), default=-1) + 1
    strings = [tokenizer.id_to_token(i) or "" for i in range(size)]
    return Tokenization(Path(path).stem, strings, lambda texts: _encoded(tokenizer, texts))


def _encoded(tokenizer: object, texts: Sequence[str]) -> list[list[int]]:
    encode = tokenizer.encode_batch_fast  # type: ignore[attr-defined]
    return [encoding.ids for encoding in encode(list(texts), add_special_tokens=False)]
