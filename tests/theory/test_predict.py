"""Predictions from class frequencies, against direct training and the numbers of the two models."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from steepest.theory.bigram import gd_updates
from steepest.theory.predict import draw, predict


def trained(p: np.ndarray, epsilon: float, *, sign: bool) -> int:
    """Train the logits of a softmax on KL(p ‖ softmax θ) by autograd and count the updates to ε."""
    target, theta = torch.from_numpy(p), torch.zeros(len(p), dtype=torch.float64, requires_grad=True)
    start, t = None, 0
    while True:
        loss = (target * (target.log() - theta.log_softmax(0))).sum()
        start = float(loss.detach()) if start is None else start
        if float(loss.detach()) <= epsilon * start:
            return t
        (g,) = torch.autograd.grad(loss, theta)
        with torch.no_grad():
            theta -= g.abs().sum() * g.sign() if sign else 2 * g
        t += 1


def test_updates_are_those_of_training() -> None:
    counts = np.array([900.0, 0.0, 300.0, 120.0, 60.0, 20.0, 4.0])
    p = np.sort(counts[counts > 0])[::-1] / counts.sum()
    found = predict(counts, (0.5, 0.05))
    rows = {(row.model, row.epsilon): row for row in found.rows}
    for epsilon in (0.5, 0.05):
        row = rows["next token", epsilon]
        assert (row.gd, row.sign) == (trained(p, epsilon, sign=False), trained(p, epsilon, sign=True))
        assert row.ratio == row.gd / row.sign  # type: ignore[operator]
        assert rows["bigram", epsilon].gd == gd_updates(p, epsilon)
    assert found.classes == 6
    assert found.rarest_half == pytest.approx(84 / 1404)


def test_remarks_say_where_the_theory_does_not_hold() -> None:
    few = predict([90, 5, 5], (0.5,)).remarks
    assert any("3 classes are few" in remark for remark in few)
    assert any("one class holds 90%" in remark for remark in few)
    steep = predict(np.arange(1, 301.0) ** -2, (0.5,)).remarks
    assert any("exponent 2.00 is far from Zipf's 1" in remark for remark in steep)
    assert len(predict(np.arange(1, 301.0) ** -1, (0.5,)).remarks) == 2


@pytest.mark.parametrize("counts", [[3, 3, 3], [5], [0, 0], [1, -1], [1, float("nan")]])
def test_what_cannot_be_predicted_is_refused(counts: list[float]) -> None:
    with pytest.raises(ValueError, match=r"different frequency|class counts must be"):
        predict(counts)


def test_the_drawing_holds_every_count() -> None:
    found = predict(np.arange(1, 101.0) ** -1)
    drawn = {(r["model"], r["method"], r["epsilon"]): r["updates"] for r in draw(found.rows).data.to_pylist()}
    for row in found.rows:
        assert drawn[row.model, "GD", row.epsilon] == row.gd
        assert drawn[row.model, "Sign", row.epsilon] == row.sign
