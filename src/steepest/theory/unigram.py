"""How many updates each method needs on the softmax unigram model, counted from class frequencies alone.

    f(θ) = KL(p ‖ softmax θ),   ∇f = s − p,   ∇²f = diag(s) − s sᵀ,   s = softmax θ,   θ_0 = 0,   f(0) = log d − H(p)

Full gradients, float64, O(d) memory. A loss is counted relative to its start, r = f(θ)/f(0). The model is that of Yadav et
al. (2025), arXiv 2512.00763; closed forms and counts are derived by us.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from steepest.optim import Adam, GradientDescent, NormalizedGD, RescaledSignDescent, SignDescent
from steepest.optim.norms import NORMS
from steepest.runs.method import Method

# L = sup over θ and ‖x‖ ≤ 1 of xᵀ ∇²f(θ) x = Var_s(x), by norm.
SMOOTHNESS: Mapping[str, float] = {"l1": 0.25, "l2": 0.5, "linf": 1.0}
FRACTIONS = (0.25, 0.1, 0.05, 0.02)
RATES = 32
CHUNK = 2**19  # numbers that are updated together; 4 MB, about a core's share of the caches


class Contender(NamedTuple):
    """A method with the learning rates that it may choose from; a single one where theory gives it."""

    method: Method
    rates: tuple[float, ...]


class Hits(NamedTuple):
    """First hits of some fractions ε of the initial loss, shapes (E,); NaN where none came in time.

    Attributes:
        updates: least t with f(θ_t) ≤ ε f(0), over the learning rates.
        rates: a learning rate that needs no more.
    """

    updates: np.ndarray
    rates: np.ndarray


def frequencies(counts: ArrayLike) -> Tensor:
    """Return p, float64, from counts or frequencies n_k > 0 of d ≥ 2 classes.

    Raises:
        ValueError: fewer than two classes, or one that does not occur.

    >>> frequencies([3, 1])
    tensor([0.7500, 0.2500], dtype=torch.float64)
    """
    n = torch.from_numpy(np.array(counts, dtype=np.float64))
    if n.dim() != 1 or len(n) < 2 or not (n > 0).all() or not n.isfinite().all():
        raise ValueError("class frequencies must be a vector of at least two numbers above 0; leave absent classes out")
    return n / n.sum()


def entropy(p: Tensor) -> float:
    """Return H(p) = −Σ_k p_k log p_k, in nats."""
    return -float(torch.xlogy(p, p).sum())


def initial_loss(p: Tensor) -> float:
    """Return f(0) = log d − H(p).

    >>> round(initial_loss(frequencies([1 / k for k in range(1, 101)])), 5)
    0.92439
    """
    return math.log(len(p)) - entropy(p)


def cross_entropy_and_gradient(theta: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    """Return f(θ) + H(p) = log Σ_k exp θ_k − p·θ, shape (R,), and s − p, shape (R, d), of R points θ, shape (R, d)."""
    largest = theta.amax(1, keepdim=True)
    s = (theta - largest).exp_()  # exp(θ_k − max θ), which cannot overflow
    total = s.sum(1, keepdim=True)
    # max θ + log Σ_k exp(θ_k − max θ) − p·θ, and softmax θ − p
    return (largest + total.log())[:, 0] - theta @ p, s.div_(total).sub_(p)


def trajectory(p: Tensor, step: Callable[[Tensor, Tensor, int], Tensor]) -> Iterator[tuple[Tensor, float, Tensor]]:
    """Yield θ_t, f(θ_t) and ∇f(θ_t) for t = 0, 1, 2 …, from θ_0 = 0.

    Args:
        p: frequencies.
        step: (θ_t, ∇f(θ_t), t) → θ_{t+1}; points and gradients have shape (1, d).
    """
    theta, H = torch.zeros(1, len(p), dtype=torch.float64), entropy(p)
    for t in count():
        loss, g = cross_entropy_and_gradient(theta, p)
        yield theta, float(loss) - H, g
        theta = step(theta, g, t)


def solution(p: Tensor, norm: str, reference: int | None = None) -> Tensor:
    """Return the minimiser of f that is nearest to 0 in a norm, shape (d,).

    Minimisers are log p + c; the nearest has its midrange (ℓ∞), mean (ℓ2) or median (ℓ1) at 0. With a reference (the
    additive logistic transform) that class keeps θ = 0, and the minimiser is unique.

    Args:
        p: frequencies.
        norm: `l1`, `l2` or `linf`.
        reference: index of the class whose logit is 0, or None.
    """
    log_p = p.log()
    if reference is not None:
        return log_p - log_p[reference]
    centre = {"linf": (log_p.max() + log_p.min()) / 2, "l2": log_p.mean(), "l1": log_p.median()}
    return log_p - centre[norm]


def distance(p: Tensor, norm: str, reference: int | None = None) -> float:
    """Return R, the distance in a norm from θ = 0 to the nearest minimiser. In ℓ∞ it is ½ log(max p / min p).

    >>> round(distance(frequencies([100, 10, 1]), "linf"), 4)  # log 10
    2.3026
    """
    return float(NORMS[norm].norm([solution(p, norm, reference)]))


def contenders(p: Tensor, reference: int | None = None) -> dict[str, Contender]:
    """Return what is compared, by name: the steps of theory, 1/L, and tuned methods with 32 learning rates each.

    Sign descent and Adam choose from R_∞ 2^(−k/4), normalised GD from R_2 2^(−k/2), k = 0 … 31; GD from ½ 2^(k/2).
    """
    R_inf, R_2 = (distance(p, norm, reference) for norm in ("linf", "l2"))
    by_quarters = tuple(R_inf * 2.0 ** (-k / 4) for k in range(RATES))
    return {
        "Sign 1/L": Contender(Method(RescaledSignDescent), (1 / SMOOTHNESS["linf"],)),
        "Sign": Contender(Method(SignDescent), by_quarters),
        "Adam": Contender(Method(Adam), by_quarters),
        "NormGD": Contender(Method(NormalizedGD), tuple(R_2 * 2.0 ** (-k / 2) for k in range(RATES))),
        "GD 1/L": Contender(Method(GradientDescent), (1 / SMOOTHNESS["l2"],)),
        "GD": Contender(Method(GradientDescent), tuple(2.0 ** (k / 2 - 1) for k in range(RATES))),
    }


def updates_needed(
    p: Tensor,
    contender: Contender,
    fractions: Sequence[float] = FRACTIONS,
    *,
    most: int = 10_000,
    reference: int | None = None,
) -> Hits:
    """Count the updates until f(θ_t) ≤ ε f(0), at the best of the learning rates for each ε.

    Args:
        p: frequencies, float64; `frequencies(counts)` makes them.
        contender: an optimizer that can step many runs at once, with its learning rates.
        fractions: ε.
        most: give up after so many updates.
        reference: index of the class whose logit stays 0 (additive logistic transform), or None.

    Raises:
        ValueError: all classes are equally frequent, so that nothing is left to learn.

    >>> p = frequencies([1 / k for k in range(1, 101)])
    >>> updates_needed(p, contenders(p)["GD 1/L"]).updates
    array([12., 26., 42., 73.])
    >>> updates_needed(p, contenders(p)["Sign"]).updates
    array([2., 3., 5., 7.])
    """
    size = max(1, CHUNK // len(p))
    method, rates = contender
    parts = [Contender(method, rates[i : i + size]) for i in range(0, len(rates), size)]
    limit = most if len(parts) == 1 else 16
    while True:  # bad rates never end: parts of a grid that is too large for one are run up to a limit that grows
        hits = Hits(*np.full((2, len(fractions)), np.nan))
        for part in parts:
            needed = limit if np.isnan(hits.updates).any() else int(hits.updates.max())
            hits = _earlier(hits, _first_hits(p, part, fractions, min(needed, most), reference))
        if limit >= most or not np.isnan(hits.updates).any():
            return hits
        limit *= 4


def _first_hits(p: Tensor, contender: Contender, fractions: Sequence[float], most: int, reference: int | None) -> Hits:
    if float(p.max()) == float(p.min()):
        raise ValueError("all classes are equally frequent: the loss is 0 from the start and nothing is left to learn")
    rates = np.array(contender.rates)
    theta = torch.zeros(len(rates), len(p), dtype=torch.float64)
    make = contender.method.optimizer.stacked  # type: ignore[attr-defined]
    optimizer = make([theta], lr=torch.from_numpy(rates), **contender.method.options)
    targets = entropy(p) + initial_loss(p) * np.array(fractions)  # cross-entropy at f = ε f(0)
    hits = Hits(*np.full((2, len(fractions)), np.nan))
    for t in range(most + 1):
        losses, theta.grad = cross_entropy_and_gradient(theta, p)
        least = int(losses.argmin())
        new = np.isnan(hits.updates) & (float(losses[least]) <= targets)
        hits.updates[new], hits.rates[new] = t, rates[least]
        if not np.isnan(hits.updates).any() or t == most:
            break
        if reference is not None:
            theta.grad[:, reference] = 0
        optimizer.step()
    return hits


def _earlier(a: Hits, b: Hits) -> Hits:
    """Return the first hits of two parts of a grid."""
    later = np.isnan(a.updates) | (b.updates < a.updates)
    return Hits(*(np.where(later, y, x) for x, y in zip(a, b, strict=True)))
