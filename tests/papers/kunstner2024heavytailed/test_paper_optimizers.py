"""The paper's optimizers, and the rule that moves its learning rates to other sizes, judged by what a step does."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from steepest.data.synthetic import HeavyTailedLabels
from steepest.problems import SoftmaxRegression
from steepest.runs.method import Method
from steepest.runs.sweep import untuned
from steepest_papers.kunstner2024heavytailed import optimizers
from steepest_papers.kunstner2024heavytailed.linear import PAPER_M
from steepest_papers.kunstner2024heavytailed.optimizers import (
    APPENDIX,
    GD_AND_ADAM,
    LAST_LAYER_RATES,
    LINE_SEARCH,
    LINEAR_RATES,
    MAIN,
    PAPER_DIMENSION,
    around,
    linear_grid,
)


def test_the_main_methods_are_four_families_with_and_without_momentum() -> None:
    assert [method.label for method in MAIN] == [
        f"{f}{m}" for f in ("GD", "Adam", "NormGD", "Sign") for m in ("-m", "+m")
    ]
    for plain, momentum in zip(MAIN[::2], MAIN[1::2], strict=True):
        assert plain.optimizer is momentum.optimizer
        beta = {m: m.options["betas"][0] if "betas" in m.options else m.options["momentum"] for m in (plain, momentum)}
        assert list(beta.values()) == [0.0, 0.9]
    assert set(GD_AND_ADAM) < set(MAIN)
    assert not set(APPENDIX) & set(MAIN)
    assert len(set(MAIN + APPENDIX)) == 12


def test_adam_is_the_papers() -> None:
    for method in (optimizers.ADAM, optimizers.ADAM_M):
        assert method.options["betas"][1] == 0.999
        assert method.options["eps"] == 1e-8


def test_rates_are_known_for_all_methods_that_need_one() -> None:
    assert set(LINEAR_RATES) == {*MAIN, *APPENDIX} - {LINE_SEARCH}
    assert set(LAST_LAYER_RATES) == set(MAIN)
    assert HeavyTailedLabels(m=PAPER_M).num_features == PAPER_DIMENSION


@pytest.mark.parametrize("method", LINEAR_RATES, ids=lambda method: method.label)
def test_at_the_papers_size_the_grid_surrounds_the_papers_rate(method: Method) -> None:
    grid = linear_grid(method, PAPER_DIMENSION)
    assert len(grid.exponents) == 5
    assert grid.tuned
    assert abs(grid.exponents[2] - LINEAR_RATES[method][0]) <= 0.5


def change_of_logits(method: Method, dimension: int, lr: float) -> float:
    """Return the largest change of a logit in the first step on inputs of mean ½."""
    task = SoftmaxRegression(data=HeavyTailedLabels(m=4, dimension=dimension), bias=False, init="zero").setup(0)
    optimizer = method.build(task.params, lr)
    losses = task.loss_by_example(task.params)
    (losses @ task.weights).backward()
    optimizer.step()
    assert task.inputs is not None
    return float((task.inputs @ task.params["W"].detach().T).abs().max())


@pytest.mark.parametrize("method", LINEAR_RATES, ids=lambda method: method.label)
def test_the_moved_rate_changes_the_logits_as_much_at_any_dimension(method: Method) -> None:
    _, power = LINEAR_RATES[method]
    small, large = 400, 6400
    lr = 1e-6
    changes = change_of_logits(method, small, lr * (large / small) ** power), change_of_logits(method, large, lr)
    assert changes[0] / changes[1] == pytest.approx(1.0, rel=0.25)  # 16^½ = 4 if the power were off by a half


@pytest.mark.parametrize("method", LINEAR_RATES, ids=lambda method: method.label)
def test_grids_move_by_the_power_of_the_dimension(method: Method) -> None:
    exponent, power = LINEAR_RATES[method]
    for d in (80, 1024, 2304):
        centre = linear_grid(method, d).exponents[2]
        assert abs(centre - exponent - power * math.log10(24_576 / d)) <= 0.5


def test_a_line_search_has_no_grid() -> None:
    assert linear_grid(LINE_SEARCH, 10) == untuned(1.0)


@pytest.mark.parametrize("exponent", [-3.49, -2.6, 0.0, 1.2])
def test_a_grid_is_five_whole_decades_around_a_rate(exponent: float) -> None:
    grid = around(exponent).exponents
    assert [b - a for a, b in pairwise(grid)] == [1.0] * 4
    assert abs(grid[2] - exponent) <= 0.5
    assert grid[2] == int(grid[2])
