"""Processes and Ray give the answer of this process, for every kind of part."""

from __future__ import annotations

import numpy as np
import pytest

from steepest.diagnose import byte_ranges, counting
from steepest.diagnose.counting import count
from steepest.diagnose.inputs import open_input
from steepest.diagnose.tokenization import tokenization
from steepest.errors import DataError, UsageError


@pytest.fixture
def text(tmp_path, monkeypatch):
    """Return a text file that is cut into a dozen parts."""
    monkeypatch.setattr(counting, "WORTH_A_PROCESS", 0)
    monkeypatch.setattr(byte_ranges.byte_ranges, "__defaults__", (4_000,))
    words = [f"w{i}" for i in np.random.default_rng(0).zipf(1.4, 9_000) % 3_000]
    path = tmp_path / "x.txt"
    path.write_text("\n".join(" ".join(words[i : i + 12]) for i in range(0, len(words), 12)))
    return path


def answer(path, tokenizer="words", **options):
    source = open_input(str(path))
    how = tokenization(tokenizer, source.sample) if source.kind == "text" else None
    *_, total = count(source, how, **options)
    spectrum, top = total.result()
    return spectrum.sizes.tolist(), spectrum.classes.tolist(), top, total.bytes, dict(total.skipped)


@pytest.mark.parametrize("tokenizer", ["words", "bpe:300"])
def test_two_processes_give_the_same_answer(text, tokenizer):
    assert answer(text, tokenizer, jobs=2) == answer(text, tokenizer)


@pytest.mark.timeout(120)
def test_ray_gives_the_same_answer(text, tmp_path):
    pytest.importorskip("ray")
    assert answer(text, executor="ray") == answer(text)
    with (tmp_path / "x.bin").open("wb") as file:
        np.array([1, 2, 2**31 - 1], dtype="<i4").tofile(file)
    with pytest.raises(DataError, match="token id 2147483647"):
        list(count(open_input(str(tmp_path / "x.bin"), dtype="int32"), None, executor="ray"))


def test_an_error_in_a_process_is_the_same_line(text, tmp_path):
    with text.open("ab") as file:
        file.write(b" nul\0 ")
    with pytest.raises(DataError, match=r"x.txt is binary or UTF-16: NUL at byte"):
        answer(text, jobs=2)


def test_a_tokenizer_sees_lines_and_skips_those_that_are_not_utf8(text):
    how = tokenization("bpe:300", lambda: ["w1 w2 w3"] * 9)
    counts = how.count_bytes(b"w1 w2\ncaf\xe9 w3\nw3\n", "here")
    expected = how.count_texts(["w1 w2", "w3"], "here")
    assert np.array_equal(counts.counts, expected.counts)
    assert counts.skipped == {"lines that are not UTF-8": 1}


def test_tokenizers_by_name_and_file(tmp_path):
    from tokenizers import Tokenizer, models

    Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?")).save(str(tmp_path / "mine.json"))
    how = tokenization(str(tmp_path / "mine.json"), list)
    assert how.count_texts(["a", "b", "a", "zzz"], "here").counts.tolist() == [2, 1, 1]
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(DataError, match=r"bad.json is not a tokenizer \(.*\); give a tokenizer.json"):
        tokenization(str(tmp_path / "bad.json"), list)
    with pytest.raises(UsageError, match=r"unknown tokenizer 'wordz'; did you mean words\?"):
        tokenization("wordz", list)
    with pytest.raises(UsageError, match=r"--tokenizer bpe:12: the size must be 257 … 1,000,000"):
        tokenization("bpe:12", list)
