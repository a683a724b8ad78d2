"""Worst-case bounds see nothing of this: at √d updates they promise no progress, where half of the error is gone."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.claims.claim import Claim, placed
from steepest.claims.drawings import with_run
from steepest.claims.figures import COLOURS, canvas, plot_columns
from steepest.claims.measures import fact
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.claims.slopes import slope
from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.runs.sweep import Plan, calculate
from steepest.theory.bigram import Floats, gd_relative_error, sign_distances, sign_relative_error, updates_until
from steepest_papers.kunstner2025zipf.laws import Tables

SMALL = 0.1  # share of the gradient's first ℓ₁ norm that counts as small
DECADE = (0.1, 0.316, 1.0)  # of the vocabulary, at which the updates to it are counted


class BoundSizes(Settings):
    """The vocabulary at which bounds and truth are compared.

    Args:
        d: number of classes; α = 1.
    """

    d: Annotated[int, Field(ge=100)] = 10_000


def sublinear_bound(pi: Floats, t: float) -> float:
    """Return L ‖W*‖²/(2t) over the initial error, = π_1 d/t. At α = 1 it is d/(t z), z = H(d, 1) (derived by us)."""
    return float(pi[0] * len(pi) / t)


def linear_bound(d: int, t: float) -> float:
    """Return (1 − μ/L)^{2t} = (1 − 1/d)^{2t}, with the smallest and the largest frequency as μ and L."""
    return float(np.exp(2 * t * np.log1p(-1 / d)))


def gradient_norm(delta: Floats, T: float) -> float:
    """Return ‖∇_T‖₁/‖∇_0‖₁ = Σ_k |δ_k(T)| / Σ_k δ_k(0) of sign descent with its best step for the loss (derived by us)."""
    return float(sign_distances(delta, T, sign_relative_error(delta, T).reach).sum() / delta.sum())


@declared("kunstner2025zipf.compared", version=2)
def compared(d: int) -> Tables:
    """Return truth, bounds and ℓ₁ norm of the gradient at t = √d, and curves over τ = log t / log d."""
    pi, tau = zipf(d), np.linspace(0.02, 1.3, 60)

    def at(t: float) -> dict[str, float]:
        return {
            "truth": gd_relative_error(pi, t),
            "sublinear": sublinear_bound(pi, t),
            "linear": linear_bound(d, t),
            "sign": sign_relative_error(pi, t).error,
            "gradient_norm": gradient_norm(pi, t),
        }

    curves = pa.Table.from_pylist([{"tau": x} | at(t) for x, t in zip(tau, d**tau, strict=True)])
    root = at(round(d**0.5))
    least, sign = min(root["sublinear"], root["linear"]), root.pop("sign")
    return root | {"least_bound": least, "sign_error": sign}, {"curves": curves}


def updates_to_small_gradient(pi: Floats) -> float:
    """Return T until the gradient's ℓ₁ norm is a tenth of its first, NaN if never."""
    return float(updates_until(lambda T: gradient_norm(pi, T), SMALL) or np.nan)


@declared("kunstner2025zipf.gradient_times")
def gradient_times(d: int) -> dict[str, float]:
    """Return the slope of log T on log(d/H_d) over a decade of d, T the updates until the gradient is small."""
    laws = [zipf(round(d * part)) for part in DECADE]
    updates = [updates_to_small_gradient(pi) for pi in laws]
    value = slope([len(pi) * float(pi[0]) for pi in laws], updates).value  # π_1 = 1/H_d
    return {"updates": updates[-1], "slope": value, "slope_error": abs(value - 1)}


def plans(sizes: BoundSizes) -> dict[str, Plan]:
    """Return the comparison, and the updates that a small gradient needs."""
    return {
        "bounds": calculate(compared, {"d": sizes.d}, takes=0.2),
        "times": calculate(gradient_times, {"d": sizes.d}, takes=0.2),
    }


def draw(results: Results) -> Drawing:
    """Return truth and bounds over log t / log d, for both methods."""
    run = results.run("bounds")
    figure, axes = canvas(1, 2, width=3.7, height=3.0, sharey=True)
    lines = {
        "truth": {"label": "gradient descent", "color": COLOURS["GD"]},
        "sublinear": {"label": "sublinear bound", "color": COLOURS["Adam"], "linestyle": "--"},
        "linear": {"label": "linear bound", "color": COLOURS["NormGD"], "linestyle": "--"},
    }
    plot_columns(axes[0, 0], run.table("curves"), "tau", lines)
    axes[0, 0].plot([0, 1], [1, 0], color="#999999", linestyle=":", label=r"limit $1 - \tau$")
    axes[0, 0].set(ylabel="relative to the start", title="Bounds and truth, α = 1")
    norm = r"$\|\nabla_T\|_1 / \|\nabla_0\|_1$"
    lines = {
        "sign": {"label": "sign descent", "color": COLOURS["Sign"]},
        "gradient_norm": {"label": norm, "color": COLOURS["Adam"], "linestyle": "--"},
    }
    plot_columns(axes[0, 1], run.table("curves"), "tau", lines)
    axes[0, 1].set_title("Loss and gradient norm")
    for ax in axes[0]:
        ax.set(ylim=(0, 1.1), xlabel=r"$\tau = \log t / \log d$")
        ax.legend(loc="upper right", fontsize=7)
    return Drawing(figure, with_run(run.table("curves"), run))


CLAIMS = (
    Claim(
        "bounds-truth",
        fact("bounds", "truth", "sublinear bound {sublinear:.3f}, linear bound {linear:.4f}").at_most(0.4, fails=0.6),
    ).says("At √d updates gradient descent has lost more than half of its error at α = 1: r"),
    Claim("bounds-vacuous", fact("bounds", "least_bound").at_least(0.9, fails=0.5)).says(
        "There the worst-case bounds still promise nothing: the smaller of the two"
    ),
    *placed(
        "Appendix B",
        Claim(
            "bounds-gradient",
            fact("bounds", "gradient_norm", "where r = {sign_error:.4f}").at_least(0.3, fails=0.1),
        ).says(
            "The ℓ₁ norm of sign descent's gradient stays large where its loss is small: relative to its start at √d updates"
        ),
        Claim(
            "bounds-gradient-time",
            fact("times", "slope_error", "slope {slope:.3f}, {updates:.0f} updates at the largest d").at_most(
                0.05, fails=0.3
            ),
        ).says(
            "It needs d/log d updates to become small, where the loss needs √d: |slope − 1| of log T on log(d/H_d), a tenth left"
        ),
    ),
)

FIGURE = Figure(
    id="bounds",
    title="Worst-case rates against the truth",
    statement=(
        "Rates for convex or strongly convex functions promise no progress before about d updates, since they see only the "
        "extreme frequencies. The truth on a logarithmic scale of time falls in a straight line."
    ),
    scales={
        "smoke": BoundSizes(d=1_000),
        "quick": BoundSizes(),
        "laptop": BoundSizes(),
        "paper": BoundSizes(d=1_000_000),
    },
    plans=plans,
    claims=CLAIMS,
    draw={"bounds": draw},
    rule="None is needed: sums over d classes are exact.",
    where="Propositions B.1, B.2",
)
