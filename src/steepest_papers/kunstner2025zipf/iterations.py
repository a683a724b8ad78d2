"""Updates until a relative error ε against vocabulary size: d^{1−ε} for gradient descent at Zipf's law, √d for sign descent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.figures import canvas, line_style
from steepest.claims.paper import Drawing, Figure, Results
from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.runs.spec import Calculation
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan
from steepest.theory.bigram import gd_updates, sign_updates
from steepest_papers.kunstner2025zipf.limits import LawSizes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EPSILONS = (0.5, 0.25, 0.1, 0.05, 0.01)  # at Zipf's law
CASES = ((0.5, 0.1), (0.75, 0.1), (1.5, 0.1), *((1.0, epsilon) for epsilon in EPSILONS))
SIZES = (1_000, 3_162, 10_000, 31_622, 100_000)
METHODS = {"GD": gd_updates, "Sign": sign_updates}


class Slope(NamedTuple):
    """A least-squares slope of log updates on log d, and the half-width of its 95 % interval (Student)."""

    value: float
    half_width: float


@declared("kunstner2025zipf.counted")
def counted(alpha: float, epsilon: float, sizes: Sequence[int]) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return the updates of both methods at each d, and the slope in d with its interval."""
    rows: list[dict[str, float | str]] = []
    numbers: dict[str, float] = {}
    for name, updates in METHODS.items():
        found = [float(updates(zipf(d, alpha), epsilon) or np.nan) for d in sizes]
        rows += [{"method": name, "d": d, "updates": T} for d, T in zip(sizes, found, strict=True)]
        slope = slope_in_size(sizes, found)
        numbers |= {f"{name}_slope": slope.value, f"{name}_half_width": slope.half_width}
    return numbers, {"updates": pa.Table.from_pylist(rows)}


def slope_in_size(sizes: Sequence[float], updates: Sequence[float]) -> Slope:
    """Return the least-squares slope of log updates on log d with Student's interval, from at least three sizes.

    >>> round(slope_in_size([10, 100, 1000], [3, 30, 300]).value, 6)
    1.0
    """
    from scipy.special import stdtrit

    fit, covariance = np.polyfit(np.log(sizes), np.log(updates), 1, cov=True)
    return Slope(float(fit[0]), float(stdtrit(len(sizes) - 2, 0.975) * covariance[0, 0] ** 0.5))


def case(alpha: float, epsilon: float) -> str:
    """Return the name of a plan."""
    return f"alpha {alpha:g}, epsilon {epsilon:g}"


def plans(sizes: LawSizes) -> dict[str, Plan]:
    """Return one calculation per exponent and accuracy."""
    return {
        case(alpha, eps): Calculations(
            (Calculation(counted, {"alpha": alpha, "epsilon": eps, "sizes": sizes.sizes}, takes=0.5),)
        )
        for alpha, eps in CASES
    }


@measure()
def away(results: Results, method: str, expected: Mapping[tuple[float, float], float]) -> Measured:
    """Return the measure: the largest distance of a method's slope from what is expected, over the cases."""
    runs = {key: results.calculations(case(*key))[0] for key in expected}
    slopes = {key: (run.facts[f"{method}_slope"], run.facts[f"{method}_half_width"]) for key, run in runs.items()}
    told = ", ".join(f"α={a:g} ε={e:g}: {s:.3f} ± {h:.3f}" for (a, e), (s, h) in slopes.items())
    worst = max(abs(slopes[key][0] - wanted) for key, wanted in expected.items())
    return Measured([worst], [run.id for run in runs.values()], exact=True, evidence=told)


@measure()
def crossing(results: Results) -> Measured:
    """Return |slope of GD − slope of sign descent| at α = 1, ε = 1/2, where both exponents are 1/2."""
    (run,) = results.calculations(case(1.0, 0.5))
    difference = abs(run.facts["GD_slope"] - run.facts["Sign_slope"])
    return Measured([difference], [run.id], exact=True)


def updates_of(run: Run, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Return d and the updates that a method needs."""
    rows = [row for row in run.table("updates").to_pylist() if row["method"] == method]
    return np.array([row["d"] for row in rows]), np.array([row["updates"] for row in rows])


@measure()
def levelling(results: Results) -> Measured:
    """Return the share of the steps in d at which the local slope of GD at α = 1.5 falls."""
    (run,) = results.calculations(case(1.5, 0.1))
    d, updates = updates_of(run, "GD")
    slopes = np.diff(np.log(updates)) / np.diff(np.log(d))
    told = "local slopes " + " ".join(f"{slope:.3f}" for slope in slopes)
    return Measured([float((np.diff(slopes) < 0).mean())], [run.id], exact=True, evidence=told)


@measure()
def advantage(results: Results) -> Measured:
    """Return T_GD/T_sign at α = 1, d = 10⁴ and the smallest ε; evidence for the others."""
    runs = {eps: results.calculations(case(1.0, eps))[0] for eps in EPSILONS}
    ratios = {}
    for eps, run in runs.items():
        (d, slow), (_, fast) = (updates_of(run, name) for name in METHODS)
        ratios[eps] = float((slow / fast)[d == 10_000][0])
    told = ", ".join(f"ε={eps:g}: {ratio:.1f}" for eps, ratio in ratios.items())
    return Measured([ratios[min(EPSILONS)]], [run.id for run in runs.values()], exact=True, evidence=told)


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return updates against d for every case, with the fitted slopes, and these against ε at Zipf's law."""
    figure, axes = canvas(3, 3, width=3.0, height=2.4)
    rows = []
    for ax, (alpha, eps) in zip(axes.flat, CASES, strict=False):
        (run,) = results.calculations(case(alpha, eps))
        for name in METHODS:
            slope, half = (run.facts[f"{name}_{part}"] for part in ("slope", "half_width"))
            label = rf"{name}: slope {slope:.3f} $\pm$ {half:.3f}"
            ax.plot(*updates_of(run, name), marker="o", markersize=3, label=label, **line_style(name))
        ax.set(xscale="log", yscale="log", ylim=(5, 3e5), title=rf"$\alpha = {alpha:g},\ \varepsilon = {eps:g}$")
        ax.minorticks_off()
        ax.legend(loc="upper left", fontsize=7)
        rows += [row | {"alpha": alpha, "epsilon": eps, "run": run.id} for row in run.table("updates").to_pylist()]
    _slopes(axes[2, 2], results)
    for ax in (*axes[2, :2], axes[1, 2]):
        ax.set_xlabel("vocabulary size $d$")
    for ax in axes[:, 0]:
        ax.set_ylabel(r"updates to $r \leq \varepsilon$")
    return {"iterations": Drawing(figure, pa.Table.from_pylist(rows))}


def _slopes(ax: Axes, results: Results) -> None:
    facts = [results.calculations(case(1.0, eps))[0].facts for eps in EPSILONS]
    for name, law, label in (("GD", [1 - eps for eps in EPSILONS], r"$1-\varepsilon$"), ("Sign", None, r"$1/2$")):
        colour = line_style(name)["color"]
        slopes, halves = ([f[f"{name}_{part}"] for f in facts] for part in ("slope", "half_width"))
        ax.errorbar(EPSILONS, slopes, halves, fmt="o", color=colour, markersize=3, capsize=2, label=name)
        ax.plot(EPSILONS, law or [0.5] * len(EPSILONS), "--", color=colour, linewidth=1, label=f"law: {label}")
    ax.set(xlabel=r"$\varepsilon$", ylabel="slope in $d$", ylim=(0.4, 1.05), title=r"Slopes, $\alpha = 1$")
    ax.legend(fontsize=7, loc="upper right")


ZIPF = {(1.0, eps): 1 - eps for eps in (0.5, 0.25, 0.1, 0.05)}
CLAIMS = (
    Claim("updates-gd-zipf", away("GD", ZIPF).at_most(0.06, fails=0.2)).says(
        "α = 1: gradient descent needs d^{1−ε} updates: largest distance of the slope from 1 − ε"
    ),
    Claim("updates-gd-flat", away("GD", {(0.5, 0.1): 0.5, (0.75, 0.1): 0.75}).at_most(0.03, fails=0.2)).says(
        "α < 1: gradient descent needs d^α updates: largest distance of the slope from α"
    ),
    Claim("updates-gd-steep", away("GD", {(1.5, 0.1): 0.0}).at_most(0.15, fails=0.4)).says(
        "α > 1: gradient descent needs a number of updates that does not depend on d: |slope| at α = 1.5"
    ),
    Claim("updates-gd-levels", levelling().at_least(1.0, fails=0.5)).says(
        "α > 1: the local slope of gradient descent's updates goes to 0 as d grows: share of the steps at which it falls"
    ),
    Claim("updates-advantage", advantage().at_least(50.0, fails=20.0), where="Section 4").says(
        "α = 1: sign descent, as modelled, needs about √d = 100 times fewer updates at d = 10⁴: T_GD/T_sign at ε = 0.01"
    ),
    Claim(
        "updates-sign",
        away("Sign", dict.fromkeys((*ZIPF, (1.5, 0.1)), 0.5)).at_most(0.02, fails=0.1),
        where="Theorem 4.5",
    ).says("α ≥ 1: sign descent, as the paper models it, needs √d updates: largest distance of the slope from 1/2"),
    Claim("updates-crossing", crossing().at_most(0.02, fails=0.1), where="Section 4").says(
        "α = 1: both methods scale alike at ε = 1/2, and sign descent better below: difference of the slopes at ε = 1/2"
    ),
)

FIGURE = Figure(
    id="iterations",
    title="Updates to a relative error against vocabulary size",
    statement=(
        "At Zipf's law gradient descent needs d^{1−ε} updates for a relative error ε and sign descent √d: a hundred "
        "times fewer at d = 10 000. For steeper laws gradient descent wins, for flatter ones sign descent hardly sees d."
    ),
    scales={
        "smoke": LawSizes(sizes=(1_000, 3_162, 10_000)),
        "quick": LawSizes(sizes=SIZES),
        "laptop": LawSizes(sizes=SIZES),
        "paper": LawSizes(sizes=(*SIZES, 316_227, 1_000_000)),
    },
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    rule="None is needed: counts are exact.",
    where="Theorem 3.1",
)
