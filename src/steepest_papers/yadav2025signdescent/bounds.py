"""Upper bounds with all constants, checked as inequalities along trajectories.

    steepest descent, θ ← θ − (1/L) ‖g‖_* D(g):               f_{t+1} ≤ f_t − ‖g_t‖_*² / (2L)
    normalised step with weight decay, γ_t = 2/(t + 2):
        θ ← (1 − γ_t) θ − γ_t R D(g)                           f_t ≤ 8 L R² / (t + 2)
    normalised GD at η = R_2/√T:                               min_{t<T} f_t ≤ L_2 R_2² / (2T)

D is the dual map of the norm: sign(g) in ℓ∞, g/‖g‖₂ in ℓ2, one coordinate in ℓ1. The second line is Frank–Wolfe on the ball
of radius R, the distance to the solutions. Derived by us, from standard arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field
from torch import Tensor

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.drawings import with_runs
from steepest.claims.figures import canvas, legend_beside, plot_columns
from steepest.claims.measures import exact
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.optim.norms import NORMS, Norm
from steepest.runs.spec import Calculation
from steepest.runs.sweep import Calculations, Plan
from steepest.theory.unigram import SMOOTHNESS, distance, frequencies, trajectory
from steepest_papers.yadav2025signdescent.geometry import NORM_COLOURS, NORM_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rule = Callable[[Tensor, Tensor, int], Tensor]  # θ_t, ∇f(θ_t), t → θ_{t+1}
AT = 100  # the update at which the two geometries are compared
SQUARED = ("linf", "l2")


class BoundSizes(Settings):
    """Sizes of the trajectories.

    Args:
        sizes: vocabulary sizes d.
        steps: updates along which the bounds are checked.
    """

    sizes: Annotated[tuple[int, ...], Field(min_length=1)] = (100, 1_000, 10_000)
    steps: Annotated[int, Field(ge=AT)] = 299


def plans(sizes: BoundSizes) -> dict[str, Plan]:
    """Return one calculation per vocabulary size and kind of bound."""
    options = [{"num_classes": d, "steps": sizes.steps} for d in sizes.sizes]
    horizons = [{"num_classes": d, "horizons": (100, 1_000)} for d in sizes.sizes]
    return {
        "descent": Calculations(tuple(Calculation(descent, of) for of in options)),
        "decay": Calculations(tuple(Calculation(weight_decay, of) for of in options)),
        "constant": Calculations(tuple(Calculation(constant_step, of) for of in horizons)),
    }


def steepest(norm: Norm, L: float) -> Rule:
    """Return θ ← θ − (1/L) ‖g‖_* D(g)."""
    return lambda theta, g, _: theta - norm.dual([g]) / L * norm.direction([g])[0]


def towards_ball(norm: Norm, R: float) -> Rule:
    """Return θ ← (1 − γ_t) θ − γ_t R D(g), γ_t = 2/(t + 2)."""

    def rule(theta: Tensor, g: Tensor, t: int) -> Tensor:
        gamma = 2 / (t + 2)
        return (1 - gamma) * theta - gamma * R * norm.direction([g])[0]

    return rule


def normalised(eta: float) -> Rule:
    """Return θ ← θ − η g/‖g‖₂."""
    return lambda theta, g, _: theta - eta * NORMS["l2"].direction([g])[0]


@declared("yadav2025signdescent.descent")
def descent(num_classes: int, steps: int) -> dict[str, float]:
    """Return, by norm, the largest f_{t+1} − f_t + ‖g_t‖_*²/(2L) along steepest descent: at most 0."""
    p = frequencies(zipf(num_classes))
    slacks = {}
    for name, L in SMOOTHNESS.items():
        norm = NORMS[name]
        _, f, g = zip(*islice(trajectory(p, steepest(norm, L)), steps + 1), strict=True)
        gains = np.array([float(norm.dual([one])) for one in g[:-1]]) ** 2 / (2 * L)
        slacks[name] = float((np.diff(f) + gains).max())
    return slacks


@declared("yadav2025signdescent.weight_decay")
def weight_decay(num_classes: int, steps: int) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return, by norm, the largest f_t over its bound, f at t = 100, and both curves, for normalised steps with decay."""
    p, t = frequencies(zipf(num_classes)), np.arange(1, steps + 1)
    numbers: dict[str, float] = {}
    columns = {"classes": np.full(steps, num_classes), "step": t}
    for name in SQUARED:
        R = distance(p, name)
        f = np.array([loss for _, loss, _ in islice(trajectory(p, towards_ball(NORMS[name], R)), 1, steps + 1)])
        bound = 8 * SMOOTHNESS[name] * R**2 / (t + 2)
        numbers |= {f"share_{name}": float((f / bound).max()), f"loss_{name}": float(f[AT - 1])}
        columns |= {f"loss_{name}": f, f"bound_{name}": bound}
    return numbers, {"curves": pa.table(columns)}


@declared("yadav2025signdescent.constant_step")
def constant_step(num_classes: int, horizons: tuple[int, ...]) -> dict[str, float]:
    """Return the least loss of normalised GD at η = R_2/√T over t < T, and its bound, for each horizon T."""
    p = frequencies(zipf(num_classes))
    R, numbers = distance(p, "l2"), {}
    for T in horizons:
        numbers[f"loss_{T}"] = min(loss for _, loss, _ in islice(trajectory(p, normalised(R / math.sqrt(T))), T))
        numbers[f"bound_{T}"] = SMOOTHNESS["l2"] * R**2 / (2 * T)
    return numbers | {"share": max(numbers[f"loss_{T}"] / numbers[f"bound_{T}"] for T in horizons)}


@measure()
def largest(results: Results, plan: str, name: str) -> Measured:
    """Return the largest value of a number over the vocabulary sizes."""
    runs = results.calculations(plan)
    shown = "; ".join(f"d={run.spec['options']['num_classes']}: {run.facts[name]:.4g}" for run in runs)
    return exact(max(run.facts[name] for run in runs), runs, shown)


@measure()
def separation(results: Results) -> Measured:
    """Return f of the ℓ2 method over that of the ℓ∞ method at t = 100 and the largest d."""
    run = results.calculations("decay")[-1]
    l2, linf = run.facts["loss_l2"], run.facts["loss_linf"]
    return exact(l2 / linf, [run], f"ℓ2 {l2:.4f}, ℓ∞ {linf:.5f}")


CLAIMS = (
    *(
        Claim(
            f"bounds-descent-{norm}", largest("descent", norm).at_most(1e-12, fails=1e-6), where="descent lemma"
        ).says(f"{name} at 1/L obeys f_{{t+1}} ≤ f_t − ‖g_t‖_*²/(2L): largest violation along the trajectory")
        for norm, name in {
            "linf": "Sign descent of length ‖g‖₁",
            "l2": "Gradient descent",
            "l1": "Coordinate descent",
        }.items()
    ),
    Claim("bounds-decay-linf", largest("decay", "share_linf").at_most(1.0, fails=1.01)).says(
        "Sign descent with weight decay: largest f_t / (8 R_∞²/(t + 2)), a bound that grows as log²d"
    ),
    Claim("bounds-decay-l2", largest("decay", "share_l2").at_most(1.0, fails=1.01)).says(
        "Normalised GD with weight decay: largest f_t / (4 R_2²/(t + 2)), a bound that grows as d"
    ),
    Claim("bounds-constant-l2", largest("constant", "share").at_most(1.0, fails=1.01)).says(
        "Normalised GD at η = R_2/√T, T = 100 and 1000: largest min_t f_t / (R_2²/(4T))"
    ),
    Claim("bounds-separation", separation().at_least(10.0, fails=1.0), where="abstract", kind="paper").says(
        "Sign descent converges faster than normalised GD: loss of the ℓ2 method over the ℓ∞ one at t = 100, largest d"
    ),
)


def draw(results: Results) -> Drawing:
    """Return the loss of the two normalised methods with weight decay beside their bounds, one panel per d."""
    runs = results.calculations("decay")
    figure, axes = canvas(1, len(runs), width=3.0, height=2.8, sharey=True)
    for ax, run in zip(axes[0], runs, strict=True):
        _curves(ax, run.table("curves"))
        ax.set(title=f"$d = {run.spec['options']['num_classes']:,}$", xlabel="update $t$", xscale="log", yscale="log")
    axes[0, 0].set_ylabel("loss $f(\\theta_t)$")
    legend_beside(axes[0, -1])
    return Drawing(figure, with_runs(*((run, "curves") for run in runs)))


def _curves(ax: Axes, table: pa.Table) -> None:
    for norm, name in {"l2": "normalised GD", "linf": "sign descent"}.items():
        colour = {"color": NORM_COLOURS[norm]}
        bound = {"linestyle": "--", "label": f"bound in {NORM_NAMES[norm]}"}
        loss = {"linewidth": 1, "label": f"{name}, weight decay"}
        plot_columns(ax, table, "step", {f"bound_{norm}": colour | bound, f"loss_{norm}": colour | loss})


FIGURE = Figure(
    id="bounds",
    title="Upper bounds: 8LR²/t in both geometries, and which R is small",
    statement=(
        "One argument bounds normalised steepest descent with weight decay in any norm. In ℓ∞ the bound grows with log²d, in ℓ2 "
        "with d, and the losses follow the same order."
    ),
    scales={
        "smoke": BoundSizes(sizes=(50, 200), steps=120),
        "laptop": BoundSizes(),
        "paper": BoundSizes(sizes=(100, 1_000, 10_000, 100_000)),
    },
    plans=plans,
    claims=CLAIMS,
    draw={"bounds": draw},
    rule="Inequalities hold at any size. They are loose by 12 to 230 times; what is checked is that none is broken.",
    where="upper bound",
    kind="ours",
)
