"""Every figure from end to end on tiny sizes: runs, claims, drawings; and measures against their parts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from steepest.claims.figures import style
from steepest.claims.paper import Results
from steepest.claims.verdict import judge
from steepest.errors import UsageError
from steepest.runs.results import NotRun
from steepest.runs.store import Store
from steepest_papers.frei2022amplification import PAPER, early_drift, label_noise, lazy, neurons
from steepest_papers.frei2022amplification.clusters import STEPS
from steepest_papers.frei2022amplification.signs import SignSizes

FIGURES = {figure.id: figure for figure in PAPER.figures}
Tiny = Callable[[str], Results]


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "signs"])
def test_figures_run_judge_and_draw(name: str, tiny: Tiny) -> None:
    results = tiny(name)
    assert results.complete
    runs = {run.id for run in results.store.all()}
    for claim in FIGURES[name].claims:
        found = judge(claim, results)
        assert found.verdict != "not run"
        assert set(found.runs) <= runs
        assert found.seeds == 3
    with style():
        for draw in FIGURES[name].draw.values():
            drawing = draw(results)
            assert drawing is not None
            drawing.canvas.draw_without_rendering()
            assert set(drawing.data["run"].to_pylist()) <= runs


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_judged_or_drawn_without_runs(name: str, tmp_path: Any) -> None:
    empty = FIGURES[name].results(FIGURES[name].settings("smoke"), Store(tmp_path))
    assert {judge(claim, empty).verdict for claim in FIGURES[name].claims} == {"not run"}
    for draw in FIGURES[name].draw.values():
        with pytest.raises(NotRun):
            draw(empty)


def test_figures_share_the_runs_of_the_usual_setting() -> None:
    def ids(name: str, plan: str) -> list[str]:
        calculations: Any = FIGURES[name].plans(FIGURES[name].settings("laptop"))[plan]
        return [item.id for item in calculations.calculations]

    usual = ids("amplification", "network")
    assert usual == ids("drift", "network") == ids("classifiers", "network")
    assert usual == ids("lazy", "ω = 0.001") == ids("noise", "η = 0.1")
    assert len({*ids("classifiers", "high network"), *ids("lazy", "lazy"), *ids("noise", "minority"), *usual}) == 20


def test_laptop_is_the_specified_setting() -> None:
    problem = FIGURES["amplification"].settings("laptop").problem()  # type: ignore[attr-defined]
    assert (problem.samples, problem.dimension, problem.width) == (400, 100, 400)
    assert (problem.noise, problem.flip_rate, problem.init_scale, problem.test_points) == (0.1, 0.1, 1e-3, 4000)


def test_slope_of_the_first_step_is_the_least_squares_fit(tiny: Tiny) -> None:
    results = tiny("drift")
    run, sigma = results.calculations("network")[0], 8**-0.5
    start, end = (
        {name: run.column(name, "neurons")[run.column("step", "neurons") == t].astype(float) for name in COLUMNS}
        for t in (0, 1)
    )
    unit = 0.8 / (8 * math.sqrt(8))
    for name, (plus, minus), sign in (("good", ("along_1", "along_2"), 1), ("bad", ("along_2", "along_1"), -1)):
        positive = start["sign"] > 0
        before, after = (np.where(positive, at[plus], at[minus]) for at in (start, end))
        law = sign * (2 * norm.cdf(before / sigma / start["norm"]) - 1)
        (slope,), *_ = np.linalg.lstsq(law[:, None], (after - before) / unit, rcond=None)
        assert early_drift.slope_error(name, sign)(results).values[0] == pytest.approx(abs(slope - 1), rel=1e-6)


COLUMNS = ("sign", "along_1", "along_2", "norm")


def test_errors_of_the_early_laws_by_hand(tiny: Tiny) -> None:
    results = tiny("drift")
    run, law = results.calculations("network")[1], results.calculations("law")[1]
    A = {t: neurons.amplification(run, t) for t in (1, 2, 3, 4, 5, 10)}
    mean_start = 1e-3 * math.sqrt(2 / math.pi)
    predicted = 1 + 0.8 / (16 * math.sqrt(8)) / mean_start
    assert early_drift.first_error()(results).values[1] == pytest.approx(abs(A[1] / predicted - 1), rel=1e-6)
    pull = np.mean([neurons.predicted(run, "pull", t) for t in (5, 10)])
    slope = 0.8 / (8 * math.sqrt(8)) * 2 * pull
    expected = abs((A[10] - A[5]) * mean_start / 5 / slope - 1)
    assert early_drift.linear_error()(results).values[1] == pytest.approx(expected, rel=1e-6)
    path = law.column("A", "path")
    assert early_drift.path_error(run, law) == max(abs(A[t] / path[t] - 1) for t in range(1, 6))


def test_amplification_by_initial_scale_against_tenfold(tiny: Tiny) -> None:
    results = tiny("lazy")
    A = [neurons.amplification(results.calculations(name)[2], STEPS) for name in ("ω = 0.001", "ω = 0.01", "ω = 0.1")]
    expected = max(abs(A[0] / A[1] / 10 - 1), abs(A[1] / A[2] / 10 - 1))
    assert lazy.decade_error()(results).values[2] == pytest.approx(expected)
    assert lazy.last_amplification()(results).values[2] < A[2]


def test_noise_slows_the_drift_by_hand(tiny: Tiny) -> None:
    results = tiny("noise")
    none, some = (neurons.amplification(results.calculations(name)[0], 10) for name in ("η = 0", "η = 0.2"))
    assert label_noise.drift_error()(results).values[0] == pytest.approx(abs(some / none / 0.6 - 1))
    errors = [
        abs(neurons.predicted(run, "noisy_error") - neurons.predicted(run, "flip_rate"))
        for run in (results.calculations(name)[0] for name in ("η = 0", "η = 0.2"))
    ]
    number = label_noise.largest(lambda r: abs(neurons.predicted(r, "noisy_error") - neurons.predicted(r, "flip_rate")))
    assert number(results).values[0] == max(errors)


@pytest.mark.parametrize(
    ("figure", "field", "value"),
    [("signs", "dimensions", (4, 8)), ("amplification", "lr", -1.0), ("noise", "width", 5)],
)
def test_sizes_are_checked(figure: str, field: str, value: object) -> None:
    with pytest.raises(UsageError, match=field):
        FIGURES[figure].settings("smoke", {field: value})


def test_summaries_name_the_sizes() -> None:
    assert SignSizes().summary().startswith("n=400, p=25 50 100, σ=1/√p, m=100 (400 at the specified rates), η=0.1")
    assert "η=0.1, ω=0.001, α=1, T=400, seeds 0 1 2 3 4" in FIGURES["drift"].settings("laptop").summary()


def test_claims_of_ours_are_marked_and_ids_are_unique() -> None:
    claims = [claim for figure in PAPER.figures for claim in figure.claims]
    assert len({claim.id for claim in claims}) == len(claims)
    for claim in claims:
        assert (claim.kind == "paper") is (claim.where == "abstract"), claim.id
