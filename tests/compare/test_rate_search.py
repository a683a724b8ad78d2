"""The search: the rates that it tries, the same number for everybody, and that it goes on where it stopped."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from compare.invented import comparison, invent, valley

from steepest.compare.rate_search import ROUNDS, wider
from steepest.runs.store import Store
from steepest.runs.stream import lookup
from steepest.runs.sweep import Grid

STARTS = {"SGD": -1, "Adam": -3}
FLOOR = {"SGD": 0.5, "Adam": 0.1}


def runs_by_method(store: Store) -> Counter[str]:
    return Counter(run.spec["method"]["kind"].rpartition(".")[2] for run in store.all())


def rates(stage, label: str) -> tuple[float, ...]:
    return next(grid.exponents for method, grid in stage.sweep.optimizers.items() if method.label == label)


def test_the_rates_of_every_stage(tmp_path):
    made, store = comparison(tmp_path, STARTS), Store(tmp_path / "store")
    invent(made, store, valley({"SGD": -2.4, "Adam": -2.9}, FLOOR))
    stages = made.complete(store)
    assert [stage.name for stage in stages] == ["probes", "round 1", "round 2", "round 3"]
    assert [stage.sweep.steps for stage in stages] == [2, 16, 16, 16]
    assert rates(stages[0], "SGD") == (-4, -3, -2, -1, 0, 1, 2)
    assert rates(stages[1], "SGD") == (-2.5, -2, -1.5)  # the best probe is 10^-2
    assert rates(stages[2], "SGD") == (-3.5, -3, -2.5, -2, -1.5)  # 10^-2.5 was at the edge
    assert rates(stages[3], "SGD") == (-3.5, -3, -2.75, -2.5, -2.25, -2, -1.5)
    assert (
        rates(stages[3], "Adam") == (-3.5, -3.25, -3.125, -3, -2.875, -2.75, -2.5) or rates(stages[3], "Adam")[3] == -3
    )


@pytest.mark.parametrize(("best", "expected"), [(-2.4, 3), (5.0, 4), (99.0, ROUNDS)])
def test_everybody_gets_the_same_number_of_runs_wherever_the_best_rates_lie(tmp_path, best, expected):
    made, store = comparison(tmp_path, STARTS), Store(tmp_path / "store")
    count = invent(made, store, valley({"SGD": best, "Adam": -3.0}, FLOOR, slope=0.03))
    found = runs_by_method(store)
    assert found["GradientDescent"] == found["Adam"] == count / 2
    rounds = len(made.complete(store)) - 1
    assert found["Adam"] == 7 + 3 * (3 + 2 * (rounds - 1))
    assert rounds == expected


def test_a_search_that_was_stopped_goes_on_without_repeating_itself(tmp_path):
    loss = valley({"SGD": -1.0, "Adam": -3.0}, FLOOR)
    whole, parts = Store(tmp_path / "whole"), Store(tmp_path / "parts")
    total = invent(comparison(tmp_path / "a", STARTS), whole, loss)
    stored = 0
    while more := invent(comparison(tmp_path / "b", STARTS), parts, loss, most=11):
        stored += more
    assert stored == total == len(list(whole.all()))
    assert {run.id for run in parts.all()} == {run.id for run in whole.all()}


def test_only_complete_rounds_are_given(tmp_path):
    made, store = comparison(tmp_path, STARTS), Store(tmp_path / "store")
    invent(made, store, valley({"SGD": -1.0, "Adam": -3.0}, FLOOR), most=14 + 18 + 5)
    assert [stage.name for stage in made.complete(store)] == ["probes", "round 1"]


def test_what_is_expected_is_what_comes_when_no_best_lies_at_an_edge(tmp_path):
    made, store = comparison(tmp_path, STARTS), Store(tmp_path / "store")
    loss = valley({"SGD": -1.0, "Adam": -3.0}, FLOOR)
    for _ in range(4):
        found = made.progress(lookup(store))
        assert len(found.explored) + found.expected_later == 2 * (7 + 3 * 7)
        invent(made, store, loss, most=15)


def test_a_given_rate_is_neither_probed_nor_searched(tmp_path):
    made, store = comparison(tmp_path, {"Adam": -3}, ("SGD@10^-1.5", "Adam")), Store(tmp_path / "store")
    invent(made, store, valley({"SGD": -1.5, "Adam": -3.0}, FLOOR))
    assert runs_by_method(store) == {"GradientDescent": 3, "Adam": 7 + 3 * 7}


def test_one_given_rate_alone_is_one_round(tmp_path):
    made, store = comparison(tmp_path, {}, ("SGD@0.1",)), Store(tmp_path / "store")
    assert invent(made, store, valley({"SGD": -1.0}, FLOOR)) == 3
    assert [stage.name for stage in made.complete(store)] == ["round 1"]


def test_new_rates_lie_beyond_an_edge_or_halfway():
    grid = Grid(exponents=(-2.0, -1.5, -1.0))
    assert wider(grid, -2.0).exponents == (-3.0, -2.5, -2.0, -1.5, -1.0)
    assert wider(grid, -1.0).exponents == (-2.0, -1.5, -1.0, -0.5, 0.0)
    assert wider(grid, -1.5).exponents == (-2.0, -1.75, -1.5, -1.25, -1.0)


def test_training_stops_at_the_deadline_and_leaves_what_is_done(tmp_path):
    made, store = comparison(tmp_path, STARTS), Store(tmp_path / "store")
    steps = list(made.train(store, 1, time.monotonic()))
    assert len(steps) == 1  # the step before the first run; the deadline had passed
    steps = list(made.train(store, 1, time.monotonic() + 0.2))
    assert 1 < len(steps) < 56
    assert steps[-1].done == len(list(store.all())) == len(steps) - 1
