"""The whole paper: sizes, claims, and every figure from runs to files at smoke scale."""

from __future__ import annotations

import csv
import math
import random
from itertools import groupby
from pathlib import Path

import pytest

from steepest.claims import figures
from steepest.claims.lab import Lab
from steepest.claims.paper import Figure
from steepest.claims.verdict import MIN_SEEDS
from steepest.data.synthetic import HeavyTailedLabels
from steepest.problems import LastLayer
from steepest.runs.cost import SECONDS_PER_LOGIT, SHARE_OF_GEMM_RATE, gemm_rate
from steepest.runs.spec import Calculation, Spec
from steepest.runs.stream import Agenda
from steepest.runs.sweep import Calculations, Sweep
from steepest_papers.kunstner2024heavytailed import PAPER
from steepest_papers.kunstner2024heavytailed.fig5_last_layer import horizon
from steepest_papers.kunstner2024heavytailed.optimizers import MAIN

SCALES = ("smoke", "laptop", "paper")
ALL_SCALES = ("smoke", "quick", "laptop", "medium", "paper")

FIGURES = {figure.id: figure for figure in PAPER.figures}
LINEAR = ("fig4", "alternatives", "fig4-larger")


def sweep(figure: str, scale: str) -> Sweep:
    (plan,) = FIGURES[figure].plans(FIGURES[figure].settings(scale)).values()
    assert isinstance(plan, Sweep)
    return plan


def test_ids_are_unique_and_thresholds_differ() -> None:
    claims = [claim for figure in PAPER.figures for claim in figure.claims]
    assert len({claim.id for claim in claims}) == len(claims) > 30
    assert len(FIGURES) == len(PAPER.figures)
    assert all(claim.holds != claim.fails and math.isfinite(claim.holds + claim.fails) for claim in claims)
    assert {claim.kind for claim in claims} == {"paper", "erratum", "ours"}


@pytest.mark.parametrize("figure", PAPER.figures, ids=list(FIGURES))
def test_every_figure_has_all_scales_a_rule_and_claims_with_a_place(figure: Figure) -> None:
    assert set(SCALES) <= set(figure.scales)
    assert list(figure.scales) == [scale for scale in ALL_SCALES if scale in figure.scales]
    assert figure.rule
    assert figure.statement
    assert all(claim.where and claim.statement for claim in figure.claims)


@pytest.mark.parametrize("scale", SCALES)
def test_every_random_experiment_has_at_least_three_seeds(scale: str) -> None:
    for figure in PAPER.figures:
        seeds = getattr(figure.settings(scale), "seeds", None)
        assert seeds is None or len(seeds) >= MIN_SEEDS


@pytest.mark.parametrize("figure", LINEAR)
def test_the_linear_model_at_paper_scale_has_the_papers_sizes(figure: str) -> None:
    plan = sweep(figure, "paper")
    assert plan.problem.data == HeavyTailedLabels(m=11)  # type: ignore[attr-defined]
    assert (plan.steps, plan.groups, plan.weighting, plan.refine) == (1000, 11, "none", 1.0)
    data = HeavyTailedLabels(m=11)
    assert (data.num_classes, data.num_samples, data.num_features) == (2_047, 22_528, 24_576)


@pytest.mark.parametrize(
    ("figure", "scale", "m", "steps"),
    [
        ("fig4", "laptop", 7, 62),
        ("alternatives", "laptop", 7, 62),
        ("fig4-larger", "laptop", 8, 125),
        ("fig4", "smoke", 4, 7),
    ],
)
def test_reduced_sizes_follow_the_rule(figure: str, scale: str, m: int, steps: int) -> None:
    plan = sweep(figure, scale)
    assert (plan.problem.data.m, plan.steps, plan.groups) == (m, steps, m)  # type: ignore[attr-defined]


def test_all_optimizers_of_figure_4_get_the_same_number_of_runs() -> None:
    plan = sweep("fig4", "laptop")
    assert list(plan.optimizers) == list(MAIN)
    assert {(len(grid.exponents), grid.tuned) for grid in plan.optimizers.values()} == {(5, True)}


def test_the_cost_of_paper_scale_is_known_without_allocating_anything() -> None:
    plan = sweep("fig4", "paper")
    n, d, c = 22_528, 24_576, 2_047
    progress = plan.progress(lambda _: None)
    runs = len(progress.pending) + progress.expected_later
    assert runs == 8 * (5 + 5 - 3 + 2)
    each = 1001 * (4 * n * d * c / (SHARE_OF_GEMM_RATE * gemm_rate()) + n * c * SECONDS_PER_LOGIT)
    assert Agenda([plan], lambda _: None).step().seconds_left == pytest.approx(runs * each, rel=1e-3)


@pytest.mark.parametrize("figure", ["fig7", "curvature"])
def test_the_paths_of_figure_7_measure_where_the_paper_does(figure: str) -> None:
    for scale, m in (("laptop", 8), ("paper", 11)):
        plans = FIGURES[figure].plans(FIGURES[figure].settings(scale))
        assert set(plans) == {"adam", "gd"}
        for plan in plans.values():
            assert isinstance(plan, Calculations)
            assert len(plan.calculations) == MIN_SEEDS
            for spec in plan.calculations:
                assert isinstance(spec, Spec)
                assert (spec.steps, spec.groups) == (100, m)
                assert {0, 1, 5, 10, 50, 100} <= set(spec.probes[0].at)


def corpus(folder: Path) -> Path:
    """Write a text whose words follow Zipf's law."""
    draw = random.Random(0)
    words = [f"w{chr(97 + k % 26)}{chr(97 + k // 26)}" for k in range(300)]
    weights = [1 / (k + 1) for k in range(300)]
    text = "\n\n".join(" ".join(draw.choices(words, weights, k=40)) for _ in range(400))
    (folder / "text.txt").write_text(text, encoding="utf-8")
    return folder / "text.txt"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Return the paper, run and drawn at smoke scale, its text replaced by one that needs no network."""
    folder = tmp_path_factory.mktemp("paper")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEEPEST_CACHE", str(folder / "cache"))
        patch.setitem(figures.STYLE, "pdf.fonttype", 3)  # cutting TrueType fonts to size takes longest
        changes = {"corpus": str(corpus(folder)), "windows": 6}
        lab = Lab.open(PAPER.key, scale="smoke", changes=changes, store=folder / "store")
        for _ in lab.stream():
            pass
        for figure in lab.figures:
            lab.draw(figure)
    return lab


def every_claim_has_a_verdict_from_runs_in_the_store(lab: Lab) -> None:
    rows = lab.ledger()
    assert [row.claim for row in rows] == [claim.id for figure in PAPER.figures for claim in figure.claims]
    stored = {run.id for run in lab.store.all()}
    for row in rows:
        assert row.verdict in ("supported", "contradicted", "undecided")
        assert row.reason or (row.runs and row.measured is not None)
        assert set(row.runs) <= stored
        assert (row.scale, row.edited) == ("smoke", "")


def every_drawing_is_an_svg_a_pdf_and_a_csv_whose_rows_name_stored_runs(lab: Lab) -> None:
    stored = {run.id for run in lab.store.all()}
    for figure in lab.figures:
        drawings = lab.draw(figure)
        assert drawings
        for svg in drawings.values():
            assert svg.read_text(encoding="utf-8").rstrip().endswith("</svg>")
            assert svg.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
            with svg.with_suffix(".csv").open(encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            assert rows
            assert {row["run"] for row in rows} <= stored, svg.name


def the_plotted_curves_are_the_stored_ones(lab: Lab) -> None:
    with (lab.folder / "fig4.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["group"] == "0"]
    for run, points in groupby(rows, key=lambda row: row["run"]):
        found = lab.store.get(run)
        assert found is not None
        assert [float(point["loss"]) for point in points] == found.column("loss").tolist()


def a_figure_that_shares_runs_with_another_trains_them_once(lab: Lab) -> None:
    four, alternatives = (sweep(name, "smoke") for name in ("fig4", "alternatives"))
    ids = [{spec.id for spec in plan.progress(lambda r: lab.store.get(r.id)).explored} for plan in (four, alternatives)]
    shared = [method for method in alternatives.optimizers if method in four.optimizers]
    assert len(shared) == 2
    assert len(ids[0] & ids[1]) >= 2 * (5 + 5 - 3 + 2)


def the_last_layer_reads_the_text_that_it_is_given(lab: Lab) -> None:
    (plan,) = lab.plans["fig5"].values()
    assert isinstance(plan, Sweep)
    assert isinstance(plan.problem, LastLayer)
    assert plan.steps == horizon(plan.problem.num_classes)
    assert 50 < plan.problem.num_classes <= 301


def calculations_of_the_theory_are_stored_like_runs(lab: Lab) -> None:
    items = [item for plan in lab.plans["theory"].values() for item in plan.progress(lambda _: None).pending]
    assert items
    assert all(isinstance(item, Calculation) and lab.store.get(item.id) for item in items)


@pytest.mark.timeout(900)
def test_the_whole_paper_from_runs_to_files(lab: Lab) -> None:
    """One test, so that one worker runs the paper once."""
    every_claim_has_a_verdict_from_runs_in_the_store(lab)
    every_drawing_is_an_svg_a_pdf_and_a_csv_whose_rows_name_stored_runs(lab)
    the_plotted_curves_are_the_stored_ones(lab)
    a_figure_that_shares_runs_with_another_trains_them_once(lab)
    the_last_layer_reads_the_text_that_it_is_given(lab)
    calculations_of_the_theory_are_stored_like_runs(lab)
