from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_paper import ADAM, GD, INITIAL, SIGN, Report, invented_loss

from steepest.report.plots import learning_rate_plot, share
from steepest.runs.results import SweepResults

thresholds = st.integers(-50, 50)


def rows(report: Report) -> list[dict[str, object]]:
    figure = report.paper.figure("fig4")
    linear = figure.plans(report.settings["fig4"])["linear"]
    found: list[dict[str, object]] = SweepResults(linear, report.store).to_arrow().to_pylist()
    return found


@given(value=st.integers(-1000, 1000), holds=thresholds, fails=thresholds)
def test_share_is_increasing_towards_holds_and_mirrored(value: int, holds: int, fails: int) -> None:
    if holds == fails:
        return
    step = math.copysign(1, holds - fails)
    here, further = share(value, holds, fails), share(value + step, holds, fails)
    assert 0 < here < further < 1
    assert here == pytest.approx(share(-value, -holds, -fails), abs=1e-15)
    assert here == pytest.approx(1 - share(value, fails, holds), abs=1e-15)


@pytest.mark.parametrize(
    ("s", "place"), [(0, "1/3"), (1, "2/3"), (0.5, "1/2"), (2, "5/6"), (-1, "1/6"), (math.inf, "1")]
)
def test_share_at_known_places(s: float, place: str) -> None:
    assert share(10 + 4 * s, holds=14.0, fails=10.0) == pytest.approx(float(Fraction(place)))


def test_share_has_no_kink_at_the_thresholds() -> None:
    for s in (0.0, 1.0):
        slopes = [(share(s + h, 1.0, 0.0) - share(s, 1.0, 0.0)) / h for h in (1e-6, -1e-6)]
        assert slopes == pytest.approx([1 / 3, 1 / 3], rel=1e-5)


def test_every_run_is_a_point_with_the_loss_that_selection_counts(report: Report) -> None:
    points = learning_rate_plot(rows(report), "fig4", "loss")["data"]["values"]
    assert len(points) == len({point["run"] for point in points}) > 20
    for point in points:
        run = report.store.get(point["run"])
        final = invented_loss(point["method"], round(math.log10(point["lr"]), 6), point["seed"])
        assert run is not None
        assert run.spec["lr"] == point["lr"]
        assert point["final"] == ("not finite" if final is None else f"{final:.4g}")
        assert point["state"] == ("diverged" if final is None else "done")
        assert point["counted"] == (INITIAL if final is None or final > 1.5 * INITIAL else final)
        assert point["href"] == f"#run-fig4-{run.id}"
    assert {point["state"] for point in points} == {"done", "diverged"}


def test_selected_points_are_the_bottom_of_the_valley_for_every_seed(report: Report) -> None:
    points = learning_rate_plot(rows(report), "fig4", "loss")["data"]["values"]
    chosen = {(p["method"], round(math.log10(p["lr"]), 6), p["seed"]) for p in points if p["selected"] == "yes"}
    best = {GD.label: 1.5, ADAM.label: -1.5, SIGN.label: -2.0}
    assert chosen == {(label, exponent, seed) for label, exponent in best.items() for seed in (0, 1, 2)}


def test_momentum_is_solid_and_absence_dashed_in_the_familys_colour(report: Report) -> None:
    plot = learning_rate_plot(rows(report), "fig4", "loss")
    colours = plot["encoding"]["color"]["scale"]
    dashes = plot["layer"][1]["encoding"]["strokeDash"]["scale"]
    assert colours["domain"] == dashes["domain"] == [GD.label, ADAM.label, SIGN.label]
    assert colours["range"][:2] == ["#000000", "#bb5566"]
    assert dashes["range"][0] == [1, 0] != dashes["range"][1]


@pytest.mark.parametrize(
    ("losses", "scale", "domain"),
    [([1.0, 2.0], "linear", None), ([0.1, 2.0], "log", [0.1, 2.0]), ([0.0, 1e-20, 2.0], "log", [2e-8, 2.0])],
)
def test_the_loss_axis_is_logarithmic_over_a_decade_and_bounded(
    losses: list[float], scale: str, domain: object
) -> None:
    run = {"method": "GD", "lr": 1.0, "seed": 0, "state": "done", "selected": False, "run": "a"}
    made = [run | {"final_loss": loss, "selection_loss": loss} for loss in losses]
    axis = learning_rate_plot(made, "f", "loss")["layer"][0]["encoding"]["y"]["scale"]
    assert axis["type"] == scale
    assert axis.get("domain") == (pytest.approx(domain) if domain else None)
