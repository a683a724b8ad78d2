"""The cross-entropy bigram: autograd for its gradient, the unigram model for sign descent, the expected counts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice

import numpy as np
import pytest
import torch

from steepest.claims.measures import select
from steepest.data.frequency import zipf
from steepest.runs.results import Undecided
from steepest_papers.kunstner2025zipf.cross_entropy import (
    at_best_step,
    fewest,
    first_hits,
    grid,
    hitting_times,
    sign_identity,
)
from steepest_papers.kunstner2025zipf.dynamics import conditionals, descend


def test_gradient_descent_on_the_matrix_is_that_of_torch() -> None:
    pi = zipf(9)
    target = conditionals(pi, 3)
    W = torch.zeros(9, 9, dtype=torch.float64, requires_grad=True)
    optimizer, p, q = torch.optim.SGD([W], lr=2.0), torch.from_numpy(pi), torch.from_numpy(target)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = (p[:, None] * q * (q.log() - W.log_softmax(1))).sum()
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    ours = list(islice(descend(pi, target, "GD", 2.0, "cross-entropy"), 20))
    assert ours == pytest.approx(np.array(losses) / losses[0], rel=1e-9)


def test_sign_descent_on_the_matrix_is_that_on_the_unigram_model() -> None:
    assert sign_identity(40, 0.1, 60)["difference"] < 5e-15


def test_updates_are_the_expected_ones() -> None:
    numbers, tables = hitting_times((15, 30, 60))
    for method, epsilon, updates in (("GD", 0.25, [7, 13]), ("GD", 0.1, [17, 30]), ("Sign", 0.1, [3, 3])):
        assert select(tables["updates"], method=method, epsilon=epsilon)["updates"].tolist()[1:] == updates
    assert numbers["growth"] == 0
    assert numbers["edges"] == 0


def test_gradient_descent_needs_57_updates_at_120_classes() -> None:
    pi = zipf(120)
    target = conditionals(pi, 0)
    curves = [descend(pi, target, "GD", eta, "cross-entropy") for eta in grid("GD", pi)]
    assert np.min([first_hits(islice(r, 61)) for r in curves], axis=0).tolist() == [21, 57]


def test_sign_descent_needs_three_updates_with_a_finer_grid() -> None:
    pi = zipf(120)
    target = conditionals(pi, 0)
    etas = 2 ** np.linspace(-1, 1, 17)
    hits = [first_hits(islice(descend(pi, target, "Sign", eta, "cross-entropy"), 11))[1] for eta in etas]
    assert min(hits) == 3


def counting(errors: Iterator[float], seen: list[float]) -> Iterator[float]:
    for r in errors:
        seen.append(r)
        yield r


def test_curves_end_at_their_last_hit_or_after_400_updates() -> None:
    for errors, hits, length in (
        (iter([1.0, 0.5, 0.1, 0.05]), [2, 2], 3),
        ((1.0 for _ in count()), [np.inf, np.inf], 401),
        ((0.1 if t == 400 else 1.0 for t in count()), [400, 400], 401),
    ):
        seen: list[float] = []
        assert first_hits(counting(errors, seen)) == hits
        assert len(seen) == length


def test_a_first_hit_is_the_first() -> None:
    assert first_hits([1.0, 0.2, 0.5, 0.1, 0.2]) == [1, 3]
    assert first_hits([1.0, 0.5, 0.2]) == [2, float("inf")]


def test_a_best_step_at_the_edge_of_its_grid_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pi = zipf(20)
    monkeypatch.setattr(
        "steepest_papers.kunstner2025zipf.cross_entropy.grid", lambda method, pi: [0.01 / pi[0], 0.1 / pi[0], 4 / pi[0]]
    )
    assert [row["edge"] for row in fewest(pi, conditionals(pi, 0), "GD")] == [True, True]

    class Run:
        facts = {"edges": 2}  # noqa: RUF012

    class Results:
        def run(self, name: str) -> Run:
            return Run()

    with pytest.raises(Undecided, match="2 best steps are at the edge"):
        at_best_step("slope")(Results())  # type: ignore[arg-type]
