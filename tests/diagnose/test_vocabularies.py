"""Vocabularies of several sizes from one training, against a training and an encoding for each."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest

from steepest.data.tokens import BPE
from steepest.diagnose.vocabularies import counts_by_size

WORDS = ["apple", "apply", "ape", "people", "papal", "pale", "leap", "paper", "appeal", "lapel"]
PLAIN = [" ".join(np.random.default_rng(i).choice(WORDS, 20)) for i in range(40)]
RUNS = [f"{'=' * k} {'-' * (k // 2)} title {'=' * (k + 1)}" for k in range(3, 40)]


@pytest.mark.parametrize("texts", [PLAIN, RUNS, PLAIN + RUNS], ids=["plain", "runs", "both"])
def test_each_size_is_what_its_own_training_gives(texts):
    found = dict(counts_by_size(texts, (290, 260, 270)))
    assert list(found) == [260, 270, 290]
    for size, counts in found.items():
        strings, encode = BPE(size=size).fit(texts)
        ids = np.fromiter(chain.from_iterable(encode(texts)), dtype=np.int64)
        assert np.array_equal(counts, np.bincount(ids, minlength=len(strings)))


def test_sizes_that_the_text_is_too_short_for_are_left_out():
    assert [size for size, _ in counts_by_size(["ab ab ab"], (257, 5_000))] == [257]
    assert list(counts_by_size([], (300,))) == []
    assert list(counts_by_size(["text"], ())) == []
