"""Training in mini-batches and chunks: against hand-written loops and the same problem read at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from batched import CLASSES, EXAMPLES, ITEMS, Noise, data

from steepest.data.frequency import frequency_groups
from steepest.optim import Adam, GradientDescent, LineSearchGD
from steepest.problems.softmax_regression import affine_task
from steepest.runs.execute import execute
from steepest.runs.method import Method
from steepest.runs.spec import Spec
from steepest.runs.train import evaluate, example_weights, penalty, train

GD = Method(GradientDescent)


def curves(problem: Noise, **fields: object) -> dict[str, np.ndarray]:
    spec = Spec(problem=problem, **{"method": GD, "lr": 0.5, "steps": 9, "groups": 2, "by_class": True} | fields)  # type: ignore[arg-type]
    table = execute(spec).tables["curves"]
    return {name: np.array(table.column(name).to_pylist(), dtype=float) for name in table.column_names}


def at_once(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    X, y = data(seed)
    return X.flatten(0, 1), y.flatten()


def test_every_epoch_reads_every_item_once_in_an_order_of_its_own() -> None:
    batches = Noise(per_update=5).setup(3).batches
    assert batches is not None
    row = torch.cat([batches.items(update) for update in range(12)])
    epochs = row.reshape(5, ITEMS)
    assert (epochs.sort(dim=1).values == torch.arange(ITEMS)).all()
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == 5
    assert torch.equal(batches.items(7), batches.items(7))
    other = Noise(per_update=5).setup(4).batches
    assert other is not None
    assert not torch.equal(other.items(0), batches.items(0))


def test_items_come_in_their_order_where_none_is_drawn() -> None:
    batches = Noise(per_update=5, shuffled=False).setup(3).batches
    assert batches is not None
    assert batches.items(2).tolist() == [10, 11, 0, 1, 2]
    assert batches.examples(torch.tensor([3, 0])).tolist() == [6, 7, 0, 1]


@pytest.mark.parametrize("weighting", ["none", "inverse", "inverse-sqrt", "logit-adjusted"])
@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_full_batch_in_chunks_is_full_batch_at_once(weighting: str, l2: float) -> None:
    fields = {"method": Method(GradientDescent, momentum=0.9), "weighting": weighting, "l2": l2}
    found = curves(Noise(per_chunk=5), **fields)
    X, y = at_once(0)

    class AtOnce(Noise):
        def setup(self, seed: int):  # type: ignore[no-untyped-def]
            params = {"W": torch.eye(CLASSES, X.shape[1]), "b": torch.linspace(0, 1, CLASSES)}
            return affine_task(X, y, CLASSES, params)

    expected = curves(AtOnce(), **fields)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=2e-6, atol=1e-7)


def test_mini_batches_take_the_steps_of_a_hand_written_loop() -> None:
    task = Noise(per_update=5, per_chunk=2).setup(1)
    assert task.batches is not None
    X, y = at_once(1)
    W, b = torch.eye(CLASSES, X.shape[1], dtype=torch.float64), torch.linspace(0, 1, CLASSES).double()
    for update in range(6):
        rows = (task.batches.items(update)[:, None] * EXAMPLES + torch.arange(EXAMPLES)).flatten()
        p = torch.softmax(X[rows].double() @ W.T + b, dim=1) - F.one_hot(y[rows], CLASSES)
        W, b = W - 0.5 * p.T @ X[rows].double() / len(rows), b - 0.5 * p.mean(0)
    list(train(task, GradientDescent(task.params.values(), lr=0.5), steps=6))
    torch.testing.assert_close(task.params["W"].detach().double(), W, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(task.params["b"].detach().double(), b, rtol=1e-5, atol=1e-6)


def test_weights_are_normalised_within_a_mini_batch() -> None:
    task = Noise(per_update=3, per_chunk=1).setup(2)
    assert task.batches is not None
    first = next(iter(train(task, GradientDescent(task.params.values(), lr=0.5), steps=1, weighting="inverse")))
    assert first.examples is not None
    y = task.classes[first.examples]
    w = (1 / task.class_counts.double())[y]
    assert first.objective == pytest.approx(float((w * first.losses.double()).sum() / w.sum()), rel=1e-6)


def test_rows_between_are_means_over_the_examples_visited() -> None:
    problem = Noise(per_update=4)
    found = curves(problem, every=3, seed=5)
    assert found["step"].tolist() == [0, 3, 6, 9]
    task = problem.setup(5)
    events = list(train(task, GradientDescent(task.params.values(), lr=0.5), steps=9))
    visited = events[4:7]
    losses = torch.cat([event.losses for event in visited]).numpy()
    y = torch.cat([task.classes[event.examples] for event in visited if event.examples is not None]).numpy()
    assert found["loss"][2] == pytest.approx(losses.mean(), rel=1e-6)
    for k in range(CLASSES):
        expected = losses[y == k].mean() if (y == k).any() else np.nan
        np.testing.assert_allclose(found["class"][2, k], expected, rtol=1e-6)
    groups = frequency_groups(task.class_counts.numpy(), 2).of_class
    for g in range(2):
        assert found["group"][2, g] == pytest.approx(losses[groups[y] == g].mean(), rel=1e-6)


def test_a_class_that_was_not_visited_does_not_hide_its_group() -> None:
    found = curves(Noise(per_update=1), every=1, steps=4)
    assert np.isnan(found["class"][1]).sum() >= CLASSES - EXAMPLES
    assert np.isfinite(found["group"][1:4]).any(axis=1).all()


def test_first_and_last_row_and_held_out_data_are_evaluated() -> None:
    problem = Noise(per_update=4)
    found = curves(problem, every=3, seed=5)
    task = problem.setup(5)
    initial = {name: value.detach().clone() for name, value in task.params.items()}
    list(train(task, GradientDescent(task.params.values(), lr=0.5), steps=9))
    for row, params in ((0, initial), (-1, task.params)):
        for column, (X, y) in (("loss", data(5)), ("held_out_loss", data(105, items=7))):
            z = X.flatten(0, 1).double() @ params["W"].detach().double().T + params["b"].detach().double()
            assert found[column][row] == pytest.approx(float(F.cross_entropy(z, y.flatten())), rel=1e-6)
    assert np.isfinite(found["held_out_group"]).all()


def test_with_dropout_every_row_is_evaluated_without_it() -> None:
    found = curves(Noise(per_update=4, dropout=0.5), every=3, lr=1e-12)
    np.testing.assert_allclose(found["loss"], found["loss"][0], rtol=1e-6)
    noisy = list(_events(Noise(per_update=4, dropout=0.5)))
    assert not torch.allclose(noisy[0].losses, evaluate(_task(), _task().params)[noisy[0].examples])


def _task():  # type: ignore[no-untyped-def]
    return Noise(per_update=4).setup(0)


def _events(problem: Noise):  # type: ignore[no-untyped-def]
    task = problem.setup(0)
    return train(task, GradientDescent(task.params.values(), lr=1e-12), steps=2)


def test_the_last_event_has_all_examples_and_the_penalty() -> None:
    task = Noise(per_update=4).setup(0)
    *_, last = train(task, Adam(task.params.values(), lr=0.1), steps=3, weighting="inverse", l2=0.2)
    assert last.examples is None
    assert len(last.losses) == ITEMS * EXAMPLES
    weighted = float(last.losses.double() @ example_weights(task, "inverse").double())
    squares = sum(float((param.detach().double() ** 2).sum()) for param in task.params.values())
    assert last.objective == pytest.approx(weighted + 0.1 * squares, rel=1e-6)
    assert float(penalty(task.params, 0.2).detach()) == pytest.approx(0.1 * squares, rel=1e-6)


@pytest.mark.parametrize("per_update", [None, 4])
def test_a_line_search_sees_the_objective_of_the_update(per_update: int | None) -> None:
    task = Noise(per_update=per_update, per_chunk=3).setup(0)
    assert task.batches is not None
    events = train(task, LineSearchGD(task.params.values(), lr=1.0), steps=3)
    before = next(events)
    next(events)  # the line search has moved the params
    rows = task.batches.examples(task.batches.items(0))
    decreased = evaluate(task, task.params)[rows].mean()
    assert float(decreased) < before.objective


def test_a_run_that_diverges_ends_with_a_row() -> None:
    spec = Spec(problem=Noise(per_update=4), method=Method(GradientDescent), lr=1e38, steps=50, every=10, groups=2)
    outcome = execute(spec)
    assert outcome.state == "diverged"
    assert outcome.facts["final_loss"] is None
    assert outcome.facts["last_step"] < 50  # type: ignore[operator]
