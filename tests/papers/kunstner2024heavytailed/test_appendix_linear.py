"""The appendix of the linear model: plans and shared runs, and measures against hand values on invented curves."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from steepest.claims.claim import Measure, Measured
from steepest.claims.drawings import curve_table, ends_by_case, steps
from steepest.claims.measures import difference, largest, order, smallest
from steepest.claims.paper import Figure, Results
from steepest.data.synthetic import HeavyTailedLabels
from steepest.runs import stream as runner
from steepest.runs.results import Undecided
from steepest.runs.spec import Spec
from steepest.runs.store import Store
from steepest.runs.sweep import Calculations, Sweep, decades
from steepest_papers.kunstner2024heavytailed import (
    appendix_horizons,
    appendix_inputs,
    appendix_l2,
    appendix_rates,
    appendix_reweighting,
    fig4_linear,
)
from steepest_papers.kunstner2024heavytailed.linear import (
    LinearSizes,
    gaussian_grid,
    linear_sweep,
    mean_size,
    stiffness,
)
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM, ADAM_M, GD, GD_M, SIGN


def plans(figure: Figure, scale: str) -> dict[str, Any]:
    return dict(figure.plans(figure.settings(scale)))


def first_ids(sweep: Sweep, label: str) -> list[str]:
    (method,) = (m for m in sweep.optimizers if m.label == label)
    return [sweep.spec(method, e, seed).id for e in sweep.optimizers[method].exponents for seed in sweep.seeds]


@pytest.mark.parametrize(
    ("figure", "plan", "labels"),
    [
        (appendix_reweighting.FIGURE, "rew-none", ("GD-m", "GD+m", "Adam+m")),
        (appendix_l2.FIGURE, "l2-0", ("GD+m", "Adam+m")),
        (appendix_inputs.FIGURE, "uniform", ("GD-m", "Adam-m")),
    ],
)
def test_unchanged_cases_are_the_runs_of_figure_4(figure: Figure, plan: str, labels: tuple[str, ...]) -> None:
    (four,) = plans(fig4_linear.FIGURE, "laptop").values()
    for label in labels:
        assert first_ids(plans(figure, "laptop")[plan], label) == first_ids(four, label)


def test_the_penalties_are_multiples_of_the_size_that_forbids_to_fit_a_sample() -> None:
    found = plans(appendix_l2.FIGURE, "laptop")
    unit = 1024 / (12 * 896 * math.log(127))
    assert [plan.l2 for plan in found.values()] == pytest.approx([0, unit / 100, unit / 10, unit, 10 * unit])
    assert {tuple(plan.optimizers) for plan in found.values()} == {(GD_M, ADAM_M)}


def test_the_weights_at_the_minimum_from_which_the_critical_penalty_is_derived() -> None:
    """w_k = Σ_i (1[y_i=k] − p_k(x_i)) x_i/(nλ) at the minimum of the penalised loss, found by Newton's method."""
    n, d, l2 = 6, 9, 0.2
    X, y = torch.rand(n, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64), torch.arange(n) % 3
    w = torch.zeros(3 * d, dtype=torch.float64)

    def objective(at: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(X @ at.reshape(3, d).T, y) + l2 / 2 * at.square().sum()

    for _ in range(20):
        slope = torch.autograd.functional.jacobian(objective, w)
        w = w - torch.linalg.solve(torch.autograd.functional.hessian(objective, w), slope)
    assert float(slope.abs().max()) < 1e-12
    residual = torch.eye(3, dtype=torch.float64)[y] - torch.softmax(X @ w.reshape(3, d).T, dim=1)
    torch.testing.assert_close(w.reshape(3, d), residual.T @ X / (n * l2), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("mean", "std"), [(1.0, 1.0), (0.1, 1.0), (0.0, 1.0), (0.0, 0.1)])
def test_where_the_search_on_gaussian_inputs_begins(mean: float, std: float) -> None:
    data = HeavyTailedLabels(m=7, inputs="gaussian", mean=mean, std=std)
    X = data.draw(torch.Generator().manual_seed(0))[0].double().numpy()
    top = np.linalg.norm(X, ord=2) ** 2 / len(X)
    assert stiffness(mean, std**2, 1024, 896) == pytest.approx(top, rel=0.3)
    assert mean_size(mean, std) == pytest.approx(np.abs(X).mean(), rel=0.01)


def test_grids_of_gaussian_inputs() -> None:
    centred = HeavyTailedLabels(m=7, inputs="gaussian")
    small = HeavyTailedLabels(m=7, inputs="gaussian", std=0.1)
    assert gaussian_grid(GD, centred) == decades(-1, 3)  # 10^−2.5 · 24 · 256/4.3 = 10^0.66
    assert gaussian_grid(GD, small) == decades(1, 5)
    assert gaussian_grid(ADAM, centred) == decades(-5, -1)  # 10^−4 · 24 · 0.5/0.8 = 10^−2.8
    assert gaussian_grid(ADAM, small) == decades(-4, 0)
    with pytest.raises(KeyError):
        gaussian_grid(SIGN, centred)


def test_the_inputs_at_paper_scale_are_all_of_the_papers() -> None:
    found = plans(appendix_inputs.FIGURE, "paper")
    data = {name: plan.problem.data for name, plan in found.items()}
    gaussian = {(d.mean, d.std) for d in data.values() if d.inputs == "gaussian"}
    assert gaussian == {(x, 1.0) for x in (1.0, 0.75, 0.5, 0.25, 0.1, 0.0)} | {(0.0, s) for s in (0.75, 0.5, 0.25, 0.1)}
    assert {d.m for d in data.values()} == {7}
    assert (data["few"].num_features, data["constant"].num_features) == (400, 1025)
    assert {name: plan.steps for name, plan in found.items() if name in ("mean-1", "few")} == {"mean-1": 25, "few": 62}


def test_the_horizons_and_rates_of_the_paper() -> None:
    short = plans(appendix_horizons.FIGURE, "paper")
    assert [plan.steps for plan in short.values()] == [150, 200, 500]
    assert {len(plan.optimizers) for plan in short.values()} == {10}
    long = plans(appendix_rates.FIGURE, "paper")
    exponents = long["long"].optimizers[GD].exponents
    assert (long["long"].steps, len(exponents), exponents[0], exponents[-1]) == (10_000, 41, -5.0, 5.0)
    assert set(np.diff(exponents)) == {0.25}


def test_step_sizes_are_shown_at_m_7() -> None:
    found = plans(appendix_rates.FIGURE, "paper")
    for name, lr in (("step-3", 1e3), ("step--1", 0.1)):
        assert isinstance(found[name], Calculations)
        for seed, spec in enumerate(found[name].calculations):
            assert isinstance(spec, Spec)
            assert (spec.lr, spec.seed, spec.steps, spec.method) == (lr, seed, 62, GD)
            assert spec.problem.data == HeavyTailedLabels(m=7)  # type: ignore[attr-defined]


def fixed(*values: float, name: str) -> Measure:
    return Measure("x", lambda _: Measured(values, [name], evidence=f"of {name}"))


def test_differences_and_extremes_are_taken_seed_by_seed() -> None:
    a, b = fixed(1.0, 5.0, name="a"), fixed(4.0, 2.0, name="b")
    results: Any = None
    assert difference(a, b)(results) == Measured([-3.0, 3.0], ["a", "b"], evidence="3 (of a) against 3 (of b)")
    assert difference(a, b).absolute()(results).values == [3.0, 3.0]
    assert smallest(a, b)(results) == Measured([1.0, 2.0], ["a", "b"], evidence="means: 3.00 3.00")
    assert largest(a, b)(results).values == [4.0, 5.0]


def test_groups_that_end_alike_have_no_order() -> None:
    best = SimpleNamespace(exponent=3.0, runs=(), curves=lambda _: np.array([[[4.0, 4.0], [0.0, 0.0]]]))
    results: Any = SimpleNamespace(sweep=lambda _: SimpleNamespace(best=lambda _: best))
    with pytest.raises(Undecided, match="GD-m at 10\\^3: all groups end at the same loss"):
        order("p", "GD-m")(results)


class Invented:
    """A run with given losses of two levels, whose mean is the loss."""

    def __init__(self, name: str, group: list[list[float]]) -> None:
        self.id, self.group = name, np.array(group, float)

    def column(self, name: str) -> np.ndarray:
        return self.group if name == "group" else self.group.mean(axis=1)


def swept(runs: dict[float, list[Invented]], steps: int) -> Any:
    """Results of one method whose runs by exponent are given."""
    search = SimpleNamespace(table=dict.fromkeys(runs, 0.0), runs=runs.__getitem__)
    best = SimpleNamespace(exponent=max(runs))
    sweep = SimpleNamespace(
        best=lambda _, decisive=True: best, searches={"GD-m": search}, sweep=SimpleNamespace(steps=steps)
    )
    return SimpleNamespace(sweep=lambda _: sweep)


def line(*rare: float) -> list[list[float]]:
    """Return curves whose frequent level falls steadily and whose rarest is given."""
    return [[4 - t / 10, x] for t, x in enumerate(rare)]


def test_progress_of_a_run_at_an_earlier_update() -> None:
    run: Any = Invented("a", line(4, 3, 1))
    assert [appendix_rates.progress_at(run, t) for t in (0, 1, 2, 3)] == [0.0, 0.25, 0.75, -np.inf]
    blown: Any = Invented("b", line(4, np.inf))
    assert appendix_rates.progress_at(blown, 1) == -np.inf


def test_the_best_rate_for_the_rarest_level_is_chosen_for_each_seed() -> None:
    runs = {
        -1.0: [Invented("a0", line(4, 3, 2)), Invented("a1", line(4, 4, 4))],
        0.0: [Invented("b0", line(4, 2)), Invented("b1", line(4, 2, 1))],
    }
    at_end = appendix_rates.rescue("p", "GD-m")(swept(runs, steps=2))
    assert at_end.values == [0.5, 0.75]
    assert at_end.runs == ["a0", "a1", "b0", "b1"]
    assert appendix_rates.rescue("p", "GD-m", shorter=2)(swept(runs, steps=2)).values == [0.5, 0.5]


def test_ten_times_the_rate_for_a_tenth_of_the_updates() -> None:
    slow = [Invented("a0", line(4, *[3.9] * 9, 3)), Invented("a1", line(4, *[3.9] * 9, 2))]
    fast = [Invented("b0", line(4, 3.2, *[1] * 9)), Invented("b1", line(4, 2, *[1] * 9))]
    wild = [Invented("c", line(4, 9, *[0] * 9))] * 2
    found = appendix_rates.equal_product("p", "GD-m")(swept({-2.0: slow, -1.0: fast, 0.0: wild}, steps=10))
    assert found.values == pytest.approx([0.2 / 4, 0.0])
    assert found.runs == ["a0", "a1", "b0", "b1"]
    with pytest.raises(Undecided, match="no two stable rates"):
        appendix_rates.equal_product("p", "GD-m")(swept({-2.0: slow, 0.0: wild}, steps=10))


def test_rises_and_the_highest_loss() -> None:
    run: Any = Invented("a", [[2, 2], [3, 3], [1, 1], [5, 5], [4, 4]])
    assert appendix_rates.highest(run) == 2.5
    assert appendix_rates.rises(run) == 0.5
    assert appendix_rates.steepest_rise(run) == 2.0
    assert appendix_rates.course([run]) == "loss 2 to 4, highest 5, largest rise 4"
    blown: Any = Invented("b", [[2, 2], [np.nan, np.nan]])
    assert (appendix_rates.rises(blown), appendix_rates.steepest_rise(blown)) == (1.0, np.inf)


def test_drawings_put_rows_where_they_were_recorded(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    sweep = linear_sweep(LinearSizes(m=3, seeds=(0, 1)), (GD, ADAM)).changed(every=4, steps=9, refine=None, extend=0)
    found = runner.run(sweep, store=store, jobs=1)
    assert steps(found.best("GD-m", decisive=False)).tolist() == [0, 4, 8, 9]
    table = curve_table(found, found.labels).to_pylist()
    assert {row["step"] for row in table} == {0, 4, 8, 9}
    last = [row for row in table if (row["method"], row["step"], row["group"]) == ("Adam-m", 9, 3)]
    ends = found.best("Adam-m", decisive=False).curves("group")[:, -1, 2]
    assert {row["seed"]: row["loss"] for row in last} == dict(enumerate(ends.tolist()))


def test_where_cases_end(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    sweep = linear_sweep(LinearSizes(m=3, seeds=(0, 1)), (GD,)).changed(refine=None, extend=0)
    both = {"a": sweep, "b": sweep.changed(steps=2)}
    for plan in both.values():
        runner.run(plan, store=store, jobs=1)
    results = Results(both, None, store)
    drawing = ends_by_case({"A": "a", "B": "b"}, ("GD-m",), axis="case")(results)
    for row in drawing.data.to_pylist():
        run = store.get(row["run"])
        assert run is not None
        assert run.spec["steps"] == (both["a"].steps if row["case"] == "A" else 2)
        assert (row["loss"], row["rarest"]) == (run.column("loss")[-1], run.column("group")[-1, -1])
    assert len(drawing.data) == 4
    (rare,) = drawing.canvas.axes[1].lines
    medians = [np.median(results.sweep(p).best("GD-m", decisive=False).curves("group")[:, -1, -1]) for p in both]
    np.testing.assert_allclose(rare.get_ydata(), medians)
