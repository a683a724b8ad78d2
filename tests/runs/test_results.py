"""Results of a sweep as runs and tables, from invented runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from steepest.errors import UsageError
from steepest.optim import GradientDescent, SignDescent
from steepest.problems import WeightedQuadratic
from steepest.runs.method import Method
from steepest.runs.results import NotRun, SweepResults, Undecided, middle_of_the_best, stack
from steepest.runs.spec import Spec
from steepest.runs.store import Outcome, Store
from steepest.runs.stream import lookup
from steepest.runs.sweep import Sweep, decades

GD, SIGN = Method(GradientDescent, "GD"), Method(SignDescent, "Sign")
SEEDS = (3, 1, 2)
SWEEP = Sweep(
    problem=WeightedQuadratic(num_coordinates=2),
    optimizers={GD: decades(-2, 0), SIGN: decades(-2, 0)},
    steps=2,
    seeds=SEEDS,
    refine=None,
    extend=0,
)


def invented(spec: Spec) -> Outcome:
    """GD is best at 10^-1; sign descent at the edge; GD at 10^0 diverges after one update."""
    e, final = round(np.log10(spec.lr)), 1.0 + spec.seed / 10
    if spec.method == SIGN:
        final = 3.0 + e
    elif e != -1:
        final += 1
    losses = [4.0, 2.0, final] if (spec.method, e) != (GD, 0) else [4.0, float("inf")]
    group = pa.FixedSizeListArray.from_arrays(pa.array(np.repeat(losses, 2) + np.tile([0, 1], len(losses))), 2)
    finite = losses[-1] < 1e9
    ends = {"initial": 4.0, "final": final if finite else None}
    facts = {f"{end}_{what}": value for end, value in ends.items() for what in ("loss", "objective")}
    curves = pa.table({"step": np.arange(len(losses), dtype=np.int32), "loss": losses, "group": group})
    return Outcome("done" if finite else "diverged", facts, {"curves": curves})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def results(store: Store) -> SweepResults:
    for spec in SWEEP.progress(lookup(store)).pending:
        assert isinstance(spec, Spec)
        store.put(spec, invented(spec), seconds=0.5)
    return SweepResults(SWEEP, store)


def test_the_best_rate_has_one_run_per_seed_in_order(results: SweepResults) -> None:
    best = results.best("GD")
    assert (best.exponent, best.lr, best.label, best.trouble) == (-1.0, 0.1, "GD", None)
    assert [run.spec["seed"] for run in best.runs] == list(SEEDS)
    np.testing.assert_array_equal(best.curves(), [[4, 2, 1 + seed / 10] for seed in SEEDS])
    assert best.curves("group").shape == (3, 3, 2)
    np.testing.assert_allclose(np.diff(best.curves("group"), axis=2), np.ones((3, 3, 1)), rtol=1e-12)


def test_unknown_columns_and_tables_are_one_line_with_the_nearest(results: SweepResults) -> None:
    best = results.best("GD")
    for act, text in (
        (
            lambda: best.curves("groups"),
            "unknown column of curves 'groups'; did you mean group? (known: group, loss, step)",
        ),
        (lambda: best.runs[0].column("loss", "curve"), "unknown table 'curve'; did you mean curves? (known: curves)"),
        (lambda: best.runs[0].table("../spec"), "unknown table '../spec' (known: curves)"),
    ):
        with pytest.raises(UsageError) as refused:
            act()
        assert str(refused.value) == text
    assert best.runs[0].tensors() == {}


def test_a_rate_at_the_edge_is_given_only_when_asked_for(results: SweepResults) -> None:
    with pytest.raises(Undecided, match=r"Sign: the best learning rate 10\^-2 is at the edge of its grid"):
        results.best("Sign")
    best = results.best("Sign", decisive=False)
    assert best.exponent == -2.0
    assert best.trouble is not None


def test_missing_runs_are_counted(store: Store) -> None:
    with pytest.raises(NotRun, match="GD: 9 runs are missing"):
        SweepResults(SWEEP, store).best("GD")
    empty = SweepResults(SWEEP, store)
    assert (empty.runs(), empty.to_arrow().num_rows) == ([], 0)


def test_a_finished_search_gives_the_rates_at_which_no_seed_diverged(results: SweepResults, tmp_path: Path) -> None:
    runs = results.search("GD").finished()
    assert list(runs) == [-2.0, -1.0]
    assert [[run.spec["seed"] for run in at] for at in runs.values()] == [list(SEEDS)] * 2
    with pytest.raises(NotRun, match="GD: 9 runs are missing"):
        SweepResults(SWEEP, Store(tmp_path / "empty")).search("GD")


def test_the_middle_of_what_is_as_good_as_the_best() -> None:
    # Best mean 0.9 ± 0.1: 0.8 is as good, 0.75 is not.
    scores = {-2.0: [0.75, 0.75], -1.0: [0.7, 0.9], 0.0: [0.8, 1.0], 1.0: [0.85, 0.85], 2.0: [0.8, 0.81]}
    assert middle_of_the_best(scores) == 0.0
    assert middle_of_the_best({e: seeds[:1] for e, seeds in scores.items()}) == 1.0  # one seed has no spread


def test_an_unknown_method_is_named_with_its_neighbours(results: SweepResults) -> None:
    with pytest.raises(UsageError, match="unknown method 'Sing'; did you mean Sign"):
        results.best("Sing")


def test_the_table_has_a_row_for_every_run(results: SweepResults) -> None:
    rows = results.to_arrow().to_pylist()
    assert len(rows) == len(results.runs()) == 18
    assert {row["run"] for row in rows} == {run.id for run in results.runs()}
    chosen = [row for row in rows if row["method"] == "GD" and row["selected"]]
    assert [(row["exponent"], row["seed"]) for row in chosen] == [(-1.0, seed) for seed in SEEDS]
    (one,) = (row for row in rows if (row["method"], row["exponent"], row["seed"]) == ("GD", -1.0, 2))
    expected = {
        "lr": 0.1,
        "state": "done",
        "initial_loss": 4.0,
        "final_loss": 1.2,
        "selection_loss": 1.2,
        "seconds": 0.5,
    }
    assert expected.items() <= one.items()
    diverged = [row for row in rows if row["method"] == "GD" and row["exponent"] == 0]
    assert [(row["state"], row["final_loss"], row["selection_loss"]) for row in diverged] == [
        ("diverged", None, 4.0)
    ] * 3


def test_the_data_frame_is_the_table(results: SweepResults) -> None:
    frame = results.to_pandas()
    assert frame.groupby("method").seconds.sum().to_dict() == {"GD": 4.5, "Sign": 4.5}


def test_curves_come_as_one_long_table(results: SweepResults) -> None:
    table = results.curves("GD").to_pydict()
    assert table["seed"] == [seed for seed in SEEDS for _ in range(3)]
    assert table["step"] == [0, 1, 2] * 3
    assert table["loss"] == [x for seed in SEEDS for x in (4.0, 2.0, 1 + seed / 10)]
    assert table["run"] == [run.id for run in results.best("GD").runs for _ in range(3)]
    assert len(results.curves("Sign")) == 9


def test_labels_keep_the_order_of_the_sweep_and_are_shown(results: SweepResults, tmp_path: Path) -> None:
    assert results.labels == ["GD", "Sign"]
    assert repr(results) == "SweepResults(GD, Sign; 18 runs, complete)"
    assert repr(SweepResults(SWEEP, Store(tmp_path / "empty"))) == "SweepResults(GD, Sign; 0 runs, 18 runs missing)"


def test_arrays_of_different_length_are_filled_with_nan() -> None:
    stacked = stack([np.ones((3, 2)), np.zeros((1, 2))])
    np.testing.assert_array_equal(stacked[0], np.ones((3, 2)))
    np.testing.assert_array_equal(stacked[1], [[0, 0], [np.nan] * 2, [np.nan] * 2])
