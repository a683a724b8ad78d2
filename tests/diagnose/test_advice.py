"""Advice: every branch, its numbers, and that the claims it rests on are in the ledger."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from steepest.claims.installed import find_paper, names
from steepest.claims.paper import Paper
from steepest.data.frequency import zipf
from steepest.diagnose.advice import TOPICS, Case, advise
from steepest.diagnose.spectrum import Spectrum
from steepest.diagnose.summary import Summary, references
from steepest.diagnose.verdicts import judged, to_run
from steepest.errors import UsageError
from steepest.runs.store import Store
from steepest.theory.bigram import gd_updates, sign_updates
from steepest.theory.predict import predict, predicted_ratio


def papers() -> dict[str, Paper]:
    return {name: find_paper(name) for name in names()}


def case(counts, kind="labels", vocabularies=()):
    spectrum = Spectrum.of(counts)
    return Case(spectrum, Summary.of("mine", kind, spectrum), vocabularies)


HEAVY = np.rint(1e6 * zipf(5_000)).astype(np.int64)
MODERATE = np.rint(1e4 * zipf(60, 1.7)).astype(np.int64)
NONE = np.array([40, 30, 20, 10])
SMALL, LARGE = (
    Summary.of(f"BPE {c}", "text", Spectrum.of(np.rint(1e6 * zipf(c)).astype(np.int64))) for c in (500, 5_000)
)
CASES = {
    "heavy": [case(HEAVY), case(HEAVY, "text", [SMALL, LARGE]), case(HEAVY, "ids")],
    "moderate": [case(MODERATE), case(MODERATE, "text")],
    "none": [case(NONE), case(NONE, "text", [SMALL, LARGE])],
}


@pytest.mark.parametrize("tail", CASES)
def test_every_kind_of_data_gets_four_pieces_of_advice_on_known_topics(tail):
    for found in CASES[tail]:
        assert found.tail == tail
        advice = advise(found)
        assert [one.topic for one in advice] == ["optimizer", "weighting", "vocabulary", "batch size"]
        assert {topic for one in advice for topic in one.topics} <= set(TOPICS)
        assert all(one.topics and one.because.endswith(".") for one in advice)


def test_every_topic_is_given_as_advice_somewhere_and_papers_register_claims_of_their_own_on_it():
    advised = {topic for cases in CASES.values() for found in cases for one in advise(found) for topic in one.topics}
    assert advised == set(TOPICS)
    registered = {topic for paper in papers().values() for topic in paper.advice}
    assert registered == set(TOPICS)
    for paper in papers().values():
        if paper.advice:
            claims = {claim.id for figure in paper.figures for claim in figure.claims}
            assert {claim for ids in paper.advice.values() for claim in ids} <= claims


def test_advice_changes_with_the_tail():
    first = {tail: advise(found[0])[0].says for tail, found in CASES.items()}
    assert "Use Adam" in first["heavy"]
    assert "safe choice" in first["moderate"]
    assert first["none"].startswith("SGD")


def test_the_numbers_of_the_reasons():
    optimizer, weighting, vocabulary, batch = advise(case(NONE))
    assert "1 … 4." in weighting.because
    assert vocabulary.because == "Each has at least 10 samples."
    assert batch.because == "The rarest class comes up once in 10 samples."
    assert f"{predicted_ratio(NONE):.1f} times" in optimizer.because
    rare = advise(case([1000, 500, 300, 5, 5]))
    assert "2 classes with fewer than 10 samples" in rare[2].says
    assert rare[2].because == "They are 40% of the classes and hold 0.55% of the samples."
    groups = Spectrum.of(HEAVY).groups()
    needed = HEAVY.sum() * groups.classes[-1] / groups.samples[-1]
    assert f"once in {needed:,.0f} samples" in advise(case(HEAVY))[3].because


def test_the_vocabulary_is_compared_from_end_to_end():
    advice = advise(case(HEAVY, "text", [SMALL, LARGE]))[2]
    assert f"{SMALL.ratio:.1f} times with BPE 500 and {LARGE.ratio:.1f} times with BPE 5000" in advice.because
    assert f"{SMALL.samples / LARGE.samples:.2f} times as many tokens" in advice.because


def test_predictions_are_those_of_the_theory():
    pi = HEAVY / HEAVY.sum()
    by_hand = gd_updates(pi, 0.1) / sign_updates(pi, 0.1)
    assert predicted_ratio(HEAVY) == case(HEAVY).summary.ratio == by_hand
    (row,) = [row for row in predict(HEAVY).rows if (row.model, row.epsilon) == ("bigram", 0.1)]
    assert row.ratio == by_hand


def test_verdicts_are_those_of_the_ledger(tmp_path):
    store, installed = Store(tmp_path / "store"), papers()
    first, second = "vocabulary: labels", "vocabulary: size"
    verdicts = judged([first, second, "unknown"], installed.values(), store)
    (row,) = verdicts[first]
    paper = installed[row.paper]
    figure = paper.figure(row.figure)
    ledger = paper.ledger(store, "laptop", [(figure, figure.results(figure.settings("laptop"), store))])
    assert row in ledger
    assert row.verdict == "not run"
    assert [row.claim for row in verdicts[second]] == [c for p in installed.values() for c in p.advice.get(second, ())]
    assert len({row.paper for row in verdicts[second]}) == 2
    assert verdicts["unknown"] == []
    assert to_run(verdicts) == list(
        dict.fromkeys(f"{r.paper}/{r.figure}" for t in (first, second) for r in verdicts[t])
    )


def test_a_broken_paper_is_left_out(tmp_path):
    class Broken:
        advice: ClassVar = {"vocabulary: size": ("some-claim",)}

        @property
        def figures(self):
            raise UsageError("broken/fig1 cannot be imported: NameError: x")

    class Mistaken(Broken):
        figures = ()

        def ledger(self, store, scale, results):
            return []

    other = next(paper for paper in papers().values() if "vocabulary: size" in paper.advice)
    verdicts = judged(["vocabulary: size"], [Broken(), Mistaken(), other], Store(tmp_path / "store"))
    assert {row.paper for row in verdicts["vocabulary: size"]} == {other.key}


def test_reference_corpora_are_summaries_that_fit_together():
    rows = {row.name: row for row in references()}
    assert len(rows) == 11
    assert rows["Reuters-52, labels"].largest == pytest.approx(3923 / 9100, abs=1e-6)
    law = Summary.of("", "", Spectrum.of(np.rint(1e7 * zipf(10_000)).astype(np.int64)))
    stored = rows["the law 1/k, 10,000 classes"]
    assert stored.ratio == pytest.approx(law.ratio, rel=1e-5)
    assert stored.shares == pytest.approx(law.shares, rel=1e-5)
    for row in rows.values():
        assert len(row.ranks) == len(row.shares)
        assert row.ranks[-1] == row.classes
        assert row.shares[0] == pytest.approx(row.largest)
