"""When gradient descent catches up: the measure against the flows' closed forms, the figure from runs to a drawing."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steepest.claims.figures import style
from steepest.claims.verdict import MIN_SEEDS, judge
from steepest.data.frequency import frequency_groups, loss_by_group
from steepest.runs.results import Undecided
from steepest.runs.store import Store
from steepest.runs.stream import stream
from steepest.runs.sweep import Sweep
from steepest_papers.kunstner2024heavytailed import horizon_law as law
from steepest_papers.kunstner2024heavytailed.last_layer import LastLayerSizes
from steepest_papers.kunstner2024heavytailed.optimizers import GD, SIGN
from steepest_papers.kunstner2024heavytailed.theory_flows import gradient_flow_loss, sign_flow_loss

FIGURE = law.FIGURE
COUNTS = np.round(20_000 / np.arange(1, 501)).astype(np.int64)


def by_group(losses: np.ndarray) -> np.ndarray:
    return loss_by_group(losses, COUNTS, frequency_groups(COUNTS, law.GROUPS))


def test_the_time_to_half_of_the_loss() -> None:
    curves = np.array([[[4.0, 4.0, np.nan], [2.1, 5.0, np.nan], [2.0, 1.0, np.nan], [3.0, 4.0, np.nan]]] * 2)
    curves[1, 2:, 1] = np.nan  # diverged, or never there
    np.testing.assert_array_equal(law.half_times(curves), [[2, 2, np.nan], [2, np.nan, np.nan]])


def test_the_rarity_of_a_group_is_the_mean_of_its_samples() -> None:
    counts = np.array([50, 20, 20, 5, 3, 1, 1, 0])
    groups = frequency_groups(counts, law.GROUPS)
    labels = np.repeat(np.arange(8), counts)
    for g, found in enumerate(law.rarity(counts)):
        mine = labels[groups.of_class[labels] == g]
        assert found == pytest.approx((100 / counts[mine]).mean()) if len(mine) else np.isnan(found)


def test_the_slope_is_one_under_gradient_flow_and_zero_under_sign_flow() -> None:
    times, pi = np.arange(8_000), COUNTS / COUNTS.sum()
    gradient = law.half_times(by_group(gradient_flow_loss(np.outer(4.0 * times, pi), 500)))
    sign = law.half_times(by_group(np.repeat(sign_flow_loss(0.01 * times, 500)[:, None], 500, axis=1)))
    assert law.slope_of_groups(law.rarity(COUNTS), gradient) == pytest.approx(1.0, abs=0.03)
    assert law.slope_of_groups(law.rarity(COUNTS), sign) == pytest.approx(0.0, abs=1e-9)


def test_groups_that_never_get_there_are_left_out() -> None:
    x = np.array([1.0, 2, 4, 8, 16, 32, np.nan])
    assert law.slope_of_groups(x, np.array([1.0, 4, 16, 64, 256, np.nan, np.nan])) == pytest.approx(2.0)
    with pytest.raises(Undecided, match="only 4 groups came down to half of their loss; a slope needs 5"):
        law.slope_of_groups(x, np.array([1.0, 4, 16, 64, np.nan, np.nan, np.nan]))


def test_the_measure_is_the_distance_from_the_law(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.array([2.0, 4, 8, 16, 32, 64])
    monkeypatch.setattr(law, "group_rarity", lambda _: x)
    curves = np.ones((3, 200, 6))
    for seed, power in enumerate((1.0, 0.5, 1.0)):
        for g, t in enumerate(np.rint(x**power).astype(int)):
            curves[seed, t:, g] = 0.4
    curves[2, :, 5] = 1.0
    best = SimpleNamespace(curves=lambda _: curves, exponent=-1.0, runs=[SimpleNamespace(id=str(i)) for i in range(3)])
    results: Any = SimpleNamespace(sweep=lambda _: SimpleNamespace(best=lambda _: best))
    found = law.slope_off("GD-m", 1.0)(results)
    assert found.values == pytest.approx([0.0, 0.5, 0.0], abs=0.1)
    assert found.values[0] == pytest.approx(0.0, abs=1e-12)
    assert "slopes 1.00 0.5" in found.evidence
    assert found.evidence.endswith("1 left out")
    assert found.runs == ["0", "1", "2"]


def test_sizes_follow_the_rules() -> None:
    assert law.horizon(331) == 1_986
    assert law.grid(GD, 1_200).exponents == (-2.0, -1.0, 0.0)
    assert law.grid(SIGN, 64).exponents == (-4.0, -3.0, -2.0)
    assert set(FIGURE.scales) == {"smoke", "laptop", "paper"}
    assert all(claim.kind == "ours" for claim in FIGURE.claims)
    for scale in FIGURE.scales:
        settings = FIGURE.settings(scale)
        assert isinstance(settings, LastLayerSizes)
        assert len(settings.seeds) >= MIN_SEEDS


def test_the_figure_from_runs_to_verdicts_and_a_drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(law, "horizon", lambda c: 2 * c)
    draw, words = random.Random(0), [f"w{chr(97 + k // 26)}{chr(97 + k % 26)}" for k in range(100)]
    text = tmp_path / "text.txt"
    text.write_text(" ".join(draw.choices(words, [1 / (k + 1) for k in range(100)], k=300)))
    settings = FIGURE.settings("smoke", {"corpus": str(text), "windows": 4})
    store = Store(tmp_path / "store")
    plans = FIGURE.plans(settings)
    (plan,) = plans.values()
    assert isinstance(plan, Sweep)
    assert plan.steps == 2 * plan.problem.num_classes  # type: ignore[attr-defined]
    for _ in stream([plan], store, 1):
        pass
    found = FIGURE.results(settings, store)
    assert {judge(claim, found).verdict for claim in FIGURE.claims} <= {"supported", "contradicted", "undecided"}
    with style():
        drawing = FIGURE.draw["horizon"](found)
        assert drawing is not None
    rows = drawing.data.to_pylist()
    assert {row["run"] for row in rows} <= {run.id for run in store.all()}
    assert {row["method"] for row in rows} == {"GD-m", "Sign-m"}
    assert len(rows) == 2 * 3 * law.GROUPS
    run = store.get(rows[0]["run"])
    assert run is not None
    loss = run.column("group")
    for row in rows[: law.GROUPS]:
        g, t = row["group"] - 1, row["updates"]
        if not np.isnan(t):
            assert loss[int(t), g] <= loss[0, g] / 2 < loss[int(t) - 1, g]
