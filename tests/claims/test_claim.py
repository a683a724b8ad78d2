"""Claims and measures: what a claim says, which thresholds it takes, measures as functions without their results."""

from __future__ import annotations

import math
from typing import Any

import pytest

from steepest.claims.claim import Claim, Measured, measure, placed


@measure("Δ")
def scaled(results: dict[str, float], name: str, *, factor: float = 1.0) -> Measured:
    """Return a number of the results times a factor, and its negative."""
    return Measured([factor * results[name], -results[name]], ["r"], evidence=name)


def test_a_measure_takes_its_results_later() -> None:
    found = scaled("x", factor=3.0)({"x": 2.0})
    assert (found.values, found.runs, found.evidence) == ([6.0, -2.0], ["r"], "x")
    assert (scaled.__name__, scaled.__doc__) == (
        "scaled",
        "Return a number of the results times a factor, and its negative.",
    )


def test_the_absolute_value_keeps_runs_and_evidence() -> None:
    absolute = scaled("x", factor=3.0).absolute()
    assert absolute.symbol == "|Δ|"
    assert absolute({"x": 2.0}) == Measured([6.0, 2.0], ["r"], evidence="x")
    assert scaled("x").named("").absolute().symbol == ""


def test_a_sentence_ends_with_the_symbol_of_its_quantity() -> None:
    assert Claim("c", scaled("x").at_least(1.0, fails=0.0)).says("it grows").sentence == "it grows: Δ"
    assert Claim("c", scaled("x").named("").at_least(1.0, fails=0.0)).says("it grows").sentence == "it grows"


def test_thresholds_are_those_given() -> None:
    above, below = scaled("x").at_least(1.0, fails=0.5), scaled("x").at_most(0.5, fails=1.0)
    assert (above.holds, above.fails, below.holds, below.fails) == (1.0, 0.5, 0.5, 1.0)


@pytest.mark.parametrize(
    ("act", "holds", "fails"),
    [
        ("at_least", 1.0, 1.0),
        ("at_least", 1.0, 2.0),
        ("at_least", 1.0, -math.inf),
        ("at_least", math.nan, 0.0),
        ("at_most", 1.0, 1.0),
        ("at_most", 1.0, 0.0),
        ("at_most", 1.0, math.inf),
    ],
)
def test_a_claim_that_cannot_fail_is_refused(act: str, holds: float, fails: float) -> None:
    with pytest.raises(ValueError, match="a claim on Δ cannot fail: it holds at"):
        getattr(scaled("x"), act)(holds, fails=fails)


def test_place_and_kind_are_given_where_there_is_none() -> None:
    def claim(**own: Any) -> Claim:
        return Claim("c", scaled("x").at_least(1.0, fails=0.0), **own)

    first, second = placed("Figure 1", claim(), claim(where="here", kind="erratum"), kind="ours")
    assert (first.where, first.kind, second.where, second.kind) == ("Figure 1", "ours", "here", "erratum")
    assert placed("Figure 1", claim())[0].kind is None
