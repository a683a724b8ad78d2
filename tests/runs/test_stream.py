"""Running plans: what is trained, in which order, on how many processes, and that none of it changes a byte."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from steepest.data.synthetic import HeavyTailedLabels
from steepest.errors import StoreError, UsageError
from steepest.optim import GradientDescent, SignDescent
from steepest.problems import SoftmaxRegression, WeightedQuadratic
from steepest.runs import executors
from steepest.runs import stream as runner
from steepest.runs.cost import seconds
from steepest.runs.executors import execute_into, executor
from steepest.runs.method import Method
from steepest.runs.results import SweepResults
from steepest.runs.spec import Calculation
from steepest.runs.store import Run, Store
from steepest.runs.stream import Agenda, Step, available_cores, lookup, run, stream
from steepest.runs.sweep import Calculations, Known, Part, Progress, Search, Sweep, decades

PROBLEM = SoftmaxRegression(data=HeavyTailedLabels(m=3))
SWEEP = Sweep(
    problem=PROBLEM,
    optimizers={Method(GradientDescent): decades(-2, 0), Method(SignDescent): decades(-4, -2)},
    steps=4,
    seeds=(0, 1),
    groups=3,
)


def half(x: float) -> dict[str, float]:
    return {"half": x / 2, "process": os.getpid()}


def refuse(x: float) -> dict[str, float]:
    raise UsageError(f"x = {x}: refused")


def calculations(*values: float) -> Calculations:
    return Calculations(tuple(Calculation(half, {"x": x}) for x in values))


@dataclass
class Told:
    """A plan that stands still."""

    told: Progress

    def parts(self) -> list[Part]:
        return [lambda _: self.told]


def outlook(*plans: Any, known: Known = lambda _: None) -> Step:
    return Agenda(plans, known).step()


def curves(store: Store) -> dict[str, bytes]:
    return {
        run.id: (run.folder / "curves.parquet").read_bytes() for run in store.all() if "curves.parquet" in run.files
    }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_a_stream_reports_the_start_and_every_run(store: Store) -> None:
    steps = list(stream([calculations(1.0, 2.0), calculations(2.0, 3.0)], store))
    assert [step.finished and step.finished.facts["half"] for step in steps] == [None, 0.5, 1.0, 1.5]
    assert [step.done for step in steps] == [0, 1, 2, 3]  # the shared one counts once
    assert {step.expected for step in steps} == {3}
    assert steps[-1].seconds_left == 0.0
    assert all(step.seconds_left > 0 for step in steps[:-1])


def test_what_is_stored_is_not_run_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    list(stream([SWEEP], store))
    monkeypatch.setattr(runner, "executor", None)
    (step,) = stream([SWEEP], store)
    assert (step.finished, step.done, step.expected) == (None, step.expected, len(list(store.all())))


def test_a_stopped_stream_goes_on_where_it_was(store: Store, tmp_path: Path) -> None:
    steps = stream([SWEEP], store)
    for _ in range(3):
        next(steps)
    steps.close()
    stored = len(list(store.all()))
    again = list(stream([SWEEP], Store(store.root)))
    assert again[0].done == stored
    assert 0 < stored < again[-1].done == len(list(store.all()))
    whole = Store(tmp_path / "whole")
    run(SWEEP, store=whole, jobs=1)
    assert curves(store) == curves(whole)


def test_curves_do_not_depend_on_processes_or_order_and_workers_are_gone_after_an_error(tmp_path: Path) -> None:
    inline, spread, backwards = (Store(tmp_path / name) for name in ("inline", "spread", "backwards"))
    assert isinstance(run(SWEEP, store=inline, jobs=1), SweepResults)
    assert isinstance(run(SWEEP, store=spread, jobs=2), SweepResults)
    failing = Calculations((*calculations(1.0, 2.0).calculations, Calculation(refuse, {"x": 3.0})))
    with pytest.raises(UsageError, match=r"x = 3\.0: refused"):
        run(failing, store=spread, jobs=2)
    for spec in reversed(SWEEP.progress(lookup(inline)).explored):
        execute_into(backwards, (spec,), [spec.description()])
    assert len(curves(inline)) > 10
    assert curves(inline) == curves(spread) == curves(backwards)
    workers = {int(run.facts["process"]) for run in spread.all() if "process" in run.facts}
    assert workers
    assert os.getpid() not in workers
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_an_error_in_a_run_keeps_what_was_finished(store: Store) -> None:
    plan = Calculations(
        (*calculations(1.0).calculations, Calculation(refuse, {"x": 3.0}), *calculations(5.0).calculations)
    )
    with pytest.raises(UsageError, match=r"x = 3\.0: refused"):
        run(plan, store=store, jobs=1)
    assert [run.facts["half"] for run in store.all()] == [0.5]


def test_a_run_that_vanishes_is_an_error_and_not_an_endless_loop(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful:
        slots, ahead = 1, 0

        def submit(self, bundle: Any) -> None:
            self.names = [item.id for item in bundle]

        def next_finished(self) -> list[str]:
            return self.names

    @contextmanager
    def forgetful(store: Store, jobs: int, example: Any, lockstep: str) -> Any:
        yield Forgetful()

    monkeypatch.setattr(runner, "executor", forgetful)
    with pytest.raises(StoreError, match=r"has gone from .* since it was stored; repeat the command"):
        run(calculations(1.0), store=store, jobs=1)


def test_at_most_as_many_runs_are_handed_out_as_there_is_room_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[Any] = []
    most = 0

    class Slow:
        slots, ahead = 2, 1

        def submit(self, bundle: Any) -> None:
            nonlocal most
            waiting.append(bundle)
            most = max(most, len(waiting))

        def next_finished(self) -> list[str]:
            (item,) = waiting.pop()
            return execute_into(store, (item,), [item.description()])

    @contextmanager
    def slow(store: Store, jobs: int, example: Any, lockstep: str) -> Any:
        yield Slow()

    monkeypatch.setattr(runner, "executor", slow)
    found = run(calculations(*map(float, range(7))), store=store, jobs=3)
    assert [run.facts["half"] for run in found] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    assert most == 3


def test_what_others_store_meanwhile_is_not_trained_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = calculations(*map(float, range(4)))
    trained: list[str] = []

    class Joined:
        slots, ahead = 1, 0

        def submit(self, bundle: Any) -> None:
            (self.item,) = bundle

        def next_finished(self) -> list[str]:
            trained.append(self.item.id)
            others = plan.calculations[2:] if len(trained) == 1 else ()
            for item in (self.item, *others):
                execute_into(store, (item,), [item.description()])
            return [self.item.id]

    @contextmanager
    def joined(store: Store, jobs: int, example: Any, lockstep: str) -> Any:
        yield Joined()

    monkeypatch.setattr(runner, "executor", joined)
    assert len(run(plan, store=store, jobs=1)) == 4
    assert trained == [item.id for item in plan.calculations[:2]]


def test_a_last_step_tells_that_others_have_stored_the_rest(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, get = calculations(1.0, 2.0), Store.get
    first, last = plan.calculations

    def joined(self: Store, name: str) -> Any:
        if self is store and name == last.id and get(self, first.id):
            execute_into(Store(store.root), (last,), [last.description()])
        return get(self, name)

    steps = stream([plan], store)
    next(steps)
    monkeypatch.setattr(Store, "get", joined)
    rest = list(steps)
    assert [(step.done, step.lacking, step.seconds_left > 0) for step in rest] == [
        (1, {0}, True),
        (2, frozenset(), False),
    ]


class Hidden(WeightedQuadratic):
    """A problem of which something outside is edited: in STATE, at every look where it is restless."""

    def fingerprint(self) -> str:
        STATE["edition"] += STATE["restless"]
        return str(STATE["edition"])


STATE = {"edition": 0, "restless": 0}
FEW_RATES = {Method(GradientDescent): decades(-2, 0)}


def test_edited_code_gives_new_runs_of_the_same_plan(store: Store) -> None:
    plan = Sweep(problem=Hidden(num_coordinates=2), optimizers=FEW_RATES, steps=2, groups=None)
    STATE.update(edition=1, restless=0)
    first = {found.id for found in run(plan, store=store, jobs=1).runs()}
    assert first == {found.id for found in run(plan, store=store, jobs=1).runs()}
    STATE["edition"] = 2
    second = {found.id for found in run(plan, store=store, jobs=1).runs()}
    assert (len(second), first & second) == (len(first), set())


@pytest.mark.parametrize("lockstep", ["auto", "never"])
def test_code_that_changes_while_it_trains_ends_with_its_runs(store: Store, lockstep: Any) -> None:
    STATE.update(edition=10, restless=1)
    plan = Sweep(problem=Hidden(num_coordinates=2), optimizers=FEW_RATES, steps=2, groups=None)
    results = run(plan, store=store, jobs=1, lockstep=lockstep)
    assert "complete" in repr(results)
    assert {found.id for found in results.runs()} == {found.id for found in store.all()}


class Counted:
    """An executor in memory that finishes at once."""

    slots, ahead = 2, 2

    def __init__(self) -> None:
        self.bundles: list[Any] = []

    def submit(self, bundle: Any) -> None:
        self.bundles.append(bundle)

    def next_finished(self) -> list[str]:
        return [item.id for item in self.bundles.pop(0)]


@pytest.mark.parametrize("refine", [None, 1.0])
def test_a_finished_run_is_looked_at_a_few_times_in_a_sweep_of_any_size(
    refine: float | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Count what planning asks: runs looked for, and searches made, in sweeps of few and of many methods."""
    monkeypatch.setattr(runner, "executor", lambda *_: nullcontext(Counted()))
    asked, searches = Counter[str](), Counter[str]()
    search = Search.__init__

    def get(self: Store, name: str) -> Run | None:
        asked[name] += 1
        if name not in handed_out:
            return None
        facts = {"initial_objective": 9.0, "final_objective": abs(1 + math.log10(handed_out[name].lr))}
        return Run(self.runs / name, name, "done", facts, {}, {}, 0.0, "alone")

    def counted(self: Search, sweep: Sweep, method: Method, known: Known) -> None:
        searches[method.label] += 1
        search(self, sweep, method, known)

    def seen(self: Counted, bundle: Any) -> None:
        handed_out.update({item.id: item for item in bundle})
        self.bundles.append(bundle)

    monkeypatch.setattr(Store, "get", get)
    monkeypatch.setattr(Search, "__init__", counted)
    monkeypatch.setattr(Counted, "submit", seen)
    for methods in (2, 20):
        handed_out: dict[str, Any] = {}
        asked.clear()
        searches.clear()
        grids = {Method(GradientDescent, str(i), momentum=i / 100): decades(-3, 1) for i in range(methods)}
        plan = Sweep(problem=WeightedQuadratic(num_coordinates=2), optimizers=grids, steps=1, refine=refine)
        *_, last = stream([plan], Store(tmp_path / str(methods)))
        assert last.done == last.expected == len(handed_out) >= 9 * methods
        assert asked.total() <= 12 * last.done
        assert max(searches.values()) <= 6


def test_the_cost_of_plans_counts_shared_runs_once() -> None:
    first, second = calculations(1.0, 2.0), calculations(2.0, 3.0)
    each = seconds(first.calculations[0].work())
    assert outlook(first, second).seconds_left == pytest.approx(3 * each)
    items = list(first.calculations)
    later = Told(Progress(items, items, [(items[0], 5)]))
    assert outlook(later).seconds_left == pytest.approx(7 * each)
    assert outlook(later, later).seconds_left == pytest.approx(7 * each)
    assert outlook(later, later).expected == 7
    assert outlook(Told(Progress(items, []))).seconds_left == 0.0


def test_the_time_left_is_corrected_by_what_runs_took(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "seconds", lambda work: 2.0)
    monkeypatch.setattr(executors, "time", type("Clock", (), {"process_time": iter(range(0, 1000, 6)).__next__}))
    steps = list(stream([calculations(1.0, 2.0, 3.0)], store))
    assert [step.seconds_left for step in steps] == pytest.approx([6.0, 4.0 * 7 / 3, 2.0 * 13 / 5, 0.0])


def test_run_opens_the_store_it_is_given_or_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = run(calculations(8.0), store=str(tmp_path / "a"), jobs=1)
    assert (found.facts["half"], found.folder.parent) == (4.0, tmp_path / "a" / "runs")
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "b"))
    (found,) = run(calculations(8.0), jobs=1)
    assert found.folder.parent == tmp_path / "b" / "runs"


def test_the_cpu_seconds_of_a_run_are_stored(store: Store) -> None:
    started = time.process_time()
    spec = SWEEP.spec(Method(GradientDescent), 0.0, 0)
    (name,) = execute_into(store, (spec,), [spec.description()])
    found = store.get(name)
    assert found is not None
    assert 0 <= found.seconds <= time.process_time() - started
    assert found.spec == spec.description()


def test_one_slot_is_this_process(store: Store) -> None:
    with executor(store, 1, calculations(1.0).calculations[0]) as engine:
        engine.submit(calculations(1.0).calculations)
        engine.submit(calculations(2.0).calculations)
        first, second = (store.get(name) for _ in range(2) for name in engine.next_finished())
    assert first is not None
    assert second is not None
    assert (first.facts["half"], second.facts["half"], first.facts["process"]) == (0.5, 1.0, os.getpid())


def test_steps_and_cores_are_counted() -> None:
    a, b, c = calculations(1.0, 2.0, 3.0).calculations
    step = outlook(Told(Progress([a, b, c], [c], [(a, 4)])), Told(Progress([a], [])))
    assert (step.done, step.expected, step.lacking) == (2, 7, {0})
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def test_what_cannot_be_sent_to_another_process_runs_in_this_one(store: Store) -> None:
    unsendable = Calculation(half_of_lock, {"lock": threading.Lock()})
    with executor(store, 2, unsendable) as engine:
        assert engine.slots == 1
    with executor(store, 2, calculations(1.0).calculations[0]) as engine:
        assert engine.slots == 2


def half_of_lock(lock: object) -> dict[str, float]:
    return {"half": 0.5}


OWN = """
import sys, torch, constants
from steepest import Method, Sweep, decades, run
from own_problem import Mean

constants.SCALE = float(sys.argv[1])  # what was set after the import, which the file does not say
open("constants.py", "w").write("SCALE = 7.0")  # an edit that this process has not seen
sweep = Sweep(problem=Mean(), optimizers={Method(torch.optim.SGD): decades(-1, -1)}, steps=1, refine=None, extend=0)
rows = run(sweep, store=sys.argv[2], jobs=int(sys.argv[3])).to_arrow()
print(rows["run"].to_pylist(), rows["initial_loss"].to_pylist())
"""
OWN_PROBLEM = """
import torch, constants
from steepest.problems import Problem, Task, Work

class Mean(Problem):
    def setup(self, seed):
        params = {"w": torch.zeros(1, requires_grad=True)}
        return Task(params, lambda at, data: (at["w"] - constants.SCALE * data["x"]) ** 2, {"x": torch.ones(4)})

    def work(self):
        return Work(flops=0.0, logits=4.0)
"""


def test_workers_run_the_code_that_is_in_memory(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "own_problem.py").write_text(OWN_PROBLEM)
    printed = []
    for scale, jobs in (("3.0", "1"), ("3.0", "2")):
        (tmp_path / "constants.py").write_text("SCALE = 1.0")
        command = [sys.executable, "own.py", scale, f"store-{jobs}", jobs]
        printed.append(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
    assert printed[0] == printed[1]
    assert printed[0].rstrip().endswith("[9.0, 9.0, 9.0]")
