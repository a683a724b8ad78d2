"""What the norms make of the problem: curvature of random points, distance to a solution, and the bound L R².

    L_‖·‖ = sup over θ and ‖x‖ ≤ 1 of xᵀ ∇²f(θ) x,    xᵀ ∇²f x = Var_s(x),    s = softmax θ
    R     = min over minimisers θ* of ‖θ*‖

L R² bounds the loss of steepest descent times t.
"""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa

from steepest.claims.claim import Measured, measure
from steepest.claims.figures import COLOURS
from steepest.claims.paper import Results
from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.theory.unigram import SMOOTHNESS, distance, frequencies

SEEDS = (0, 1, 2)
DIMENSIONS = (2, 3, 5, 8)
CONCENTRATIONS = (0.05, 0.2, 1.0)
SHOWN = 250
NORM_COLOURS = {"linf": COLOURS["Sign"], "l2": COLOURS["NormGD"], "l1": COLOURS["AdaGrad"]}
NORM_NAMES = {"linf": r"$\ell_\infty$", "l2": r"$\ell_2$", "l1": r"$\ell_1$"}


@declared("yadav2025signdescent.curvature")
def curvature(draws: int, seed: int) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return the largest curvature of random softmax distributions in each geometry, by brute force, for d = 2, 3, 5, 8.

    `l2_3` is the supremum in ℓ2 for d = 3, `alr_l2_3` that of the additive logistic transform, whose last logit is 0.
    """
    rng = np.random.default_rng(seed)
    numbers: dict[str, float] = {}
    for d in DIMENSIONS:
        s = np.concatenate([rng.dirichlet(np.full(d, c), draws // 3) for c in CONCENTRATIONS])
        points = {"largest": s.max(1)} | curvatures(s)
        numbers |= {f"{norm}_{d}": float(points[norm].max()) for norm in SMOOTHNESS}
        pinned = curvatures(s, kept=d - 1)
        numbers |= {f"alr_{norm}_{d}": float(pinned[norm].max()) for norm in SMOOTHNESS}
    every = max(1, len(s) // SHOWN)
    return numbers, {"points": pa.table({name: column[::every] for name, column in points.items()})}


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


@measure()
def deviation(results: Results, norm: str, form: str = "", dimensions: tuple[int, ...] = DIMENSIONS) -> Measured:
    """Return max over d of |sup − L|, L the constant of the norm (of d ≥ 3 classes), one per seed."""
    runs = results.calculations("curvature")
    suprema = np.array([[run.facts[f"{form}{norm}_{d}"] for d in dimensions] for run in runs])
    shown = ", ".join(f"d={d}: {sup:.6f}" for d, sup in zip(dimensions, suprema.max(0), strict=True))
    values = np.abs(suprema - SMOOTHNESS[norm]).max(1)
    return Measured(values.tolist(), [run.id for run in runs], evidence=f"largest {shown}")


@declared("yadav2025signdescent.complexities")
def complexities(sizes: tuple[int, ...], exponent: float) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return R and L R² by vocabulary size and norm, and how far R is from its closed forms."""
    rows: list[dict[str, float]] = []
    for d in sizes:
        p = frequencies(zipf(d, exponent))
        R = {norm: distance(p, norm) for norm in SMOOTHNESS}
        bounds = {norm: SMOOTHNESS[norm] * R[norm] ** 2 for norm in R} | {"adaptive": d / 2 * R["linf"] ** 2}
        rows.append({"classes": d} | {f"R_{norm}": R[norm] for norm in R} | bounds)
    table = pa.Table.from_pylist(rows)
    R_inf, R_2 = table["R_linf"].to_numpy(), table["R_l2"].to_numpy()
    formulas = np.array([(exponent / 2 * math.log(d), exponent * _spread_of_logs(d)) for d in sizes])
    numbers = {
        "formula_error": float(np.abs(np.stack([R_inf, R_2], axis=1) / formulas - 1).max()),
        "root_ratio": float(R_2[-1] / (exponent * math.sqrt(sizes[-1]))),
        "advantage": rows[-1]["l2"] / rows[-1]["linf"],
        "largest": sizes[-1],
    }
    return numbers, {"complexities": table}


def _spread_of_logs(d: int) -> float:
    """Return √(Σ log²k − (Σ log k)²/d), from Σ log k = log d!."""
    logs = np.log(np.arange(1, d + 1))
    return math.sqrt(float(logs @ logs) - math.lgamma(d + 1) ** 2 / d)
