"""The extension to sign descent and Adam: the rules that choose rates, contrasts and trends, on tiny sizes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steepest.claims.figures import style
from steepest.claims.paper import Results
from steepest.claims.verdict import judge
from steepest.runs.results import Undecided
from steepest.runs.spec import Spec
from steepest.runs.sweep import Calculations, Search, Sweep
from steepest_papers.frei2022amplification import PAPER, neurons, signs
from steepest_papers.frei2022amplification.clusters import GD, STEPS
from steepest_papers.frei2022amplification.signs import ADAM, SIGN, SPECIFIED, SignSizes, by_held_out_error

Tiny = Callable[[str], Results]


def test_the_sweep_runs_is_judged_and_drawn(tiny: Tiny) -> None:
    results = tiny("signs")
    assert results.complete
    runs = {run.id for run in results.store.all()}
    for claim in signs.CLAIMS:
        found = judge(claim, results)
        assert set(found.runs) <= runs
        assert found.seeds == 3 or "at the edge of its grid" in found.reason, found
    with style():
        for draw in signs.FIGURE.draw.values():
            drawing = draw(results)
            assert drawing is not None
            drawing.canvas.draw_without_rendering()
            assert set(drawing.data["run"].to_pylist()) <= runs


def test_every_optimizer_has_the_same_number_of_rates_around_its_specified_one() -> None:
    sweeps = [plan for plan in signs.plans(SignSizes()).values() if isinstance(plan, Sweep)]
    assert len(sweeps) == 4
    for method, grid in ((m, grid) for sweep in sweeps for m, grid in sweep.optimizers.items()):
        assert [e - SPECIFIED[method] for e in grid.exponents] == [-3, -2, -1, 0, 1, 2, 3]


def test_specified_runs_are_the_usual_setting_with_other_updates() -> None:
    def ids(figure: Any, plan: str) -> list[str]:
        return [item.id for item in figure.plans(figure.settings("laptop"))[plan].calculations]

    usual = PAPER.figure("amplification")
    assert ids(signs.FIGURE, "GD as specified") == ids(usual, "network")
    plan = signs.plans(SignSizes())["Adam as specified"]
    assert isinstance(plan, Calculations)
    first = plan.calculations[0]
    assert isinstance(first, Spec)
    assert (first.lr, first.problem) == (1e-3, usual.settings("laptop").problem())  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", [GD, SIGN, ADAM])
def test_held_out_rule_takes_the_middle_rate_within_one_standard_error(method: Any, tiny: Tiny) -> None:
    results = tiny("signs")
    search = results.sweep("p = 8").searches[method.label]
    table = {e: [neurons.predicted(run, "noisy_error") for run in search.runs(e)] for e in sorted(search.table)}
    best = min(table.values(), key=np.mean)
    spread = math.sqrt(sum((x - np.mean(best)) ** 2 for x in best) / 2 / 3)
    as_good = [e for e, errors in table.items() if np.mean(errors) <= np.mean(best) + spread]
    expected = as_good[(len(as_good) + 1) // 2 - 1]
    chosen = by_held_out_error(results, method, decisive=False)
    assert chosen.exponent == expected
    assert (chosen.trouble is not None) is (expected in (min(table), max(table)))
    assert [run.id for run in chosen.runs] == [run.id for run in search.runs(expected)]


def held_out(errors: dict[float, tuple[float, ...]], diverged: float) -> Any:
    """Results with given errors on noisy test labels by exponent, and one rate at which a seed diverged."""

    def run(error: float, state: str) -> Any:
        columns = {"step": np.array([0, STEPS]), "noisy_error": np.array([0.5, error])}
        table = SimpleNamespace(column_names=[*columns])
        return SimpleNamespace(state=state, column=lambda name, table: columns[name], table=lambda _: table)

    runs = {e: [run(x, "diverged" if e == diverged else "done") for x in at] for e, at in errors.items()}
    search: Any = SimpleNamespace(best=-1.0, table=runs, runs=runs.get, method=GD)
    search.finished = partial(Search.finished, search)
    sweep = SimpleNamespace(search=lambda label: search)
    return SimpleNamespace(sweep=lambda plan: sweep, settings=SignSizes())


def test_an_edge_decides_nothing_and_diverged_rates_are_left_out() -> None:
    results = held_out({-3.0: (0.1, 0.12), -2.0: (0.4, 0.4), -1.0: (0.3, 0.2), 0.0: (0.0, 0.0)}, diverged=0.0)
    with pytest.raises(Undecided, match=r"GD: the most accurate rate 10\^-3 is at the edge"):
        by_held_out_error(results, GD)
    assert by_held_out_error(results, GD, decisive=False).exponent == -3


def test_a_plateau_is_cut_in_its_middle() -> None:
    results = held_out({-3.0: (0.1, 0.1), -2.0: (0.1, 0.1), -1.0: (0.1, 0.1), 0.0: (0.1, 0.1), 1.0: (0.3, 0.1)}, 9.0)
    assert by_held_out_error(results, GD).exponent == -2
    results = held_out({-3.0: (0.5, 0.5), -2.0: (0.1, 0.2), -1.0: (0.2, 0.2), 0.0: (0.19, 0.21), 1.0: (0.3, 0.4)}, 9.0)
    assert by_held_out_error(results, GD).exponent == -1


def test_contrasts_subtract_gradient_descent_seed_by_seed(tiny: Tiny) -> None:
    results = tiny("signs")
    descent = results.calculations("GD as specified")
    claims = {claim.id: claim for claim in signs.CLAIMS}
    for method, one in product((SIGN, ADAM), (signs.ALIGNED, signs.ERRS, signs.MEMORISES)):
        other = results.calculations(f"{method.label} as specified")
        expected = [one.number(b) - one.number(a) for a, b in zip(descent, other, strict=True)]
        found = claims[f"signs-specified-{method.label.lower()}-{one.id}"].measure(results)
        assert found.values == expected
        assert set(found.runs) == {run.id for run in (*descent, *other)}
    A = [
        [neurons.amplification(r, STEPS) for r in runs] for runs in (descent, results.calculations("Sign as specified"))
    ]
    found = claims["signs-specified-sign-amplifies"].measure(results)
    np.testing.assert_allclose(found.values, np.abs(np.log10(A[1]) - np.log10(A[0])))


def test_trend_recovers_a_power_of_the_dimension(monkeypatch: pytest.MonkeyPatch) -> None:
    def best(results: object, method: object, plan: str, *, decisive: bool) -> Any:
        return SimpleNamespace(runs=[SimpleNamespace(id=plan, p=int(plan[4:]), seed=s) for s in (1, 2)])

    monkeypatch.setattr(signs, "by_held_out_error", best)
    monkeypatch.setattr(signs, "cosine", lambda run: run.seed * run.p ** (-run.seed / 4))
    results: Any = SimpleNamespace(settings=SignSizes())
    np.testing.assert_allclose(signs.trend(SIGN)(results).values, [-0.25, -0.5])


def test_one_huge_sign_step_has_the_same_cosine_with_every_axis(tiny: Tiny) -> None:
    assert max(signs.first_cosine()(tiny("signs")).values) < 0.05  # it is ω/α up to a constant
