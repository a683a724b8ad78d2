"""The glossary: the document is the table, and the formulas of its symbols are those of the measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from steepest.glossary import SYMBOLS, WORDS, markdown, symbols_in
from steepest.measure.progress import optimizer_gap, progress


def test_the_document_is_the_table() -> None:
    page = Path(__file__).parents[1] / "docs" / "glossary.md"
    assert page.read_text(encoding="utf-8") == markdown(), "write it anew from steepest.glossary.markdown()"


def test_every_word_is_explained_once_and_briefly() -> None:
    names = [entry.name for entry in (*WORDS, *SYMBOLS)]
    assert len(set(names)) == len(names)
    assert all(len(entry.meaning) < 3 * 120 and entry.meaning.endswith(".") for entry in (*WORDS, *SYMBOLS))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Adam makes progress on every level: min_g ρ_g", ["L(t), L_g(t)", "ρ, ρ_g"]),
        ("Under SGD the rarest tenth lags: 1 − ρ_10/ρ; Γ", ["L(t), L_g(t)", "ρ, ρ_g", "Γ"]),
        ("in units of L(0), weights 1/√π_k", ["L(t), L_g(t)", "n_k", "π_k"]),
        ("n_k ∝ 1/k; factor √(2/π), Log(x), sin_k", ["n_k"]),
        ("nothing of the kind", []),
    ],
)
def test_symbols_are_found_where_they_occur(text: str, names: list[str]) -> None:
    assert [entry.name for entry in symbols_in(text)] == names


def test_formulas_are_those_of_the_measures() -> None:
    meanings = {entry.name: entry.meaning for entry in SYMBOLS}
    formula = meanings["Γ"].partition("Γ = ")[2].rstrip(".")
    values = {"L_worse(T)": 3.0, "L_better(T)": 1.0, "L(0)": 8.0}
    assert formula == "(L_worse(T) − L_better(T)) / L(0)"
    assert optimizer_gap(*values.values()) == (3.0 - 1.0) / 8.0
    assert "ρ = 1 − L(T)/L(0)" in meanings["ρ, ρ_g"]
    assert float(progress(8.0, 2.0)) == 1 - 2.0 / 8.0
