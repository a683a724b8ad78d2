"""Reweighted losses: plans and measures against hand values on invented runs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steepest.claims.paper import Results
from steepest.runs import stream as runner
from steepest.runs.results import Best
from steepest.runs.store import Store
from steepest_papers.kunstner2024heavytailed import reweighting
from steepest_papers.kunstner2024heavytailed.linear import LinearSizes, linear_sweep
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M, GD, GD_M

# Unweighted loss at the start and at the end by plan, optimizer, exponent and seed; None is a run that diverged.
ENDS: dict[str, dict[str, dict[float, list[tuple[float, float | None]]]]] = {
    "x-none": {"GD+m": {-1.0: [(4, 3.0), (8, 4.0)]}, "GD-m": {-1.0: [(4, 3.5), (8, 5.0)]}},
    "x-inverse-sqrt": {
        "GD+m": {-1.0: [(4, 1.0), (8, 2.0)], 0.0: [(4, 0.5), (8, 1.0)], 1.0: [(4, None), (8, 0.1)]},
        "GD-m": {-1.0: [(4, 3.2), (8, 1.0)]},
    },
    "x-inverse": {"GD+m": {-1.0: [(4, 2.0), (8, 6.0)]}, "GD-m": {-1.0: [(4, 1.0), (8, 7.0)]}},
    "x-logit-adjusted": {"GD+m": {-1.0: [(3, 2.0), (6, 4.0)]}, "GD-m": {-1.0: [(3, 2.0), (6, 4.0)]}},
}


class Invented:
    """A run with given initial and final unweighted loss; its weighted objective is another."""

    def __init__(self, name: str, ends: tuple[float, float | None]) -> None:
        self.id = name
        self.facts = {"initial_loss": ends[0], "final_loss": ends[1], "initial_objective": 1.0, "final_objective": 0.0}

    def column(self, name: str) -> np.ndarray:
        assert name == "loss"
        return np.array([self.facts["initial_loss"], self.facts["final_loss"]], float)


def swept(plan: str) -> Any:
    """Results of a plan whose selected exponent is −1, by the weighted objective."""

    def runs(label: str, exponent: float) -> tuple[Any, ...]:
        return tuple(Invented(f"{plan} {label} {s}", ends) for s, ends in enumerate(ENDS[plan][label][exponent]))

    def search(label: str) -> Any:
        return SimpleNamespace(rates=sorted(ENDS[plan][label]), runs=lambda e: list(runs(label, e)))

    return SimpleNamespace(
        best=lambda label, decisive=True: Best(label, -1.0, runs(label, -1.0), None),
        searches={label: search(label) for label in ENDS[plan]},
    )


RESULTS: Any = SimpleNamespace(sweep=swept)


def test_gains_are_in_units_of_the_plain_models_initial_loss() -> None:
    found = reweighting.gain("x", "none", "inverse-sqrt", "GD+m")(RESULTS)
    assert found.values == [2 / 4, 2 / 8]
    assert found.runs == [f"x-{w} GD+m {s}" for w in ("none", "inverse-sqrt") for s in (0, 1)]
    adjusted = reweighting.gain("x", "logit-adjusted", "inverse-sqrt", "GD+m")(RESULTS)
    assert adjusted.values == [1 / 4, 2 / 8]


def test_the_evidence_says_where_selection_by_the_unweighted_loss_would_end() -> None:
    found = reweighting.gain("x", "none", "inverse-sqrt", "GD+m")(RESULTS)
    plain, root = found.evidence.split("; ")
    assert plain == "no weights: 3.5 at 10^-1, also if selected by the unweighted loss"
    assert root == "1/√π: 1.5 at 10^-1, while the unweighted loss would select 10^0 (0.5, first seed)"


def test_a_run_that_diverged_is_not_selected_by_the_unweighted_loss() -> None:
    exponent, run = reweighting.selected_by_loss(swept("x-inverse-sqrt"), "GD+m")
    assert (exponent, run.id) == (0.0, "x-inverse-sqrt GD+m 0")


def test_the_worst_case_is_taken_over_optimizers_for_each_seed() -> None:
    found = reweighting.worst_case("x", ("GD+m", "GD-m"))(RESULTS)
    assert found.values == [(3.2 - 2.0) / 4, (2.0 - 7.0) / 8]
    assert len(found.runs) == len(set(found.runs)) == 8
    assert reweighting.worst_case("x", ("GD+m",))(RESULTS).values == [-1 / 4, -4 / 8]


def test_each_weighting_has_its_sweep_and_references_run_without_weights_only() -> None:
    sweep = linear_sweep(LinearSizes(m=4), (GD, GD_M, ADAM_M))
    found: Any = reweighting.plans("x", sweep, unweighted_only=(ADAM_M,))
    assert {name: plan.weighting for name, plan in found.items()} == {
        "x-none": "none",
        "x-inverse-sqrt": "inverse-sqrt",
        "x-inverse": "inverse",
        "x-logit-adjusted": "logit-adjusted",
    }
    assert found["x-none"] == sweep
    for name, plan in found.items():
        assert list(plan.optimizers) == ([GD, GD_M, ADAM_M] if name == "x-none" else [GD, GD_M])
        assert (plan.problem, plan.steps, plan.seeds) == (sweep.problem, sweep.steps, sweep.seeds)


def test_the_claims_and_the_drawing_fit_the_plans(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    sweep = linear_sweep(LinearSizes(m=3, seeds=(0, 1)), (GD_M,)).changed(steps=2, refine=None, extend=0)
    plans = reweighting.plans("x", sweep)
    for plan in plans.values():
        runner.run(plan, store=store, jobs=1)
    results = Results(plans, None, store)
    claims = reweighting.claims("x", "somewhere", "GD+m")
    assert [claim.id for claim in claims] == ["x-root", "x-inverse", "x-safer", "x-adjusted"]
    assert [claim.kind for claim in claims] == [None, None, None, "ours"]  # None: that of the figure
    drawing = reweighting.draw("x", "GD+m")(results)
    assert {row["method"] for row in drawing.data.to_pylist()} == set(reweighting.NAMES.values())
    for line in drawing.canvas.axes[0].lines:
        weighting = next(w for w, name in reweighting.NAMES.items() if name == line.get_label())
        curves = results.sweep(f"x-{weighting}").best("GD+m", decisive=False).curves()
        np.testing.assert_allclose(np.asarray(line.get_ydata()), np.median(curves, axis=0))
    with pytest.raises(KeyError):
        results.sweep("y-none")
