"""Counting the words of UTF-8 text at the speed of memory rather than of Python.

Words never reach across blanks. So the text is cut at ASCII blanks and marks, the pieces are counted by Arrow, and only
the few different pieces that are not plain ASCII letters go through the rule in Python, once each: the same counts as
the rule gives on the text. What limits it is the hash table of the pieces.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from steepest.data.tokens import words
from steepest.diagnose.tally import Tally, added, named
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
        plain: tells which pieces, free of marks and lower-cased, are one word as they are.
    """

    cut: Callable[[str], list[str]]
    marks: bytes
    lower: bool
    plain: Callable[[pa.Array], pa.Array]

    def table(self, marks: bytes) -> bytes:
        """Return the translation of bytes that lower-cases and blanks out marks."""
        low = bytes(range(256)).lower() if self.lower else bytes(range(256))
        return bytes(32 if i in marks else low[i] for i in range(256))


RULES = {
    "words": Rule(words, string.punctuation.replace("'", "").encode(), True, pc.ascii_is_alpha),
    "whitespace": Rule(str.split, b"", False, pc.ascii_is_printable),
}


def count_words(text: bytes, rule: Rule, place: str) -> Tally:
    """Return the counts of the words of a text that begins and ends with whole words.

    Words that are not UTF-8 are skipped and counted; here a word is what stands between ASCII blanks.

    Raises:
        DataError: the text is binary, or UTF-16.

    >>> tally = count_words(b"The cat, the dog.", RULES["words"], "here")
    >>> sorted(zip(*tally.counts.to_pydict().values()))
    [(',', 1), ('.', 1), ('cat', 1), ('dog', 1), ('the', 2)]
    """
    if (where := text.find(0)) >= 0:
        raise DataError(
            f"{place} is binary or UTF-16: NUL at byte {where}; give plain text in UTF-8, or .bin or .npy ids"
        )
    skipped: Counter[str] = Counter()
    counts = added([_count_block(block, rule, skipped) for block in blocks(text)])
    return Tally(_through_the_rule(counts, rule), len(text), skipped)


def blocks(text: bytes) -> Iterator[bytes]:
    """Yield a text in blocks that end at a blank."""
    start = 0
    while start < len(text):
        stop = min(start + BLOCK, len(text))
        while stop < len(text) and text[stop] not in BLANKS:
            stop += 1
        yield text[start:stop]
        start = stop


def _count_block(block: bytes, rule: Rule, skipped: Counter[str]) -> pa.Table:
    """Return the counts of the pieces of a block, marks among them."""
    marks = b"" if CAPITAL_SIGMA in block else rule.marks
    try:
        text = pa.array([block.translate(rule.table(marks))], pa.string())
        text.validate(full=True)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return _count_block(_without_invalid(block, skipped), rule, skipped)
    pieces = pc.ascii_split_whitespace(text).flatten().value_counts()
    of_byte = np.bincount(np.frombuffer(block, np.uint8), minlength=256)[list(marks)]
    found = [named(pieces.field("values").cast(pa.large_string()), pieces.field("counts"))]
    return pa.concat_tables([*found, named(map(chr, marks), of_byte)])


def _without_invalid(block: bytes, skipped: Counter[str]) -> bytes:
    kept = []
    for piece in block.split():
        try:
            piece.decode()
            kept.append(piece)
        except UnicodeDecodeError:
            skipped[NOT_UTF8] += 1
    return b" ".join(kept)


def _through_the_rule(counts: pa.Table, rule: Rule) -> pa.Table:
    """Return the counts of words from those of pieces."""
    counts = counts.filter(pc.and_(pc.greater(counts["count"], 0), pc.not_equal(counts["name"], "")))
    plain = rule.plain(counts["name"])
    rest = counts.filter(pc.invert(plain))
    found: Counter[str] = Counter()
    for piece, count in zip(rest["name"].to_pylist(), rest["count"].to_pylist(), strict=True):
        for word in rule.cut(piece):
            found[word] += count
    return added([counts.filter(plain), named(found.keys(), found.values())])
