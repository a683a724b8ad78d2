from __future__ import annotations

import hashlib
import os
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.data.corpus import TextFiles, WikipediaLeads, split_documents, split_of
from steepest.errors import DataError, UsageError


def corpus(path: Path, content: bytes | str | None = None) -> TextFiles:
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return TextFiles(path=str(path))


def error(text: TextFiles) -> str:
    with pytest.raises(DataError) as caught:
        text.documents()
    assert "\n" not in str(caught.value)
    assert text.path in str(caught.value)
    return str(caught.value)


def test_wikipedia_leads_are_the_pinned_articles():
    documents = WikipediaLeads().documents()
    titles = [title for title, _ in documents]
    assert len(documents) == 10_033
    assert titles == sorted(set(titles))
    assert sum(len(text) for _, text in documents) == 4_875_024
    assert dict(documents)["Zebra"].startswith("Zebras")
    assert "CC BY-SA" in WikipediaLeads.licence
    assert "Wikipedia" in WikipediaLeads.attribution
    shares = [len(texts) / len(documents) for texts in split_documents(documents).values()]
    assert shares == pytest.approx([0.9, 0.05, 0.05], abs=0.01)


def test_a_file_is_cut_at_blank_lines(tmp_path):
    text = corpus(tmp_path / "a.txt", "\ufeffone\ntwo\r\n\r\n\n  \nthree\n\n\n")
    assert text.documents() == [("paragraph 0", "one\ntwo"), ("paragraph 1", "three")]


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    for name in ("b.txt", "a/z.txt", "a/c/x.txt", "blank.txt", "notes.md"):
        corpus(tmp_path / name, " \n" if name == "blank.txt" else f"in\n\n{name}")
    assert corpus(tmp_path).documents() == [(n, f"in\n\n{n}") for n in ("a/c/x.txt", "a/z.txt", "b.txt")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        ("", "is empty"),
        (" \n\n\t\n", "is empty"),
        (b"text\0more", "binary or UTF-16: NUL at byte 4"),
        ("text".encode("utf-16"), "UTF-16"),
        (b"caf\xe9 au lait", "not UTF-8: invalid continuation byte at byte 3"),
    ],
)
def test_an_unreadable_file_is_named_with_the_reason(tmp_path, content, message):
    assert message in error(corpus(tmp_path / "text.txt", content))


def test_other_unusable_paths_are_named_with_the_reason(tmp_path):
    assert "no .txt files" in error(corpus(tmp_path))
    assert "is empty" in error(TextFiles(path=str(corpus(tmp_path / "in" / "a.txt", "").path)[: -len("/a.txt")]))
    assert "neither a file nor a folder" in error(TextFiles(path=os.devnull))
    assert "does not exist" in error(TextFiles(path="x" * 5000))
    assert "does not exist" in error(TextFiles(path="~nobody-of-this-name/text"))
    with pytest.raises(UsageError):
        TextFiles(path="")


def test_a_vanished_file_is_an_error_and_not_a_traceback(tmp_path, monkeypatch):
    text = corpus(tmp_path / "text.txt", "some text")
    monkeypatch.setattr(TextFiles, "_files", lambda self: [("", tmp_path / "gone.txt")])
    for read in (text.documents, text.fingerprint):
        with pytest.raises(DataError, match=r"gone\.txt cannot be read: No such file"):
            read()


def test_the_fingerprint_follows_content_and_names_below_the_folder(tmp_path):
    one = corpus(tmp_path / "1" / "a.txt", "text").fingerprint()
    assert corpus(tmp_path / "2" / "other.txt", "text").fingerprint() == one
    assert corpus(tmp_path / "2" / "other.txt", "longer text").fingerprint() != one
    folder = corpus(tmp_path / "1").fingerprint()
    assert folder != one
    (tmp_path / "1").rename(tmp_path / "3")
    assert corpus(tmp_path / "3").fingerprint() == folder
    (tmp_path / "3" / "a.txt").rename(tmp_path / "3" / "b.txt")
    assert corpus(tmp_path / "3").fingerprint() != folder


def test_the_fingerprint_sees_a_file_that_changes_within_the_process(tmp_path):
    path = tmp_path / "a.txt"
    before = corpus(path, "aaaa").fingerprint()
    path.write_text("bbbb")
    os.utime(path, ns=(1, 1))
    assert corpus(path).fingerprint() != before


@given(st.text())
def test_the_split_is_a_range_of_the_keys_hash(key):
    share = int(hashlib.sha256(key.encode()).hexdigest()[:16], 16) / 2**64
    assert split_of(key) == ("train" if share < 0.9 else "validation" if share < 0.95 else "test")


def test_documents_keep_their_order_within_a_split():
    documents = [(str(i), f"text {i}") for i in range(200)]
    texts = split_documents(documents)
    assert sorted(chain.from_iterable(texts.values()), key=lambda t: int(t[5:])) == [text for _, text in documents]
    for split, mine in texts.items():
        assert mine == [text for key, text in documents if split_of(key) == split]
        assert mine


def test_a_corpus_without_training_documents_is_trained_on_whole():
    key = next(str(i) for i in range(1000) if split_of(str(i)) == "test")
    assert split_documents([(key, "text")]) == {"train": ["text"], "validation": [], "test": []}
