"""Counts that spill to disk and counts of ids, against a Counter."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.diagnose.class_counts import IdCounts, NameCounts, id_counts, named
from steepest.diagnose.spectrum import Spectrum
from steepest.errors import DataError

tables = st.lists(st.dictionaries(st.text(max_size=3), st.integers(1, 9), max_size=20), max_size=12)


@settings(deadline=None, max_examples=40)
@given(tables, st.sampled_from([4, 30, 10_000]))
def test_spilled_counts_are_exact(parts, rows):
    expected: Counter[str] = Counter()
    counts = NameCounts(rows)
    for part in parts:
        counts.add(named(part.keys(), part.values()))
        expected.update(part)
    spectrum, top = counts.result()
    assert dict(zip(spectrum.sizes.tolist(), spectrum.classes.tolist(), strict=True)) == Counter(expected.values())
    assert top == sorted(expected.items(), key=lambda row: (-row[1], row[0]))[:10]


def test_every_name_is_in_one_partition():
    counts = NameCounts(rows=10)
    for start in range(0, 100, 5):
        names = [str(i) for i in range(start, start + 20)]
        counts.add(named(names, [1] * 20))
    names = [name for table in counts.partitions() for name in table["name"].to_pylist()]
    assert sorted(names) == sorted({str(i) for i in range(115)})


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 300), max_size=30), max_size=5))
def test_ids_are_counted_in_a_vector_that_grows(parts):
    counts = IdCounts()
    for part in parts:
        counts.add(id_counts(np.array(part, dtype=np.int64), "here"))
    expected = Counter(i for part in parts for i in part)
    spectrum, top = counts.result()
    assert spectrum.head(1000).tolist() == Spectrum.of(list(expected.values())).head(1000).tolist()
    assert top == [(str(i), n) for i, n in sorted(expected.items(), key=lambda row: (-row[1], row[0]))[:10]]


@pytest.mark.parametrize(("ids", "wrong"), [([3, -7, 2], "-7"), ([1, 2**26], str(2**26)), ([2**62], str(2**62))])
def test_ids_that_are_none_are_refused_by_value_and_place(ids, wrong):
    with pytest.raises(DataError, match=f"x.bin: token id {wrong} is not one of 0 … "):
        id_counts(np.array(ids, dtype=np.int64), "x.bin")
