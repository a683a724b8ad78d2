"""One suite over all papers: what `steepest.testing.check_paper` asks of any, figure by figure."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from steepest.claims import figures
from steepest.claims.installed import find_paper, names
from steepest.claims.paper import Figure
from steepest.claims.verdict import MIN_SEEDS
from steepest.runs.store import Store
from steepest.testing import check_paper

PAPERS = names()
FIGURES = [(name, figure) for name in PAPERS for figure in find_paper(name).figures]
IDS = [f"{name}/{figure.id}" for name, figure in FIGURES]
SCALES = ("smoke", "quick", "laptop", "medium", "paper")


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a text whose words follow Zipf's law, which needs no network."""
    draw = random.Random(0)
    words = [f"{chr(97 + k % 26)}{chr(97 + k // 26 % 26)}{chr(97 + k // 676)}" for k in range(2_000)]
    weights = [1 / (k + 1) for k in range(2_000)]
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n\n".join(" ".join(draw.choices(words, weights, k=40)) for _ in range(400)), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store for all figures, some of which share runs."""
    return Store(tmp_path_factory.mktemp("all") / "store")


@pytest.mark.parametrize("paper", PAPERS)
def test_claims_and_readme_of_a_paper_fit_together(paper: str) -> None:
    assert check_paper(paper, figures=()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("paper", "figure"), FIGURES, ids=IDS)
def test_a_figure_runs_judges_and_draws_at_smoke_scale(
    paper: str, figure: Figure, store: Store, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(figures.STYLE, "pdf.fonttype", 3)  # cutting TrueType fonts to size takes longest
    changes = {"corpus": str(text), "windows": 6}
    assert check_paper(paper, store=store, figures=[figure.id], changes=changes) == []


@pytest.mark.parametrize(("paper", "figure"), FIGURES, ids=IDS)
def test_a_figure_says_what_it_shows_and_how_it_is_sized(paper: str, figure: Figure) -> None:
    assert {"smoke", "laptop"} <= set(figure.scales)
    assert list(figure.scales) == [scale for scale in SCALES if scale in figure.scales]
    assert figure.rule
    assert figure.statement
    for scale in figure.scales:
        seeds = getattr(figure.settings(scale), "seeds", None)
        assert seeds is None or len(seeds) >= MIN_SEEDS
