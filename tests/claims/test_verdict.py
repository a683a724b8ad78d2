"""Verdicts: the interval against scipy's, the truth table against plain inequalities, every path of the judgement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import t

from steepest.claims.claim import Claim, Criterion, Measure, Measured
from steepest.claims.verdict import Finding, Verdict, interval, judge, locate
from steepest.runs.results import NotRun, Undecided

numbers = st.floats(-1e3, 1e3, allow_nan=False).map(lambda x: round(x, 3))


def claim(values: Sequence[float] | Exception, holds: float = 1.0, fails: float = 0.0, exact: bool = False) -> Claim:
    def measure(_: Any) -> Measured:
        if isinstance(values, Exception):
            raise values
        return Measured(values, ["a", "b"], exact, "evidence")

    return Claim("c", Criterion(Measure("x", measure), holds, fails), "Figure 1").says("says")


@given(st.lists(numbers, min_size=2, max_size=9), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_is_students(values: list[float], confidence: float) -> None:
    low, high = interval(values, confidence)
    scale = np.std(values, ddof=1) / math.sqrt(len(values))
    expected = t.interval(confidence, len(values) - 1, np.mean(values), scale) if scale else (np.mean(values),) * 2
    np.testing.assert_allclose((low, high), expected, rtol=1e-9, atol=1e-9)


def test_the_interval_of_three_seeds_by_hand() -> None:
    half = 4.302652729749464 / math.sqrt(3)  # t_{2, 0.975} from the table, s = 1
    assert interval([4.0, 5.0, 6.0]) == pytest.approx((5 - half, 5 + half), rel=1e-12)
    with pytest.raises(ValueError, match="needs at least 2 values, got 1"):
        interval([1.0])


@given(numbers, numbers, numbers, numbers)
def test_where_an_interval_lies_is_plain_inequalities(x: float, y: float, holds: float, fails: float) -> None:
    assume(holds != fails)
    low, high = sorted((x, y))
    if holds > fails:
        supported, contradicted = low >= holds, high <= fails
    else:
        supported, contradicted = high <= holds, low >= fails
    expected = "supported" if supported else "contradicted" if contradicted else "undecided"
    assert locate(low, high, holds, fails) == expected
    assert locate(-high, -low, -holds, -fails) == expected


CASES = [
    ([1.5, 1.5001, 1.4999], 1.0, 0.0, "supported"),
    ([-0.5, -0.5001, -0.4999], 1.0, 0.0, "contradicted"),
    ([0.5, 0.5001, 0.4999], 1.0, 0.0, "undecided"),
    ([1.0, 2.0, 3.0], 1.0, 0.0, "undecided"),  # the mean is beyond the threshold, the interval is not
    ([-0.5, -0.5001, -0.4999], 0.0, 1.0, "supported"),
    ([1.5, 1.5001, 1.4999], 0.0, 1.0, "contradicted"),
]


@pytest.mark.parametrize(("values", "holds", "fails", "verdict"), CASES)
def test_the_interval_decides(values: list[float], holds: float, fails: float, verdict: str) -> None:
    found = judge(claim(values, holds, fails), None)
    assert found.verdict == verdict
    assert found.measured == pytest.approx(np.mean(values))
    assert found.interval == interval(values)
    assert (found.seeds, found.runs, found.evidence, found.reason) == (3, ("a", "b"), "evidence", "")


@pytest.mark.parametrize(("value", "verdict"), [(1.0, "supported"), (0.0, "contradicted"), (0.999, "undecided")])
def test_an_exact_number_is_a_point(value: float, verdict: str) -> None:
    assert judge(claim([value], exact=True), None) == Finding(
        verdict,  # type: ignore[arg-type]
        value,
        (value, value),
        0,
        ("a", "b"),
        "evidence",
    )


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_decide_nothing(seeds: int) -> None:
    found = judge(claim([5.0] * seeds), None)
    assert (found.verdict, found.measured, found.interval, found.seeds) == ("undecided", 5.0, None, seeds)
    assert found.reason == f"{seeds} seeds; a verdict needs at least 3"


@pytest.mark.parametrize("values", [[5.0, 5.0, math.nan], [math.inf, 5.0, 5.0], [math.inf, -math.inf, 1.0], []])
@pytest.mark.parametrize("exact", [True, False])
def test_a_measure_that_is_no_finite_number_decides_nothing(values: list[float], exact: bool) -> None:
    found = judge(claim(values, exact=exact), None)
    assert (found.verdict, found.measured, found.interval) == ("undecided", None, None)
    assert found.reason == "the measure is not a finite number"


def test_missing_runs_and_doubts_are_verdicts_with_their_reason() -> None:
    assert judge(claim(NotRun("3 runs are missing")), None) == Finding("not run", reason="3 runs are missing")
    assert judge(claim(Undecided("at the edge")), None) == Finding("undecided", reason="at the edge")


def test_errors_of_a_measure_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        judge(claim(ZeroDivisionError()), None)


def verdict(state: Any) -> Verdict:
    return Verdict(
        *("p", "f", "c", "paper", "Figure 1", "says", "paper", "m=11"), state, 0.5, (0.4, 0.6), 1.0, 0.0, 3, ("a", "b"),
        "evidence", "reason", "",
    )  # fmt: skip


def test_only_what_was_not_run_can_be_out_of_reach() -> None:
    far = verdict("not run").out_of_reach(1234.4)
    assert (far.verdict, far.reason) == ("out of reach", "about 1,234 CPU hours on this machine")
    assert verdict("contradicted").out_of_reach(1e9) == verdict("contradicted")


def test_a_ledger_row_in_json_has_the_promised_fields() -> None:
    row = verdict("supported").as_json()
    promised = [
        "paper",
        "claim",
        "where",
        "says",
        "scale",
        "verdict",
        "measured",
        "interval",
        "holds",
        "fails",
        "seeds",
        "runs",
    ]
    assert set(promised) <= row.keys()
    assert (row["interval"], row["runs"], row["measured"]) == ([0.4, 0.6], ["a", "b"], 0.5)
