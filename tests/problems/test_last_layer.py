"""The last layer on text: windows, classes, loss and cost against direct computations."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from steepest.data.corpus import TextFiles
from steepest.data.tokens import Words
from steepest.errors import DataError
from steepest.models.frozen_attention import frozen_features
from steepest.problems import LastLayer

TEXT = "a b c a b d a b e c a a b"  # 13 words; the last window of length 5 has no next word


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def problem(tmp_path: Path) -> LastLayer:
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    corpus = TextFiles(path=str(tmp_path / "text.txt"))
    return LastLayer(corpus=corpus, vocabulary=Words(), windows=2, length=5, width=8)


def ids(words: list[str]) -> list[int]:
    """Return ids by frequency in the whole text, ties in alphabetical order, as `Words` ranks them."""
    counts = Counter(TEXT.split())
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return [ranked.index(word) for word in words]


def test_every_position_predicts_the_next_word(problem: LastLayer) -> None:
    task = problem.setup(0)
    words = TEXT.split()
    assert problem.num_classes == 5
    assert task.classes.tolist() == ids(words[1:11])
    assert task.class_counts.tolist() == [words[1:11].count(word) for word in "abcde"]
    assert task.inputs is not None
    assert task.inputs.shape == (10, 8)


def test_classes_are_the_words_of_the_windows_only(problem: LastLayer) -> None:
    short = problem.changed(windows=1, length=3)
    assert short.num_classes == 3
    assert short.setup(0).classes.tolist() == [1, 2, 0]


def test_features_and_head_are_drawn_from_one_generator(problem: LastLayer) -> None:
    task = problem.setup(4)
    generator = torch.Generator().manual_seed(4)
    inputs = torch.tensor(ids(TEXT.split()[:10])).reshape(2, 5)
    features = frozen_features(inputs, 5, 8, generator)
    W = torch.empty(5, 8).normal_(0.0, 0.02, generator=generator)
    assert task.inputs is not None
    assert torch.equal(task.inputs, features)
    assert torch.equal(task.params["W"], W)
    assert torch.equal(task.params["b"], torch.zeros(5))
    again = problem.setup(4)
    assert torch.equal(again.params["W"], W)
    assert not torch.equal(problem.setup(5).params["W"], W)


def test_the_head_is_small_at_the_start(problem: LastLayer) -> None:
    wide = problem.changed(width=2048).setup(0).params["W"]
    assert float(wide.detach().std()) == pytest.approx(0.02, rel=0.05)


def test_a_task_can_be_trained_without_changing_the_next_one(problem: LastLayer) -> None:
    task = problem.setup(0)
    with torch.no_grad():
        for parameter in task.params.values():
            parameter.add_(1)
    assert torch.equal(problem.setup(0).params["b"], torch.zeros(5))


def test_the_loss_is_the_cross_entropy_of_the_features(problem: LastLayer) -> None:
    task = problem.setup(0)
    assert task.inputs is not None
    z = task.inputs.double() @ task.params["W"].detach().double().T
    expected = cross_entropy(z, task.classes, reduction="none")
    torch.testing.assert_close(task.loss_by_example(task.params).detach().double(), expected, rtol=1e-5, atol=0)
    assert task.weights.tolist() == pytest.approx([0.1] * 10)
    assert not task.inputs.requires_grad


def test_the_work_of_a_step_leaves_the_features_out(problem: LastLayer) -> None:
    n, d, c = 10, 8, 5
    assert problem.work()[:2] == (2 * 2 * n * d * c, n * c)


def test_a_text_that_is_too_short_says_how_many_windows_it_has(problem: LastLayer) -> None:
    with pytest.raises(DataError, match="the corpus has 13 training tokens, 16 are needed; set windows to 2 or less"):
        problem.changed(windows=3).setup(0)


def test_a_text_that_changes_is_read_again(problem: LastLayer, tmp_path: Path) -> None:
    before = problem.setup(0).classes.tolist()
    (tmp_path / "text.txt").write_text("x y " * 8, encoding="utf-8")
    assert problem.setup(0).classes.tolist() == [1, 0] * 5 != before
    assert problem.num_classes == 2
