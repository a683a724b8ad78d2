"""The two-stage search against a brute-force oracle on synthetic losses; nothing is trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.component import Component, identity
from steepest.errors import UsageError
from steepest.optim import Adam, GradientDescent, LineSearchGD, SignDescent
from steepest.problems import SoftmaxUnigram, WeightedQuadratic
from steepest.runs.method import Method
from steepest.runs.spec import Calculation, Runnable, Spec
from steepest.runs.store import Outcome, Run, Store
from steepest.runs.sweep import (
    FEW,
    Calculations,
    Grid,
    Lookup,
    Search,
    Sweep,
    decades,
    learning_rate,
    selection_loss,
    untuned,
)
from steepest_papers.kunstner2024heavytailed.probes import CurvatureByClass

INITIAL = 4.0
METHOD = Method(GradientDescent)
FIVE = decades(-3, 1)
Loss = Callable[[float, int], float | None]


def invented_run(name: str, facts: dict[str, Any], state: str = "done") -> Run:
    return Run(Path(name), name, state, facts, files={}, environment={}, seconds=0.0, lockstep="alone")


class World:
    """What is known: runs whose final loss is a function of exponent and seed, added when they are asked for."""

    def __init__(self, loss: Loss) -> None:
        self.loss, self.runs = loss, dict[str, Run]()

    def __call__(self, runnable: Runnable) -> Run | None:
        return self.runs.get(runnable.id)

    def train(self, spec: Runnable) -> None:
        assert isinstance(spec, Spec)
        final = self.loss(round(math.log10(spec.lr), 6), spec.seed)
        facts = {"initial_objective": INITIAL, "final_objective": final}
        self.runs[spec.id] = invented_run(spec.id, facts, "done" if final else "diverged")

    def finish(self, sweep: Sweep) -> dict[Method, Search]:
        for _ in range(100):
            pending = sweep.progress(self).pending
            if not pending:
                return sweep.searches(self)
            for spec in pending:
                self.train(spec)
        raise AssertionError("the search does not end")


def sweep(grid: Grid = FIVE, seeds: tuple[int, ...] = (0, 1, 2), **options: Any) -> Sweep:
    problem = WeightedQuadratic(num_coordinates=2)
    return Sweep(problem=problem, optimizers={METHOD: grid}, steps=1, seeds=seeds, **options)


def valley(best: float, spread: float = 0.0) -> Loss:
    return lambda e, seed: 0.1 + abs(e - best) + spread * seed


def search(loss: Loss, **options: Any) -> Search:
    return World(loss).finish(sweep(**options))[METHOD]


def counted(loss: float | None) -> float:
    return INITIAL if loss is None or loss > 1.5 * INITIAL else loss


def oracle(
    loss: Loss, grid: list[float], seeds: tuple[int, ...], refine: float | None, extend: int
) -> dict[float, float]:
    """Return the final table of losses by brute force, every seed at every rate, from the statement of the rule."""

    def losses(exponents: list[float], of: tuple[int, ...]) -> dict[float, float]:
        return {e: max(counted(loss(e, seed)) for seed in of) for e in exponents}

    def best(table: dict[float, float]) -> float:
        return min(e for e, value in table.items() if value == min(table.values()))

    def grown(exponents: list[float], of: tuple[int, ...], step: float) -> dict[float, float]:
        for _ in range(extend):
            table = losses(exponents, of)
            if best(table) == min(exponents):
                exponents = [min(exponents) - step, *exponents]
            elif best(table) == max(exponents):
                exponents = [*exponents, max(exponents) + step]
        return losses(exponents, of)

    if refine is None:
        return grown(grid, seeds, 1.0)
    centre = best(grown(grid, seeds[:1], 1.0))
    halves = [centre + k / 2 for k in range(-10, 11) if abs(k) / 2 <= refine]
    return grown(halves, seeds, 0.5)


final = st.none() | st.sampled_from([0.5, 1.0, 2.0, 4.0, 5.9, 6.1, 100.0])


@settings(max_examples=80)
@given(
    st.dictionaries(st.tuples(st.integers(-20, 20), st.integers(0, 2)), final, max_size=60),
    st.lists(st.integers(-3, 2), min_size=1, max_size=4, unique=True),
    st.sampled_from([None, 0.5, 1.0, 1.5]),
    st.integers(0, 3),
)
def test_the_search_agrees_with_brute_force(
    finals: dict[tuple[int, int], float | None], grid: list[int], refine: float | None, extend: int
) -> None:
    def loss(e: float, seed: int) -> float | None:
        return finals.get((round(2 * e), seed), 3.0)

    exponents = sorted(float(e) for e in grid)
    found = search(loss, grid=Grid(exponents=tuple(exponents)), refine=refine, extend=extend)
    table = oracle(loss, exponents, (0, 1, 2), refine, extend)
    best = min(table, key=lambda e: (table[e], e))
    assert (found.best, found.rates) == (best, sorted(table))
    may_win = {e for e in table if refine is None or (counted(loss(e, 0)), e) <= (table[best], best)}
    assert found.table == {e: table[e] for e in may_win}
    hopeless = all(counted(loss(best, seed)) >= INITIAL for seed in (0, 1, 2))
    assert (found.trouble is not None) == (hopeless or best in (min(table), max(table)))


def test_an_optimum_inside_is_found_to_half_a_decade() -> None:
    found = search(valley(-1.5))
    assert (found.best, found.trouble, found.pending) == (-1.5, None, [])
    assert found.rates == [-3.0, -2.5, -2.0, -1.5, -1.0]
    assert [run.facts["final_objective"] for run in found.runs(-1.5)] == [0.1, 0.1, 0.1]


def by_seed(found: Search) -> list[list[float]]:
    return [sorted(round(math.log10(s.lr), 6) for s in found.explored if s.seed == seed) for seed in (0, 1, 2)]


def test_other_seeds_run_at_the_rate_that_is_ahead_in_stage_two() -> None:
    fine = [-2.0, -1.5, -1.0, -0.5, 0.0]
    assert by_seed(search(valley(-1.0))) == [[-3.0, *fine, 1.0], [-1.0], [-1.0]]


def test_other_seeds_run_wherever_the_first_ends_below_the_worst_seed_of_the_best() -> None:
    assert by_seed(search(valley(-1.0, spread=0.3)))[1:] == [[-1.5, -1.0, -0.5]] * 2
    assert by_seed(search(valley(-1.0, spread=0.2)))[1:] == [[-1.0]] * 2


@pytest.mark.parametrize(("beyond", "grown"), [(3.0, (2.0, 3.0, 4.0)), (-5.0, (-4.0, -5.0, -6.0))])
def test_a_grid_grows_step_by_step_until_its_best_is_inside(beyond: float, grown: tuple[float, ...]) -> None:
    found = search(valley(beyond))
    assert (found.best, found.trouble) == (beyond, None)
    coarse = [round(math.log10(spec.lr), 6) for spec in found.explored if spec.seed == 0]
    assert tuple(coarse[5:8]) == grown


@pytest.mark.parametrize(("extend", "reached"), [(0, 1.0 + 1.0), (1, 2.0 + 1.5), (3, 4.0 + 2.5)])
def test_a_grid_grows_a_bounded_number_of_times_and_then_decides_nothing(extend: int, reached: float) -> None:
    found = search(lambda e, seed: 3.0 - e / 10, extend=extend)
    assert found.best == reached
    assert found.trouble == f"GradientDescent: the best learning rate 10^{reached:g} is at the edge of its grid"


@pytest.mark.parametrize("loss", [None, INITIAL, 1.5 * INITIAL + 0.01, 1e9])
def test_a_method_that_never_makes_progress_is_said_to(loss: float | None) -> None:
    found = search(lambda e, seed: loss)
    assert found.best is not None
    assert found.trouble == "GradientDescent: no learning rate of the grid made progress"


def test_one_seed_that_makes_progress_is_progress() -> None:
    found = search(lambda e, seed: 1.0 if seed == 1 and e == 0 else None if e > 0 else 3.9 if e == -1 else INITIAL)
    assert found.trouble is None


def test_ties_go_to_the_smaller_rate() -> None:
    assert search(lambda e, seed: 1.0 if -2 <= e <= 0 else 2.0, refine=None).best == -2.0


def test_the_worst_seed_decides() -> None:
    table = {(-1.0, 2): 3.0, (-1.0, 0): 0.1, (-0.5, 0): 1.0, (-0.5, 1): 1.1}
    found = search(lambda e, seed: table.get((e, seed), 1.2 if e == -0.5 else 2.0))
    assert found.table[-1.0] == 3.0
    assert found.table[-0.5] == 1.2
    assert found.best == -0.5


def test_losses_above_one_and_a_half_times_the_start_count_as_the_start() -> None:
    assert selection_loss({"initial_objective": 2.0, "final_objective": 3.0}) == 3.0
    assert selection_loss({"initial_objective": 2.0, "final_objective": 3.0 + 1e-9}) == 2.0
    assert selection_loss({"initial_objective": 2.0, "final_objective": None}) == 2.0
    assert selection_loss({"initial_objective": 2.0, "final_objective": 0}) == 0.0


def test_without_stage_two_every_seed_runs_the_whole_grid() -> None:
    found = search(valley(-1.0), refine=None)
    assert len(found.explored) == 15
    assert sorted(found.table) == [-3.0, -2.0, -1.0, 0.0, 1.0]


def test_a_method_that_needs_no_tuning_runs_once_a_seed_and_has_no_edge() -> None:
    found = search(lambda e, seed: 1.0, grid=untuned(0.1))
    assert (len(found.explored), found.best, found.trouble) == (3, -1.0, None)
    assert search(lambda e, seed: INITIAL, grid=untuned()).trouble is not None


@pytest.mark.parametrize("seeds", [(0,), (4, 2), (0, 1, 2, 3)])
@pytest.mark.parametrize("refine", [None, 0.5, 1.0, 1.5, 2.0])
def test_the_number_of_expected_runs_is_right_when_no_grid_grows(refine: float | None, seeds: tuple[int, ...]) -> None:
    plan, world = sweep(decades(-4, 2), seeds, refine=refine), World(valley(-1.0))
    start = plan.progress(world)
    world.finish(plan)
    assert len(start.explored) + start.expected_later == len(world.runs) == len(plan.progress(world).explored)


def test_progress_only_grows_and_ends_with_nothing_pending() -> None:
    plan, world, done = sweep(), World(valley(0.0)), []
    while (now := plan.progress(world)).pending:
        done.append(len(now.explored) - len(now.pending))
        world.train(now.pending[0])
    assert done == list(range(len(world.runs)))
    assert (now.expected_later, len(now.explored)) == (0, len(world.runs))


def test_what_is_pending_does_not_depend_on_the_order_of_arrival() -> None:
    plan, forwards, backwards = sweep(), World(valley(-2.5)), World(valley(-2.5))
    while plan.progress(forwards).pending:
        forwards.train(plan.progress(forwards).pending[0])
    while plan.progress(backwards).pending:
        backwards.train(plan.progress(backwards).pending[-1])
    assert forwards.runs.keys() == backwards.runs.keys()
    ids = [spec.id for spec in plan.progress(forwards).explored]
    assert ids == [spec.id for spec in sweep().progress(backwards).explored]


def test_all_methods_get_the_same_number_of_runs_unless_a_grid_grows() -> None:
    methods = {Method(kind): decades(-3, 1) for kind in (GradientDescent, Adam, SignDescent)}
    plan = sweep().changed(optimizers=methods)
    for best in (-1.0, 0.0, -0.5):
        searches = World(valley(best)).finish(plan)
        assert {len(search.explored) for search in searches.values()} == {5 + 5 - 3 + 2}


def test_a_run_is_needed_before_it_is_asked_for() -> None:
    found = sweep().searches(World(valley(0.0)))[METHOD]
    assert (found.best, found.runs(0.0), len(found.pending)) == (None, [], 5)
    with pytest.raises(KeyError, match=r"GradientDescent at 10\^0, seed 1 has not been run"):
        found._run(0.0, 1)


def test_every_field_of_a_sweep_reaches_its_specs() -> None:
    options = {"groups": 2, "weighting": "inverse", "by_class": True}
    spec = sweep(**options).spec(METHOD, -0.5, 2)
    assert (spec.lr, spec.seed, spec.steps, spec.method) == (10**-0.5, 2, 1, METHOD)
    assert {name: getattr(spec, name) for name in options} == options
    assert spec is not sweep().spec(METHOD, -0.5, 2)


@pytest.mark.parametrize("exponent", [-8, -3.5, 0, 2.5])
def test_learning_rates_are_powers_of_ten(exponent: float) -> None:
    assert math.isclose(learning_rate(exponent), math.exp(exponent * math.log(10)), rel_tol=1e-14)


def test_grids_are_sorted_and_have_no_double_entries() -> None:
    assert Grid(exponents=(1.0, -2.0, 1.0)).exponents == (-2.0, 1.0)
    assert decades(-2, 0).exponents == (-2.0, -1.0, 0.0)
    assert untuned(100.0) == Grid(exponents=(2.0,), tuned=False)
    assert untuned().exponents == (0.0,)


def identity_map(x: float) -> dict[str, float]:
    return {"x": x}


def test_calculations_are_pending_until_they_are_known() -> None:
    first, second = (Calculation(identity_map, {"x": x}) for x in (1.0, 2.0))
    plan = Calculations((first, second))
    run = invented_run(first.id, {})
    assert plan.progress(lambda _: None) == ([first, second], [first, second], ())
    assert plan.progress(lambda c: run if c is first else None).pending == [second]


KINDS = [Method(GradientDescent), Method(Adam, betas=(0.5, 0.9)), Method(SignDescent, momentum=0.3)]
options = st.fixed_dictionaries(
    {},
    optional={
        "groups": st.none() | st.integers(1, 9),
        "weighting": st.sampled_from(["none", "inverse"]),
        "by_class": st.booleans(),
        "every": st.none() | st.integers(1, 9),
        "l2": st.floats(0, 1e3),
        "device": st.sampled_from(["cpu", "cuda:1"]),
        "seeds": st.lists(st.integers(-9, 2**40), min_size=1, max_size=3, unique=True),
        "probes": st.just((CurvatureByClass(at=(0, 2)),)),
    },
)


@settings(max_examples=60)
@given(
    options,
    st.integers(1, 10**6),
    st.lists(st.floats(-12, 12, allow_subnormal=False), min_size=1, max_size=3, unique=True),
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True),
)
def test_runs_are_named_as_if_each_were_described_by_itself(
    chosen: dict[str, Any], steps: int, exponents: list[float], methods: list[Method]
) -> None:
    problem = SoftmaxUnigram(num_classes=5)
    plan = Sweep(problem=problem, optimizers={m: Grid(exponents=exponents) for m in methods}, steps=steps, **chosen)
    specs = [plan.spec(method, e, s) for method in methods for e in exponents for s in plan.seeds]
    alone = {"groups": 10} | {name: value for name, value in chosen.items() if name != "seeds"}
    for found in specs:
        fields = {"method": found.method, "lr": found.lr, "seed": found.seed}
        by_itself = Spec(problem=problem, steps=steps, **alone | fields)
        assert found == by_itself
        assert found.id == identity(Component.description(by_itself)) == identity(found.description()) == by_itself.id
        assert found.kinship == by_itself.kinship
        assert found.work() == by_itself.work()


def test_what_runs_share_is_described_once(monkeypatch: pytest.MonkeyPatch) -> None:
    described: list[Component] = []
    describe_it = Component.description

    def counted(self: Component) -> dict[str, Any]:
        described.append(self)
        return describe_it(self)

    monkeypatch.setattr(Component, "description", counted)
    methods = {Method(GradientDescent, f"{i}", momentum=i / 10): decades(-20, 20) for i in range(5)}
    plan = sweep(seeds=tuple(range(9)), refine=None).changed(optimizers=methods)
    assert len({spec.id for spec in plan.progress(lambda _: None).pending}) == 5 * 41 * 9
    assert [part for part in described if isinstance(part, WeightedQuadratic)] == [plan.problem]


def test_runs_keep_their_identity_until_the_sweep_is_planned_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = sweep()
    calculations = Calculations((Calculation(identity_map, {"x": 1.0}), *plan.progress(lambda _: None).pending))
    before = [item.id for item in calculations.calculations]
    monkeypatch.setattr(WeightedQuadratic, "fingerprint", lambda _: "edited")
    assert [item.id for item in calculations.calculations] == before
    assert "fingerprint" not in plan.spec(METHOD, 7.0, 0).description()["problem"]
    anew = [item.id for item in calculations.fresh().calculations]
    assert [old == new for old, new in zip(before, anew, strict=True)] == [True] + [False] * 5
    assert anew[1:] == [spec.id for spec in plan.fresh().progress(lambda _: None).pending]


def test_rates_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match=r"Spec.lr = 0.0: a learning rate must be a finite number above 0"):
        sweep().spec(METHOD, -330.0, 0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, item: Runnable) -> None:
    store.put(item, Outcome("done", {"x": 1.0}), 0.0)


def test_a_lookup_sees_what_others_store_at_once_or_at_the_next_look(store: Store) -> None:
    items = [Calculation(identity_map, {"x": float(x)}) for x in range(5)]
    known = Lookup(store)
    now = known.now()
    assert now(items[0]) is None
    put(Store(store.root), items[0])
    assert known(items[0]) is not None
    assert known.now()(items[0]) is not None
    assert [c.id for c in Calculations(tuple(items)).progress(known).pending] == [item.id for item in items[1:]]


def test_of_many_absent_runs_few_files_are_looked_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    items = tuple(Calculation(identity_map, {"x": float(x)}) for x in range(3 * FEW))
    put(store, items[-1])
    asked: list[str] = []
    monkeypatch.setattr(Store, "get", lambda _, name: asked.append(name))
    for _ in range(2):
        asked.clear()
        assert len(Calculations(items).progress(Lookup(Store(store.root))).pending) == 3 * FEW
        assert asked == [item.id for item in items[:FEW]] + [items[-1].id]
    absent = Store(store.root / "nowhere", read_only=True)
    assert len(Calculations(items).progress(Lookup(absent)).pending) == 3 * FEW


def test_line_search_is_part_of_a_sweep_without_a_grid() -> None:
    plan = sweep().changed(optimizers={Method(LineSearchGD): untuned()})
    assert plan.progress(World(valley(0.0))).expected_later == 0
