"""Token distributions: numbers against hand counts, intervals against Student's, the figure from runs to a drawing."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steepest.claims.figures import style
from steepest.claims.verdict import MIN_SEEDS, interval, judge
from steepest.data.corpus import TextFiles
from steepest.data.tokens import BPE, Unigram, Words, tokenize
from steepest.errors import DataError, UsageError
from steepest.runs.store import Store
from steepest.runs.stream import stream
from steepest.runs.sweep import Calculations
from steepest_papers.kunstner2024heavytailed import appendix_tokens as tokens

FIGURE = tokens.FIGURE


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TextFiles:
    """Return a text of 60 paragraphs whose words follow Zipf's law."""
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "cache"))
    draw = random.Random(0)
    words = [f"w{chr(97 + k % 26)}{chr(97 + k // 26)}" for k in range(200)]
    weights = [1 / (k + 1) for k in range(200)]
    path = tmp_path / "text.txt"
    path.write_text("\n\n".join(" ".join(draw.choices(words, weights, k=30)) for _ in range(60)))
    return TextFiles(path=str(path))


def test_the_three_numbers_on_exact_laws() -> None:
    law = np.round(1e9 / np.arange(1, 2001))
    found = tokens.summary(np.append(law, 0).astype(np.int64))
    harmonic = np.cumsum(1 / np.arange(1, 2001))
    assert found["exponent"] == pytest.approx(1.0, abs=1e-4)
    assert found["rarer_half"] == pytest.approx(1 - harmonic[999] / harmonic[-1], abs=1e-5)
    behind = (harmonic >= 0.9 * harmonic[-1]).sum() - 1  # the class that crosses 0.9 belongs to the group before
    assert found["rarest_tenth"] == pytest.approx(behind / 2000)
    flat = tokens.summary(np.full(1000, 7))
    assert [flat[name] for name in ("exponent", "rarer_half", "rarest_tenth")] == pytest.approx([0.0, 0.5, 0.1])


def test_a_distribution_is_that_of_the_training_words(corpus: TextFiles) -> None:
    facts, tables = tokens.distribution(corpus, Words(), parts=4)
    texts = corpus.splits()["train"]
    counts = Counter(word for text in texts for word in text.split())
    assert (facts["tokens"], facts["classes"]) == (sum(counts.values()), len(counts))
    ranks = tables["ranks"].to_pydict()
    ordered = sorted(counts.values(), reverse=True)
    assert ranks["count"] == [ordered[r - 1] for r in ranks["rank"]]
    assert (ranks["rank"][0], ranks["rank"][-1]) == (1, len(counts))
    groups = tables["groups"].to_pydict()
    assert groups["group"] == list(range(1, 11))
    assert (sum(groups["classes"]), sum(groups["samples"])) == (len(counts), sum(counts.values()))
    for j, row in enumerate(tables["without"].to_pylist()):
        rest = Counter(word for i, text in enumerate(texts) if i % 4 != j for word in text.split())
        smaller = sorted(rest.values())[: len(rest) // 2]
        assert row["rarer_half"] == pytest.approx(sum(smaller) / sum(rest.values()))


@pytest.mark.parametrize("vocabulary", [BPE(size=300), Unigram(size=300)], ids=str)
def test_parts_share_the_documents(corpus: TextFiles, vocabulary: Any) -> None:
    data = tokenize(corpus, vocabulary)
    parts = tokens.counts_by_part(data, 3)
    ids, starts = data.ids["train"], data.starts["train"]
    for j in range(3):
        mine = [ids[starts[i] : starts[i + 1]] for i in range(j, len(starts) - 1, 3)]
        np.testing.assert_array_equal(parts[j], np.bincount(np.concatenate(mine), minlength=data.num_classes))


def test_a_text_of_few_documents_has_no_interval(corpus: TextFiles) -> None:
    with pytest.raises(DataError, match=r"has \d\d training documents; set parts to \d\d or give more text"):
        tokens.counts_by_part(tokenize(corpus, Words()), 100)


def test_the_interval_of_a_mean_is_students() -> None:
    x = np.random.default_rng(0).normal(3.0, 2.0, size=12)
    without = (x.sum() - x) / 11
    assert interval(tokens.pseudo_values(float(x.mean()), without).tolist()) == pytest.approx(interval(x.tolist()))


def results(runs: list[dict[str, Any]]) -> Any:
    found = [
        SimpleNamespace(id=f"run {i}", facts={"a": r["a"]}, column=lambda name, _, r=r: np.array(r["without"]))
        for i, r in enumerate(runs)
    ]
    settings = SimpleNamespace(tokenizers=lambda: {"words": None, "BPE": None})
    return SimpleNamespace(settings=settings, calculations=lambda _: found)


def test_the_worst_tokenizer_is_found_in_every_part() -> None:
    two = results([{"a": 1.1, "without": [1.2, 1.1, 1.0]}, {"a": 0.7, "without": [0.9, 0.7, 0.5]}])
    # |a − 1| without a part: 0.2, 0.3, 0.5, mean 1/3; of all documents 0.3
    values = [0.3 + 2 * (1 / 3 - d) for d in (0.2, 0.3, 0.5)]
    found = tokens.worst("a", tokens.largest_deviation)(two)
    assert found.values == pytest.approx(values)
    assert (found.runs, found.exact) == (["run 0", "run 1"], False)
    assert found.evidence == "words 1.1; BPE 0.7"
    assert np.mean(tokens.worst("a", np.max)(two).values) == pytest.approx(1.1)
    assert np.mean(tokens.worst("a", np.min)(two).values) == pytest.approx(0.7)


def test_every_family_comes_in_every_size() -> None:
    laptop = FIGURE.settings("laptop")
    assert isinstance(laptop, tokens.TokenSizes)
    labels = list(laptop.tokenizers())
    assert len(labels) == 1 + 3 * 3
    assert all(f"{family}, {size}" in labels for family in tokens.FAMILIES for size in (1_000, 4_000, 16_000))
    assert set(FIGURE.scales) == {"smoke", "laptop", "paper"}
    for scale in FIGURE.scales:
        (plan,) = FIGURE.plans(FIGURE.settings(scale)).values()
        assert isinstance(plan, Calculations)
        assert len({calculation.id for calculation in plan.calculations}) == len(plan.calculations)
    for wrong in ({"sizes": []}, {"sizes": [256]}, {"parts": 2}):
        with pytest.raises(UsageError):
            FIGURE.settings("laptop", wrong)


def test_the_figure_from_runs_to_verdicts_and_a_drawing(corpus: TextFiles, tmp_path: Path) -> None:
    settings = FIGURE.settings("smoke", {"corpus": corpus.path})
    store = Store(tmp_path / "store")
    found = FIGURE.results(settings, store)
    assert {judge(claim, found).verdict for claim in FIGURE.claims} == {"not run"}
    for _ in stream(list(found.plans.values()), store, 1):
        pass
    for claim in FIGURE.claims:
        finding = judge(claim, found)
        assert finding.verdict in ("supported", "contradicted", "undecided")
        assert finding.seeds == 10 >= MIN_SEEDS
        assert len(finding.runs) == 4
    with style():
        drawing = FIGURE.draw["tokens"](found)
    assert drawing
    stored = {run.id for run in store.all()}
    assert set(drawing.data["run"].to_pylist()) == stored
    rows = [row for row in drawing.data.to_pylist() if row["table"] == "groups" and row["tokenizer"] == "words, all"]
    bars = drawing.canvas.axes[3].patches
    assert {bar.get_height() for bar in bars} >= {row["classes"] for row in rows}
