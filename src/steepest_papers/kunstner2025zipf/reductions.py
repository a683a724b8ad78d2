"""The O(d) formulas of r against the model trained on its full matrix: they are exact."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.claims.claim import Claim
from steepest.claims.drawings import with_run
from steepest.claims.figures import canvas, line_style
from steepest.claims.measures import fact
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.runs.sweep import Plan, calculate
from steepest.theory.bigram import gd_relative_error
from steepest_papers.kunstner2025zipf.dynamics import conditionals, curve, descend, exact_error

STEPS, ETA = 100, 0.013


class MatrixSizes(Settings):
    """Sizes of the trained matrix.

    Args:
        d: vocabulary.
        seed: draws the order of each row.
    """

    d: Annotated[int, Field(ge=3, le=1000)] = 30
    seed: int = 0


@declared("kunstner2025zipf.against_matrices")
def against_matrices(d: int, seed: int) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return the largest relative error of both formulas over t = 1 … T, and the curves."""
    pi = zipf(d)
    target, t = conditionals(pi, seed), np.arange(STEPS + 1)
    trained = {
        "gd": curve(descend(pi, target, "GD", 1 / pi[0]), STEPS),
        "sign": curve(descend(pi, target, "Sign", ETA), STEPS),
    }
    formula = {
        "gd": np.array([gd_relative_error(pi, int(step)) for step in t]),
        "sign": np.array([exact_error(pi, ETA, int(step)) for step in t]),
    }
    errors = {f"{name}_error": float(np.abs(formula[name] / trained[name] - 1).max()) for name in trained}
    curves = {f"{name}_matrix": r for name, r in trained.items()} | {
        f"{name}_formula": r for name, r in formula.items()
    }
    return errors, {"curves": pa.table({"t": t, **curves})}


def plans(sizes: MatrixSizes) -> dict[str, Plan]:
    """Return the comparison."""
    return {"matrices": calculate(against_matrices, dict(sizes))}


def draw(results: Results) -> Drawing:
    """Return both curves, trained (dots) and by formula (line)."""
    run = results.run("matrices")
    table = run.table("curves")
    figure, axes = canvas(1, 2, width=3.6, height=2.7)
    titles = {"gd": r"Gradient descent, $\eta = 1/\pi_1$", "sign": rf"Sign descent, $\eta = {ETA}$"}
    for ax, (name, title) in zip(axes[0], titles.items(), strict=True):
        t, trained, formula = (table[column].to_numpy() for column in ("t", f"{name}_matrix", f"{name}_formula"))
        colour = line_style("GD" if name == "gd" else "Sign")["color"]
        ax.plot(t, formula, color=colour, linewidth=1, label=r"formula, $O(d)$")
        ax.plot(t[::5], trained[::5], "o", color="#bb5566", markersize=3, label=r"trained, $d \times d$")
        ax.set(yscale="log", xlabel="update $t$", title=title)
        ax.legend()
    axes[0, 0].set_ylabel("relative error $r(t)$")
    return Drawing(figure, with_run(table, run))


CLAIMS = tuple(
    Claim(f"reduction-{name}", fact("matrices", f"{name}_error").at_most(1e-9, fails=1e-3)).says(
        f"{words} on the d × d matrix follows the O(d) formula: largest relative error over {STEPS} updates"
    )
    for name, words in (("gd", "Gradient descent"), ("sign", "Sign descent"))
)

FIGURE = Figure(
    id="reductions",
    title="Closed forms of the linear bigram model against the trained matrix",
    statement=(
        "The Hessian of the linear bigram model is diagonal, so each coordinate of the matrix moves on its own, and the error of "
        "gradient descent and of sign descent is a sum over the vocabulary."
    ),
    scales={"smoke": MatrixSizes(d=10), "quick": MatrixSizes(), "laptop": MatrixSizes(), "paper": MatrixSizes(d=200)},
    plans=plans,
    claims=CLAIMS,
    draw={"reductions": draw},
    rule="None is needed: the formulas are exact at any size.",
    where="Propositions A.1–A.3",
)
