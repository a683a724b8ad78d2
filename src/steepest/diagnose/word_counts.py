"""Count the words of UTF-8 text by Arrow rather than in a Python loop.

No word contains a blank. So the text is cut at ASCII blanks and marks, the pieces are counted by Arrow, and only the few
different pieces that are not plain ASCII letters are cut by the rule in Python, once each: the counts are those of the
rule on the text. The hash table of the pieces limits the speed.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from steepest.data.tokens import words
from steepest.diagnose.class_counts import PartCounts, named
from steepest.errors import DataError

BLOCK = 2**20  # bytes that are counted at once
BLANKS = b" \t\n\r\x0b\x0c"
CAPITAL_SIGMA = "Σ".encode()  # its lower case depends on the letter after a mark, so there marks have to stay
NOT_UTF8 = "words that are not UTF-8"


@dataclass(frozen=True)
class Rule:
    """How text is cut into words.

    Attributes:
        cut: the rule; no word holds a blank.
        marks: ASCII characters that are words by themselves wherever they stand.
        lower: whether the rule lower-cases.
        plain: which pieces, without marks and lower-cased, are one word unchanged.
    """

    cut: Callable[[str], list[str]]
    marks: bytes
    lower: bool
    plain: Callable[[pa.Array], pa.Array]

    def table(self, apart: bytes) -> bytes:
        """Return the translation of bytes that lower-cases, and blanks out the marks that are set apart."""
        low = bytes(range(256)).lower() if self.lower else bytes(range(256))
        return bytes(32 if i in apart else low[i] for i in range(256))


RULES = {
    "words": Rule(words, string.punctuation.replace("'", "").encode(), True, pc.ascii_is_alpha),
    "whitespace": Rule(str.split, b"", False, pc.ascii_is_printable),
}


def count_words(text: bytes, rule: Rule, place: str) -> PartCounts:
    """Return the counts of the words of a text that begins and ends with whole words; a word may be in several rows.

    Words that are not UTF-8 are skipped and counted; here a word is what is between ASCII blanks.

    Raises:
        DataError: the text is binary, or UTF-16.

    >>> words = count_words(b"The cat, the dog.", RULES["words"], "here")
    >>> sorted(zip(*words.counts.to_pydict().values()))
    [(',', 1), ('.', 1), ('cat', 1), ('dog', 1), ('the', 2)]
    """
    if (where := text.find(0)) >= 0:
        raise DataError(
            f"{place} is binary or UTF-16: NUL at byte {where}; give plain text in UTF-8, or .bin or .npy ids"
        )
    skipped: Counter[str] = Counter()
    marks: Counter[int] = Counter()
    pieces = [_pieces(block, rule, skipped, marks) for block in blocks(text)]
    counts = pa.chunked_array(pieces, pa.string()).value_counts()
    plain, rest = _cut_by_the_rule(counts.field("values"), counts.field("counts"), rule)
    return PartCounts(pa.concat_tables([plain, rest, named(map(chr, marks), marks.values())]), len(text), skipped)


def blocks(text: bytes) -> Iterator[bytes]:
    """Yield a text in blocks that end at a blank."""
    start = 0
    while start < len(text):
        stop = min(start + BLOCK, len(text))
        while stop < len(text) and text[stop] not in BLANKS:
            stop += 1
        yield text[start:stop]
        start = stop


def _pieces(block: bytes, rule: Rule, skipped: Counter[str], marks: Counter[int]) -> pa.Array:
    """Return the pieces of a block, and add up its marks."""
    apart = b"" if CAPITAL_SIGMA in block else rule.marks
    try:
        text = pa.array([block.translate(rule.table(apart))], pa.string())
    except pa.ArrowInvalid:
        return _pieces(_without_invalid(block, skipped), rule, skipped, marks)
    marks.update(block.translate(None, bytes(set(range(256)) - set(apart))))
    return pc.ascii_split_whitespace(text).flatten()


def _without_invalid(block: bytes, skipped: Counter[str]) -> bytes:
    kept = []
    for piece in block.split():
        try:
            piece.decode()
            kept.append(piece)
        except UnicodeDecodeError:
            skipped[NOT_UTF8] += 1
    return b" ".join(kept)


def _cut_by_the_rule(pieces: pa.Array, counts: pa.Array, rule: Rule) -> tuple[pa.Table, pa.Table]:
    """Return the counts of the pieces that are words, and those of the words in the other pieces."""
    plain = pc.and_(rule.plain(pieces), pc.not_equal(pieces, ""))
    others = pc.invert(plain)
    cut: Counter[str] = Counter()
    for piece, count in zip(pieces.filter(others).to_pylist(), counts.filter(others).to_pylist(), strict=True):
        for word in rule.cut(piece):
            cut[word] += count
    words_as_they_are = named(pieces.filter(plain).cast(pa.large_string()), counts.filter(plain))
    return words_as_they_are, named(cut.keys(), cut.values())
