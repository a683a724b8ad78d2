"""Smoothness constants in three geometries, and adaptive smoothness, which does not explain sign descent.

    L_‖·‖ = sup over θ and ‖x‖ ≤ 1 of xᵀ ∇²f(θ) x,    xᵀ ∇²f x = Var_s(x),    s = softmax θ

    ℓ1    max_k s_k(1 − s_k) = ¼      the maximum lies at a vertex ±e_k of the ball
    ℓ2    ½                            Gershgorin: row k sums to 2 s_k(1 − s_k); attained by s = (½, ½, 0, …)
    ℓ∞    1                            at sign vectors 4 s(A)(1 − s(A)); attained where a subset A has mass ½
    Λ     min {tr D : D diagonal, ∇²f(θ) ⪯ D for all θ} = d/2

Λ: s = (½, ½) on a pair (i, j) forces 1/(4D_i) + 1/(4D_j) ≤ 1; averaged over pairs, mean(1/D) ≤ 2 and so tr D ≥ d/2. D = ½ I
is enough, by the ℓ2 constant. The paper has ½ ≤ L_2 ≤ 1 and L_∞ = 1; the rest is derived by us.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyarrow as pa
import torch
from pydantic import Field

from steepest.claims.claim import Claim, Measured, measure, placed
from steepest.claims.drawings import with_runs
from steepest.claims.figures import canvas, plot_columns
from steepest.claims.measures import exact, fact
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.component import declared
from steepest.optim.norms import NORMS
from steepest.runs.sweep import Plan, calculate
from steepest.theory.unigram import SMOOTHNESS, cross_entropy_and_gradient, frequencies
from steepest_papers.yadav2025signdescent import geometry

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ConstantSizes(Settings):
    """Sizes of the checks.

    Args:
        draws: random distributions s, in three parts of different concentration, and random pairs of points.
        sizes: vocabulary sizes d of the complexities.
    """

    draws: Annotated[int, Field(ge=30)] = 20_000
    sizes: tuple[int, ...] = (10, 100, 1_000, 10_000, 100_000)


def plans(sizes: ConstantSizes) -> dict[str, Plan]:
    """Return the random checks once per seed, the pair problem, and the complexities by size."""
    return {
        "curvature": calculate(geometry.curvature, {"draws": sizes.draws}, seeds=geometry.SEEDS),
        "lipschitz": calculate(lipschitz, {"pairs": sizes.draws // 3}, seeds=geometry.SEEDS),
        "adaptive": calculate(adaptive_smoothness, {"num_classes": 12}),
        "complexities": calculate(geometry.complexities, {"sizes": sizes.sizes, "exponent": 1.0}),
    }


@declared("yadav2025signdescent.lipschitz")
def lipschitz(pairs: int, seed: int, num_classes: int = 8) -> dict[str, float]:
    """Return the largest ‖∇f(x) − ∇f(y)‖_* / (L ‖x − y‖) over random pairs, for each norm and its dual.

    Where the bound is nearly attained: s = softmax x sits on few classes, and x − y is a vertex of the ℓ1 ball, a
    sign vector, or the difference of the two most likely classes.
    """
    rng = np.random.default_rng(seed)
    s = rng.dirichlet(np.full(num_classes, geometry.CONCENTRATIONS[0]), pairs)
    first, second = np.eye(num_classes)[np.argsort(s)[:, :-3:-1].T]
    directions = first, first - second, rng.choice([-1.0, 1.0], s.shape)
    x = torch.from_numpy(np.tile(np.log(s + 1e-12), (3, 1)))
    y = x + torch.from_numpy(np.concatenate(directions) * np.exp(rng.normal(-2, 1, (3 * pairs, 1))))
    p = frequencies(np.arange(1, num_classes + 1))
    change = cross_entropy_and_gradient(x, p)[1] - cross_entropy_and_gradient(y, p)[1]
    return {
        name: float((NORMS[name].dual([change], run_axis=True) / NORMS[name].norm([x - y], run_axis=True)).max() / L)
        for name, L in SMOOTHNESS.items()
    }


@declared("yadav2025signdescent.adaptive_smoothness")
def adaptive_smoothness(num_classes: int) -> dict[str, float]:
    """Minimise tr D under the pair constraints 1/(4D_i) + 1/(4D_j) ≤ 1, by a solver that does not know the answer."""
    from scipy.optimize import LinearConstraint, minimize

    d = num_classes
    pairs = np.zeros((d * (d - 1) // 2, d))
    for row, (i, j) in enumerate(combinations(range(d), 2)):
        pairs[row, [i, j]] = 0.25
    start = np.random.default_rng(0).uniform(0.2, 1.5, d)  # x = 1/D; the problem is convex in x
    best = minimize(  # type: ignore[call-overload]
        lambda x: float((1 / x).sum()),
        start,
        jac=lambda x: np.asarray(-1 / x**2),
        bounds=[(1e-3, 4.0)] * d,
        constraints=LinearConstraint(pairs, -np.inf, 1.0),
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 1_000},
    )
    trace = float(best.fun)
    return {"trace": trace, "relative_error": abs(trace / (d / 2) - 1), "least_D": 1 / best.x.max()}


@measure()
def outside_of_half_to_one(results: Results) -> Measured:
    """Return how far the largest eigenvalue of each seed lies outside of [½, 1], up to what random draws leave open."""
    runs = results.calculations("curvature")
    sups = [max(run.facts[f"l2_{d}"] for d in geometry.DIMENSIONS) for run in runs]
    outside = [max(0.4999 - sup, sup - 1, 0.0) for sup in sups]
    return Measured(outside, [run.id for run in runs], evidence=f"{max(sups):.6f}")


@measure()
def largest(results: Results, plan: str, *names: str, above: float = 0.0) -> Measured:
    """Return by how much the largest of some numbers, of all seeds, exceeds `above`."""
    runs = results.calculations(plan)
    return exact(max(run.facts[name] for run in runs for name in names) - above, runs)


@measure()
def adaptive_over_plain(results: Results) -> Measured:
    """Return the least (Λ R_∞²)/(L_2 R_2²) over d ≥ 100."""
    run = results.run("complexities")
    d, adaptive, plain = (run.column(name, "complexities") for name in ("classes", "adaptive", "l2"))
    ratio = adaptive / plain
    shown = ", ".join(f"d={size}: {value:.2f}" for size, value in zip(d, ratio, strict=True))
    return exact(ratio[d >= 100].min(), [run], shown)


CLAIMS = (
    Claim(
        "smoothness-l2", outside_of_half_to_one().at_most(1e-12, fails=1e-2), where="smoothness in ℓ2", kind="paper"
    ).says("½ ≤ L_2 ≤ 1: distance of the largest Hessian eigenvalue of random softmax distributions from that range"),
    Claim(
        "smoothness-linf", geometry.deviation("linf").at_most(1e-3, fails=1e-2), where="smoothness in ℓ∞", kind="paper"
    ).says("L_∞ = 1: largest |sup Var_s(x) − 1| over all sign vectors x, d = 2, 3, 5, 8"),
    Claim("smoothness-half", geometry.deviation("l2").at_most(1e-3, fails=1e-2)).says(
        "L_2 = ½ for every d: largest |sup of the Hessian's eigenvalue − ½|, d = 2, 3, 5, 8"
    ),
    Claim(  # by how much D = ½ I would fail to bound the Hessian
        "smoothness-excess",
        largest("curvature", *(f"l2_{d}" for d in geometry.DIMENSIONS), above=SMOOTHNESS["l2"]).at_most(
            1e-12, fails=1e-6
        ),
    ).says("∇²f(θ) ⪯ ½ I for every θ: largest eigenvalue minus ½"),
    Claim("smoothness-l1", geometry.deviation("l1").at_most(1e-3, fails=1e-2), where="smoothness in ℓ1").says(
        "L_1 = ¼: largest |sup s_k(1 − s_k) − ¼|, d = 2, 3, 5, 8"
    ),
    *(
        Claim(f"lipschitz-{norm}", largest("lipschitz", norm).at_most(1 + 1e-9, fails=1.01), where="smoothness").says(
            f"∇f is L-Lipschitz from {name} to its dual norm: largest ‖∇f(x) − ∇f(y)‖_* / (L ‖x − y‖) of random pairs"
        )
        for norm, name in (("l1", "ℓ1"), ("l2", "ℓ2"), ("linf", "ℓ∞"))
    ),
    *placed(
        "adaptive smoothness",
        Claim(
            "adaptive-constant",
            fact("adaptive", "relative_error", "tr D = {trace:.8f}, least D_k {least_D:.6f}").at_most(1e-6, fails=1e-2),
        ).says("Λ = d/2, all D_k = ½: relative error against a solver for the pair constraints, d = 12"),
        Claim("adaptive-explains-nothing", adaptive_over_plain().at_least(1.0, fails=0.5), kind="paper").says(
            "Adaptive smoothness does not explain the gain: its bound Λ R_∞² over gradient descent's L_2 R_2², least for d ≥ 100"
        ),
    ),
)


def draw(results: Results) -> Drawing:
    """Return the curvature of random distributions in each geometry, and what the constants make of the bounds."""
    figure, axes = canvas(1, 2, width=3.9, height=3.0)
    run, complexity = results.calculations("curvature")[0], results.run("complexities")
    _points(axes[0, 0], run.table("points"))
    _complexities(axes[0, 1], complexity.table("complexities"))
    return Drawing(figure, with_runs((run, "points"), (complexity, "complexities")))


def _points(ax: Axes, table: pa.Table) -> None:
    for norm, L in SMOOTHNESS.items():
        colour = geometry.NORM_COLOURS[norm]
        plot_columns(ax, table, "largest", {norm: {"ls": "", "marker": ".", "color": colour, "ms": 3, "alpha": 0.5}})
        ax.axhline(L, color=colour, linewidth=1.2)
        place: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "va": "center", "fontsize": 8, "color": colour}
        ax.text(1.01, L, f"$L$ in {geometry.NORM_NAMES[norm]}: {L:g}", **place)
    ax.set(xlabel=r"largest probability $\max_k s_k$", ylabel="largest curvature over the unit ball", ylim=(0, 1.05))
    ax.set_title("Curvature of random softmax points, $d=8$")


def _complexities(ax: Axes, table: pa.Table) -> None:
    dots = {"marker": "o", "markersize": 3}
    lines = {
        "linf": {"label": r"$L_\infty R_\infty^2$", "color": geometry.NORM_COLOURS["linf"]},
        "l2": {"label": "$L_2 R_2^2$", "color": geometry.NORM_COLOURS["l2"]},
        "adaptive": {
            "label": r"adaptive: $\Lambda R_\infty^2$",
            "color": geometry.NORM_COLOURS["linf"],
            "linestyle": "--",
        },
    }
    plot_columns(ax, table, "classes", {name: dots | style for name, style in lines.items()})
    ax.set(xscale="log", yscale="log", xlabel="vocabulary size $d$")
    ax.set_title("Bounds on the loss, up to a factor $1/t$")
    ax.legend(loc="upper left")


FIGURE = Figure(
    id="constants",
    title="Smoothness: the constant is 1 in ℓ∞ and ½ in ℓ2, and adaptive smoothness is d/2",
    statement=(
        "The loss is 1-smooth in ℓ∞ whatever the vocabulary, which is what bounds sign descent. Coordinate-wise (adaptive) "
        "smoothness grows as d/2 and would predict no gain."
    ),
    scales={
        "smoke": ConstantSizes(draws=3_000, sizes=(10, 100, 1_000)),
        "laptop": ConstantSizes(),
        "paper": ConstantSizes(draws=60_000, sizes=(10, 100, 1_000, 10_000, 100_000, 1_000_000)),
    },
    plans=plans,
    claims=CLAIMS,
    draw={"constants": draw},
    rule="The constants hold at any size; draws bound the cost of looking for a violation.",
    where="smoothness in ℓ2, sharper",
    kind="ours",
)
