"""Worst-case bounds see nothing of this: at √d updates they promise no progress, where half of the error is gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.experiment import Calculation
from steepest.figures import canvas
from steepest.measure.facts import fact
from steepest.measure.scaling_laws import Floats, gd_relative_error, sign_relative_error
from steepest.paper import Drawing, Figure, Results, Settings
from steepest.sweep import Calculations, Plan
from steepest.verdict import Claim
from steepest_papers.kunstner2025zipf.laws import power_law


class BoundSizes(Settings):
    """The vocabulary at which bounds and truth are compared.

    Args:
        d: number of classes; α = 1.
    """

    d: Annotated[int, Field(ge=100)] = 10_000


def sublinear_bound(pi: Floats, t: float) -> float:
    """Return L ‖W*‖²/(2t) over the initial error. At α = 1 with z = H(d, 1) it is d/(t z) (derived by us)."""
    return float(pi[0] * len(pi) / t)


def linear_bound(d: int, t: float) -> float:
    """Return (1 − μ/L)^{2t} = (1 − 1/d)^{2t}, with the smallest and the largest frequency as μ and L."""
    return float(np.exp(2 * t * np.log1p(-1 / d)))


def gradient_norm(delta: Floats, T: int) -> float:
    """Return ‖∇_T‖₁/‖∇_0‖₁ of sign descent with its best step: Σ_k |δ_k(T)| / Σ_k δ_k(0) (derived by us)."""
    reach = sign_relative_error(delta, T).reach
    left = np.where(delta >= reach, delta - reach, reach / (2 * T))
    return float(left.sum() / delta.sum())


def compared(d: int) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return truth, bounds and ℓ₁ norm of the gradient at t = √d, and curves over τ = log t / log d."""
    pi, tau = power_law(d, 1.0), np.linspace(0.02, 1.3, 60)
    t = d**tau
    curves = {
        "tau": tau,
        "truth": np.array([gd_relative_error(pi, float(step)) for step in t]),
        "sublinear": np.array([sublinear_bound(pi, float(step)) for step in t]),
        "linear": np.array([linear_bound(d, float(step)) for step in t]),
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


def plans(sizes: BoundSizes) -> dict[str, Plan]:
    """Return the comparison."""
    return {"bounds": Calculations((Calculation(compared, {"d": sizes.d}),))}


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return truth and bounds over log t / log d."""
    (run,) = results.calculations("bounds")
    table = run.table("curves")
    figure, axes = canvas(1, 1, width=4.4, height=3.0)
    ax = axes[0, 0]
    styles = {"truth": ("#004488", "-"), "sublinear": ("#bb5566", "--"), "linear": ("#ddaa33", "--")}
    names = {"truth": "gradient descent", "sublinear": "sublinear bound", "linear": "linear bound"}
    for column, (colour, dash) in styles.items():
        ax.plot(table["tau"].to_numpy(), table[column].to_numpy(), color=colour, linestyle=dash, label=names[column])
    ax.plot([0, 1], [1, 0], color="black", linestyle=":", linewidth=1.2, label=r"limit $1 - \tau$")
    ax.set(
        ylim=(0, 1.1), xlabel=r"$\tau = \log t / \log d$", ylabel="relative error $r$", title="Bounds and truth, α = 1"
    )
    ax.legend()
    return {"bounds": Drawing(figure, table.append_column("run", pa.array([run.id] * len(table))))}


PLACE = "Propositions B.1, B.2"
CLAIMS = (
    Claim(
        "bounds-truth",
        PLACE,
        "At √d updates gradient descent has lost more than half of its error at α = 1: r",
        fact("bounds", "truth", "sublinear bound {sublinear:.3f}, linear bound {linear:.4f}"),
        holds=0.4,
        fails=0.6,
    ),
    Claim(
        "bounds-vacuous",
        PLACE,
        "There the worst-case bounds still promise nothing: the smaller of the two",
        fact("bounds", "least_bound"),
        holds=0.9,
        fails=0.5,
    ),
    Claim(
        "bounds-gradient",
        "Appendix B",
        "The ℓ₁ norm of sign descent's gradient stays large where its loss is small: share left at √d updates",
        fact("bounds", "gradient_norm", "where r = {sign_error:.4f}"),
        holds=0.3,
        fails=0.1,
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
    rule="None is needed.",
)
