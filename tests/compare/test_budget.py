"""What a budget buys, and that it is computed once."""

from __future__ import annotations

import pytest
from compare.problems import SMALL, written

from steepest.compare import compare, prepared
from steepest.compare.budget import Cost, affordable_steps, measured_cost, seconds, sizes_for
from steepest.compare.contenders import contenders
from steepest.compare.problem_file import ProblemFile
from steepest.errors import UsageError
from steepest.runs.results import NotRun
from steepest.runs.store import Store


@pytest.mark.parametrize(("budget", "jobs"), [(100.0, 1), (100.0, 4), (3600.0, 2)])
def test_all_runs_together_take_half_of_the_budget(budget, jobs):
    costs, counts = [Cost(0.004, 0.2), Cost(0.01, 0.1)], [(21, 7), (3, 0)]
    steps = affordable_steps(costs, counts, budget, jobs)
    taken = 21 * (0.2 + 0.004 * steps) + 7 * (0.2 + 0.004 * steps / 8) + 3 * (0.1 + 0.01 * steps)
    assert taken / jobs + 5.0 == pytest.approx(budget / 2)


def sized(store: Store, problem: ProblemFile, names=("SGD", "Adam"), steps=None, budget=60.0, seeds=(0, 1, 2)):
    return sizes_for(problem, contenders(names), seeds, steps, budget, 1, store)


def test_sizes_are_kept_for_the_same_arguments_and_computed_for_others(tmp_path):
    problem, store = ProblemFile.open(written(tmp_path)), Store(tmp_path / "store")
    first = sized(store, problem)
    assert sized(Store(tmp_path / "store"), problem) == first
    assert len(store.read_log("compare")) == 1
    edited = ProblemFile.open(written(tmp_path / "other", SMALL.replace("0.3 *", "0.4 *")))
    for changed in ({"budget": 90.0}, {"seeds": (0, 1, 2, 3)}, {"names": ("SGD", "Sign")}, {"problem": edited}):
        sized(store, **({"problem": problem} | changed))
    assert len({record["key"] for record in store.read_log("compare")}) == 5


def test_steps_that_are_given_are_taken_whatever_the_budget(tmp_path):
    problem, store = ProblemFile.open(written(tmp_path)), Store(tmp_path / "store")
    assert sized(store, problem, steps=77, budget=1.0).steps == 77
    assert sized(store, problem, steps=77, budget=9.0).starts.keys() == {"SGD", "Adam"}
    assert len(store.read_log("compare")) == 1
    asked = ProblemFile.open(written(tmp_path / "steps", SMALL + "\nsteps = 33\n"))
    assert prepared(asked, ("SGD",), 60.0, None, 3, 1, store).sizes.steps == 33


def test_a_budget_that_buys_too_little_says_what_is_needed(tmp_path):
    problem, store = ProblemFile.open(written(tmp_path)), Store(tmp_path / "store")
    with pytest.raises(
        UsageError, match=r"--budget 1s: 20 updates for each of 2 optimizers at 7 rates and 3 seeds need about \d+s"
    ):
        sized(store, problem, budget=1.0)
    assert store.read_log("compare") == []


def test_small_data_is_not_read_more_often_than_200_times(tmp_path):
    problem, store = ProblemFile.open(written(tmp_path)), Store(tmp_path / "store")
    assert sized(store, problem, budget=36_000.0).steps == 200 * 80 // 16


def test_an_update_costs_more_on_more_items(tmp_path):
    large = SMALL.replace("batch_size = 16\n", "").replace("80", "40_000")
    small, full = (ProblemFile.open(written(tmp_path / name, text)) for name, text in (("a", SMALL), ("b", large)))
    (adam,) = contenders(["Adam"])
    assert 0 < measured_cost(small, adam).update < measured_cost(full, adam).update


@pytest.mark.parametrize("text", ["", "soon", "-3s", "0", "10 years"])
def test_a_budget_is_a_time(text):
    with pytest.raises(UsageError, match="is not a time; write 90s, 10min or 2h"):
        seconds(text)


def test_two_seeds_are_too_few(tmp_path):
    with pytest.raises(UsageError, match="--seeds 2: an interval needs at least 3"):
        compare(written(tmp_path), seeds=2, store=str(tmp_path / "store"))


def test_a_spent_budget_is_no_answer(tmp_path):
    with pytest.raises(NotRun):
        compare(written(tmp_path), steps=5, budget=1e-6, store=str(tmp_path / "store"), jobs=1)
