"""Distances, radii, counts by size, exponent and reference: solvers that do not know the answer, and published numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, rel_entr, softmax

from steepest.claims.slopes import slope
from steepest.data.frequency import zipf
from steepest_papers.yadav2025signdescent import additive_logistic as logistic
from steepest_papers.yadav2025signdescent import distance, vocabulary

SIZES = (100, 316, 1_000, 3_162, 10_000)


def relative_loss(theta: np.ndarray, p: np.ndarray) -> float:
    return float(rel_entr(p, softmax(theta)).sum() / rel_entr(p, 1 / len(p)).sum())


@pytest.mark.parametrize(("d", "fraction"), [(3, 0.05), (6, 0.3), (12, 0.05)])
def test_the_l2_radius_is_that_of_a_constrained_solver(d, fraction) -> None:
    p = zipf(d)
    constraint = {"type": "ineq", "fun": lambda theta: fraction - relative_loss(theta, p)}
    start = np.log(p) - np.log(p).mean()
    found = minimize(lambda x: x @ x, start, constraints=[constraint], options={"ftol": 1e-14, "maxiter": 500})
    assert distance.radius_l2(p, fraction) == pytest.approx(np.sqrt(found.fun), rel=1e-5)


@pytest.mark.parametrize(("d", "fraction"), [(3, 0.05), (6, 0.3), (12, 0.05)])
def test_in_a_slightly_smaller_box_the_loss_stays_above(d, fraction) -> None:
    p, r = zipf(d), distance.radius_linf(zipf(d), fraction)
    for scale, above in ((0.999, True), (1.001, False)):
        box = [(-scale * r, scale * r)] * d
        found = minimize(lambda theta: -(p @ log_softmax(theta)), np.zeros(d), bounds=box, options={"ftol": 1e-15})
        assert (relative_loss(found.x, p) > fraction) is above


def test_published_radii() -> None:
    sizes = (100, 1_000, 10_000)
    assert [round(distance.radius_linf(zipf(d), 0.05), 3) for d in sizes] == [1.622, 2.431, 3.255]
    euclidean = [distance.radius_l2(zipf(d), 0.05) for d in sizes]
    np.testing.assert_allclose(euclidean, [6.33, 18.46, 50.05], rtol=0.05)
    assert round(slope(sizes, euclidean).value, 2) == 0.45


def test_nobody_travels_less_than_the_radius() -> None:
    numbers, tables = distance.radii((50, 200), 1.0, 0.05)
    table = tables["radii"].to_pydict()
    travels = [w / r for norm in ("linf", "l2") for w, r in zip(table[f"way_{norm}"], table[f"r_{norm}"], strict=True)]
    assert numbers["least_travel"] == min(travels) >= 1


def counted(method: str, exponent: float, budget: float = 4e8) -> dict[float, np.ndarray]:
    table = vocabulary.counts(method, SIZES, exponent, budget)[1]["counts"].to_pylist()
    return {e: np.array([r["updates"] for r in table if r["fraction"] == e]) for e in (0.25, 0.1, 0.05, 0.02)}


PUBLISHED_SLOPES = {
    ("Sign", 1.0): {0.25: 0.11, 0.1: 0.05, 0.05: 0.05, 0.02: 0.07},
    ("Sign 1/L", 1.0): {0.25: 0.11, 0.1: 0.08, 0.05: 0.11, 0.02: 0.11},
    ("Sign", 0.5): {0.05: 0.11, 0.02: 0.12},
    ("Sign", 1.5): {0.05: 0.00, 0.02: 0.05},
    ("Sign", 2.0): {0.05: 0.05, 0.02: 0.00},
    ("GD 1/L", 0.5): {0.05: 0.96, 0.02: 0.97},
    ("GD 1/L", 1.5): {0.05: 0.59, 0.02: 0.72},
    ("GD 1/L", 2.0): {0.05: 0.36, 0.02: 0.45},
    ("NormGD", 0.5): {0.05: 0.32, 0.02: 0.37},
    ("NormGD", 2.0): {0.05: 0.35, 0.02: 0.42},
}


@pytest.mark.parametrize(("method", "exponent"), PUBLISHED_SLOPES)
def test_published_slopes(method, exponent) -> None:
    found = counted(method, exponent)
    for fraction, value in PUBLISHED_SLOPES[method, exponent].items():
        assert abs(slope(SIZES, found[fraction]).value - value) <= 0.0051, fraction


def test_what_the_budget_does_not_allow_is_not_tried_and_is_extrapolated() -> None:
    rows = vocabulary.counts("GD 1/L", SIZES[:4], 1.0, 3_162 * 400)[1]["counts"].to_pylist()
    last = {row["fraction"]: row for row in rows if row["classes"] == 3_162}
    assert {fraction: row["updates"] for fraction, row in last.items() if row["updates"] > 0} == {0.25: 113, 0.1: 384}
    for fraction, updates in ((0.05, 778), (0.02, 1_644)):
        assert np.isnan(last[fraction]["updates"])
        assert last[fraction]["expected"] == pytest.approx(updates, rel=0.05)
        assert last[fraction]["logits"] == 3_162 * last[fraction]["expected"]


def test_published_counts_with_a_reference() -> None:
    for d, sign, steepest, gd in ((100, 5, 4, 43), (1_000, 6, 4, 295), (10_000, 6, 5, 2_057)):
        numbers = logistic.counts(d, "rarest", 2_500, 1e8)
        assert (numbers["Sign"], numbers["Sign 1/L"], numbers["GD 1/L"]) == (sign, steepest, gd)
        assert numbers["NormGD"] == pytest.approx({100: 9, 1_000: 35, 10_000: 149}[d], rel=0.15)
        assert numbers["R_linf"] == pytest.approx(np.log(d))
        ratio = {100: 0.9458, 1_000: 0.9903, 10_000: 0.9985}[d]
        assert round(numbers["R_l2"] / np.sqrt(2 * d), 4) == ratio
    for d, sign, steepest, R_2 in ((100, 18, 17, 37.5), (1_000, 30, 28, 189.5), (10_000, 45, 41, 827.1)):
        numbers = logistic.counts(d, "most frequent", 1_000, 4e7)
        assert (numbers["Sign"], numbers["Sign 1/L"], round(numbers["R_l2"], 1)) == (sign, steepest, R_2)
        assert (numbers["GD 1/L"], numbers["GD 1/L allowed"]) == ((904, 1_000) if d == 100 else (None, 1_000))
        if d < 10_000:
            assert numbers["NormGD"] == pytest.approx({100: 80, 1_000: 611}[d], rel=0.15)
