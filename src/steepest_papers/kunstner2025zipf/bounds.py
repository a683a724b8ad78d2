"""Worst-case bounds see nothing of this: at √d updates they promise no progress, where half of the error is gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.claims.claim import Claim
from steepest.claims.figures import COLOURS, canvas
from steepest.claims.measures import fact
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.runs.spec import Calculation
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan
from steepest.theory.bigram import Floats, gd_relative_error, sign_relative_error, updates_until
from steepest_papers.kunstner2025zipf.iterations import slope_in_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    reach = sign_relative_error(delta, T).reach
    left = np.where(delta >= reach, delta - reach, reach / (2 * T))
    return float(left.sum() / delta.sum())


@declared("kunstner2025zipf.compared", version=2)
def compared(d: int) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return truth, bounds and ℓ₁ norm of the gradient at t = √d, and curves over τ = log t / log d."""
    pi, tau = zipf(d), np.linspace(0.02, 1.3, 60)
    curves = {
        "tau": tau,
        "truth": np.array([gd_relative_error(pi, t) for t in d**tau]),
        "sublinear": np.array([sublinear_bound(pi, t) for t in d**tau]),
        "linear": np.array([linear_bound(d, t) for t in d**tau]),
        "sign": np.array([sign_relative_error(pi, t).error for t in d**tau]),
        "gradient_norm": np.array([gradient_norm(pi, t) for t in d**tau]),
    }
    root = round(d**0.5)
    numbers = {
        "truth": gd_relative_error(pi, root),
        "sublinear": sublinear_bound(pi, root),
        "linear": linear_bound(d, root),
        "least_bound": min(sublinear_bound(pi, root), linear_bound(d, root)),
        "sign_error": sign_relative_error(pi, root).error,
        "gradient_norm": gradient_norm(pi, root),
    }
    return numbers, {"curves": pa.table(curves)}


def updates_to_small_gradient(pi: Floats) -> float:
    """Return T until the gradient's ℓ₁ norm is a tenth of its first, NaN if never."""
    return float(updates_until(lambda T: gradient_norm(pi, T), SMALL) or np.nan)


@declared("kunstner2025zipf.gradient_times")
def gradient_times(d: int) -> dict[str, float]:
    """Return the slope of log T on log(d/H_d) over a decade of d, T the updates until the gradient is small."""
    laws = [zipf(round(d * part)) for part in DECADE]
    updates = [updates_to_small_gradient(pi) for pi in laws]
    slope = slope_in_size([len(pi) * float(pi[0]) for pi in laws], updates)  # π_1 = 1/H_d
    return {"updates": updates[-1], "slope": slope.value, "slope_error": abs(slope.value - 1)}


def plans(sizes: BoundSizes) -> dict[str, Plan]:
    """Return the comparison, and the updates that a small gradient needs."""
    return {
        "bounds": Calculations((Calculation(compared, {"d": sizes.d}, takes=0.2),)),
        "times": Calculations((Calculation(gradient_times, {"d": sizes.d}, takes=0.2),)),
    }


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return truth and bounds over log t / log d, for both methods."""
    (run,) = results.calculations("bounds")
    figure, axes = canvas(1, 2, width=3.7, height=3.0, sharey=True)
    lines = {
        "truth": ("gradient descent", COLOURS["GD"], "-"),
        "sublinear": ("sublinear bound", COLOURS["Adam"], "--"),
        "linear": ("linear bound", COLOURS["NormGD"], "--"),
    }
    _panel(axes[0, 0], run, lines, "Bounds and truth, α = 1")
    axes[0, 0].plot([0, 1], [1, 0], color="#999999", linestyle=":", label=r"limit $1 - \tau$")
    lines = {
        "sign": ("sign descent", COLOURS["Sign"], "-"),
        "gradient_norm": (r"$\|\nabla_T\|_1 / \|\nabla_0\|_1$", COLOURS["Adam"], "--"),
    }
    _panel(axes[0, 1], run, lines, "Loss and gradient norm")
    axes[0, 0].set_ylabel("relative to the start")
    for ax in axes[0]:
        ax.legend(loc="upper right", fontsize=7)
    table = run.table("curves")
    return {"bounds": Drawing(figure, table.append_column("run", pa.array([run.id] * len(table))))}


def _panel(ax: Axes, run: Run, lines: Mapping[str, tuple[str, str, str]], title: str) -> None:
    for column, (label, colour, dash) in lines.items():
        ax.plot(*(run.column(name, "curves") for name in ("tau", column)), color=colour, linestyle=dash, label=label)
    ax.set(ylim=(0, 1.1), xlabel=r"$\tau = \log t / \log d$", title=title)


PLACE = "Propositions B.1, B.2"
CLAIMS = (
    Claim(
        "bounds-truth",
        fact("bounds", "truth", "sublinear bound {sublinear:.3f}, linear bound {linear:.4f}").at_most(0.4, fails=0.6),
    ).says("At √d updates gradient descent has lost more than half of its error at α = 1: r"),
    Claim("bounds-vacuous", fact("bounds", "least_bound").at_least(0.9, fails=0.5)).says(
        "There the worst-case bounds still promise nothing: the smaller of the two"
    ),
    Claim(
        "bounds-gradient",
        fact("bounds", "gradient_norm", "where r = {sign_error:.4f}").at_least(0.3, fails=0.1),
        where="Appendix B",
    ).says(
        "The ℓ₁ norm of sign descent's gradient stays large where its loss is small: relative to its start at √d updates"
    ),
    Claim(
        "bounds-gradient-time",
        fact("times", "slope_error", "slope {slope:.3f}, {updates:.0f} updates at the largest d").at_most(
            0.05, fails=0.3
        ),
        where="Appendix B",
    ).says(
        "It needs d/log d updates to become small, where the loss needs √d: |slope − 1| of log T on log(d/H_d), a tenth left"
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
    draw=draw,
    rule="None is needed: sums over d classes are exact.",
    where=PLACE,
)
