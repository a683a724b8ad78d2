from __future__ import annotations

import numpy as np
import pytest

from steepest.claims.figures import style
from steepest.claims.paper import Results
from steepest.claims.verdict import judge
from steepest.runs.execute import execute
from steepest.runs.results import NotRun
from steepest.runs.store import Store
from steepest.runs.sweep import Calculations
from steepest_papers.kunstner2024heavytailed import theory_flows as flows
from steepest_papers.kunstner2024heavytailed import theory_moments as moments
from steepest_papers.kunstner2024heavytailed.theory import FIGURE, SEEDS


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The stored calculations of the laptop's scale, on fewer classes where the mathematics is exact at any number."""
    store = Store(tmp_path_factory.mktemp("store") / "runs")
    sizes = FIGURE.settings("laptop", {"classes": 5, "vocabulary": 1_000})
    for plan in FIGURE.plans(sizes).values():
        assert isinstance(plan, Calculations)
        for calculation in plan.calculations:
            store.put(calculation, execute(calculation), 0.1)
    return FIGURE.results(sizes, store)


@pytest.mark.parametrize("claim", FIGURE.claims, ids=lambda claim: claim.id)
def test_exact_statements_hold(results: Results, claim: object) -> None:
    found = judge(claim, results)  # type: ignore[arg-type]
    assert found.verdict == "supported", found
    assert found.seeds in (0, len(SEEDS))
    assert len(found.runs) == max(1, found.seeds)


def test_claims_are_not_run_on_an_empty_store(tmp_path: object) -> None:
    empty = FIGURE.results(FIGURE.settings("smoke"), Store(f"{tmp_path}/store"))
    for claim in FIGURE.claims:
        assert judge(claim, empty).verdict == "not run"
    with pytest.raises(NotRun):
        FIGURE.draw["theory"](empty)


def test_drawing_names_the_run_of_every_point(results: Results) -> None:
    with style():
        drawing = FIGURE.draw["theory"](results)
        assert drawing is not None
        drawing.canvas.draw_without_rendering()
    runs = set(drawing.data["run"].to_pylist())
    known = {run.id for name in ("gradient flow", "sign flow", "times") for run in results.calculations(name)}
    assert runs == known
    assert len(drawing.canvas.axes) == 4


def test_curves_of_the_gradient_flow_start_at_log_c_and_collapse_at_the_stored_points() -> None:
    numbers, tables = flows.gradient_flow(5)
    curves, collapse = tables["curves"].to_pydict(), tables["collapse"].to_pydict()
    start = [loss for loss, t in zip(curves["loss"], curves["time"], strict=True) if t == 0]
    np.testing.assert_allclose(start, np.log(5))
    by_class = np.array([column for name, column in collapse.items() if name.startswith("loss_")])
    assert by_class.shape == (5, 42)
    assert np.abs(by_class - collapse["closed_form"]).max() <= numbers["loss_error"]


def test_stored_time_to_half_of_the_loss_reproduces_the_loss() -> None:
    table = flows.times_to_fractions(100)[1]["times"].to_pylist()
    row = next(row for row in table if row["classes"] == 100 and row["fraction"] == 0.5)
    assert row["gradient"] == pytest.approx(82.650506)
    assert row["rarest"] == pytest.approx(100 * sum(1 / k for k in range(1, 101)))


def test_published_errata_numbers() -> None:
    assert flows.printed_sign_rate(5, 3.0)["simulated"] == pytest.approx(0.009866, abs=5e-7)
    assert flows.printed_sign_rate(5, 3.0)["printed"] == pytest.approx(1.2e-6, abs=5e-8)
    assert moments.class_count(11) == {"built": 2047, "printed": 4095, "surplus": 2048}
    assert moments.stable_step(10)["step_times_weight"] == pytest.approx(2)


def test_counterexamples_by_hand() -> None:
    numbers = moments.counterexamples(1000, 0.5)
    assert numbers["all_conditions"] == pytest.approx(1 / 999, rel=1e-2)  # q(1−π)/((1−p)π), q = (1−p)/(c−1)
    assert numbers["zero_class_mean"] == pytest.approx(1)
    assert numbers["unbounded_input"] == pytest.approx(4 / 3, rel=1e-2)  # |1 against −¼| over 1 − ¼
    assert numbers["p_to_0"] == pytest.approx(0.5)  # π_k H̄_k against H̄
