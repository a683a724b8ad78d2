"""Whole diagnoses: of real data, with numbers known from elsewhere, and of what cannot be diagnosed."""

from __future__ import annotations

import json
from collections import Counter
from itertools import chain

import numpy as np
import pytest

from steepest.data.corpora import Newsgroups
from steepest.data.corpus import WikipediaLeads
from steepest.data.glyphs import Glyphs
from steepest.data.tokens import BPE, words
from steepest.diagnose import Spectrum, diagnose, fit_tail
from steepest.diagnose.counting import count
from steepest.diagnose.inputs import open_input
from steepest.diagnose.tokenization import Tokenization, tokenization
from steepest.errors import DataError, UsageError


def test_wikipedia_in_words_and_by_vocabulary():
    found = diagnose("wikipedia", sizes=(512, 2_048))
    counts = Counter(word for _, text in WikipediaLeads().documents() for word in words(text))
    assert found.top == counts.most_common(10)
    assert (found.summary.samples, found.summary.classes) == (counts.total(), len(counts))
    assert found.summary.hapaxes == sum(n == 1 for n in counts.values())
    assert [row.name for row in found.vocabularies] == ["BPE 512", "BPE 2,048"]
    assert found.vocabularies[0].ratio < found.vocabularies[1].ratio < found.summary.ratio
    assert found.tail is not None
    assert found.tail.interval[0] < 2.1 < found.tail.interval[1]
    assert found.headline.startswith("The tail is heavy: gradient descent is predicted to take 13 times as long")


def counted(name: str, tokenizer: str) -> tuple[Spectrum, list[tuple[str, int]], Tokenization]:
    source = open_input(name)
    how = tokenization(tokenizer, source.sample)
    *_, total = count(source, how)
    return *total.result(), how


def test_wikipedia_in_byte_pairs():
    spectrum, top, how = counted("wikipedia", "bpe:600")
    texts = [text for _, text in WikipediaLeads().documents()]
    strings, encode = BPE(size=600).fit(texts)
    counts = np.bincount(np.fromiter(chain.from_iterable(encode(texts)), dtype=np.int64), minlength=600)
    assert how.name == "BPE 600"
    assert spectrum.head(600).tolist() == sorted(counts[counts > 0].tolist(), reverse=True)
    assert [how.strings[int(i)] for i, _ in top] == [strings[i] for i in np.argsort(-counts, kind="stable")[:10]]


def test_newsgroups_in_words():
    spectrum, top, _ = counted("newsgroups", "words")
    counts = Counter(word for _, text in Newsgroups().documents() for word in text.split())
    assert spectrum.num_samples == counts.total()
    assert top == counts.most_common(10)
    fit = fit_tail(spectrum)
    assert fit is not None
    assert fit.interval[0] < 2 < fit.interval[1]


def test_reuters_has_43_percent_in_one_class():
    found = diagnose("reuters")
    assert found.top[0] == ("earn", 3923)
    assert found.summary.largest == pytest.approx(0.431, abs=5e-4)
    assert (found.summary.classes, found.summary.samples) == (52, 9100)
    assert found.groups.classes.tolist() == [1, 0, 0, 0, 1, 0, 1, 3, 7, 39]
    assert found.tail is not None
    assert not found.tail.reliable


def test_long_tailed_images():
    fashion = diagnose("fashion")
    assert fashion.summary.samples == sum(6000 // k for k in range(1, 11))
    assert fashion.headline == "There is no tail that would slow gradient descent down."
    glyphs = diagnose("glyphs")
    assert glyphs.spectrum.head(1000).tolist() == sorted(Glyphs(imbalance="zipf").counts(seed=0), reverse=True)
    assert fashion.summary.ratio < glyphs.summary.ratio


def test_a_diagnosis_as_json_and_its_place_among_references():
    found = diagnose("reuters")
    plain = json.loads(json.dumps(found.as_json()))
    assert plain["classes"] == 52
    assert plain["tail"]["interval"] == list(found.tail.interval)
    assert [row["topic"] for row in plain["advice"]] == ["optimizer", "weighting", "vocabulary", "batch size"]
    ratios = [row.ratio for row in found.ranking]
    assert ratios == sorted(ratios)
    assert found.summary in found.ranking


def test_equal_classes(tmp_path):
    (tmp_path / "x.csv").write_text("label\n" + "a\nb\nc\n" * 40)
    found = diagnose(str(tmp_path / "x.csv"))
    assert (found.tail, found.predictions, found.summary.ratio) == (None, [], 1.0)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("label\nx\nx\n", "a single class, 'x'"),
        ("label\n", "no classes"),
        ('label\n""\n""\n', r"no classes \(2 rows without a value skipped\)"),
    ],
)
def test_one_class_or_none_is_no_tail(tmp_path, content, found):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(DataError, match=f"x.csv has {found}; a tail needs two or more"):
        diagnose(str(tmp_path / "x.csv"))


@pytest.mark.parametrize("name", ["x.txt", "x.npy", "x.bin"])
def test_empty_files(tmp_path, name):
    if name == "x.npy":
        np.save(tmp_path / name, np.zeros(0, dtype=np.int64))
    else:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match="has no classes"):
        diagnose(str(tmp_path / name))


def test_ids_are_not_cut_into_words(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(5))
    with pytest.raises(UsageError, match=r"--tokenizer words: x.npy holds ids already"):
        diagnose(str(tmp_path / "x.npy"), tokenizer="words")
