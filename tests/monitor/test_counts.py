"""Class counts of counts, corpora and datasets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from steepest.data.corpus import TextFiles
from steepest.data.tokens import BPE, Words, tokenize
from steepest.errors import DataError
from steepest.monitor import FrequencyMonitor
from steepest.monitor.counts import counts_of

LABELS = [0, 2, 2, 3, 2, 0]
EXPECTED = [2, 0, 3, 1]


class Pairs(Dataset[Any]):
    def __len__(self) -> int:
        return len(LABELS)

    def __getitem__(self, i: int) -> Any:
        return torch.zeros(3), LABELS[i]


class Dictionaries(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter([{"input_ids": torch.tensor([0, 2, 2]), "attention_mask": 1}, {"input_ids": [3, -100, 2, 0]}])


def hugging_face() -> Any:
    from datasets import Dataset as Table

    return Table.from_dict({"text": ["a", "b"], "labels": [[0, 2, 2, 3], [2, 0]]})


@pytest.mark.parametrize(
    "source",
    [
        EXPECTED,
        np.array(EXPECTED),
        torch.tensor(EXPECTED, dtype=torch.int32),
        Pairs(),
        Dictionaries(),
        TensorDataset(torch.zeros(6, 2), torch.tensor(LABELS)),
        SimpleNamespace(targets=LABELS),
        [("x", y) for y in LABELS],
        hugging_face(),
        hugging_face().to_iterable_dataset(),
    ],
    ids=lambda source: type(source).__name__,
)
def test_what_a_user_has_is_counted(source: Any) -> None:
    assert counts_of(source, None, None, -100).tolist() == EXPECTED
    assert FrequencyMonitor(source, groups=2).num_classes == 4


def test_a_corpus_is_counted_on_its_training_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "text.txt"
    file.write_text("the cat and the dog\n\nthe end\n\n" * 20)
    corpus = TextFiles(path=str(file))
    for vocabulary in (Words(), BPE(size=260)):
        expected = np.bincount(tokenize(corpus, vocabulary).ids["train"])
        found = counts_of(corpus, vocabulary, None, -100).numpy()
        assert np.array_equal(found[: len(expected)], expected)
        assert not found[len(expected) :].any()
    assert FrequencyMonitor(corpus).num_classes == len(Words().fit(["the cat and the dog the end"])[0])


def test_more_classes_may_be_asked_for() -> None:
    assert counts_of(Pairs(), None, 6, -100).tolist() == [*EXPECTED, 0, 0]


@pytest.mark.parametrize(
    ("source", "num_classes", "error", "message"),
    [
        ([0.5, 1.0], None, ValueError, "vector of integers, got torch.float64"),
        ([(1, 2, 3)], None, DataError, "pair"),
        (np.ones((2, 2), dtype=int), None, ValueError, "of shape"),
        ([3, -1], None, ValueError, "non-negative"),
        ([0, 0], None, ValueError, "not all 0"),
        ([1, 2], 3, ValueError, "num_classes is 3, but there are 2 counts"),
        (Pairs(), 3, DataError, r"0 … 2, got 3"),
        ([("x", -7)], None, DataError, "got -7"),
        ([("x", 10**15)], None, DataError, "got 1000000000000000"),
        ([("x", 0.5)], None, DataError, "integers"),
        ([("x", -100)], None, DataError, "no class ids"),
        ([{"text": "a"}], None, DataError, "no column of class ids among text"),
        ({"train": Pairs()}, None, DataError, "one split of a dataset"),
        (7, None, DataError, "got int"),
    ],
)
def test_what_cannot_be_counted_is_one_clear_line(
    source: Any, num_classes: int | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        counts_of(source, None, num_classes, -100)
    assert "\n" not in str(raised.value)
