"""Updates to ε: the expected slopes, the shape of GD's at α = 1.5, and the claims that read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from steepest.claims.lab import Lab
from steepest_papers.kunstner2025zipf.iterations import SIZES, counted


@pytest.mark.parametrize(
    ("alpha", "epsilon", "gd", "sign"),
    [
        (0.5, 0.1, 0.502, 0.393),
        (0.75, 0.1, 0.732, 0.491),
        (1.0, 0.5, 0.493, 0.495),
        (1.0, 0.25, 0.734, 0.500),
        (1.0, 0.1, 0.868, 0.498),
        (1.0, 0.05, 0.911, 0.500),
        (1.5, 0.1, 0.111, 0.498),
    ],
)
def test_slopes_are_the_expected_ones(alpha: float, epsilon: float, gd: float, sign: float) -> None:
    numbers, _ = counted(alpha, epsilon, SIZES)
    assert (round(numbers["GD_slope"], 3), round(numbers["Sign_slope"], 3)) == (gd, sign)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float | None]:
    store: Path = tmp_path_factory.mktemp("store")
    lab = Lab.open("kunstner2025zipf/iterations", scale="quick", store=store)
    for _ in lab.stream():
        pass
    return {row.claim: row.measured for row in lab.ledger()}


def test_claims_read_the_worst_case(ledger: dict[str, float | None]) -> None:
    assert ledger["updates-gd-zipf"] == pytest.approx(0.95 - 0.911, abs=1e-3)
    assert ledger["updates-gd-flat"] == pytest.approx(0.75 - 0.732, abs=1e-3)
    assert ledger["updates-sign"] == pytest.approx(0.005, abs=1e-3)
    assert ledger["updates-crossing"] == pytest.approx(0.495 - 0.493, abs=1e-3)


def test_the_advantage_is_the_ratio_of_the_counts_at_ten_thousand_classes(ledger: dict[str, float | None]) -> None:
    from steepest.data.frequency import zipf
    from steepest.theory.bigram import gd_updates, sign_updates

    pi = zipf(10_000)
    gd, sign = gd_updates(pi, 0.01), sign_updates(pi, 0.01)
    assert gd
    assert sign
    assert ledger["updates-advantage"] == pytest.approx(gd / sign)


def test_the_local_slope_of_gradient_descent_falls_for_a_steep_law(ledger: dict[str, float | None]) -> None:
    assert ledger["updates-gd-levels"] == 1.0
