"""The extension to sign descent and Adam: the rules that choose rates, contrasts and trends, on tiny sizes."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steepest.figures import style
from steepest.paper import Results
from steepest.results import Undecided
from steepest.store import Run
from steepest.verdict import judge
from steepest_papers.frei2022amplification import measures, sign_sweeps, signs
from steepest_papers.frei2022amplification.sign_sweeps import ADAM, SIGN, SignSizes, select
from steepest_papers.frei2022amplification.sizes import GD, STEPS

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
        for drawing in signs.FIGURE.draw(results).values():
            drawing.canvas.draw_without_rendering()
            assert set(drawing.data["run"].to_pylist()) <= runs


def test_every_optimizer_has_the_same_number_of_rates_around_its_specified_one() -> None:
    for plan in sign_sweeps.plans(SignSizes()).values():
        grids = {method: grid.exponents for method, grid in plan.optimizers.items()}  # type: ignore[union-attr]
        assert {m: tuple(e - sign_sweeps.SPECIFIED[m] for e in grid) for m, grid in grids.items()} == dict.fromkeys(
            grids, (-3, -2, -1, 0, 1, 2)
        )


@pytest.mark.parametrize("method", [GD, SIGN, ADAM])
def test_held_out_rule_takes_the_smallest_rate_within_one_standard_error(method: Any, tiny: Tiny) -> None:
    results = tiny("signs")
    search = results.sweep("p = 8").searches[method.label]
    table = {e: [measures.predicted(run, "noisy_error") for run in search.runs(e)] for e in search.table}
    best = min(table.values(), key=np.mean)
    spread = math.sqrt(sum((x - np.mean(best)) ** 2 for x in best) / 2 / 3)
    expected = min(e for e, errors in table.items() if np.mean(errors) <= np.mean(best) + spread)
    chosen = select(results, "p = 8", method, "held-out", decisive=False)
    assert chosen.exponent == expected
    assert (chosen.trouble is not None) is (expected in (min(table), max(table)))
    assert [run.id for run in chosen.runs] == [run.id for run in search.runs(expected)]


def test_an_edge_decides_nothing_and_diverged_rates_are_left_out() -> None:
    def run(error: float, state: str = "done") -> Any:
        columns = {"step": np.array([0, STEPS]), "noisy_error": np.array([0.5, error])}
        return SimpleNamespace(state=state, column=lambda name, table: columns[name])

    errors = {-3.0: (0.1, 0.12), -2.0: (0.4, 0.4), -1.0: (0.3, 0.2)}
    runs = {e: [run(x) for x in at] for e, at in errors.items()} | {0.0: [run(0.0), run(0.0, "diverged")]}
    sweep = SimpleNamespace(
        searches={"GD": SimpleNamespace(best=-1.0, table=runs, runs=runs.get, method=GD)}, best=lambda label: None
    )
    results: Any = SimpleNamespace(sweep=lambda plan: sweep)
    with pytest.raises(Undecided, match=r"GD: the most accurate rate 10\^-3 is at the edge"):
        select(results, "p", GD, "held-out")
    assert select(results, "p", GD, "held-out", decisive=False).exponent == -3
    assert set(sign_sweeps.finished(sweep.searches["GD"])) == set(errors)  # type: ignore[arg-type]


def test_contrasts_subtract_gradient_descent_seed_by_seed(tiny: Tiny) -> None:
    results = tiny("signs")
    for method, one in product((SIGN, ADAM), (signs.ALIGNED, signs.ERRS, signs.MEMORISES)):
        descent, other = (_specified(results, each, e) for each, e in ((GD, 0.0), (method, -3.0)))
        expected = [one.number(b) - one.number(a) for a, b in zip(descent, other, strict=True)]
        assert signs.difference(method, "specified", one.number)(results).values == expected
    A = [[measures.amplification(run, STEPS) for run in _specified(results, m, e)] for m, e in ((GD, 0), (SIGN, -3))]
    found = signs.same_amplification(SIGN)(results).values
    np.testing.assert_allclose(found, np.abs(np.log10(A[1]) - np.log10(A[0])))


def _specified(results: Results, method: Any, exponent: float) -> list[Run]:
    return results.sweep("p = 8").searches[method.label].runs(exponent)


def test_trend_recovers_a_power_of_the_dimension(monkeypatch: pytest.MonkeyPatch) -> None:
    def best(results: object, plan: str, *_: object) -> Any:
        return SimpleNamespace(runs=[SimpleNamespace(id=plan, p=int(plan[4:]), seed=s) for s in (1, 2)])

    monkeypatch.setattr(signs, "select", best)
    monkeypatch.setattr(signs, "final_cosine", lambda run: run.seed * run.p ** (-run.seed / 4))
    results: Any = SimpleNamespace(settings=SignSizes())
    np.testing.assert_allclose(signs.trend(SIGN)(results).values, [-0.25, -0.5])


def test_one_huge_sign_step_has_the_same_cosine_with_every_axis(tiny: Tiny) -> None:
    assert max(signs.first_cosine(tiny("signs")).values) < 0.05  # it is ω/α up to a constant
