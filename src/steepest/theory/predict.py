"""Predict, from class frequencies alone, how many updates gradient descent and sign descent need on the user's data.

Two models in which the answer is exact, full batch:

    next token     a softmax over the classes, without inputs (`steepest.theory.unigram`): loss KL(p ‖ softmax θ)
    bigram         a linear model of the next token given the last (`steepest.theory.bigram`): squared loss; every
                   conditional is taken to be as heavy-tailed as the classes are

Neither knows the model, the mini-batches or the inputs of the user's training. They say how much of the difference between
the two methods class frequencies alone explain, and how it grows with the number of classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from steepest.data.frequency import tail_exponent
from steepest.theory.bigram import gd_updates, sign_updates, sorted_law
from steepest.theory.unigram import contenders, frequencies, updates_needed

if TYPE_CHECKING:
    from steepest.claims.paper import Drawing

EPSILONS = (0.5, 0.25, 0.1, 0.05, 0.01)
NUMBERS = 2.5e8  # updates times classes of a direct count; beyond this it is given up
MOST_CLASSES = 2**20  # the most frequent ones; of data with more classes the others are left out


@dataclass(frozen=True)
class Row:
    """Updates until the loss is a share ε of its initial value; None where the count was given up.

    Attributes:
        model: `next token` or `bigram`.
        gd: gradient descent with the step 1/L of theory.
        sign: sign descent: with the step of theory, ‖g‖₁/L_∞, in the first model, the best constant step in the second.
    """

    model: str
    epsilon: float
    gd: int | None
    sign: int | None

    @property
    def ratio(self) -> float | None:
        """Return how many times more updates gradient descent needs."""
        return None if self.gd is None or not self.sign else self.gd / self.sign


@dataclass(frozen=True)
class Prediction:
    """What was predicted.

    Attributes:
        classes: d, those that occur.
        exponent: the least-squares exponent α of the frequencies over ranks up to 10⁴; NaN for a single rank.
        rarest_half: share of the samples in the rarer half of the classes.
        remarks: where the theory does not hold, or holds with a reservation.
    """

    classes: int
    exponent: float
    rarest_half: float
    rows: tuple[Row, ...]
    remarks: tuple[str, ...]


def predict(counts: Sequence[float] | np.ndarray, epsilons: Sequence[float] = EPSILONS) -> Prediction:
    """Return the updates that both methods need on data with these class counts.

    Args:
        counts: n_k, or any positive measure of the classes, shape (c,); absent classes are left out.
        epsilons: shares of the initial loss, between 0 and 1.

    Raises:
        ValueError: fewer than two classes occur, all are equally frequent, or counts are no counts.

    >>> row = predict(1 / np.arange(1, 1001), (0.1,)).rows[1]
    >>> row.model, row.gd, row.sign
    ('bigram', 187, 36)
    """
    pi = sorted_law(counts)
    if len(pi) < 2 or pi[0] == pi[-1]:
        raise ValueError("needs at least two classes of different frequency: where all are equal, nothing lags behind")
    unigram = _unigram(pi, epsilons)
    bigram = [Row("bigram", eps, gd_updates(pi, eps), sign_updates(pi, eps)) for eps in epsilons]
    alpha = tail_exponent(pi)
    rarest = float(pi[len(pi) // 2 :].sum())
    return Prediction(len(pi), alpha, rarest, (*unigram, *bigram), tuple(_remarks(pi, alpha)))


def predicted_ratio(counts: Sequence[float] | np.ndarray, epsilon: float = 0.1) -> float | None:
    """Return how many times longer gradient descent takes than sign descent to ε of the loss in the bigram model.

    >>> predicted_ratio([5, 5, 5])
    1.0
    """
    pi = sorted_law(counts)
    return Row("bigram", epsilon, gd_updates(pi, epsilon), sign_updates(pi, epsilon)).ratio


def _unigram(pi: np.ndarray, epsilons: Sequence[float]) -> list[Row]:
    p, most = frequencies(pi), max(1, int(NUMBERS / len(pi)))
    methods = contenders(p)
    gd, sign = (updates_needed(p, methods[name], epsilons, most=most).updates for name in ("GD 1/L", "Sign 1/L"))
    return [Row("next token", eps, _whole(a), _whole(b)) for eps, a, b in zip(epsilons, gd, sign, strict=True)]


def _whole(updates: float) -> int | None:
    return None if np.isnan(updates) else int(updates)


def _remarks(pi: np.ndarray, alpha: float) -> list[str]:
    remarks = []
    if not 0.5 <= alpha <= 1.5:
        remarks.append(f"the tail's exponent {alpha:.2f} is far from Zipf's 1, where the bigram law is another one")
    if len(pi) < 100:
        remarks.append(
            f"{len(pi)} classes are few: laws for a large vocabulary are rough here; the counts above are exact"
        )
    if pi[0] > 0.25:
        remarks.append(f"one class holds {pi[0]:.0%} of the samples: it alone moves the first ε")
    return [
        *remarks,
        "sign descent's bigram count is that of a model: a run that ends at an odd update needs up to twice as many, "
        "at an even one far fewer",
        "both models are full batch and without inputs; read ratios, not updates, and test on your own model",
    ]


def draw(rows: Sequence[Row]) -> Drawing:
    """Return updates against the share of the loss that is left, a panel for each model."""
    from steepest.claims.figures import canvas, line_style, plain_ticks
    from steepest.claims.paper import Drawing

    models = list(dict.fromkeys(row.model for row in rows))
    figure, axes = canvas(1, len(models), width=4.4, height=2.9, sharey=True)
    points = []
    for ax, model in zip(axes[0], models, strict=True):
        of_model = [row for row in rows if row.model == model]
        for name, label in (("gd", "GD"), ("sign", "Sign")):
            curve = [(row.epsilon, getattr(row, name)) for row in of_model if getattr(row, name) is not None]
            if curve:
                ax.plot(*zip(*curve, strict=True), marker="o", markersize=4, label=label, **line_style(label))
            points += [{"model": model, "method": label, "epsilon": e, "updates": t} for e, t in curve]
        ax.set(xscale="log", yscale="log", xlabel=r"share $\varepsilon$ of the loss that is left")
        ax.set_title(f"{model[0].upper()}{model[1:]} model")
        plain_ticks(ax, [row.epsilon for row in of_model], "g")
        ax.invert_xaxis()
    axes[0, 0].set_ylabel("updates")
    axes[0, 0].legend(loc="upper left")
    return Drawing(figure, pa.Table.from_pylist(points))
