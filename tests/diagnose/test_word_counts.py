"""Fast counts of words against the rule in plain Python."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from steepest.data.tokens import words
from steepest.diagnose import word_counts as module
from steepest.diagnose.word_counts import RULES, blocks, count_words
from steepest.errors import DataError

letters = st.sampled_from("abAB'’_-.,;:09 \n\t\r\x0b\x0c\x1c\x1f\x85\xa0ΣσςΑéÉ№İ\u2028\ufeff中")
texts = st.text(letters | st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=80)


def counted(text: str | bytes, rule: str = "words") -> Counter[str]:
    data = text.encode() if isinstance(text, str) else text
    found: Counter[str] = Counter()
    for name, count in zip(*count_words(data, RULES[rule], "here").counts.to_pydict().values(), strict=True):
        found[name] += count
    return found


@settings(deadline=None)
@given(texts)
@example("ΑΣ. ΑΣ.Β ΑΣ'Β Σ's")  # the lower case of Σ depends on what follows a mark
@example("it's _1_ 'quoted' it’s a-b;c İ")
def test_words_are_those_of_the_rule(text):
    assert counted(text) == Counter(words(text))


@settings(deadline=None)
@given(texts)
def test_whitespace_is_that_of_str_split(text):
    assert counted(text, "whitespace") == Counter(text.split())


@settings(deadline=None)
@given(texts, st.integers(1, 9))
def test_blocks_cut_no_word(text, size):
    old, module.BLOCK = module.BLOCK, size
    try:
        assert b"".join(blocks(text.encode())) == text.encode()
        assert counted(text) == Counter(words(text))
    finally:
        module.BLOCK = old


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"cafe", b"caf\xe9", "café".encode(), b"\xff\xfe", b"a.b"]), max_size=12))
def test_words_of_another_encoding_are_skipped_counted_and_spoil_no_other(pieces):
    text = b" ".join(pieces)
    good = [piece.decode() for piece in pieces if piece not in (b"caf\xe9", b"\xff\xfe")]
    assert counted(text) == Counter(words(" ".join(good)))
    skipped = count_words(text, RULES["words"], "here").skipped
    assert skipped["words that are not UTF-8"] == len(pieces) - len(good)


def test_utf16_and_binary_are_refused():
    with pytest.raises(DataError, match=r"notes.txt is binary or UTF-16: NUL at byte 3"):
        count_words("ab".encode("utf-16"), RULES["words"], "notes.txt")
