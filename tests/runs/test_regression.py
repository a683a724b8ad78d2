"""Problems without classes: regression against its closed form, a policy, mini-batches; what needs classes is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from steepest import Method, Store, Sweep, decades, run
from steepest.errors import UsageError
from steepest.optim import Adam, GradientDescent, SignDescent
from steepest.problems import Problem, SoftmaxUnigram, Task, Work
from steepest.problems.base import Batches, Data, Params, batched_task
from steepest.report.steps import group_steps
from steepest.runs.execute import execute
from steepest.runs.lockstep import train_together
from steepest.runs.method import Method as _Method
from steepest.runs.spec import Spec
from steepest.runs.store import Outcome
from steepest_papers.kunstner2024heavytailed.probes import ProbabilityByGroup

N, D = 24, 3
GD = Method(GradientDescent)


def drawn(seed: int) -> tuple[Tensor, Tensor]:
    """Return X (n, d) and targets that are not linear in it."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(N, D, generator=generator, dtype=torch.float64)
    return X, X.sum(1) + X[:, 0] ** 2 + torch.randn(N, generator=generator, dtype=torch.float64)


def squares(at: Params, data: Data) -> Tensor:
    return 0.5 * (data["X"] @ at["w"] - data["y"]) ** 2


def zeros(*shape: int) -> Tensor:
    return torch.zeros(*shape, dtype=torch.float64, requires_grad=True)


class Regression(Problem):
    """Least squares."""

    lockstep: ClassVar[bool] = True

    def setup(self, seed: int) -> Task:
        X, y = drawn(seed)
        return Task({"w": zeros(D)}, squares, {"X": X, "y": y})

    def work(self) -> Work:
        return Work(4.0 * N * D, 0.0)


class BatchedRegression(Regression):
    """The same, read in chunks of five and, where stated, in mini-batches; with held-out data."""

    lockstep: ClassVar[bool] = False
    per_update: int | None = None

    def setup(self, seed: int) -> Task:
        return self._task(*drawn(seed), self._task(*drawn(seed + 100), None))

    def _task(self, X: Tensor, y: Tensor, held_out: Task | None) -> Task:
        def losses(at: Params, items: Tensor) -> Tensor:
            return squares(at, {"X": X[items].float(), "y": y[items].float()})

        def objective(at: Params, items: Tensor, weights: Tensor, key: int) -> tuple[Tensor, Tensor]:
            found = losses(at, items)
            return found @ weights, found.detach()

        def evaluated(at: Params, items: Tensor) -> Tensor:
            return losses(at, items).detach()

        batches = Batches(objective, evaluated, N, 1, per_chunk=5, per_update=self.per_update, seed=3)
        return batched_task({"w": torch.zeros(D)}, batches, held_out=held_out)


class Policy(Problem):
    """A softmax policy over four actions in D-dimensional states: −A log π(a | s) for each sampled state and action."""

    lockstep: ClassVar[bool] = True

    def setup(self, seed: int) -> Task:
        generator = torch.Generator().manual_seed(seed)
        data = {"s": torch.randn(N, D, generator=generator), "a": torch.randint(4, (N,), generator=generator)}
        data["advantage"] = torch.randn(N, generator=generator)
        return Task({"theta": torch.zeros(4, D, requires_grad=True)}, surrogate, data)

    def work(self) -> Work:
        return Work(4.0 * N * D * 4, 4.0 * N)


def surrogate(at: Params, data: Data) -> Tensor:
    log_pi = torch.log_softmax(data["s"] @ at["theta"].T, dim=1)
    return -data["advantage"] * log_pi.gather(1, data["a"][:, None])[:, 0]


def curve(outcome: Outcome, name: str = "loss") -> np.ndarray:
    return outcome.tables["curves"][name].to_numpy()


@pytest.mark.parametrize("together", [False, True])
def test_gradient_descent_ends_at_the_least_squares_solution(together: bool) -> None:
    spec = Spec(problem=Regression(), method=GD, lr=0.3, steps=300, seed=4)
    found = train_together([spec])[0][0] if together else execute(spec)
    X, y = (t.numpy() for t in drawn(4))
    residual = y - X @ np.linalg.lstsq(X, y)[0]
    assert found.facts["final_loss"] == pytest.approx(0.5 * (residual**2).mean(), rel=1e-12)
    assert found.facts["initial_loss"] == pytest.approx(0.5 * (y**2).mean(), rel=1e-12)
    assert found.facts["final_objective"] == pytest.approx(found.facts["final_loss"], rel=1e-12)
    assert found.tables["curves"].column_names == ["step", "loss"]


@pytest.mark.parametrize("problem", [Regression(), Policy()], ids=["regression", "policy"])
@pytest.mark.parametrize("method", [GD, Method(Adam), Method(SignDescent, momentum=0.9)], ids=repr)
def test_a_stack_has_the_numbers_of_runs_trained_one_by_one(problem: Problem, method: _Method) -> None:
    specs = [Spec(problem=problem, method=method, lr=lr, steps=9, seed=s) for lr in (1e-2, 1e-1) for s in (0, 1)]
    for spec, (found, _) in zip(specs, train_together(specs), strict=True):
        np.testing.assert_allclose(curve(found), curve(execute(spec)), rtol=2e-6)
        assert curve(found)[-1] < curve(found)[0]


def test_chunks_have_the_numbers_of_one_pass_and_held_out_data_are_evaluated() -> None:
    whole, chunked = (
        execute(Spec(problem=problem, method=GD, lr=0.2, steps=8, seed=2))
        for problem in (Regression(), BatchedRegression())
    )
    np.testing.assert_allclose(curve(chunked), curve(whole), rtol=1e-5)
    start = 0.5 * (drawn(102)[1] ** 2).mean()
    assert curve(chunked, "held_out_loss")[0] == pytest.approx(float(start), rel=1e-6)


def test_rows_of_mini_batches_are_means_over_the_examples_visited() -> None:
    rate, per_update = 0.05, 7
    spec = Spec(problem=BatchedRegression(per_update=per_update), method=GD, lr=rate, steps=6, every=2, seed=1)
    X, y = (t.numpy() for t in drawn(1))
    task, w, visited = spec.problem.setup(1), np.zeros(D), []
    assert task.batches is not None
    for update in range(6):
        rows = task.batches.items(update).numpy()
        residual = X[rows] @ w - y[rows]
        visited.append(0.5 * residual**2)
        w = w - rate * X[rows].T @ residual / per_update
    expected = [0.5 * (y**2).mean(), *(np.concatenate(visited[i : i + 2]).mean() for i in (1, 3))]
    expected.append(0.5 * ((X @ w - y) ** 2).mean())
    np.testing.assert_allclose(curve(execute(spec)), expected, rtol=1e-5)


def swept(problem: Problem, **options: Any) -> Sweep:
    return Sweep(problem=problem, optimizers={GD: decades(-2, 0)}, steps=4, seeds=(0, 1), **options)


@pytest.mark.parametrize("problem", [Regression(), BatchedRegression(per_update=6)], ids=["stack", "batches"])
def test_a_sweep_that_does_not_ask_for_groups_runs_and_says_what_it_has(problem: Problem, tmp_path: Path) -> None:
    results = run(swept(problem), store=str(tmp_path / "store"), jobs=1)
    found = results.best(GD.label, decisive=False)
    assert {run.spec["groups"] for run in found.runs} == {None}
    assert found.runs[0].table("curves").column_names[:2] == ["step", "loss"]
    assert "group" not in found.runs[0].table("curves").column_names
    assert group_steps(results) is None
    labelled = SoftmaxUnigram(num_classes=30)
    assert [swept(p).changed(steps=9).spec(GD, 0.0, 0).groups for p in (problem, labelled)] == [None, 10]
    assert swept(labelled).spec(GD, 0.0, 0).id == swept(labelled, groups=10).spec(GD, 0.0, 0).id


ASKED = {
    "groups=10 needs; give groups=None": {"groups": 10},
    "by_class=True needs; give by_class=False": {"by_class": True},
    "weighting='inverse' needs; give weighting='none'": {"weighting": "inverse"},
    "weighting='logit-adjusted' needs; give weighting='none'": {"weighting": "logit-adjusted"},
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("problem", [Regression(), BatchedRegression()], ids=["stack", "batches"])
def test_what_needs_classes_is_refused_in_one_line(asked: str, problem: Problem, tmp_path: Path) -> None:
    name = type(problem).__name__
    with pytest.raises(UsageError) as refused:
        run(swept(problem, **ASKED[asked]), store=str(tmp_path / "store"), jobs=1)
    assert str(refused.value) == f"{name} has no classes, which {asked}"
    assert not list(Store(tmp_path / "store").all())


def test_a_probe_that_reads_classes_says_so() -> None:
    X, y = drawn(0)
    task = Task({"W": zeros(4, D), "b": zeros(4)}, squares, {"X": X, "y": y}, inputs=X)
    with pytest.raises(UsageError, match="this problem has no classes, and a measure asks for them"):
        ProbabilityByGroup(at=(0,), groups=2).measure(task, task.params)


def test_a_loss_that_is_already_a_mean_is_refused() -> None:
    X, y = drawn(0)
    task = Task({"w": zeros(D)}, lambda at, data: squares(at, data).mean(), {"X": X, "y": y})
    with pytest.raises(UsageError, match=r"Task\.loss gives a tensor of shape \(\); it must give one loss per example"):
        _ = task.shares


def test_a_problem_says_itself_that_it_has_no_classes() -> None:
    class Slow(Regression):
        has_classes: ClassVar[bool] = False  # type: ignore[assignment]

        def setup(self, seed: int) -> Task:
            raise AssertionError("made only to see")

    assert swept(Slow()).spec(GD, 0.0, 0).groups is None


def test_class_counts_follow_from_classes() -> None:
    task = Task(
        {"w": zeros(1)}, lambda at, data: at["w"] + data["y"], {"y": torch.arange(3.0)}, torch.tensor([2, 0, 2])
    )
    assert task.known_classes()[1].tolist() == [1, 0, 2]
    assert (task.shares.tolist(), task.shares.dtype) == ([1 / 3] * 3, torch.float64)
