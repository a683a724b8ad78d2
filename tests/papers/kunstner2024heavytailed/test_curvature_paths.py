"""The paths of Figure 7: rates by the rule, plans, and how the stored rows are read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from steepest.claims.measures import at_step
from steepest.errors import UsageError
from steepest.runs.execute import execute
from steepest.runs.results import Undecided
from steepest.runs.spec import Spec
from steepest.runs.store import Store
from steepest.runs.sweep import Calculations
from steepest_papers.kunstner2024heavytailed.curvature_paths import PathSizes, exponent, path_plans
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M, GD
from steepest_papers.kunstner2024heavytailed.probes import CurvatureByClass, HessianBlocks, ProbabilityByGroup


@pytest.mark.parametrize("m", [3, 4, 7, 8, 11])
@pytest.mark.parametrize("paper", [-3.5, -2.5])
def test_rates_move_with_the_dimension_in_half_decades(paper: float, m: int) -> None:
    moved = exponent(paper, m)
    assert abs(moved - (paper + math.log10(24_576 / ((m + 1) * 2**m)))) <= 0.25
    assert 2 * moved == int(2 * moved)


def test_at_paper_scale_the_rates_are_the_papers() -> None:
    plans = path_plans(PathSizes(m=11))
    for name, rate, method in (("adam", -3.5, ADAM_M), ("gd", -2.5, GD)):
        plan = plans[name]
        assert isinstance(plan, Calculations)
        for seed, spec in enumerate(plan.calculations):
            assert isinstance(spec, Spec)
            assert (spec.lr, spec.method, spec.seed, spec.steps) == (10.0**rate, method, seed, 100)
    assert "Adam+m at 10^-3.5, GD-m at 10^-2.5" in PathSizes(m=11).summary()


def test_runs_keep_curvature_probabilities_and_blocks_at_their_steps(tmp_path: Path) -> None:
    plan = path_plans(PathSizes(m=3, seeds=(0,)))["gd"]
    assert isinstance(plan, Calculations)
    (spec,) = plan.calculations
    assert isinstance(spec, Spec)
    assert [type(probe) for probe in spec.probes] == [CurvatureByClass, ProbabilityByGroup, HessianBlocks]
    run = Store(tmp_path).put(spec, execute(spec), 0.0)
    rows = at_step(run, "curvaturebyclass", 50)
    np.testing.assert_array_equal(rows["step"], [50] * 7)
    np.testing.assert_array_equal(rows["count"], [8, 4, 4, 2, 2, 2, 2])
    np.testing.assert_array_equal(rows["class"], range(7))
    later = at_step(run, "curvaturebyclass", 100)
    assert not np.array_equal(rows["gradient_norm"], later["gradient_norm"])
    np.testing.assert_array_equal(at_step(run, "probabilitybygroup", 20)["group"], range(3))
    assert len(at_step(run, "hessianblocks", 100)["trace"]) == 49
    with pytest.raises(Undecided, match="diverged before update 3"):
        at_step(run, "curvaturebyclass", 3)


def test_sizes_are_checked() -> None:
    with pytest.raises(UsageError, match=r"PathSizes.m = 'x'"):
        PathSizes(m="x")  # type: ignore[arg-type]
