"""Distance to the solution set, and the radius that any method has to travel.

    R = min over minimisers θ* of ‖θ*‖,   θ* = log p + c

    ℓ∞    R_∞ = ½ log(p_1/p_d) = (α/2) log d
    ℓ2    R_2² = α² [Σ log²k − (Σ log k)²/d] ≈ α² d         (the variance of log U, U uniform, is 1)

    r(ε) = min {‖θ‖ : f(θ) ≤ ε f(0)}: a method whose steps are at most η long needs r(ε)/η updates

L R² bounds the loss of steepest descent times t: C_∞ = (α²/4) log²d against C_2 ≈ (α²/2) d. The paper bounds both
distances; these closed forms are derived by us.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from scipy.special import log_softmax, logsumexp, wrightomega

from steepest.claims.claim import Claim, Measured, measure, placed
from steepest.claims.drawings import with_runs
from steepest.claims.figures import canvas, plot_columns
from steepest.claims.measures import exact, fact
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.claims.slopes import slope
from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.runs.sweep import Plan, calculate
from steepest.theory.unigram import contenders, frequencies, initial_loss, updates_needed
from steepest_papers.yadav2025signdescent.geometry import NORM_COLOURS, complexities

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class DistanceSizes(Settings):
    """Sizes of the calculation.

    Args:
        sizes: vocabulary sizes d of the distances.
        radii: those of the radius that has to be travelled.
    """

    sizes: tuple[int, ...] = (10, 100, 1_000, 10_000, 100_000)
    radii: tuple[int, ...] = (100, 1_000, 10_000)


def plans(sizes: DistanceSizes) -> dict[str, Plan]:
    """Return distances and radii, exact numbers."""
    return {
        "complexities": calculate(complexities, {"sizes": sizes.sizes, "exponent": 1.0}),
        "radii": calculate(radii, {"sizes": sizes.radii, "exponent": 1.0, "fraction": 0.05}, takes=1.5),
    }


@declared("yadav2025signdescent.radii")
def radii(sizes: tuple[int, ...], exponent: float, fraction: float) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return r_∞(ε) and r_2(ε) by vocabulary size, and the way that sign descent and normalised GD went, T η."""
    rows: list[dict[str, float]] = []
    for d in sizes:
        p = frequencies(zipf(d, exponent))
        row = {"classes": d, "r_linf": radius_linf(p.numpy(), fraction), "r_l2": radius_l2(p.numpy(), fraction)}
        for norm, name in (("linf", "Sign"), ("l2", "NormGD")):
            hits = updates_needed(p, contenders(p)[name], [fraction])
            row[f"way_{norm}"] = float(hits.updates[0] * hits.rates[0])
        rows.append(row)
    travel = [row[f"way_{norm}"] / row[f"r_{norm}"] for row in rows for norm in ("linf", "l2")]
    return {"least_travel": min(travel)}, {"radii": pa.Table.from_pylist(rows)}


def radius_linf(p: np.ndarray, fraction: float) -> float:
    """Return r_∞(ε) = min {‖θ‖∞ : f(θ) ≤ ε f(0)}.

    In the box |θ_k| ≤ r the loss is least at θ = clip(log p + z, −r, r) with z = log Σ exp θ; both equations are scalar.
    """
    from scipy.optimize import brentq  # slow to import

    log_p = np.log(p)

    def loss(r: float) -> float:
        z = brentq(lambda z: logsumexp(np.clip(log_p + z, -r, r)) - z, -r, r + math.log(len(p)), xtol=1e-13)
        return float(p @ (log_p - log_softmax(np.clip(log_p + z, -r, r))))

    start = loss(0.0)
    return float(brentq(lambda r: loss(r) - fraction * start, 0.0, np.ptp(log_p) / 2, xtol=1e-12))


def radius_l2(p: np.ndarray, fraction: float) -> float:
    """Return r_2(ε) = min {‖θ‖₂ : f(θ) ≤ ε f(0)}.

    Stationarity θ = λ(p − s) gives s_k = ω(λ p_k + log λ − z)/λ with Wright's ω and z = log Σ exp θ; both λ and z are
    scalars.
    """
    from scipy.optimize import brentq  # slow to import

    start = initial_loss(frequencies(p))

    def point(log_lambda: float) -> np.ndarray:
        lam = math.exp(log_lambda)

        def s(z: float) -> np.ndarray:
            return np.asarray(wrightomega(lam * p + log_lambda - z)) / lam

        low = math.log(len(p))
        return np.asarray(lam * (p - s(brentq(lambda z: s(z).sum() - 1, low - 1e-9, low + lam, xtol=1e-12))))

    def missing(log_lambda: float) -> float:
        return float(p @ (np.log(p) - log_softmax(point(log_lambda)))) - fraction * start

    return float(np.linalg.norm(point(brentq(missing, 0.0, 20.0, xtol=1e-10))))


@measure()
def growth(results: Results, norm: str) -> Measured:
    """Return the log–log slope of r(ε) in d."""
    run = results.run("radii")
    d, r = (run.column(name, "radii") for name in ("classes", f"r_{norm}"))
    fit, shown = slope(d, r), ", ".join(f"{value:.3f} at d={size}" for size, value in zip(d, r, strict=True))
    return exact(fit.value, [run], f"slope {fit}; {shown}")


CLAIMS = (
    *placed(
        "distance to the solutions",
        Claim("distance-formulas", fact("complexities", "formula_error").at_most(1e-10, fails=1e-6)).says(
            "R_∞ = (α/2) log d and R_2² = α² [Σ log²k − (Σ log k)²/d]: largest relative error"
        ),
        Claim("distance-root", fact("complexities", "root_ratio", "at d={largest:.0f}").at_least(0.99, fails=0.9)).says(
            "R_2 grows as α√d: R_2/(α√d) at the largest d"
        ),
    ),
    Claim(
        "distance-advantage",
        fact("complexities", "advantage", "at d={largest:.0f}").at_least(30.0, fails=1.0),
        where="abstract",
        kind="paper",
    ).says(
        "Sign descent's bound depends on d polylogarithmically, normalised GD's linearly: L_2 R_2²/(L_∞ R_∞²) at the largest d"
    ),
    Claim("radius-linf", growth("linf").at_most(0.2, fails=0.4)).says(
        "The ℓ∞ way to 5 % of the loss grows as log d: log–log slope of r_∞ in d"
    ),
    Claim("radius-l2", growth("l2").at_least(0.4, fails=0.2)).says(
        "The ℓ2 way to 5 % of the loss grows nearly as √d: log–log slope of r_2 in d"
    ),
    Claim("radius-travelled", fact("radii", "least_travel").at_least(1.0, fails=0.99)).says(
        "Steps of length η take at least r/η updates to get there: least T η/r of tuned sign descent and normalised GD"
    ),
)


def draw(results: Results) -> Drawing:
    """Return distances, the ratio of complexities, and the radius that has to be travelled, against d."""
    distances, travelled = results.run("complexities"), results.run("radii")
    figure, axes = canvas(1, 3, width=3.2, height=2.9, subplot_kw={"xscale": "log", "yscale": "log"})
    _distances(axes[0, 0], distances.table("complexities"))
    _ratio(axes[0, 1], distances.table("complexities"))
    _radii(axes[0, 2], travelled.table("radii"))
    for ax in axes[0]:
        ax.set_xlabel("vocabulary size $d$")
        ax.legend(loc="upper left")
    return Drawing(figure, with_runs((distances, "complexities"), (travelled, "radii")))


def _distances(ax: Axes, table: pa.Table) -> None:
    d, style = table["classes"].to_numpy(), {"marker": "o", "markersize": 3}
    names = {"linf": r"$R_\infty = \frac{1}{2}\log d$", "l2": "$R_2$"}
    lines = {f"R_{norm}": style | {"color": NORM_COLOURS[norm], "label": name} for norm, name in names.items()}
    plot_columns(ax, table, "classes", lines)
    ax.plot(d, np.sqrt(d), ":", color=NORM_COLOURS["l2"], label=r"$\sqrt{d}$")
    ax.set_title(r"Distance to a solution, $p_k\propto 1/k$")


def _ratio(ax: Axes, table: pa.Table) -> None:
    d, l2, linf = (table[name].to_numpy() for name in ("classes", "l2", "linf"))
    ax.plot(d, l2 / linf, "o-", color="black", markersize=3)
    ax.plot(d, 2 * d / np.log(d) ** 2, ":", color="#999999", label=r"$2d/\log^2 d$")
    ax.set_title(r"$L_2R_2^2\,/\,L_\infty R_\infty^2$, for every $\alpha$")


def _radii(ax: Axes, table: pa.Table) -> None:
    for norm, name, tuned in (("l2", "r_2", "normalised GD"), ("linf", r"r_\infty", "sign descent")):
        needed = {"marker": "o", "markersize": 3, "label": f"needed: ${name}$"}
        gone = {"marker": "^", "linestyle": ":", "markersize": 4, "label": f"{tuned}: $T\\eta$"}
        lines = {f"r_{norm}": needed, f"way_{norm}": gone}
        plot_columns(ax, table, "classes", {name: {"color": NORM_COLOURS[norm]} | line for name, line in lines.items()})
    ax.set_title("Way to 5 % of the loss")
    ax.set_ylim(top=6 * table["way_l2"].to_numpy().max())


FIGURE = Figure(
    id="distance",
    title="Distance: solutions are ½ log d away in ℓ∞ and √d away in ℓ2",
    statement=(
        "Minimal-norm solutions of the heavy-tailed problem lie close in ℓ∞ and far in ℓ2, and so do points with 5 % of the "
        "loss. This, with smoothness 1 in ℓ∞, is sign descent's provable benefit."
    ),
    scales={
        "smoke": DistanceSizes(sizes=(10, 100, 1_000), radii=(50, 100, 200)),
        "laptop": DistanceSizes(),
        "paper": DistanceSizes(sizes=(10, 100, 1_000, 10_000, 100_000, 1_000_000), radii=(100, 1_000, 10_000, 100_000)),
    },
    plans=plans,
    claims=CLAIMS,
    draw={"distance": draw},
    rule="None is needed: the numbers are exact at any size.",
    where="lower bound",
    kind="ours",
)
