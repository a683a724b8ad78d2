"""Log–log slopes and their intervals, against scipy and published counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress, t

from steepest.claims.slopes import slope
from steepest.runs.results import Undecided

SIZES = np.array([100, 316, 1_000, 3_162, 10_000])


def test_a_slope_has_students_interval() -> None:
    y = np.array([12, 25, 53, 113, 238])
    found, expected = slope(SIZES, y), linregress(np.log(SIZES), np.log(y))
    half = t.ppf(0.975, 3) * expected.stderr
    assert found == pytest.approx((expected.slope, expected.slope - half, expected.slope + half))
    assert found.half_width == pytest.approx(half)
    assert slope([*SIZES, 7.0], [*y, np.nan]) == found
    assert slope([1, 2, 4], [8, 8, 8]) == pytest.approx((0, 0, 0), abs=1e-12)


@pytest.mark.parametrize(
    ("counts", "value"),
    [
        ([12, 25, 53, 113, 238], 0.65),
        ([26, 64, 156, 384, 943], 0.78),
        ([42, 112, 295, 778, 2057], 0.84),
        ([73, 206, 582, 1644, 4644], 0.90),
    ],
)
def test_published_slopes(counts: list[int], value: float) -> None:
    assert round(slope(SIZES, counts).value, 2) == value


def test_two_points_have_no_interval() -> None:
    with pytest.raises(Undecided, match="only 2 sizes were reached"):
        slope([1, 2, 3], [1, 2, np.nan])
