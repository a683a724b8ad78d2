"""The whole paper: sizes, claims, and every figure from runs to files at smoke scale."""

from __future__ import annotations

import csv
from itertools import groupby
from pathlib import Path

import pytest

from steepest.claims.lab import Lab
from steepest.claims.verdict import MIN_SEEDS
from steepest.data.synthetic import HeavyTailedLabels
from steepest.problems import LastLayer
from steepest.runs.cost import SECONDS_PER_LOGIT, SHARE_OF_GEMM_RATE, gemm_rate
from steepest.runs.spec import Spec
from steepest.runs.store import Store
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


def test_claims_are_the_papers_its_errata_and_ours() -> None:
    claims = [claim for figure in PAPER.figures for claim in figure.claims]
    assert {claim.kind for claim in claims} == {"paper", "erratum", "ours"}


def test_every_figure_has_the_papers_own_sizes() -> None:
    assert all("paper" in figure.scales for figure in PAPER.figures)


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


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store with the runs of Figure 4 and of the alternatives at smoke scale."""
    store = Store(tmp_path_factory.mktemp("paper") / "store")
    for name in ("fig4", "alternatives"):
        for _ in Lab.open(f"{PAPER.key}/{name}", scale="smoke", store=store).stream():
            pass
    return store


def test_every_verdict_rests_on_stored_runs(store: Store) -> None:
    stored = {run.id for run in store.all()}
    for row in Lab.open(f"{PAPER.key}/fig4", scale="smoke", store=store).ledger():
        assert row.verdict in ("supported", "contradicted", "undecided")
        assert row.reason or (row.runs and row.measured is not None)
        assert set(row.runs) <= stored
        assert (row.scale, row.edited) == ("smoke", "")


def test_the_plotted_curves_are_the_stored_ones(store: Store) -> None:
    lab = Lab.open(f"{PAPER.key}/fig4", scale="smoke", store=store)
    with lab.draw(lab.figures[0])["fig4"].with_suffix(".csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["group"] == "0"]
    for run, points in groupby(rows, key=lambda row: row["run"]):
        found = lab.store.get(run)
        assert found is not None
        assert [float(point["loss"]) for point in points] == found.column("loss").tolist()


def test_a_figure_that_shares_runs_with_another_trains_them_once(store: Store) -> None:
    four, alternatives = (sweep(name, "smoke") for name in ("fig4", "alternatives"))
    ids = [{spec.id for spec in plan.progress(lambda r: store.get(r.id)).explored} for plan in (four, alternatives)]
    shared = [method for method in alternatives.optimizers if method in four.optimizers]
    assert len(shared) == 2
    assert len(ids[0] & ids[1]) >= 2 * (5 + 5 - 3 + 2)


def test_the_last_layer_reads_the_text_that_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(" ".join(f"w{k % 97}" for k in range(5000)), encoding="utf-8")
    changes = {"corpus": str(tmp_path / "text.txt"), "windows": 6}
    (plan,) = FIGURES["fig5"].plans(FIGURES["fig5"].settings("smoke", changes)).values()
    assert isinstance(plan, Sweep)
    assert isinstance(plan.problem, LastLayer)
    assert plan.steps == horizon(plan.problem.num_classes)
    assert 90 < plan.problem.num_classes <= 98
