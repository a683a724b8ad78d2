"""Table 1 says what the figures' specs say."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from steepest.claims.paper import Figure
from steepest.data.corpus import WikipediaLeads
from steepest.data.synthetic import HeavyTailedLabels
from steepest.data.tokens import BPE
from steepest.errors import UsageError
from steepest.problems import Problem, SoftmaxRegression, WeightedQuadratic
from steepest.problems.language_model import LanguageModel, Transformer
from steepest_papers.kunstner2024heavytailed import (
    appendix_horizons,
    appendix_inputs,
    fig4_linear,
    fig6_quadratic,
    table1,
    theory,
)
from steepest_papers.kunstner2024heavytailed.table1 import (
    Experiment,
    TableSizes,
    experiment,
    phrase,
    table_one,
)


def test_the_linear_model_at_the_papers_scale() -> None:
    (row,) = table_one([fig4_linear.FIGURE], TableSizes(scale="paper"))
    (plan,) = fig4_linear.FIGURE.plans(fig4_linear.FIGURE.settings("paper")).values()
    assert row.pop("run") in {spec.id for spec in plan.progress(lambda _: None).explored}
    assert row == {
        "figure": "fig4",
        "model": "softmax regression, 24576 inputs",
        "data": "noise, Heavy Tailed Labels, m 11",
        "classes": 2047,
        "samples": 22528,
        "batch": "all samples",
        "updates": "1000",
        "optimizers": 8,
    }


def test_experiments_of_one_figure_that_differ_have_their_own_rows() -> None:
    rows = table_one([appendix_inputs.FIGURE], TableSizes(scale="laptop"))
    by_data = {(row["data"], row["model"]): row["updates"] for row in rows}
    assert len(by_data) == len(rows) == 5 + 3
    assert by_data["noise, Heavy Tailed Labels, m 7, dimension 400", "softmax regression, 400 inputs"] == "62"
    gaussian = "noise, Heavy Tailed Labels, m 7, inputs gaussian, mean 1.0"
    assert by_data[gaussian, "softmax regression, 1024 inputs"] == "25"


def test_horizons_of_one_problem_share_a_row() -> None:
    (row,) = table_one([appendix_horizons.FIGURE], TableSizes(scale="paper"))
    assert (row["updates"], row["optimizers"]) == ("150 200 500", 10)


def test_figures_without_training_or_without_the_scale_have_no_row() -> None:
    assert table_one([theory.FIGURE], TableSizes(scale="laptop")) == []
    assert table_one([fig4_linear.FIGURE], TableSizes(scale="medium")) == []
    (row,) = table_one([fig6_quadratic.FIGURE], TableSizes(scale="paper"))
    assert (row["model"], row["samples"], row["classes"]) == ("weighted quadratic", None, 100)


@pytest.mark.parametrize(("per_update", "batch"), [(32, "32 × 16"), (None, "all samples")])
def test_batches_of_a_language_model_are_windows_of_tokens(per_update: int | None, batch: str) -> None:
    model = Transformer(depth=2, heads=4, width=64)
    problem = LanguageModel(
        corpus=WikipediaLeads(), vocabulary=BPE(size=300), model=model, length=16, windows=100, per_update=per_update
    )
    found = experiment(problem)
    assert found == Experiment(
        "Transformer, depth 2, heads 4, width 64", "Wikipedia Leads; BPE, size 300", 300, 1600, batch
    )


def test_a_problem_that_the_table_does_not_know_is_named() -> None:
    class Mystery(Problem):
        depth: int = 1

    assert experiment(Mystery(depth=3)) == Experiment("Mystery, depth 3", "")


def test_phrases_leave_out_defaults_and_parts() -> None:
    assert phrase(HeavyTailedLabels(m=3)) == "Heavy Tailed Labels, m 3"
    assert phrase(SoftmaxRegression(data=HeavyTailedLabels(m=3), bias=False)) == "Softmax Regression, bias False"
    assert phrase(WeightedQuadratic(num_coordinates=4)) == "Weighted Quadratic, num coordinates 4"


@pytest.fixture
def two_figures(monkeypatch: pytest.MonkeyPatch) -> Figure:
    """Return the table of a paper with two other figures."""
    monkeypatch.setattr(table1, "others", lambda: [fig4_linear.FIGURE, fig6_quadratic.FIGURE])
    return table1.FIGURE


def test_changes_reach_the_table_as_they_reach_the_figures(two_figures: Figure) -> None:
    sizes = two_figures.settings("laptop", {"m": 5, "seeds": [3, 4, 5]})
    assert isinstance(sizes, TableSizes)
    linear, quadratic = table_one(table1.others(), sizes)
    assert (linear["classes"], linear["samples"], quadratic["classes"]) == (31, 160, 100)
    (plan,) = fig4_linear.FIGURE.plans(fig4_linear.FIGURE.settings("laptop", {"m": 5, "seeds": [3, 4, 5]})).values()
    assert linear["run"] == plan.progress(lambda _: None).explored[0].id
    assert sizes.summary() == "every experiment at laptop scale, m=5, seeds=(3, 4, 5)"
    assert two_figures.settings("laptop").summary() == "every experiment at laptop scale"
    with pytest.raises(UsageError, match="unknown field of TableSizes 'stepps'; did you mean steps"):
        two_figures.settings("laptop", {"stepps": 5})


def test_the_figures_are_imported_when_the_table_is_drawn_or_changed() -> None:
    program = """
import sys
from steepest.claims.lab import Lab
lab = Lab.open("kunstner2024heavytailed/table1", scale="smoke", store=sys.argv[1], read_only=True)
print("steepest_papers.kunstner2024heavytailed.fig4_linear" in sys.modules)"""
    done = subprocess.run([sys.executable, "-c", program, "no-store"], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_every_cell_is_in_the_drawing(two_figures: Figure) -> None:
    results: Any = SimpleNamespace(settings=two_figures.settings("laptop"))
    drawing = two_figures.draw["table1"](results)
    assert drawing is not None
    words = " ".join(text.get_text() for text in drawing.canvas.axes[0].texts).split()
    rows = drawing.data.to_pylist()
    assert [row["figure"] for row in rows] == ["fig4", "fig6"]
    for row in rows:
        cells = [f"{row[name]:,}" if isinstance(row[name], int) else row[name] or "" for name in table1.WIDTHS]
        assert all(word in words for cell in cells for word in cell.split())
