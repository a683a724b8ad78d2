"""Figure 6: weighted quadratics, f(w) = Σ_k π_k ½ w_k² with π_k ∝ 1/k, the simplest model of the gap. Exact."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.figures import canvas, group_colours, table
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.data.frequency import zipf
from steepest.problems import WeightedQuadratic
from steepest.runs.spec import Spec
from steepest.runs.sweep import Calculations, Plan
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM, GD, SIGN

SMALL_STEP = 0.005
METHODS = {"GD": GD, "Sign": SIGN, "Adam": ADAM}


class QuadraticSizes(Settings):
    """Sizes of the quadratic.

    Args:
        num_coordinates: c.
        steps: T; ln(10)·c lets GD at α = 1/π_1 shrink every coordinate tenfold.
    """

    num_coordinates: Annotated[int, Field(ge=20)] = 100
    steps: Annotated[int, Field(ge=1)] = 300


def plans(sizes: QuadraticSizes) -> dict[str, Plan]:
    """Return one run each of GD at 1/π_1, the largest step without oscillation, and sign descent and Adam at 0.005."""
    problem = WeightedQuadratic(num_coordinates=sizes.num_coordinates)
    rates = {"GD": 1 / float(zipf(sizes.num_coordinates)[0]), "Sign": SMALL_STEP, "Adam": SMALL_STEP}
    runs = [
        Spec(problem=problem, method=METHODS[k], lr=lr, steps=sizes.steps, by_class=True) for k, lr in rates.items()
    ]
    return {"quadratic": Calculations(tuple(runs))}


def distances(results: Results) -> dict[str, tuple[str, np.ndarray]]:
    """Return run id and |w_k(t)| by method, shape (T + 1, c), from the stored ½ w_k²."""
    runs = results.calculations("quadratic")
    return {name: (run.id, np.sqrt(2 * run.column("class"))) for name, run in zip(METHODS, runs, strict=True)}


@measure("largest deviation from (1 − α π_k)^t")
def closed_form(results: Results) -> Measured:
    """Return max_{k,t} | |w_k(t)| − (1 − α π_k)^t |: GD against its closed form."""
    run, w = distances(results)["GD"]
    pi = zipf(w.shape[1])
    exact = (1 - pi / pi[0]) ** np.arange(len(w))[:, None]
    return Measured([float(np.abs(w - exact).max())], [run], exact=True)


@measure("deviation from 1 of the slope of log steps on log k")
def slope_in_rank(results: Results) -> Measured:
    """Return |slope − 1| of log(steps until |w_k| ≤ 0.1) on log k for k ≥ 10 under GD; the closed form's tends to 1."""
    run, w = distances(results)["GD"]
    rank = np.arange(10, w.shape[1] + 1)
    steps = (w[:, rank - 1] <= 0.1).argmax(axis=0)
    slope = np.polyfit(np.log(rank), np.log(steps), 1)[0]
    evidence = f"slope {slope:.4f}, {steps[-1]} steps at k={rank[-1]}"
    return Measured([float(abs(slope - 1))], [run], exact=True, evidence=evidence)


@measure("largest distance of two curves")
def spread(results: Results, name: str) -> Measured:
    """Return max_{k,t} |w_k(t) − w_1(t)| while w_1 is above 0.1."""
    run, w = distances(results)[name]
    before = w[w[:, 0] >= 0.1]
    evidence = f"over {len(before) - 1} updates"
    return Measured([float(np.abs(before - before[:, :1]).max())], [run], exact=True, evidence=evidence)


def draw(results: Results) -> Drawing:
    """Return ½ w_k² over time by coordinate, dark the largest weight, for the three methods."""
    figure, axes = canvas(1, 3, sharey=True)
    rows: list[dict[str, Any]] = []
    titles = {"GD": "Gradient descent, $α = 1/π_1$", "Sign": "Sign descent", "Adam": "Adam, $β_1 = 0$"}
    for ax, (name, (run, w)) in zip(axes[0], distances(results).items(), strict=True):
        c = w.shape[1]
        shown = np.unique(np.geomspace(1, c, 12).astype(int))
        for k, colour in zip(shown, group_colours(len(shown)), strict=True):
            loss = 0.5 * w[:, k - 1] ** 2
            label = f"$k = {k}$" if k in (1, c) else None
            ax.plot(loss, color=colour, label=label, linewidth=3.0 if k == 1 and name != "GD" else 1.3)
            rows += [{"method": name, "run": run, "k": int(k), "step": t, "loss": float(x)} for t, x in enumerate(loss)]
        ax.set_title(titles[name])
        ax.set_xlabel("update")
        ax.legend()
    axes[0, 0].set_ylabel("$½ w_k^2$")
    return Drawing(figure, table(rows))


FIGURE = Figure(
    id="fig6",
    title="Weighted quadratics: GD is slow on small weights, sign descent and Adam are not",
    statement=(
        "On a sum of quadratics whose weights fall as 1/k, gradient descent needs a number of steps proportional to k for the "
        "k-th coordinate, while sign descent and Adam reduce all coordinates at one speed."
    ),
    scales={
        "smoke": QuadraticSizes(num_coordinates=30, steps=100),
        "quick": QuadraticSizes(),
        "laptop": QuadraticSizes(),
        "paper": QuadraticSizes(),
    },
    plans=plans,
    claims=(
        Claim("fig6-gd-exact", closed_form().at_most(1e-12, fails=1e-6)).says(
            "GD shrinks coordinate k by 1 − α π_k a step"
        ),
        Claim("fig6-gd-slow", slope_in_rank().at_most(0.05, fails=0.5)).says(
            "GD needs steps in proportion to 1/π_k ∝ k"
        ),
        Claim("fig6-sign-equal", spread("Sign").at_most(1e-6, fails=0.1)).says(
            "Sign descent moves every coordinate alike, whatever its weight"
        ),
        Claim("fig6-adam-equal", spread("Adam").at_most(1e-3, fails=0.1)).says(
            "Adam moves every coordinate alike as long as ε ≪ π_k |w_k|"
        ),
    ),
    draw={"fig6": draw},
    rule="None is needed: the problem is solved exactly at any size.",
    where="Figure 6",
)
