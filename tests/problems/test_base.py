"""The contract of a problem."""

from __future__ import annotations

import pytest

from steepest.problems import LastLayer, Problem, SoftmaxRegression, WeightedQuadratic, Work


class Unfinished(Problem):
    size: int = 1


def test_a_problem_without_its_two_methods_says_which() -> None:
    with pytest.raises(NotImplementedError, match=r"Unfinished must implement setup\(seed\)"):
        Unfinished().setup(0)
    with pytest.raises(NotImplementedError, match=r"Unfinished must implement work\(\)"):
        Unfinished().work()


def test_all_problems_are_problems() -> None:
    assert all(issubclass(problem, Problem) for problem in (LastLayer, SoftmaxRegression, WeightedQuadratic))
    assert Work(flops=1.0, logits=2.0).times(3) == (3.0, 6.0, 0.0)
