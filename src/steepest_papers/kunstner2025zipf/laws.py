"""The limits of r as the vocabulary grows, d → ∞ at a fixed rescaled time τ, for π_k = δ_k ∝ k^−α; r at finite d beside them.

    gradient descent    α < 1    2t = τ d^α      r → ((1−α)/α) E_{1/α}(τ)
                        α = 1    2t = d^τ        r → 1 − τ
                        α > 1    2t = τ          r → B(1−1/α, τ+1) / (α ζ(α))
    sign descent        α < 1/2  T = τ           r → the minimum over x of φ = x d (see `sign_limit`)
                        α = 1/2  4T² = d^τ       r → 1 − τ
                        α > 1/2  4T² = τ² d      r → 1 / (ζ(2α) (1 + τ²)),  τ² ≥ 1/(2^α − 1)

E_p is the generalised exponential integral, B Euler's Beta function, ζ Riemann's. The scalings are the paper's; the limits
that its readable text does not spell out are derived by us from its proofs (Kunstner and Bach 2025, arXiv 2505.19227).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import Field
from scipy.special import beta, gamma, zeta

from steepest.claims.drawings import drawing, with_runs
from steepest.claims.figures import canvas, group_colours
from steepest.claims.measures import select
from steepest.claims.paper import Drawing, Results, Settings
from steepest.data.frequency import zipf
from steepest.runs.sweep import Plan, calculate
from steepest.theory.bigram import Floats, sign_relative_error

POINTS = 41
GAPS = "{gap_smallest:.4f} at the smallest d, {gap_largest:.4f} at the largest"  # evidence of claims on `against_limit`
DISTANCE = "distance {gap_smallest:.3f} at the smallest d, {gap_largest:.3f} at the largest"
Tables = tuple[dict[str, float], dict[str, pa.Table]]
Error = Callable[[Floats, float, float], float]  # frequencies, τ, α → r
Limit = Callable[[float, float], float]  # τ, α → its limit


def exponential_integral(p: float, x: float) -> float:
    """Return E_p(x) = ∫_1^∞ e^{−xu} u^{−p} du for real p, x > 0.

    >>> round(exponential_integral(2.0, 1.0), 6)
    0.148496
    """
    from mpmath import expint

    return float(expint(p, x))


def gd_updates_of(tau: float, d: int, alpha: float) -> float:
    """Return the number of updates t of gradient descent that τ stands for."""
    if alpha < 1:
        return float(tau * d**alpha / 2)
    return float(d**tau / 2 if alpha == 1 else tau / 2)


def gd_limit(tau: float, alpha: float) -> float:
    """Return lim r of gradient descent at τ.

    >>> gd_limit(0.25, 1.0), round(gd_limit(16.0, 2.0), 4)
    (0.75, 0.1316)
    """
    if alpha < 1:
        return (1 - alpha) / alpha * exponential_integral(1 / alpha, tau)
    return float(1 - tau if alpha == 1 else beta(1 - 1 / alpha, tau + 1) / (alpha * zeta(alpha)))


def gd_tail(tau: float, alpha: float) -> float:
    """Return the power law C τ^{−(1−1/α)}, C = Γ(1−1/α)/(α ζ(α)), that the limit for α > 1 approaches."""
    return float(gamma(1 - 1 / alpha) / (alpha * zeta(alpha)) * tau ** -(1 - 1 / alpha))


def sign_updates_of(tau: float, d: int, alpha: float) -> float:
    """Return the number of updates T of sign descent that τ stands for."""
    if alpha < 0.5:
        return tau
    return float(d ** (tau / 2) / 2 if alpha == 0.5 else tau * np.sqrt(d) / 2)


def sign_limit(tau: float, alpha: float) -> float:
    """Return lim r of sign descent, with its best step, at τ; NaN where the theorem's formula does not hold.

    For α < 1/2 the best φ = x d has x = 1/(c₁ + 4 c₂ τ²) where that lies in (0, 1], else 1, with c₁ = 1 − 1/(2α) and
    c₂ = α/(1−α); then r → 2α²/(1−α) x^{1−2α} + (1−2α)(1−x) x^{−2α}/(4τ²).

    >>> round(sign_limit(1.0, 1.0), 4), round(sign_limit(2.0, 0.25), 4)
    (0.304, 0.1301)
    """
    if alpha < 0.5:
        below = 1 - 1 / (2 * alpha) + 4 * alpha / (1 - alpha) * tau**2
        x = 1 / below if below >= 1 else 1.0
        moving = 2 * alpha**2 / (1 - alpha) * x ** (1 - 2 * alpha)
        return float(moving + (1 - 2 * alpha) * (1 - x) * x ** (-2 * alpha) / (4 * tau**2))
    if alpha == 0.5:
        return 1 - tau
    return float(1 / (zeta(2 * alpha) * (1 + tau**2))) if tau**2 >= 1 / (2**alpha - 1) else float("nan")


def sign_rank(pi: Floats, tau: float, alpha: float) -> float:
    """Return φ at finite d: the rank, a real number, at which the law has fallen to the reach of the best step."""
    reach = sign_relative_error(pi, sign_updates_of(tau, len(pi), alpha)).reach
    return float((reach / pi[0]) ** (-1 / alpha))


def best_rank(tau: float, alpha: float) -> float:
    """Return the limit of φ, the rank down to which coordinates still move at the best step, for α > 1/2."""
    return float((1 + 1 / tau**2) ** (1 / alpha))


class LawSizes(Settings):
    """Vocabulary sizes at which the laws are summed.

    Args:
        sizes: d, ascending.
    """

    fixed: ClassVar[str] = ""  # what the summary says beside the sizes
    sizes: Annotated[tuple[int, ...], Field(min_length=3)] = (1_000, 10_000, 100_000, 1_000_000)

    def summary(self) -> str:
        """Return the sizes."""
        return f"d = {', '.join(f'{d:,}' for d in self.sizes)}{self.fixed}"


SCALES = {"smoke": LawSizes(sizes=(100, 1_000, 10_000))} | dict.fromkeys(("quick", "laptop", "paper"), LawSizes())


class Case(NamedTuple):
    """An exponent: the rescaled times at which r is compared with its limit, and how they are drawn."""

    taus: np.ndarray
    title: str
    axes: Mapping[str, Any]


def law_plans(
    law: Callable[..., Tables], cases: Mapping[float, Case], sizes: LawSizes, takes: float
) -> dict[str, Plan]:
    """Return one calculation per exponent."""
    options = [{"alpha": alpha, "sizes": sizes.sizes} for alpha in cases]
    return {f"alpha {of['alpha']:g}": calculate(law, of, takes=takes) for of in options}


def against_limit(error: Error, limit: Limit, alpha: float, taus: np.ndarray, sizes: Sequence[int]) -> Tables:
    """Return how r approaches its limit as d grows, and the table `law`: alpha, d (ascending, 0 for the limit), tau, r.

    The numbers are the largest |r − limit| at the smallest and at the largest d, and the share of the steps in d at which it
    falls; where no limit is known it is NaN.
    """
    tau, laws = taus.tolist(), {d: zipf(d, alpha) for d in sizes}
    r = {d: [error(pi, t, alpha) for t in tau] for d, pi in laws.items()} | {0: [limit(t, alpha) for t in tau]}
    gaps = [float(np.nanmax(np.abs(np.subtract(r[d], r[0])))) for d in sizes]
    falls = sum(later < earlier for earlier, later in pairwise(gaps))
    numbers = {"gap_smallest": gaps[0], "gap_largest": gaps[-1], "steps_down": falls / (len(gaps) - 1)}
    rows = [{"alpha": alpha, "d": d, "tau": t, "r": x} for d in r for t, x in zip(tau, r[d], strict=True)]
    return numbers, {"law": pa.Table.from_pylist(rows)}


@drawing
def curves(results: Results, cases: Mapping[float, Case]) -> Drawing:
    """Return r over τ, one panel per exponent: coloured by d, the limit dashed in black."""
    figure, axes = canvas(1, len(cases), width=3.0, height=2.8, sharey=False)
    runs = [results.run(f"alpha {alpha:g}") for alpha in cases]
    for ax, run, case in zip(axes[0], runs, cases.values(), strict=True):
        for d, style in _by_size(results.settings.sizes):
            at = select(run.table("law"), d=d)
            ax.plot(at["tau"], at["r"], **style)
        ax.set(title=case.title, xlabel=r"$\tau$", **case.axes)
    axes[0, 0].set_ylabel("relative error $r$")
    axes[0, -1].legend()
    return Drawing(figure, with_runs(*((run, "law") for run in runs)))


def _by_size(sizes: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each d with its colour and label, and 0 for the limit."""
    for d, colour in zip(sizes, group_colours(len(sizes)), strict=True):
        yield d, {"color": colour, "label": rf"$d = 10^{{{np.log10(d):.3g}}}$"}
    yield 0, {"color": "black", "linestyle": "--", "linewidth": 1.4, "label": "limit"}
