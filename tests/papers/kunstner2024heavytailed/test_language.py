"""The language-model figures: sizes by rule and at paper scale, the user's Penn Treebank, counts of tokens."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from steepest.claims.paper import Figure
from steepest.claims.verdict import judge
from steepest.data.tokens import BPE, BasicEnglish
from steepest.problems import LanguageModel
from steepest.problems.language_model import windows
from steepest.runs.store import Store
from steepest.runs.sweep import Sweep
from steepest_papers.kunstner2024heavytailed import appendix_transformers, fig1_classes, fig1_language_model
from steepest_papers.kunstner2024heavytailed.fig1_language_model import token_counts
from steepest_papers.kunstner2024heavytailed.language import LanguageSizes

MINI, FULL, FIG1 = appendix_transformers.MINI_BATCH, appendix_transformers.FULL_BATCH, fig1_language_model.FIGURE


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "cache"))


def sizes(classes: int) -> LanguageSizes:
    return LanguageSizes(classes=classes, width=64, depth=1, heads=1, length=35)


def planned(figure: Figure, scale: str, **changes: object) -> tuple[Sweep, LanguageModel]:
    plan = next(plan for plan in figure.plans(figure.settings(scale, changes)).values() if isinstance(plan, Sweep))
    assert isinstance(plan.problem, LanguageModel)
    return plan, plan.problem


def test_at_the_papers_vocabulary_the_rule_gives_the_papers_penn_treebank_runs() -> None:
    found = sizes(9_900)
    assert found.num_windows * 35 == pytest.approx(923_648, abs=35)
    assert found.horizon == 5_200
    assert found.num_windows / found.batch == pytest.approx(52, abs=0.1)
    half = sizes(4_950)
    assert (half.horizon, half.num_windows) == (2_600, pytest.approx(found.num_windows / 2, abs=1))


def test_figure_1_at_paper_scale_is_gpt2_small_on_512_sequences_of_1024_tokens() -> None:
    plan, problem = planned(FIG1, "paper")
    shape = problem.model.shape(problem.length)
    assert (shape.depth, shape.heads, shape.width, shape.hidden, shape.dropout) == (12, 12, 768, 3_072, 0.1)
    assert (shape.norm, shape.final_norm, shape.precision, shape.init) == ("pre", True, "bfloat16", "gpt2")
    assert (problem.length, problem.per_update, plan.steps, problem.num_classes) == (1_024, 512, 15_000, 50_257)
    assert problem.per_update % problem.per_chunk == 0


def test_the_transformers_of_the_appendix_at_paper_scale() -> None:
    plan, problem = planned(MINI, "paper")
    shape = problem.model.shape(problem.length)
    assert (shape.depth, shape.heads, shape.width, shape.hidden, shape.norm) == (2, 4, 1_000, 1_000, "post")
    assert (problem.length, problem.per_update, plan.steps, shape.dropout) == (35, 512, 5_200, 0.2)
    plan, problem = planned(FULL, "paper")
    assert (problem.model.depth, problem.model.heads, problem.model.width) == (1, 1, 1_200)
    assert (problem.per_update, plan.steps) == (None, 3_200)


def test_a_folder_with_penn_treebank_is_read_as_words(tmp_path: Path) -> None:
    line = " the <unk> market rose N points and the cat fell \n"
    for split, count in (("train", 200), ("valid", 40), ("test", 20)):
        (tmp_path / f"ptb.{split}.txt").write_text(line * count, encoding="utf-8")
    _, problem = planned(MINI, "smoke", corpus=str(tmp_path), classes=300, windows=20)
    assert problem.vocabulary == BasicEnglish(size=300)
    inputs, targets = windows(problem, "train", 20)
    assert inputs.shape == (20, 32)
    assert (inputs.flatten()[1:] == targets.flatten()[:-1]).all()
    assert len(set(targets.flatten().tolist())) == 9  # the, <unk>, market, rose, n, points, and, cat, fell


def test_counts_of_tokens_against_a_counter(tmp_path: Path) -> None:
    words = [f"w{k}" for k in range(40) for _ in range(120 // (k + 1))]
    (tmp_path / "text.txt").write_text("\n\n".join(" ".join(words[i::7]) for i in range(7)), encoding="utf-8")
    _, problem = planned(FIG1, "smoke", corpus=str(tmp_path / "text.txt"), windows=10)
    assert isinstance(problem.vocabulary, BPE)
    _, targets = windows(problem, "train", 10)
    expected = sorted(Counter(targets.flatten().tolist()).values(), reverse=True)
    numbers, tables = token_counts(problem, 10)
    assert tables["counts"].column("count").to_pylist() == expected
    assert numbers["classes"] == len(expected)
    half = sum(expected[(len(expected) + 1) // 2 :]) / sum(expected)
    assert numbers["rarest_half"] == pytest.approx(half)
    assert np.all(np.diff(tables["counts"].column("group").to_numpy()) >= 0)


def test_the_vocabularies_of_the_comparison_share_everything_else() -> None:
    plans = fig1_classes.plans(fig1_classes.FIGURE.settings("laptop"))
    middle, fig1 = plans["c=1024"], planned(FIG1, "laptop")[0]
    assert isinstance(middle, Sweep)
    method = next(iter(middle.optimizers))
    assert middle.spec(method, -1.0, 0).id == fig1.spec(method, -1.0, 0).id


def test_where_only_sgd_and_adam_are_run_claims_on_the_others_say_so(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("a b c d " * 300, encoding="utf-8")
    found = FIG1.results(FIG1.settings("quick", {"corpus": str(tmp_path / "text.txt")}), Store(tmp_path / "store"))
    reasons = {claim.id: judge(claim, found).reason for claim in FIG1.claims}
    said = {name for name, reason in reasons.items() if reason.endswith("set all_optimizers=true")}
    assert said == {"fig1-sign", "fig1-norm", "fig1-adamw", "fig1-muon", "fig1-muon-adam"}
    assert FIG1.draw["fig1-all"](found) is None
