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

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyarrow as pa
import torch
from pydantic import Field

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.figures import canvas
from steepest.claims.measures import fact
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.component import declared
from steepest.optim.norms import NORMS
from steepest.runs.spec import Calculation
from steepest.runs.sweep import Calculations, Plan
from steepest.theory.unigram import SMOOTHNESS, cross_entropy_and_gradient, frequencies
from steepest_papers.yadav2025signdescent.distance import complexities
from steepest_papers.yadav2025signdescent.styles import NORM_COLOURS, NORM_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEEDS = (0, 1, 2)
DIMENSIONS = (2, 3, 5, 8)
CONCENTRATIONS = (0.05, 0.2, 1.0)
SHOWN = 250


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
        "curvature": _seeded(curvature, {"draws": sizes.draws}),
        "lipschitz": _seeded(lipschitz, {"pairs": sizes.draws // 3}),
        "adaptive": Calculations((Calculation(adaptive_smoothness, {"num_classes": 12}),)),
        "complexities": Calculations((Calculation(complexities, {"sizes": sizes.sizes, "exponent": 1.0}),)),
    }


def _seeded(function: Any, options: Mapping[str, Any]) -> Calculations:
    return Calculations(tuple(Calculation(function, options, seed, takes=0.5) for seed in SEEDS))


@declared("yadav2025signdescent.curvature")
def curvature(draws: int, seed: int) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return the largest curvature of random softmax distributions in each geometry, by brute force, for d = 2, 3, 5, 8.

    `l2_3` is the supremum in ℓ2 for d = 3, `alr_l2_3` that of the additive logistic transform, whose last logit is 0.
    """
    rng = np.random.default_rng(seed)
    numbers: dict[str, float] = {}
    for d in DIMENSIONS:
        s = np.concatenate([rng.dirichlet(np.full(d, c), draws // 3) for c in CONCENTRATIONS])
        found = {"largest": s.max(1)} | curvatures(s)
        numbers |= {f"{norm}_{d}": float(found[norm].max()) for norm in SMOOTHNESS}
        pinned = curvatures(s, kept=d - 1)
        numbers |= {f"alr_{norm}_{d}": float(pinned[norm].max()) for norm in SMOOTHNESS}
    every = max(1, len(s) // SHOWN)
    return numbers, {"points": pa.table({name: column[::every] for name, column in found.items()})}


def curvatures(s: np.ndarray, kept: int | None = None) -> dict[str, np.ndarray]:
    """Return sup of xᵀ(diag(s) − s sᵀ)x over the unit ball of each norm, shape (n,), for distributions s, shape (n, d).

    ℓ2 by eigenvalues, ℓ∞ over all sign vectors, ℓ1 over the vertices. With `kept` only the first logits are free.
    """
    s = s[:, :kept]
    hessians = np.eye(s.shape[1]) * s[:, None] - s[:, :, None] * s[:, None]
    signs = 1 - 2 * ((np.arange(2 ** s.shape[1])[:, None] >> np.arange(s.shape[1])) & 1)
    variances = s @ (signs.T**2) - (s @ signs.T) ** 2
    return {
        "l1": np.einsum("nkk->nk", hessians).max(1),
        "l2": np.linalg.eigvalsh(hessians)[:, -1],
        "linf": variances.max(1),
    }


@declared("yadav2025signdescent.lipschitz")
def lipschitz(pairs: int, seed: int, num_classes: int = 8) -> dict[str, float]:
    """Return the largest ‖∇f(x) − ∇f(y)‖_* / (L ‖x − y‖) over random pairs, for each norm and its dual.

    Where the bound is nearly attained: s = softmax x sits on few classes, and x − y is a vertex of the ℓ1 ball, a
    sign vector, or the difference of the two most likely classes.
    """
    rng = np.random.default_rng(seed)
    s = rng.dirichlet(np.full(num_classes, CONCENTRATIONS[0]), pairs)
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
    found = minimize(  # type: ignore[call-overload]
        lambda x: float((1 / x).sum()),
        start,
        jac=lambda x: np.asarray(-1 / x**2),
        bounds=[(1e-3, 4.0)] * d,
        constraints=LinearConstraint(pairs, -np.inf, 1.0),
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 1_000},
    )
    return {
        "trace": float(found.fun),
        "relative_error": abs(float(found.fun) / (d / 2) - 1),
        "least_D": 1 / found.x.max(),
    }


def deviation(norm: str, form: str = "", dimensions: tuple[int, ...] = DIMENSIONS) -> Any:
    """Return the measure max over d of |sup − L|, L the constant of the norm (of d ≥ 3 classes), one per seed."""

    def measure(results: Results) -> Measured:
        runs = results.calculations("curvature")
        found = np.array([[run.facts[f"{form}{norm}_{d}"] for d in dimensions] for run in runs])
        shown = ", ".join(f"d={d}: {sup:.6f}" for d, sup in zip(dimensions, found.max(0), strict=True))
        values = np.abs(found - SMOOTHNESS[norm]).max(1)
        return Measured(values.tolist(), [run.id for run in runs], evidence=f"largest {shown}")

    return measure


@measure()
def outside_of_half_to_one(results: Results) -> Measured:
    """Return how far the largest eigenvalue found lies outside of [½, 1], up to what random draws leave open."""
    runs = results.calculations("curvature")
    sups = [max(run.facts[f"l2_{d}"] for d in DIMENSIONS) for run in runs]
    return Measured(
        [max(0.4999 - sup, sup - 1, 0.0) for sup in sups], [run.id for run in runs], evidence=f"{max(sups):.6f}"
    )


@measure()
def excess(results: Results) -> Measured:
    """Return the largest eigenvalue of all draws above ½: by how much D = ½ I would fail to bound the Hessian."""
    runs = results.calculations("curvature")
    worst = max(run.facts[f"l2_{d}"] for run in runs for d in DIMENSIONS) - SMOOTHNESS["l2"]
    return Measured([worst], [run.id for run in runs], exact=True)


@measure()
def steepest_pair(results: Results, norm: str) -> Measured:
    """Return the measure: largest ‖∇f(x) − ∇f(y)‖_* / (L ‖x − y‖) of all pairs of all seeds."""
    runs = results.calculations("lipschitz")
    return Measured([max(run.facts[norm] for run in runs)], [run.id for run in runs], exact=True)


@measure()
def adaptive_over_plain(results: Results) -> Measured:
    """Return the least (Λ R_∞²)/(L_2 R_2²) over d ≥ 100."""
    (run,) = results.calculations("complexities")
    d = run.column("classes", "complexities")
    ratio = run.column("adaptive", "complexities") / run.column("l2", "complexities")
    shown = ", ".join(f"d={size}: {value:.2f}" for size, value in zip(d, ratio, strict=True))
    return Measured([float(ratio[d >= 100].min())], [run.id], exact=True, evidence=shown)


def _lipschitz_claim(norm: str, name: str) -> Claim:
    says = f"∇f is L-Lipschitz from {name} to its dual norm: largest ‖∇f(x) − ∇f(y)‖_* / (L ‖x − y‖) of random pairs"
    return Claim(f"lipschitz-{norm}", steepest_pair(norm).at_most(1 + 1e-9, fails=1.01), where="smoothness").says(says)


CLAIMS = (
    Claim(
        "smoothness-l2", outside_of_half_to_one().at_most(1e-12, fails=1e-2), where="smoothness in ℓ2", kind="paper"
    ).says("½ ≤ L_2 ≤ 1: distance of the largest Hessian eigenvalue of random softmax distributions from that range"),
    Claim("smoothness-linf", deviation("linf").at_most(1e-3, fails=1e-2), where="smoothness in ℓ∞", kind="paper").says(
        "L_∞ = 1: largest |sup Var_s(x) − 1| over all sign vectors x, d = 2, 3, 5, 8"
    ),
    Claim("smoothness-half", deviation("l2").at_most(1e-3, fails=1e-2)).says(
        "L_2 = ½ for every d: largest |sup of the Hessian's eigenvalue − ½|, d = 2, 3, 5, 8"
    ),
    Claim("smoothness-excess", excess().at_most(1e-12, fails=1e-6)).says(
        "∇²f(θ) ⪯ ½ I for every θ: largest eigenvalue minus ½"
    ),
    Claim("smoothness-l1", deviation("l1").at_most(1e-3, fails=1e-2), where="smoothness in ℓ1").says(
        "L_1 = ¼: largest |sup s_k(1 − s_k) − ¼|, d = 2, 3, 5, 8"
    ),
    _lipschitz_claim("l1", "ℓ1"),
    _lipschitz_claim("l2", "ℓ2"),
    _lipschitz_claim("linf", "ℓ∞"),
    Claim(
        "adaptive-constant",
        fact("adaptive", "relative_error", "tr D = {trace:.8f}, least D_k {least_D:.6f}").at_most(1e-6, fails=1e-2),
        where="adaptive smoothness",
    ).says("Λ = d/2, all D_k = ½: relative error against a solver for the pair constraints, d = 12"),
    Claim(
        "adaptive-explains-nothing",
        adaptive_over_plain().at_least(1.0, fails=0.5),
        where="adaptive smoothness",
        kind="paper",
    ).says(
        "Adaptive smoothness does not explain the gain: its bound Λ R_∞² over gradient descent's L_2 R_2², least for d ≥ 100"
    ),
)


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return the curvature of random distributions in each geometry, and what the constants make of the bounds."""
    figure, axes = canvas(1, 2, width=3.9, height=3.0)
    run, (complexity,) = results.calculations("curvature")[0], results.calculations("complexities")
    _points(axes[0, 0], run.table("points"))
    _complexities(axes[0, 1], complexity.table("complexities"))
    tables = [
        table.append_column("run", pa.array([source.id] * len(table)))
        for source, table in ((run, run.table("points")), (complexity, complexity.table("complexities")))
    ]
    return {"constants": Drawing(figure, pa.concat_tables(tables, promote_options="default"))}


def _points(ax: Axes, table: pa.Table) -> None:
    largest = table["largest"].to_numpy()
    for norm, L in SMOOTHNESS.items():
        colour = NORM_COLOURS[norm]
        ax.plot(largest, table[norm].to_numpy(), ".", color=colour, markersize=3, alpha=0.5)
        ax.axhline(L, color=colour, linewidth=1.2)
        place: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "va": "center", "fontsize": 8, "color": colour}
        ax.text(1.01, L, f"$L$ in {NORM_NAMES[norm]}: {L:g}", **place)
    ax.set(xlabel=r"largest probability $\max_k s_k$", ylabel="largest curvature over the unit ball", ylim=(0, 1.05))
    ax.set_title("Curvature of random softmax points, $d=8$")


def _complexities(ax: Axes, table: pa.Table) -> None:
    d = table["classes"].to_numpy()
    lines = {
        "linf": (r"$L_\infty R_\infty^2$", NORM_COLOURS["linf"], "-"),
        "l2": ("$L_2 R_2^2$", NORM_COLOURS["l2"], "-"),
        "adaptive": (r"adaptive: $\Lambda R_\infty^2$", NORM_COLOURS["linf"], "--"),
    }
    for name, (label, colour, dash) in lines.items():
        ax.loglog(d, table[name].to_numpy(), color=colour, linestyle=dash, marker="o", markersize=3, label=label)
    ax.set(xlabel="vocabulary size $d$", title="Bounds on the loss, up to a factor $1/t$")
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
    draw=draw,
    rule="The constants hold at any size; draws bound the cost of looking for a violation.",
    where="smoothness in ℓ2, sharper",
    kind="ours",
)
