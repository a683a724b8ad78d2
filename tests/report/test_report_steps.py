from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from small_paper import BEST, GROUPS, INITIAL, Report, invented_loss

from steepest.report.steps import FRAMES, frames, group_steps, steps_plot
from steepest.runs.results import SweepResults


def results(report: Report) -> SweepResults:
    linear = report.paper.figure("fig4").plans(report.settings["fig4"])["linear"]
    return SweepResults(linear, report.store)


def test_the_stepped_view_has_the_mean_over_seeds_of_each_group_at_the_selected_rate(report: Report) -> None:
    table = group_steps(results(report))
    assert table is not None
    found = {(row["method"], row["step"], row["group"]): row["loss"] for row in table.to_pylist()}
    for method, best in BEST.items():
        final = np.mean([invented_loss(method, best, seed) for seed in (0, 1, 2)])  # type: ignore[arg-type]
        for group in set(range(1, GROUPS + 1)) - {3}:
            assert found[method, 0, group] == pytest.approx(INITIAL * group)
            assert found[method, 10, group] == pytest.approx(final * group)
    assert len(found) == len(BEST) * 2 * (GROUPS - 1)  # none of the empty group


def test_every_frame_of_the_plot_is_one_step() -> None:
    rows = [
        {"step": step, "method": m, "group": g, "loss": 2.0 / (1 + step * g)}
        for m in ("GD-m", "Sign-m")
        for step in (0, 7, 100)
        for g in (1, 2)
    ]
    plot = steps_plot(pa.Table.from_pylist(rows))
    assert plot["params"][0]["bind"]["max"] == 2
    assert "[0, 7, 100][frame]" in plot["title"]["text"]["expr"]
    values = plot["data"]["values"]
    assert [(v["f"], v["y"]) for v in values if v["m"] == "Sign-m" and v["g"] == 2] == [
        (0, 2.0),
        (1, 0.1333),
        (2, 0.00995),
    ]


@pytest.mark.parametrize("rows", [1, 2, FRAMES, FRAMES + 1, 5000])
def test_frames_are_few_and_hold_the_first_and_the_last_row(rows: int) -> None:
    chosen = frames(rows)
    assert len(chosen) <= FRAMES
    assert (chosen[0], chosen[-1]) == (0, rows - 1)
    assert chosen == sorted(set(chosen))
    ratios = [(b + 1) / (a + 1) for a, b in zip(chosen[FRAMES // 2 :], chosen[FRAMES // 2 + 1 :], strict=False)]
    assert all(r < 1.4 or math.isclose(r, 1.4) for r in ratios)
