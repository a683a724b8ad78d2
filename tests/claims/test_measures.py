"""Standard measures against hand values on invented curves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from steepest.claims import measures
from steepest.runs.results import Best, Undecided

# Loss by group, shape (seeds, steps + 1, G), from 4 at the start; group 2 of 3 is empty.
GROUPS = {
    "GD-m": [[[4, np.nan, 4], [1, np.nan, 3]], [[4, np.nan, 4], [2, np.nan, 4]], [[4, np.nan, 4], [0, np.nan, 5]]],
    "Adam-m": [[[4, np.nan, 4], [1, np.nan, 0.5]]] * 3,
}
LOSS = {
    "GD-m": [[4, 3.0], [4, 2.0], [4, 2.5]],
    "GD+m": [[4, 2.8], [4, 2.2], [4, 2.5]],
    "Sign-m": [[4, 1.0], [4, 1.0], [4, 0.5]],
    "Sign+m": [[4, 1.1], [4, 2.0], [4, 0.5]],
    "Adam-m": [[5, 2.0], [5, 3.0], [5, 0.5]],
}


class Invented:
    """A run with given columns."""

    def __init__(self, label: str, seed: int) -> None:
        self.id = f"{label} {seed}"
        self.columns = {"loss": LOSS[label][seed]} | ({"group": GROUPS[label][seed]} if label in GROUPS else {})

    def column(self, name: str) -> np.ndarray:
        return np.array(self.columns[name], float)


def best(label: str) -> Best:
    return Best(label, -1.5, tuple(Invented(label, seed) for seed in range(3)), None)  # type: ignore[arg-type]


RESULTS: Any = SimpleNamespace(sweep=lambda plan: SimpleNamespace(best=best))


def ids(*labels: str) -> list[str]:
    return [f"{label} {seed}" for label in labels for seed in range(3)]


def test_the_rarest_group_that_has_samples() -> None:
    found = measures.rarest("plan", "GD-m")(RESULTS)
    assert found.values == [1 - 3 / 4, 0.0, 1 - 5 / 4]
    assert found.runs == ids("GD-m")
    assert found.evidence == "GD-m at 10^-1.5, ρ by group: 0.75 0.00"
    assert not found.exact


def test_the_group_that_made_least_progress() -> None:
    assert measures.least("plan", "GD-m")(RESULTS).values == [0.25, 0.0, -0.25]
    assert measures.least("plan", "Adam-m")(RESULTS).values == [0.75] * 3


def test_how_far_the_rarest_group_is_behind() -> None:
    assert measures.lag("plan", "GD-m")(RESULTS).values == [0.75 - 0.25, 0.5, 1.0 + 0.25]
    assert measures.lag("plan", "Adam-m")(RESULTS).values == [0.75 - 0.875] * 3


def test_the_order_of_the_groups() -> None:
    found = measures.order("plan", "GD-m")(RESULTS)
    assert found.values == [kendalltau([0, 2], [row[1][0], row[1][2]]).statistic for row in GROUPS["GD-m"]] == [1.0] * 3
    assert measures.order("plan", "Adam-m")(RESULTS).values == [-1.0] * 3


def test_the_gap_is_in_units_of_the_initial_loss() -> None:
    found = measures.gap("plan", "GD-m", "Sign-m")(RESULTS)
    assert found.values == [2 / 4, 1 / 4, 2 / 4]
    assert found.runs == ids("GD-m", "Sign-m")
    assert found.evidence == "GD-m 2.5, Sign-m 0.833"
    reverse = measures.gap("plan", "Sign-m", "GD-m")(RESULTS).values
    assert reverse == [-value for value in found.values]
    assert measures.gap("plan", "Sign-m", "GD-m").absolute()(RESULTS).values == found.values


def test_a_measure_over_seeds_takes_one_number_from_each_run() -> None:
    runs = [SimpleNamespace(id=f"run {i}", facts={"x": i / 2}) for i in range(3)]
    results: Any = SimpleNamespace(calculations=lambda plan: runs if plan == "adam" else [])
    found = measures.over_seeds("adam", lambda run: run.facts["x"], lambda runs: f"first is {runs[0].id}")(results)
    assert found.values == [0.0, 0.5, 1.0]
    assert found.runs == ["run 0", "run 1", "run 2"]
    assert found.evidence == "first is run 0"


def test_a_rate_at_the_edge_of_its_grid_decides_nothing() -> None:
    def undecided(label: str) -> Best:
        raise Undecided(f"{label} at the edge")

    results: Any = SimpleNamespace(sweep=lambda plan: SimpleNamespace(best=undecided))
    for measure in (measures.rarest("p", "A"), measures.order("p", "A"), measures.gap("p", "A", "B")):
        with pytest.raises(Undecided, match="A at the edge"):
            measure(results)
