"""Lockstep: the numbers of a stack against runs trained one by one, and against other stacks, bit for bit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import Tensor

from steepest import Method, Sweep, decades, run
from steepest.data.frequency import frequency_groups, loss_by_group
from steepest.data.synthetic import HeavyTailedLabels
from steepest.optim import (
    AdaGrad,
    Adam,
    GradientDescent,
    LineSearchGD,
    NormalizedGD,
    RescaledSignDescent,
    SignDescent,
)
from steepest.problems import Problem, SoftmaxRegression, Task, WeightedQuadratic, Work
from steepest.runs.cost import seconds
from steepest.runs.execute import execute
from steepest.runs.lockstep import MOST_RUNS, Lockstep, Queue, Stack, shares_data, stackable, train_together
from steepest.runs.spec import Calculation, Runnable, Spec
from steepest.runs.store import Outcome, Store
from steepest_papers.kunstner2024heavytailed.probes import CurvatureByClass

LINEAR = SoftmaxRegression(data=HeavyTailedLabels(m=4))
LARGER = SoftmaxRegression(data=HeavyTailedLabels(m=6))  # runs of a stack share its data
QUADRATIC = WeightedQuadratic(num_coordinates=30)

# Methods that one stack may hold, with learning rates at which GD is stable.
STACKS: dict[str, tuple[Sequence[Method], Sequence[float]]] = {
    "gradient descent": ([Method(GradientDescent), Method(GradientDescent, momentum=0.9)], (1e-3, 1e-2)),
    "normalized": ([Method(NormalizedGD, momentum=m) for m in (0.0, 0.5, 0.9)], (1e-3, 1e-2)),
    "sign": ([Method(SignDescent), Method(SignDescent, momentum=0.9)], (1e-4, 1e-3)),
    "signum": ([Method(SignDescent, momentum=m, order="signum") for m in (0.5, 0.9)], (1e-4, 1e-3)),
    "rescaled sign": ([Method(RescaledSignDescent), Method(RescaledSignDescent, momentum=0.9)], (1e-7, 1e-6)),
    "adagrad": ([Method(AdaGrad), Method(AdaGrad, eps=1e-3)], (1e-3, 1e-2)),
    "adam": ([Method(Adam), Method(Adam, betas=(0.0, 0.99)), Method(Adam, eps=1e-4)], (1e-4, 1e-3)),
}


def specs_of(name: str, problem: Problem = LINEAR, steps: int = 12, **options: Any) -> list[Spec]:
    methods, rates = STACKS[name]
    return [
        Spec(problem=problem, method=method, lr=lr, steps=steps, seed=seed, **options)
        for method in methods
        for lr in rates
        for seed in (0, 1)
    ]


def curves(outcome: Outcome) -> dict[str, np.ndarray]:
    table = outcome.tables["curves"]
    return {name: np.array(table[name].to_pylist(), float) for name in table.column_names}


def together(specs: Sequence[Spec]) -> list[Outcome]:
    return [outcome for outcome, _ in train_together(specs)]


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("problem", [LINEAR, QUADRATIC], ids=["float32", "float64"])
def test_a_stack_has_the_numbers_of_runs_trained_one_by_one(name: str, problem: Problem) -> None:
    specs = specs_of(name, problem, by_class=True, groups=4 if problem is LINEAR else None)
    assert len(bundles(specs, 1, "always")) == 1
    for spec, found in zip(specs, together(specs), strict=True):
        alone = execute(spec)
        assert found.state == alone.state
        assert found.facts == pytest.approx(alone.facts, rel=1e-6)
        for column, values in curves(alone).items():
            np.testing.assert_allclose(curves(found)[column], values, rtol=1e-6, atol=1e-7, err_msg=column)
        assert found.tables["curves"].schema == alone.tables["curves"].schema


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("problem", [LINEAR, LARGER, QUADRATIC], ids=["m=4", "m=6", "float64"])
def test_the_bits_of_a_run_do_not_depend_on_its_neighbours(name: str, problem: Problem) -> None:
    specs = specs_of(name, problem, steps=6, by_class=True)
    whole = [outcome.tables["curves"] for outcome in together(specs)]
    for chosen in ([0], [len(specs) - 1], range(1, len(specs), 3), range(len(specs) - 1, 0, -2)):
        for index, outcome in zip(chosen, together([specs[i] for i in chosen]), strict=True):
            assert outcome.tables["curves"].equals(whole[index]), index


def test_a_run_that_diverges_leaves_and_touches_no_other() -> None:
    rates = (1e-2, 1e39, 1e-3, 1e20)
    specs = [Spec(problem=LINEAR, method=Method(Adam), lr=lr, steps=8, groups=4, every=3) for lr in rates]
    found = together(specs)
    alone = [execute(spec) for spec in specs]
    assert [outcome.state for outcome in found] == [outcome.state for outcome in alone]
    assert [outcome.state for outcome in found][:3] == ["done", "diverged", "done"]
    assert [curves(outcome)["step"].tolist() for outcome in found] == [curves(o)["step"].tolist() for o in alone]
    for index in (0, 2):
        (without,) = together([specs[index]])
        assert found[index].tables["curves"].equals(without.tables["curves"])
    assert found[1].facts["final_loss"] is None


def test_a_stack_shrinks_as_runs_diverge() -> None:
    specs = [Spec(problem=LINEAR, method=Method(GradientDescent, momentum=0.9), lr=lr, steps=30) for lr in (1e-3, 1e38)]
    stack = Stack(specs, {(0,): LINEAR.setup(0)})
    stack.train()
    assert stack.active.tolist() == [0]
    assert {name: len(p) for name, p in stack.params.items()} == {"W": 1, "b": 1}
    assert [len(buffer) for state in stack.optimizer.state.values() for buffer in state.values()] == [1, 1]


def test_runs_on_large_data_stand_beside_runs_of_their_seed_only() -> None:
    large, small = LARGER.setup(0), LINEAR.setup(0)
    assert (shares_data(large), shares_data(small)) == (True, False)
    specs = specs_of("adagrad", LARGER, steps=3, groups=6)
    for spec, found in zip(specs, together(specs), strict=True):
        np.testing.assert_allclose(curves(found)["group"], curves(execute(spec))["group"], rtol=1e-5)


@pytest.mark.parametrize("weighting", ["inverse", "inverse-sqrt", "logit-adjusted"])
def test_weighted_and_penalised_objectives_are_those_of_single_runs(weighting: Any) -> None:
    specs = specs_of("gradient descent", weighting=weighting, l2=0.01, groups=4)
    for spec, found in zip(specs, together(specs), strict=True):
        alone = execute(spec)
        for column, values in curves(alone).items():
            np.testing.assert_allclose(curves(found)[column], values, rtol=1e-6, err_msg=column)


def test_probes_measure_each_run_at_its_own_params() -> None:
    specs = specs_of("adam", steps=4, probes=(CurvatureByClass(at=(0, 3)),))
    for spec, found in zip(specs, together(specs), strict=True):
        table, expected = found.tables["curvaturebyclass"], execute(spec).tables["curvaturebyclass"]
        assert table.schema == expected.schema
        assert table["step"].equals(expected["step"])
        for name in ("gradient_norm", "hessian_trace", "mirrored_hessian_trace"):
            np.testing.assert_allclose(table[name].to_numpy(), expected[name].to_numpy(), rtol=1e-5)


class Centres(Problem):
    """Squared distances to centres whose labels, and so class counts, differ by seed."""

    lockstep: ClassVar[bool] = True

    def setup(self, seed: int) -> Task:
        generator = torch.Generator().manual_seed(seed)
        y = torch.randint(3, (40,), generator=generator)
        x = torch.randn(40, generator=generator, dtype=torch.float64)
        params = {"centre": torch.zeros(3, dtype=torch.float64, requires_grad=True)}
        shares = torch.full((40,), 1 / 40, dtype=torch.float64)
        return Task(params, squared_distance, {"x": x, "y": y}, y, torch.bincount(y, minlength=3), shares)

    def work(self) -> Work:
        return Work(0.0, 40.0)


def squared_distance(at: Mapping[str, Tensor], data: Mapping[str, Tensor]) -> Tensor:
    return 0.5 * (at["centre"][data["y"]] - data["x"]) ** 2


def test_class_counts_that_differ_by_seed_give_each_run_its_own_groups_and_weights() -> None:
    specs = [
        Spec(problem=Centres(), method=Method(GradientDescent), lr=lr, steps=5, seed=s, weighting="inverse", groups=3)
        for lr in (0.5, 0.1)
        for s in (0, 1, 2)
    ]
    for spec, found in zip(specs, together(specs), strict=True):
        task = Centres().setup(spec.seed)
        counts, centre = task.class_counts.numpy(), np.zeros(3)
        x, y = task.data["x"].numpy(), task.data["y"].numpy()
        for step in range(6):
            by_class = np.array([np.mean(0.5 * (centre[k] - x[y == k]) ** 2) for k in range(3)])
            groups = loss_by_group(by_class, counts, frequency_groups(counts, 3))
            np.testing.assert_allclose(curves(found)["group"][step], groups, rtol=1e-12)
            np.testing.assert_allclose(curves(found)["objective"][step], by_class.mean(), rtol=1e-12)
            centre = centre - spec.lr / 3 * np.array([np.mean(centre[k] - x[y == k]) for k in range(3)])


def test_an_option_outside_its_domain_is_refused_as_by_the_optimizer() -> None:
    specs = [Spec(problem=LINEAR, method=Method(GradientDescent, momentum=m), lr=0.1, steps=1) for m in (0.5, 1.5)]
    with pytest.raises(ValueError, match=r"momentum must be in \[0, 1\), got 1\.5"):
        train_together(specs)


def bundles(runs: Iterable[Runnable], slots: int, mode: Lockstep = "auto") -> list[tuple[Runnable, ...]]:
    """Return how a queue hands runs out that are all of one plan."""
    queue, runs = Queue(slots, mode), list(runs)
    for item in runs:
        queue.add(item, 0)
    left = sum(seconds(item.work()) for item in runs)
    return list(iter(lambda: queue.next(left), None))


def test_bundles_hold_what_differs_in_rate_seed_and_numbers_only() -> None:
    specs = specs_of("sign") + specs_of("signum") + specs_of("sign", steps=13) + specs_of("sign", LARGER)
    calculation = Calculation(curves, {})
    line_search = Spec(problem=LINEAR, method=Method(LineSearchGD), lr=1.0, steps=2)
    torch_adam = Spec(problem=LINEAR, method=Method(torch.optim.Adam), lr=1.0, steps=2)
    alone: list[Runnable] = [calculation, line_search, torch_adam]
    found = bundles([*specs, *alone], 1)
    assert [len(bundle) for bundle in found] == [8, 8, 8, 8, 1, 1, 1]
    groups = [specs[:8], specs[8:16], specs[16:24], specs[24:], *([item] for item in alone)]
    assert [{item.id for item in bundle} for bundle in found] == [{item.id for item in group} for group in groups]
    assert [len(bundle) for bundle in bundles(specs[:8], 3)] == [3, 3, 2]
    assert [len(bundle) for bundle in bundles(specs[:24], 2)] == [8, 8, 8]  # enough for two without a cut
    assert [len(bundle) for bundle in bundles([*specs, *alone], 1, "never")] == [1] * 35
    many = [specs[0].changed(lr=10.0**-i) for i in range(MOST_RUNS + 1)]
    assert [len(bundle) for bundle in bundles(many, 1)] == [MOST_RUNS // 2 + 1, MOST_RUNS // 2]


def test_runs_of_an_earlier_plan_come_first_and_take_their_kin_along() -> None:
    kin, other = specs_of("sign"), specs_of("adagrad")
    queue = Queue(1)
    for item in (*other, *kin[:4]):
        queue.add(item, place=2)
    queue.add(kin[4], place=1)
    assert queue.next(9.0) == tuple(sorted(kin[:5], key=lambda spec: spec.seed))
    queue.add(other[0], place=0)  # waits already
    queue.add(kin[5], place=1)
    assert [len(bundle) for bundle in iter(lambda: queue.next(9.0), None)] == [len(other), 1]


def test_a_cut_leaves_runs_on_the_same_data_side_by_side() -> None:
    specs = [
        Spec(problem=LARGER, method=Method(Adam), lr=lr, seed=seed, steps=1) for lr in (0.1, 0.2) for seed in (0, 1, 2)
    ]
    assert [[item.seed for item in bundle] for bundle in bundles(specs, 2)] == [[0, 0, 1], [1, 2, 2]]


def test_large_steps_train_alone_unless_asked() -> None:
    large = Spec(problem=SoftmaxRegression(data=HeavyTailedLabels(m=8)), method=Method(Adam), lr=0.1, steps=1)
    assert not stackable(large)
    assert stackable(large, "always")
    assert not stackable(large, "never")


def test_a_sweep_in_lockstep_stores_the_same_runs_and_trains_only_what_is_missing(tmp_path: Path) -> None:
    sweep = Sweep(
        problem=LINEAR,
        optimizers={
            Method(GradientDescent): decades(-3, -1),
            Method(GradientDescent, "+m", momentum=0.9): decades(-3, -1),
        },
        steps=5,
        groups=4,
    )
    stores = {mode: Store(tmp_path / mode) for mode in ("auto", "never", "two")}
    run(sweep, store=stores["auto"], jobs=1)
    run(sweep, store=stores["never"], jobs=1, lockstep="never")
    run(sweep, store=stores["two"], jobs=2)
    names = {mode: sorted(found.id for found in store.all()) for mode, store in stores.items()}
    assert names["auto"] == names["never"] == names["two"]
    modes = {mode: {found.lockstep for found in store.all()} for mode, store in stores.items()}
    assert modes == {"auto": {"stack"}, "never": {"alone"}, "two": {"stack"}}
    tables: dict[str, list[pa.Table]] = {
        mode: [store.get(name).table("curves") for name in names["auto"]]  # type: ignore[union-attr]
        for mode, store in stores.items()
    }
    assert all(a.equals(b) for a, b in zip(tables["auto"], tables["two"], strict=True))
    for a, b in zip(tables["auto"], tables["never"], strict=True):
        np.testing.assert_allclose(a["loss"].to_numpy(), b["loss"].to_numpy(), rtol=1e-6)
    wider = sweep.changed(seeds=(0, 1, 2, 3))
    before = {found.id: found.folder.stat().st_mtime_ns for found in stores["auto"].all()}
    run(wider, store=stores["auto"], jobs=1)
    after = {found.id: found.folder.stat().st_mtime_ns for found in stores["auto"].all()}
    assert {name: after[name] for name in before} == before
    assert len(after) > len(before)


class Ascent(SignDescent):
    """Sign ascent: a subclass whose own step is not that of the stack of its base."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for param in group["params"]:
                param.add_(param.grad.sign(), alpha=group["lr"])


class Doubled(SoftmaxRegression):
    """A loss that depends on the seed beside its data."""

    def setup(self, seed: int) -> Task:
        task = super().setup(seed)
        return replace(task, loss=lambda at, data: (1.0 + seed) * task.loss(at, data))


def test_what_a_subclass_inherits_does_not_make_it_stack(tmp_path: Path) -> None:
    base = {"problem": LINEAR, "method": Method(SignDescent), "lr": 1e-2, "steps": 6, "seed": 1}
    assert stackable(Spec(**base))
    for change in ({"method": Method(Ascent)}, {"problem": Doubled(data=LINEAR.data)}):
        spec = Spec(**base | change)
        assert not stackable(spec, "always")
    methods = {Method(SignDescent): decades(-2, -2), Method(Ascent): decades(-2, -2)}
    sweep = Sweep(problem=LINEAR, optimizers=methods, steps=6, refine=None, extend=0, seeds=(0,))
    down, up = run(sweep, store=str(tmp_path / "store"), jobs=1).to_arrow()["final_loss"].to_pylist()
    assert down < np.log(LINEAR.data.num_classes) < up
