"""Every figure from end to end on tiny sizes: runs, claims, drawings; and measures against their parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from steepest.claims.figures import style
from steepest.claims.paper import Results
from steepest.claims.verdict import judge
from steepest.errors import UsageError
from steepest.runs.execute import execute
from steepest.runs.results import NotRun, Undecided
from steepest.runs.store import Store
from steepest.runs.stream import stream
from steepest.runs.sweep import Sweep
from steepest_papers.li2024signgd import PAPER, noise, optimizers, stages
from steepest_papers.li2024signgd.noise import ComparisonSizes, cell
from steepest_papers.li2024signgd.optimizers import ADAM, ALL, GD, MAIN, RATES, SIGN, grid
from steepest_papers.li2024signgd.rates import RateSizes
from steepest_papers.li2024signgd.signal_noise import Predictions, feature, gradient_ratio, prediction
from steepest_papers.li2024signgd.stages import STEPS, StageSizes

SEEDS = (0, 1, 2)
TINY: dict[str, dict[str, Any]] = {
    "stages": {"dimension": 60, "sparsity": 6, "key_width": 6, "value_width": 2, "lr": 1e-3},
    "rates": {"dimension": 30, "sparsity": 3, "key_width": 3, "value_width": 2, "steps": 10},
    "noise": {
        "samples": (10, 20, 80),
        "noises": (0.1, 0.5, 2.0),
        "dimension": 30,
        "sparsity": 3,
        "key_width": 3,
        "value_width": 2,
        "steps": 6,
    },
    "digits": {"noises": (0.0, 4.0), "key_width": 3, "value_width": 2, "test_points": 20, "steps": 6},
}
FIGURES = {figure.id: figure for figure in PAPER.figures}
Tiny = Callable[[str], Results]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Results of a figure on tiny sizes."""
    store = Store(tmp_path_factory.mktemp("store"))

    @cache
    def results(name: str) -> Results:
        found = FIGURES[name].results(FIGURES[name].settings("smoke", TINY[name] | {"seeds": SEEDS}), store)
        for _ in stream(list(found.plans.values()), store):
            pass
        return found

    return results


@pytest.mark.parametrize("name", FIGURES)
def test_figures_run_judge_and_draw(name: str, tiny: Tiny) -> None:
    results = tiny(name)
    assert results.complete
    runs = {run.id for run in results.store.all()}
    for claim in FIGURES[name].claims:
        found = judge(claim, results)
        assert found.verdict != "not run"
        assert set(found.runs) <= runs
        assert found.seeds == 3 or found.reason, found
    with style():
        for draw in FIGURES[name].draw.values():
            drawing = draw(results)
            assert drawing is not None
            drawing.canvas.draw_without_rendering()
            assert set(drawing.data["run"].to_pylist()) <= runs


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_judged_or_drawn_without_runs(name: str, tmp_path: Path) -> None:
    empty = FIGURES[name].results(FIGURES[name].settings("smoke"), Store(tmp_path))
    verdicts = {claim.id: judge(claim, empty).verdict for claim in FIGURES[name].claims}
    first = {verdicts.pop(claim) for claim in ("first-run", "noise-first-sweep") if claim in verdicts}
    assert set(verdicts.values()) == {"not run"}
    assert first <= {"undecided"}
    for draw in FIGURES[name].draw.values():
        with pytest.raises(NotRun):
            draw(empty)


def test_features_and_predictions_by_hand(tiny: Tiny) -> None:
    """What the probes say of the first update, from the weights and in float64."""
    results = tiny("stages")
    run = results.calculations("sign")[1]
    task = results.settings.problem().setup(1)
    Q, K, V = (task.params[name].detach().double().numpy() for name in ("W_Q", "W_K", "W_V"))
    y, rows = task.data["y"].double().numpy(), task.data["patches"].double().numpy()
    mu, xi, v = rows[0], rows[1:], V[:2].mean(0) - V[2:].mean(0)
    q, k, q_mu, k_mu = xi @ Q.T, xi @ K.T, Q @ mu, K @ mu
    s11, s21 = [], []
    for i, label in enumerate(y):
        logits = np.array([[q_mu @ k_mu, label * (q_mu @ k[i])], [label * (q[i] @ k_mu), q[i] @ k[i]]])
        S = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        s11.append(S[0, 0])
        s21.append(S[1, 0])
    expected = {
        "value_signal": v @ mu,
        "value_noise": np.mean(y * (xi @ v)),
        "values_aligned": np.mean(y * (xi @ v) > 0),
        "key_signs_kept": 1.0,
        "noise_agrees": np.mean(q * k > 0),
        "signal_agrees": np.mean(q_mu * k_mu > 0),
        "query_follows": np.mean(q * (y[:, None] * q_mu) > 0),
        "key_follows": np.mean(k * (y[:, None] * q_mu) > 0),
        "log_s11": math.log(np.mean(s11)),
        "log_s21": math.log(np.mean(s21)),
    }
    for name, value in expected.items():
        assert feature(run, name, 0) == pytest.approx(value, rel=1e-4, abs=1e-6), name
    first = run.column("step", "rows") == 0
    np.testing.assert_allclose(run.column("key_noise", "rows")[first], k[0], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(run.column("query_signal", "rows")[first], q_mu, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(
        run.column("value", "valuenoise")[run.column("step", "valuenoise") == 0], y * (xi @ v), rtol=1e-4, atol=1e-6
    )


def test_probes_say_the_same_of_a_run_alone(tiny: Tiny) -> None:
    results = tiny("stages")
    plan: Any = results.plans["sign"]
    alone, stored = execute(plan.calculations[2]), results.calculations("sign")[2]
    for table in ("features", "rows", "valuenoise", "predictions"):
        for name in alone.tables[table].column_names:
            early = stored.column("step", table) <= 20
            found = alone.tables[table][name].to_numpy()[early]
            np.testing.assert_allclose(found, stored.column(name, table)[early], rtol=1e-3, atol=1e-5)


def test_reversed_signals_tell_signal_from_noise() -> None:
    """A network that reads the signal flips with it; one that reads the noise does not. Both are right before."""
    problem = ComparisonSizes(dimension=500, sparsity=5).problem()
    task, probe = problem.setup(0), Predictions(at=(0,))
    zero = {name: torch.zeros_like(value) for name, value in task.params.items()}
    noise, y = task.data["patches"][1:], task.data["y"]
    signal, memory = torch.eye(1, 500)[0], torch.linalg.pinv(noise) @ y
    found = {}
    for name, v in (("signal", signal), ("memory", memory)):
        params = zero | {"W_V": torch.cat([v.expand(8, -1), torch.zeros(8, 500)])}
        found[name] = {column: float(value[0]) for column, value in probe.measure(task, params).items()}
    assert found["signal"]["train_accuracy"] == found["memory"]["train_accuracy"] == 1
    assert (found["signal"]["memorised"], found["memory"]["memorised"]) == (0, 1)
    assert found["signal"]["test_accuracy"] == 1
    assert abs(found["memory"]["test_accuracy"] - 0.5) < 0.2
    assert found["signal"]["test_loss"] == pytest.approx(math.log1p(math.exp(-1)), rel=1e-4)  # 2 queries, attention ½


def test_stage_ends_are_read_off_the_features() -> None:
    steps = np.array([0, 5, 10, 20, 30])
    columns = {
        "step": steps,
        "values_aligned": np.array([0.4, 0.9, 1.0, 1.0, 1.0]),
        "noise_agrees": np.array([0.5, 0.5, 0.6, 0.9, 0.7]),
        "log_s21": np.log([0.5, 0.4, 0.2, 0.02, 5e-4]),
        "log_s11": np.log([0.5, 0.5, 0.5, 0.45, 0.4]),
    }
    run: Any = SimpleNamespace(id="r", column=lambda name, table: columns[name])
    assert stages.boundaries(run) == (10, 20, 30)
    assert stages.order_of_stages(run) == 10
    assert stages.signal_after_noise(run) == pytest.approx(0.4)
    columns["values_aligned"] = np.full(5, 0.9)
    with pytest.raises(Undecided, match="a stage does not end"):
        stages.boundaries(run)


def test_slope_of_an_exponential_loss() -> None:
    t, zero = np.arange(STEPS + 1), np.zeros(STEPS + 1)
    columns = {"step": t, "loss": np.exp(-0.02 * t), "value_noise": 0.01 * t, "value_signal": zero}
    run: Any = SimpleNamespace(
        id="r",
        column=lambda name, table="curves": columns[name],
        table=lambda _: SimpleNamespace(column_names=[*columns]),
    )
    assert stages.loss_slope(run) == pytest.approx(-0.02)
    assert stages.loss_slope_error(run) == pytest.approx(0, abs=1e-9)
    columns["value_noise"] = 0.02 * t
    assert stages.loss_slope_error(run) == pytest.approx(0.5)


def test_growth_is_held_against_the_laws(tiny: Tiny) -> None:
    results = tiny("stages")
    sizes, run = results.settings, results.calculations("sign")[0]
    grown = (feature(run, "value_noise", STEPS) - feature(run, "value_noise", 0)) / STEPS
    plain = 2e-3 * 6 * 2.0 * math.sqrt(2 / math.pi)
    assert stages.noise_factor(run, sizes) == pytest.approx(grown / plain)
    signal = (feature(run, "value_signal", STEPS) - feature(run, "value_signal", 0)) / STEPS
    assert stages.signal_error(run, sizes) == pytest.approx(abs(signal / 2e-3 - 1))


def test_first_runs_are_compared_at_their_own_sizes_only(tiny: Tiny) -> None:
    for name, claim in (("stages", "first-run"), ("noise", "noise-first-sweep")):
        (found,) = (judge(c, tiny(name)) for c in FIGURES[name].claims if c.id == claim)
        assert found.verdict == "undecided"
        assert "laptop's sizes" in found.reason


def test_first_runs_are_compared_number_by_number() -> None:
    t = np.arange(501)
    losses = np.interp(t, stages.FIRST_STEPS, stages.FIRST_MEANS)
    losses[200] += 3 * 0.002
    losses[201] += 1
    run: Any = SimpleNamespace(column=lambda name: {"step": t, "loss": losses}[name])
    assert stages.deviation(run) == pytest.approx(3)

    def calculations(plan: str) -> list[Any]:
        method, _, x = plan.split(", ")
        first = {m.label: row for m, row in noise.FIRST_SWEEP.items()}[method][float(x.removeprefix("σ = "))]
        last = 0.2 if plan == "Adam, n = 20, σ = 1" else 0.01
        return [fake_run(0.0, first - error) for error in (0.0, last)]

    results: Any = SimpleNamespace(settings=ComparisonSizes(), calculations=calculations)
    assert noise.first_sweep_error()(results).values == pytest.approx([0, 0.2])


def test_ratios_are_held_against_their_laws(tiny: Tiny) -> None:
    results = tiny("noise")
    runs = {x: results.calculations(cell(GD, noise=x)) for x in (0.1, 0.5, 2.0)}
    expected = [
        max(
            abs(feature(at[seed], "value_noise", 12) / feature(at[seed], "value_signal", 12) / (3 * x**2 / 20) - 1)
            for x, at in runs.items()
        )
        for seed in range(3)
    ]
    assert noise.ratio_error(GD, gradient_ratio)(results).values == pytest.approx(expected)


def fake_run(loss: float, accuracy: float) -> Any:
    columns = {"step": np.array([7]), "test_accuracy": np.array([accuracy])}
    known = {"facts": {"final_loss": loss}, "spec": {"steps": 7}, "column": lambda name, table: columns[name]}
    return SimpleNamespace(id="r", table=lambda _: SimpleNamespace(column_names=[*columns]), **known)


def search(table: Mapping[float, tuple[float, ...]]) -> Any:
    """A search of one optimizer: exponent → training loss, then the accuracy of each seed."""
    runs = {e: [fake_run(loss, accuracy) for accuracy in seeds] for e, (loss, *seeds) in table.items()}
    return SimpleNamespace(table=table, best=0.0, finished=lambda: runs, method=GD)


def test_rates_that_fit_the_data() -> None:
    table = {
        -3.0: (0.5, 1.0, 1.0),  # does not fit
        -2.0: (1e-3, 0.6, 0.7),
        -1.0: (1e-4, 0.8, 0.88),  # 0.84: within 0.04/√2·√2 = 0.04 of the best
        0.0: (1e-5, 0.82, 0.84),  # 0.83: not within
        1.0: (1e-6, 0.84, 0.92),  # 0.88: the best, standard error 0.04
        2.0: (1e-6, 0.85, 0.86),
        3.0: (1e-6, 0.2, 0.2),
    }
    assert optimizers.fitting_rate(search(table), "accurate") == (1.0, None)  # the middle of −1, 1, 2
    assert optimizers.fitting_rate(search(table), "smallest") == (-2.0, None)


def test_edges_and_rates_that_do_not_fit_decide_nothing() -> None:
    exponent, trouble = optimizers.fitting_rate(search({-1.0: (1e-3, 0.7, 0.7), 0.0: (1e-4, 0.9, 0.9)}), "accurate")
    assert (exponent, trouble) == (0.0, "GD: the accurate rate 10^0 is at the edge of its grid")
    unfit = search({-1.0: (0.3, 0.7, 0.7), 0.0: (0.2, 0.9, 0.9), 1.0: (0.4, 0.9, 0.9)})
    exponent, trouble = optimizers.fitting_rate(unfit, "smallest")
    assert exponent == 0.0
    assert "no rate of the grid fits" in str(trouble)


def test_leads_subtract_seed_by_seed(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    results = tiny("rates")
    runs = {m: tuple(results.sweep("rates").searches[m.label].runs(-3.0)) for m in (SIGN, ADAM)}
    monkeypatch.setattr(
        optimizers, "select", lambda _, plan, m, rule: SimpleNamespace(label=m.label, exponent=-3.0, runs=runs[m])
    )
    a, s = ([prediction(run, "test_accuracy") for run in runs[m]] for m in (ADAM, SIGN))
    found = optimizers.lead("rates", "accurate", ADAM, SIGN)(results)
    assert found.values == [x - y for x, y in zip(a, s, strict=True)]
    assert found.runs == [run.id for m in (ADAM, SIGN) for run in runs[m]]
    assert optimizers.reached("rates", "accurate", (ADAM, SIGN))(results).values == list(map(min, a, s))


def test_laptop_is_the_specified_setting() -> None:
    stages, comparison, rates = (FIGURES[name].settings("laptop") for name in ("stages", "noise", "rates"))
    assert isinstance(stages, StageSizes)
    problem = stages.problem()
    assert (problem.samples, problem.dimension, problem.sparsity, problem.noise) == (20, 2000, 40, 2.0)
    assert (problem.init_scale, problem.key_width, problem.value_width, problem.test_points) == (0.02, 64, 32, 400)
    assert (stages.lr, STEPS, stages.seeds) == (1e-4, 500, (0, 1, 2, 3, 4))
    assert isinstance(comparison, ComparisonSizes)
    assert comparison.noises == (0.1, 0.2, 0.5, 1.0, 2.0)
    plans = FIGURES["noise"].plans(comparison)
    for method, steps in ((SIGN, 300), (ADAM, 300), (GD, 600)):
        plan: Any = plans[cell(method, 20, 2.0)]
        spec = plan.calculations[0]
        assert (spec.steps, spec.lr, spec.seed) == (steps, RATES[method], 0)
        sizes = (spec.problem.dimension, spec.problem.sparsity, spec.problem.key_width, spec.problem.value_width)
        assert sizes == (1000, 20, 16, 8)
    assert isinstance(rates, RateSizes)
    assert rates.problem() == comparison.problem()


def test_every_optimizer_has_the_same_budget_around_its_rate() -> None:
    sweep = FIGURES["rates"].plans(FIGURES["rates"].settings("laptop"))["rates"]
    assert isinstance(sweep, Sweep)
    assert set(sweep.optimizers) == set(ALL)
    assert {len(grid(method).exponents) for method in ALL} == {8}
    for method in MAIN:
        assert min(grid(method).exponents) + 1 < math.log10(RATES[method]) < max(grid(method).exponents) - 1


@pytest.mark.parametrize(
    ("figure", "field", "value"),
    [("stages", "samples", 5), ("rates", "noise", 0.0), ("noise", "samples", ()), ("digits", "classes", (0, 12))],
)
def test_sizes_are_checked(figure: str, field: str, value: object) -> None:
    with pytest.raises(UsageError, match=field):
        FIGURES[figure].settings("smoke", {field: value})


def test_claims_of_ours_are_marked_and_ids_are_unique() -> None:
    claims = [claim for figure in PAPER.figures for claim in figure.claims]
    assert len({claim.id for claim in claims}) == len(claims)
    for claim in claims:
        assert (claim.kind == "ours") is (claim.where == "derived here"), claim.id
