"""What may be said of a comparison: paired intervals by scipy, and everything that cannot be told."""

from __future__ import annotations

import json

import numpy as np
import pytest
from compare.invented import INITIAL, comparison, invent
from scipy import stats

from steepest.compare.answer import Answer, answer
from steepest.runs.results import NotRun
from steepest.runs.store import Store

STARTS = {"SGD": -1, "Adam": -3, "Sign": -3}
TWO = {"SGD": -1, "Adam": -3}
BEST = {"SGD": -1.0, "Adam": -3.0, "Sign": -3.0}


def found(tmp_path, loss, starts=STARTS, names=None) -> Answer:
    made, store = comparison(tmp_path, starts, names), Store(tmp_path / "store")
    invent(made, store, loss)
    return answer(made.complete(store), store)


def losses(sgd, adam, sign):
    """Return final losses by seed at the best rates, and half more for every decade away from them."""
    by_label = {"SGD": sgd, "Adam": adam, "Sign": sign}
    return lambda label, exponent, seed: by_label[label][seed] + 0.5 * abs(exponent - BEST[label])


SGD, ADAM, SIGN = (1.0, 1.3, 1.1), (0.5, 0.75, 0.7), (0.52, 0.80, 0.71)


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> Answer:
    return found(tmp_path_factory.mktemp("said"), losses(SGD, ADAM, SIGN))


def test_differences_are_paired_and_their_intervals_hold_together(said):
    assert [row.label for row in said.rows] == ["Adam", "Sign", "SGD"]
    for difference, other in zip(said.differences, (SIGN, SGD), strict=True):
        values = np.subtract(other, ADAM)
        low, high = stats.t.interval(1 - 0.05 / 2, 2, loc=values.mean(), scale=stats.sem(values))
        assert (difference.loss.mean, difference.loss.low, difference.loss.high) == pytest.approx(
            (values.mean(), low, high)
        )
    low, high = stats.t.interval(0.95, 2, loc=np.mean(ADAM), scale=stats.sem(ADAM))
    assert (said.leader.loss.low, said.leader.loss.high) == pytest.approx((low, high))


def test_an_interval_that_contains_0_cannot_be_told(said):
    assert said.differences[0].loss.low < 0 < said.differences[1].loss.low
    assert not said.decided
    assert said.headline == "Cannot tell Adam at learning rate 0.001 from Sign. It is ahead of the others."
    assert said.reasons()[0].endswith("cannot tell, the interval contains 0.")
    assert said.reasons()[1].startswith("Adam ends below SGD by 0.483 [")


def test_clear_differences_give_a_recommendation(tmp_path):
    said = found(tmp_path, losses(SGD, ADAM, (2.0, 2.1, 2.2)))
    assert said.decided
    assert said.headline == "Use Adam at learning rate 0.001."


def replaced(label, loss):
    """Return the losses with those of one optimizer given by its exponent."""
    usual = losses(SGD, ADAM, SIGN)
    return lambda name, exponent, seed: loss(exponent) + seed / 100 if name == label else usual(name, exponent, seed)


def test_a_rate_at_the_edge_cannot_be_told(tmp_path):
    said = found(tmp_path, replaced("SGD", lambda exponent: 3 - exponent / 10), TWO)
    (difference,) = (difference for difference in said.differences if difference.label == "SGD")
    assert difference.loss.low > 0
    assert "at the edge of its grid (SGD)" in difference.doubt
    assert said.headline == "Cannot tell Adam at learning rate 0.001 from SGD."


def test_a_leader_at_the_edge_recommends_nothing(tmp_path):
    said = found(tmp_path, replaced("Adam", lambda exponent: 0.3 - exponent / 100), TWO)
    assert said.leader.label == "Adam"
    assert said.headline.startswith("Cannot tell: Adam: the best learning rate 10^")
    assert all("at the edge of its grid (Adam)" in difference.doubt for difference in said.differences)


def test_a_diverged_run_counts_as_its_initial_loss(tmp_path):
    def loss(label, exponent, seed):
        return None if label == "SGD" else losses(SGD, ADAM, SIGN)(label, exponent, seed)

    said = found(tmp_path, loss, TWO)
    assert said.rows[-1].losses == (INITIAL,) * 3
    assert "no learning rate of the grid made progress" in said.differences[-1].doubt


def test_the_table_counts_what_every_optimizer_got(said):
    for row in said.rows:
        assert (row.runs, row.updates) == (7 + 3 * 7, 7 * 2 + 3 * 7 * 16)
        assert row.seconds == pytest.approx(0.5 * row.runs)
        assert row.update == pytest.approx(0.5 / 16)


def test_progress_is_that_of_the_rarest_group(said):
    expected = np.mean([1 - loss / 6 / INITIAL for loss in ADAM])  # the sixth group ends at a sixth of the loss
    assert said.leader.rarest.mean == pytest.approx(expected)


def test_rounds_are_needed_for_an_answer(tmp_path):
    made, store = comparison(tmp_path, STARTS), Store(tmp_path / "store")
    invent(made, store, losses(SGD, ADAM, SIGN), most=21)
    with pytest.raises(NotRun, match="the first round of runs is not complete"):
        answer(made.complete(store), store)


def test_a_single_optimizer_is_its_own_leader(tmp_path):
    said = found(tmp_path, losses(SGD, ADAM, SIGN), {}, ("Adam@10^-3",))
    assert (said.headline, said.differences) == ("Use Adam at learning rate 0.001.", ())


def test_json_has_the_numbers(said):
    printed = json.loads(json.dumps(said.as_json()))
    assert [row["label"] for row in printed["optimizers"]] == ["Adam", "Sign", "SGD"]
    assert printed["optimizers"][0]["losses"] == pytest.approx(ADAM)
    assert printed["differences"][1]["loss"]["mean"] == pytest.approx(np.mean(np.subtract(SGD, ADAM)))
