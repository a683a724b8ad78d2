from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.data import tokens
from steepest.data.corpora import PennTreebank
from steepest.data.corpus import SPLITS, Corpus, TextFiles, WikipediaLeads, split_documents
from steepest.data.frequency import class_counts, frequency_groups, tail_exponent
from steepest.data.tokens import (
    BPE,
    GPT2BPE,
    BasicEnglish,
    Tokenized,
    Unigram,
    Vocabulary,
    Words,
    tokenize,
    word_vocabulary,
    words,
)
from steepest.errors import DataError, UsageError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "cache"))
    tokens._tokenized.cache_clear()
    return tmp_path / "cache"


@pytest.fixture
def text(tmp_path: Path) -> TextFiles:
    folder = tmp_path / "text"
    folder.mkdir()
    for i in range(120):
        (folder / f"{i}.txt").write_text(f"The {i}th file: it's the naïve file, number {i}.\n" * (1 + i % 3))
    return TextFiles(path=str(folder))


def all_ids(data: Tokenized) -> np.ndarray:
    return np.concatenate([data.ids[split] for split in SPLITS])


def assert_equal(one: Tokenized, two: Tokenized) -> None:
    assert one.strings == two.strings
    for split in SPLITS:
        np.testing.assert_array_equal(one.ids[split], two.ids[split])
        np.testing.assert_array_equal(one.starts[split], two.starts[split])


def western_words(text: str) -> list[str]:
    """The rule of an independent measurement; it drops letters beyond Latin-1, as `words` does not."""
    return [word.lower() for word in re.findall(r"[A-Za-zÀ-ÿ]+(?:'[a-z]+)?|\d+|[^\w\s]", text)]


def check_statistics(counts, tokens, types, exponents, groups):
    assert counts.sum() == tokens
    assert (counts > 0).sum() == types
    assert [tail_exponent(counts, first) for first in (1, 10)] == pytest.approx(exponents, abs=0.005)
    assert frequency_groups(counts, 10).classes_per_group.tolist() == groups


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (words, (913_551, 45_889, [1.01, 0.99], [2, 2, 4, 14, 59, 193, 533, 1420, 4701, 38_961])),
        (western_words, (914_079, 45_467, [1.01, 0.99], [2, 2, 4, 14, 59, 193, 533, 1414, 4670, 38_576])),
    ],
)
def test_words_of_wikipedia_follow_a_one_over_k_law(cut, expected):
    counts = Counter(word for _, text in WikipediaLeads().documents() for word in cut(text))
    check_statistics(np.array(list(counts.values())), *expected)


@given(st.text())
def test_words_keep_every_visible_character(text):
    assert "".join(words(text)) == "".join(text.lower().split())


def test_words_of_other_scripts_and_with_apostrophes_stay_whole():
    assert words("Die Straße; rock'n'roll, l’été «да» 東京") == [
        "die", "straße", ";", "rock'n'roll", ",", "l’été", "«", "да", "»", "東京",
    ]  # fmt: skip


def test_gpt2_tokens_of_wikipedia_are_the_known_ones():
    data = tokenize(WikipediaLeads(), GPT2BPE())
    counts = class_counts(all_ids(data), 50_257)
    check_statistics(counts, 1_029_772, 32_558, [0.94, 0.90], [2, 3, 8, 40, 152, 374, 808, 1828, 4427, 24_916])
    separators = np.bincount([data.strings.index("\n")], minlength=50_257) * (10_033 - 1)
    assert (counts + separators).sum() == 1_039_804
    assert frequency_groups(counts + separators, 10).classes_per_group.tolist() == [
        2, 3, 8, 36, 145, 365, 794, 1811, 4408, 24_986,
    ]  # fmt: skip
    assert data.num_classes == 50_257
    assert data.strings[50_256] == "<|endoftext|>"
    _, encode = GPT2BPE().fit([])
    assert encode(["Hello world, it's 2024"]) == [[15496, 995, 11, 340, 338, 48609]]


@pytest.mark.parametrize("vocabulary", [BPE(size=400), Unigram(size=300), GPT2BPE()], ids=str)
def test_byte_level_tokens_spell_every_text(text, vocabulary):
    strings, encode = vocabulary.fit([t for _, t in text.documents()])
    for sample in ("plain text", " two  blanks\n\ttabs", "it's 1,024!"):
        assert "".join(strings[i] for i in encode([sample])[0]) == sample
    assert len(encode(["東京"])[0]) >= 2


def test_words_are_ranked_by_training_frequency_with_ties_in_alphabetical_order():
    strings, encode = Words().fit(["B b a, c", "c b"])
    assert strings == ["<unk>", "b", "c", ",", "a"]
    assert encode(["c d B"]) == [[2, 0, 1]]
    capped, encode = Words(size=3).fit(["B b a, c", "c b"])
    assert capped == ["<unk>", "b", "c"]
    assert encode(["a b c"]) == [[0, 1, 2]]


def test_a_capped_vocabulary_sends_the_rest_to_unk(text, cache):
    full, capped = tokenize(text, Words()), tokenize(text, Words(size=8))
    kept = np.argsort(-class_counts(full.ids["train"], full.num_classes), kind="stable")[:7]
    assert capped.num_classes == 8
    assert set(capped.strings[1:]) == {full.strings[i] for i in kept}
    rest = len(full.ids["train"]) - np.isin(full.ids["train"], kept).sum()
    assert class_counts(capped.ids["train"], 8)[0] == rest


@pytest.mark.parametrize("vocabulary", [Words(), BasicEnglish(), BPE(size=300), Unigram(size=300)], ids=str)
def test_documents_follow_one_another_in_their_split(text, cache, vocabulary):
    data = tokenize(text, vocabulary)
    texts = split_documents(text.documents())
    _, encode = vocabulary.fit(texts["train"])
    assert all(texts.values())
    for split in SPLITS:
        starts = data.starts[split]
        assert [data.ids[split][a:b].tolist() for a, b in pairwise(starts)] == encode(texts[split])
        assert starts[-1] == len(data.ids[split])
        assert data.ids[split].dtype == starts.dtype == np.int64
    assert data.num_classes == len(data.strings)


def test_only_training_words_are_in_the_vocabulary(text, cache):
    data = tokenize(text, Words())
    counts = class_counts(data.ids["train"], data.num_classes)
    assert counts[0] == 0
    assert (counts[1:] > 0).all()
    assert (data.ids["validation"] == 0).any()


@pytest.mark.parametrize("kind", [BPE, Unigram])
def test_sub_words_do_not_depend_on_process_or_threads(text, cache, kind):
    own = tokens._build(text, kind(size=300))
    code = (
        "import hashlib, sys; from steepest.data import tokens; from steepest.data.corpus import TextFiles;"
        "d = tokens._build(TextFiles(path=sys.argv[1]), getattr(tokens, sys.argv[2])(size=300));"
        "print(hashlib.sha256(d.ids['train'].tobytes() + repr(d.strings).encode()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code, text.path, kind.__name__],
            env=os.environ | {"RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": threads},
            capture_output=True, text=True, check=True,
        ).stdout.strip()
        for threads in ("1", "2")
    }  # fmt: skip
    assert found == {tokens.sha256(own.ids["train"].tobytes() + repr(own.strings).encode())}
    assert 256 < own.num_classes <= 300


def segmentations(text):
    yield [text]
    for i in range(1, len(text)):
        yield from ([text[:i], *rest] for rest in segmentations(text[i:]))


def test_unigram_pieces_are_the_most_probable_ones(monkeypatch):
    monkeypatch.setattr(tokens, "_strings_and_encoder", lambda tokenizer: tokenizer)
    tokenizer = Unigram(size=1000).fit(WikipediaLeads().splits()["train"][:200])
    score = dict(json.loads(tokenizer.to_str())["model"]["vocab"])
    assert len(score) == 1000
    for word in ("the", "states", "naive", "numbering", "relations", "xylophone"):
        possible = [pieces for pieces in segmentations(word) if all(piece in score for piece in pieces)]
        best = max(sum(score[piece] for piece in pieces) for pieces in possible)
        assert sum(score[piece] for piece in tokenizer.encode(word).tokens) == pytest.approx(best, abs=1e-9)


def test_unigram_scores_lose_what_changes_from_run_to_run():
    runs = [
        [("ab", -1.0000000001), ("b", -9.9999), ("a", -10.0), ("bc", -9.99)],
        [("a", -9.9999), ("ab", -1.0000000002), ("b", -10.0), ("bc", -9.99)],
    ]
    assert [tokens._reproducible(run) for run in runs] == [
        [("ab", -1.0), ("bc", -9.99), ("a", -10.0), ("b", -10.0)]
    ] * 2


def torchtext_basic_english(text):
    """The rule as a row of substitutions."""
    text = text.lower()
    for mark, replacement in [("'", " ' "), ('"', ""), (";", " "), (":", " "), *((m, f" {m} ") for m in ".,()!?")]:
        text = text.replace(mark, replacement)
    return text.split()


@given(st.text(st.sampled_from("aB-9<unk>'\".,()!?;: \n\té$")))
def test_basic_english_is_the_rule_of_torchtext(text):
    assert BasicEnglish().cut(text) == torchtext_basic_english(text)


def test_the_unk_of_a_text_is_the_unk_of_its_vocabulary(tmp_path, cache):
    for part in ("train", "valid", "test"):
        (tmp_path / f"ptb.{part}.txt").write_text(" the <unk> n mr. <unk>\n a rare <unk> word \n")
    corpus = PennTreebank(path=str(tmp_path))
    data = tokenize(corpus, word_vocabulary(corpus))
    assert data.strings == ["<unk>", ".", "a", "mr", "n", "rare", "the", "word"]
    assert data.ids["train"].tolist() == [6, 0, 4, 3, 1, 0, 2, 5, 0, 7]
    assert word_vocabulary(corpus, 5) == BasicEnglish(size=5)
    assert word_vocabulary(WikipediaLeads(), 5) == Words(size=5)


@pytest.mark.parametrize("vocabulary", [Words(), BPE(size=300)], ids=str)
def test_the_cache_gives_the_same_without_the_tokenizer(text, cache, monkeypatch, vocabulary):
    built = tokenize(text, vocabulary)
    assert tokenize(text, vocabulary) is built
    tokens._tokenized.cache_clear()
    monkeypatch.setattr(tokens, "_build", None)
    assert_equal(tokenize(text, vocabulary), built)


@pytest.mark.parametrize("name", ["train-ids.npy", "test-starts.npy", "strings.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "emptied", "foreign"])
def test_a_damaged_cache_entry_is_built_anew(text, cache, name, damage):
    built = tokenize(text, Words())
    (path,) = cache.rglob(name)
    data = path.read_bytes()
    changed = {"cut": data[:-7], "emptied": b"", "foreign": b"[]", "flipped": data[:-1] + bytes([data[-1] ^ 4])}
    path.unlink() if damage == "gone" else path.write_bytes(changed[damage])
    tokens._tokenized.cache_clear()
    assert_equal(tokenize(text, Words()), built)
    assert path.read_bytes() == data


def test_changed_text_and_other_vocabularies_have_entries_of_their_own(text, cache):
    before = tokenize(text, Words())
    (Path(text.path) / "3.txt").write_text("something else entirely")
    after = tokenize(text, Words())
    assert "entirely" in after.strings
    assert "entirely" not in before.strings
    tokenize(text, Words(size=9))
    assert len(list(cache.glob("tokens/*/manifest.json"))) == 3
    assert all(json.loads(path.read_bytes()) for path in cache.glob("tokens/*/manifest.json"))


@pytest.mark.parametrize(("content", "vocabulary"), [("word Word word", Words()), ("aaa", BPE(size=300))], ids=str)
def test_a_single_class_is_refused(tmp_path, cache, content, vocabulary):
    (tmp_path / "one.txt").write_text(content)
    with pytest.raises(DataError, match=r"one\.txt.* has a single token type; .* give more text$"):
        tokenize(TextFiles(path=str(tmp_path / "one.txt")), vocabulary)


def test_a_cache_that_cannot_be_written_is_named(text, tmp_path, monkeypatch):
    (tmp_path / "occupied").write_text("a file where a folder should be")
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "occupied"))
    with pytest.raises(DataError, match=r"occupied.* cannot be written: .*; set STEEPEST_CACHE"):
        tokenize(text, Words())


@pytest.mark.parametrize(("kind", "size"), [(BPE, 256), (Unigram, 256), (Words, 1), (Words, 0)])
def test_vocabularies_that_hold_nothing_are_refused(kind, size):
    with pytest.raises(UsageError):
        kind(size=size)


def test_corpora_and_vocabularies_are_made_by_subclasses():
    for kind in (Corpus, Vocabulary):
        with pytest.raises(TypeError, match="abstract"):
            kind()
