from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from steepest.component import identity
from steepest.data.corpora import (
    NAMED,
    Newsgroups,
    PennTreebank,
    WikiText2,
    WikiText103,
    open_corpus,
)
from steepest.data.corpus import SPLITS, TextFiles, WikipediaLeads
from steepest.data.tokens import Words, tokenize
from steepest.errors import DataError, UsageError

REVISION = "b08601e04326c79dfdd32d625aee71d232d685c3"


def ptb(folder: Path, prefix: str = "ptb.") -> PennTreebank:
    folder.mkdir(exist_ok=True)
    for name in ("train", "valid", "test"):
        (folder / f"{prefix}{name}.txt").write_text(f" {name} one <unk> \n\n {name} two \n")
    return PennTreebank(path=str(folder))


def line(call) -> str:
    with pytest.raises(DataError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_newsgroups_are_the_collection_and_its_own_split():
    corpus = Newsgroups()
    splits = corpus.splits()
    assert {split: len(texts) for split, texts in splits.items()} == {"train": 11_293, "validation": 3764, "test": 3764}
    texts = [text for split in SPLITS for text in splits[split]]
    assert sum(len(text.split()) for text in texts) == 5_004_656
    assert len({word for text in texts for word in text.split()}) == 93_864
    assert splits["train"][0].startswith("alt atheism faq atheist resources")
    assert splits["validation"][0].startswith("re about the bible quiz answers")
    assert "none stated" in corpus.licence
    assert [text for _, text in corpus.documents()] == texts
    assert corpus.documents()[11_293][0] == "validation 0"


@pytest.mark.parametrize("prefix", ["ptb.", ""])
def test_penn_treebank_has_a_document_per_sentence_and_the_split_of_its_files(tmp_path, prefix):
    corpus = ptb(tmp_path, prefix)
    assert corpus.splits() == {
        "train": ["train one <unk>", "train two"],
        "validation": ["valid one <unk>", "valid two"],
        "test": ["test one <unk>", "test two"],
    }
    assert corpus.documents()[1:3] == [("train 1", "train two"), ("validation 0", "valid one <unk>")]


def test_tokens_of_a_corpus_with_files_follow_the_files(tmp_path, monkeypatch):
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "cache"))
    data = tokenize(ptb(tmp_path / "ptb"), Words())
    assert {"valid", "test"} & set(data.strings) == set()
    assert [len(data.starts[split]) for split in SPLITS] == [3, 3, 3]


def test_penn_treebank_is_known_by_its_text_and_not_by_its_place(tmp_path):
    one, two = ptb(tmp_path / "one"), ptb(tmp_path / "two", "")
    assert identity(one) == identity(two)
    assert "path" not in one.description()
    (tmp_path / "two" / "valid.txt").write_text("another text")
    assert identity(one) != identity(two)


def test_unusable_folders_of_penn_treebank_are_named_with_the_reason(tmp_path):
    corpus = ptb(tmp_path)
    (tmp_path / "ptb.valid.txt").unlink()
    for call in (corpus.splits, corpus.fingerprint):
        assert line(call) == (
            f"corpus {tmp_path} has no ptb.valid.txt and no valid.txt; give the folder of Penn Treebank's files"
        )
    (tmp_path / "valid.txt").write_text(" \n\n")
    assert "valid.txt is empty" in line(corpus.splits)
    (tmp_path / "valid.txt").write_bytes(b"caf\xe9")
    assert "not UTF-8" in line(corpus.splits)
    assert "has no ptb.train.txt" in line(PennTreebank(path=os.devnull).splits)
    assert "has no ptb.train.txt" in line(PennTreebank(path="~nobody-of-this-name/x" * 500).splits)
    with pytest.raises(UsageError):
        PennTreebank(path="")


def hub(monkeypatch, tables) -> list:
    """Put a library `datasets` in place that returns or raises `tables`; return its calls."""
    calls = []

    def load_dataset(*names, **options):
        calls.append((names, options))
        if isinstance(tables, Exception):
            raise tables
        return tables

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    return calls


@pytest.mark.parametrize(("corpus", "name"), [(WikiText103(), "wikitext-103-v1"), (WikiText2(), "wikitext-2-v1")])
def test_wikitext_comes_from_the_hub_at_its_revision(monkeypatch, corpus, name):
    tables = {split: {"text": ["", f" = {split} = \n", "\n", " the <unk> \n"]} for split in SPLITS}
    calls = hub(monkeypatch, tables)
    assert corpus.splits() == {split: [f" = {split} = \n", " the <unk> \n"] for split in SPLITS}
    assert calls == [(("Salesforce/wikitext", name), {"revision": REVISION})]


def test_wikitext_is_known_without_the_library_or_the_network(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert WikiText103().description()["fingerprint"] == f"Salesforce/wikitext wikitext-103-v1 {REVISION}"
    assert len({identity(WikiText103()), identity(WikiText2()), identity(WikiText103(revision="0" * 40))}) == 3
    assert line(WikiText103().splits) == "wikitext-103-v1 needs the library datasets; pip install 'steepest[hub]'"
    with pytest.raises(UsageError):
        WikiText103(revision="main")


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (ConnectionError("no route\nto host"), r"cannot be loaded \(no route\); use a text file"),
        ({"train": {"text": ["a"]}}, "has no texts for validation"),
        ({"train": {"page": ["a"]}}, "has no texts for train"),
        ({"train": {"text": ["", None, 3]}}, "has no texts for train"),
        (["train"], "has no texts for train"),
    ],
)
def test_what_the_hub_sends_is_not_trusted(monkeypatch, tables, message):
    hub(monkeypatch, tables)
    with pytest.raises(DataError, match=message):
        WikiText103().splits()


def test_corpora_are_opened_by_name_or_place(tmp_path):
    assert {name: open_corpus(name) for name in NAMED} == {
        "wikipedia": WikipediaLeads(),
        "newsgroups": Newsgroups(),
        "wikitext-2": WikiText2(),
        "wikitext-103": WikiText103(),
    }
    assert open_corpus(ptb(tmp_path).path) == PennTreebank(path=str(tmp_path))
    (tmp_path / "ptb.train.txt").unlink()
    assert open_corpus(str(tmp_path)) == TextFiles(path=str(tmp_path))
