"""Every figure from runs to verdicts and drawings, at the smallest scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import rel_entr, softmax

from steepest.claims.figures import style
from steepest.claims.paper import Figure, Results
from steepest.claims.verdict import judge
from steepest.runs.results import Undecided
from steepest.runs.store import Store
from steepest.runs.stream import stream
from steepest_papers.yadav2025signdescent import PAPER, deciles, identities, trajectories, vocabulary


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("store") / "runs")
    plans = [plan for figure in PAPER.figures for plan in figure.plans(figure.settings("smoke")).values()]
    for _ in stream(plans, store, 1):
        pass
    return store


def results(figure: Figure, store: Store) -> Results:
    return figure.results(figure.settings("smoke"), store)


@pytest.mark.parametrize("figure", PAPER.figures, ids=lambda figure: figure.id)
def test_claims_are_judged_on_named_runs(figure: Figure, store: Store) -> None:
    for claim in figure.claims:
        found = judge(claim, results(figure, store))
        assert found.verdict in ("supported", "contradicted", "undecided"), claim.id
        assert found.measured is not None, (claim.id, found.reason)
        assert all(store.get(run) for run in found.runs)
        assert found.runs


@pytest.mark.parametrize("figure", PAPER.figures, ids=lambda figure: figure.id)
def test_nothing_is_judged_on_an_empty_store(figure: Figure, tmp_path: Path) -> None:
    empty = results(figure, Store(tmp_path / "store"))
    assert {judge(claim, empty).verdict for claim in figure.claims} == {"not run"}


@pytest.mark.parametrize("figure", PAPER.figures, ids=lambda figure: figure.id)
def test_drawings_name_the_run_of_every_point(figure: Figure, store: Store) -> None:
    with style():
        drawings = [draw(results(figure, store)) for draw in figure.draw.values()]
        for drawing in drawings:
            assert drawing is not None
            drawing.canvas.draw_without_rendering()
            runs = set(drawing.data["run"].to_pylist())
            assert runs
            assert all(store.get(run) for run in runs)


def test_statements_that_hold_at_any_size_are_supported(store: Store) -> None:
    exact = {"identities", "constants", "bounds"}
    for figure in (figure for figure in PAPER.figures if figure.id in exact):
        for claim in figure.claims:
            assert judge(claim, results(figure, store)).verdict == "supported", claim.id


def test_claims_have_distinct_names_and_scales_are_complete() -> None:
    names = [claim.id for figure in PAPER.figures for claim in figure.claims]
    assert len(set(names)) == len(names)
    assert all({"smoke", "laptop", "paper"} <= set(figure.scales) for figure in PAPER.figures)


def test_decile_losses_are_non_negative_and_sum_to_the_relative_entropy() -> None:
    rng = np.random.default_rng(0)
    p, s = -np.sort(-rng.dirichlet(np.ones(43))), softmax(rng.normal(size=43))
    found = deciles.decile_losses(np.log(p / s), p)
    masses = np.array([part.sum() for part in np.array_split(p, 10)])
    assert (found >= 0).all()
    assert found @ masses == pytest.approx(rel_entr(p, s).sum())


def test_the_deciles_of_a_run_sum_to_its_loss_at_every_step(store: Store) -> None:
    found = results(deciles.FIGURE, store)
    p = 1 / np.arange(1, 51) / (1 / np.arange(1, 51)).sum()
    masses = np.array([part.sum() for part in np.array_split(p, 10)])
    for run, losses in deciles.curves(found).values():
        np.testing.assert_allclose(losses @ masses, run.column("loss"), rtol=1e-9, atol=1e-13)


def test_the_stepped_view_has_both_methods_at_the_same_steps(store: Store) -> None:
    found = results(deciles.FIGURE, store)
    rows = deciles.steps(found).to_pylist()
    steps = {name: sorted({row["step"] for row in rows if row["method"] == name}) for name in ("GD", "Sign")}
    assert steps["GD"] == steps["Sign"]
    assert (steps["GD"][0], steps["GD"][-1]) == (0, found.settings.steps)
    assert {row["group"] for row in rows} == set(range(1, 11))
    _, losses = deciles.curves(found)["GD"]
    assert [row["loss"] for row in rows if row["method"] == "GD" and row["step"] == 3] == losses[3].tolist()


def test_trained_curves_are_the_recursion(store: Store) -> None:
    found = results(trajectories.FIGURE, store)
    p, theta, losses = 1 / np.arange(1, 61) / (1 / np.arange(1, 61)).sum(), np.zeros(60), []
    for _ in range(31):
        losses.append(rel_entr(p, softmax(theta)).sum())
        theta -= 2 * (softmax(theta) - p)
    curve = trajectories.relative(trajectories.selected(found, 60, "GD 1/L"))
    np.testing.assert_allclose(curve, np.array(losses) / losses[0], rtol=1e-9)


def test_a_rate_at_the_edge_of_its_grid_decides_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    found = results(vocabulary.FIGURE, store)
    assert vocabulary.needed(found, "Sign", 0.05)[0].tolist() == [32, 100, 316]
    rate = next(
        row["rate"]
        for run in found.calculations("zipf")
        if run.spec["options"]["method"] == "Sign"
        for row in run.table("counts").to_pylist()
        if row["fraction"] == 0.05 and row["classes"] == 100
    )
    contender = vocabulary.contenders(vocabulary.frequencies(vocabulary.zipf(100)))["Sign"]
    assert rate in contender.rates[1:-1]
    narrow = {"Sign": contender._replace(rates=tuple(r for r in contender.rates if r >= rate))}
    monkeypatch.setattr(vocabulary, "contenders", lambda _: narrow)
    rows = vocabulary.counts("Sign", (100,), 1.0, 1e5)[1]["counts"].to_pylist()
    assert [row["edge"] for row in rows if row["fraction"] == 0.05] == [True]
    edge = {"classes": np.array([100]), "updates": np.array([3.0]), "edge": np.array([True])}
    monkeypatch.setattr(vocabulary, "counted", lambda *_: edge)
    with pytest.raises(Undecided, match="Sign: the best learning rate is at the edge"):
        vocabulary.needed(found, "Sign", 0.05)


def test_identities_would_show_an_error() -> None:
    numbers, tables = identities.identities(60, 3)
    assert max(abs(numbers[claim.id.removeprefix("identity-")]) for claim in identities.CLAIMS) < 1e-9
    first = tables["lattice"]["step_1"].to_numpy()
    assert set(first) == {-1.0, 1.0}  # every logit has moved by one rate, up where p_k > 1/d
    p = 1 / np.arange(1, 61) / (1 / np.arange(1, 61)).sum()
    np.testing.assert_array_equal(first, np.where(p > 1 / 60, 1.0, -1.0)[tables["lattice"]["rank"].to_numpy() - 1])
