"""Every figure of the paper runs, judges and draws at smoke scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from steepest.claims.lab import Lab
from steepest_papers.kunstner2025zipf import PAPER


@pytest.mark.parametrize("figure", PAPER.figures, ids=lambda figure: figure.id)
def test_a_figure_runs_judges_and_draws(figure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    text = tmp_path / "text.txt"
    words = np.random.default_rng(0).zipf(1.3, 6000)
    text.write_text(" ".join(f"w{word % 5000}" for word in words), encoding="utf-8")
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "cache"))
    changes = {"corpus": str(text)} if figure.id == "real-text" else {}
    lab = Lab.open(f"{PAPER.key}/{figure.id}", scale="smoke", changes=changes, store=tmp_path / "store")
    for _ in lab.stream():
        pass
    ledger = lab.ledger()
    assert len(ledger) == len(figure.claims)
    assert {row.verdict for row in ledger} <= {"supported", "contradicted", "undecided"}
    assert all(row.runs or row.reason for row in ledger)
    drawn = lab.draw(figure)
    assert drawn
    assert all(path.is_file() and path.with_suffix(".csv").is_file() for path in drawn.values())


def test_claims_have_names_of_their_own() -> None:
    names = [claim.id for figure in PAPER.figures for claim in figure.claims]
    assert len(names) == len(set(names))
