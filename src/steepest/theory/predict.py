"""What theory says of one's own data: updates of gradient descent and of sign descent, from class frequencies alone.

Two models in which the answer is exact, full batch:

    next token     a softmax over the classes, without inputs (`steepest.theory.unigram`): loss KL(p ‖ softmax θ)
    bigram         a linear model of the next token given the last (`steepest.theory.bigram`): squared loss; every
                   conditional is taken to be as heavy-tailed as the classes are

Neither knows the model, the mini-batches or the inputs that somebody trains with. They say how much of the distance between
the two methods class frequencies alone make, and how it grows with the number of classes.
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
MODELS = ("next token", "bigram")


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
        remarks.append(f"the tail's exponent {alpha:.2f} is far from Zipf's 1: the bigram law has another regime there")
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


def draw(prediction: Prediction) -> Drawing:
    """Return updates against ε for both models."""
    from steepest.claims.figures import canvas, line_style, plain_ticks
    from steepest.claims.paper import Drawing

    figure, axes = canvas(1, 2, width=3.5, height=2.8, sharey=True)
    rows = []
    for ax, model in zip(axes[0], MODELS, strict=True):
        found = [row for row in prediction.rows if row.model == model]
        for name, label in (("gd", "GD"), ("sign", "Sign")):
            points = [(row.epsilon, getattr(row, name)) for row in found if getattr(row, name) is not None]
            if points:
                ax.plot(*zip(*points, strict=True), marker="o", markersize=4, label=label, **line_style(label))
            rows += [{"model": model, "method": label, "epsilon": e, "updates": t} for e, t in points]
        ax.set(xscale="log", yscale="log", title=model, xlabel=r"share $\varepsilon$ of the initial loss")
        ax.invert_xaxis()
        plain_ticks(ax, [row.epsilon for row in found], "g")
    axes[0, 0].set_ylabel("updates")
    axes[0, 0].legend()
    return Drawing(figure, pa.Table.from_pylist(rows))
