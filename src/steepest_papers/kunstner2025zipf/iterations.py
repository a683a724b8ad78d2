"""Updates until a relative error ε against vocabulary size: d^{1−ε} for gradient descent at Zipf's law, √d for sign descent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from steepest.experiment import Calculation
from steepest.figures import canvas, line_style
from steepest.measure.scaling_laws import gd_updates, sign_updates
from steepest.paper import Drawing, Figure, Results
from steepest.sweep import Calculations, Plan
from steepest.verdict import Claim, Measured
from steepest_papers.kunstner2025zipf.laws import power_law
from steepest_papers.kunstner2025zipf.limits import LawSizes

CASES = ((0.5, 0.1), (0.75, 0.1), (1.0, 0.5), (1.0, 0.25), (1.0, 0.1), (1.0, 0.05), (1.5, 0.1))
SIZES = (1_000, 3_162, 10_000, 31_622, 100_000)
METHODS = {"GD": gd_updates, "Sign": sign_updates}


class Slope(NamedTuple):
    """A least-squares slope of log updates on log d, and the half-width of its 95 % interval (Student)."""

    value: float
    half_width: float


def counted(alpha: float, epsilon: float, sizes: Sequence[int]) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return the updates of both methods at each d, and the slope in d with its interval."""
    rows: list[dict[str, float | str]] = []
    numbers: dict[str, float] = {}
    for name, updates in METHODS.items():
        found = [float(updates(power_law(d, alpha), epsilon) or np.nan) for d in sizes]
        rows += [{"method": name, "d": d, "updates": T} for d, T in zip(sizes, found, strict=True)]
        slope = slope_in_size(sizes, found)
        numbers |= {f"{name}_slope": slope.value, f"{name}_half_width": slope.half_width}
    return numbers, {"updates": pa.Table.from_pylist(rows)}


def slope_in_size(sizes: Sequence[int], updates: Sequence[float]) -> Slope:
    """Return the slope of log updates on log d.

    >>> round(slope_in_size([10, 100, 1000], [3, 30, 300]).value, 6)
    1.0
    """
    from scipy.special import stdtrit
    from scipy.stats import linregress

    fit = linregress(np.log(sizes), np.log(updates))
    return Slope(float(fit.slope), float(stdtrit(len(sizes) - 2, 0.975) * fit.stderr))


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


def away(method: str, expected: Mapping[tuple[float, float], float]) -> Callable[[Results], Measured]:
    """Return the measure: the largest distance of a method's slope from what is expected, over the cases."""

    def measure(results: Results) -> Measured:
        runs = {key: results.calculations(case(*key))[0] for key in expected}
        slopes = {key: (run.facts[f"{method}_slope"], run.facts[f"{method}_half_width"]) for key, run in runs.items()}
        told = ", ".join(f"α={a:g} ε={e:g}: {s:.3f} ± {h:.3f}" for (a, e), (s, h) in slopes.items())
        worst = max(abs(slopes[key][0] - wanted) for key, wanted in expected.items())
        return Measured([worst], [run.id for run in runs.values()], exact=True, evidence=told)

    return measure


def crossing(results: Results) -> Measured:
    """Return |slope of GD − slope of sign descent| at α = 1, ε = 1/2, where both exponents are 1/2."""
    (run,) = results.calculations(case(1.0, 0.5))
    difference = abs(run.facts["GD_slope"] - run.facts["Sign_slope"])
    return Measured([difference], [run.id], exact=True)


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return updates against d for every case, with the fitted slopes."""
    figure, axes = canvas(2, 4, width=2.6, height=2.5, sharex=True, sharey=True)
    rows = []
    for ax, (alpha, eps) in zip(axes.flat, CASES, strict=False):
        (run,) = results.calculations(case(alpha, eps))
        table = run.table("updates").to_pylist()
        for name in METHODS:
            points = [(row["d"], row["updates"]) for row in table if row["method"] == name]
            label = f"{name}, slope {run.facts[f'{name}_slope']:.2f}"
            ax.plot(*zip(*points, strict=True), marker="o", markersize=3, label=label, **line_style(name))
        ax.set(xscale="log", yscale="log", title=rf"$\alpha = {alpha:g},\ \varepsilon = {eps:g}$")
        ax.legend(loc="upper left", fontsize=7)
        rows += [row | {"alpha": alpha, "epsilon": eps, "run": run.id} for row in table]
    axes[1, 3].axis("off")
    for ax in axes[1, :3]:
        ax.set_xlabel("vocabulary size $d$")
    for ax in axes[:, 0]:
        ax.set_ylabel(r"updates to $r \leq \varepsilon$")
    return {"iterations": Drawing(figure, pa.Table.from_pylist(rows))}


ZIPF = {(1.0, eps): 1 - eps for eps in (0.5, 0.25, 0.1, 0.05)}
CLAIMS = (
    Claim(
        "updates-gd-zipf",
        "Theorem 3.1",
        "α = 1: gradient descent needs d^{1−ε} updates: largest distance of the slope from 1 − ε",
        away("GD", ZIPF),
        holds=0.06,
        fails=0.2,
    ),
    Claim(
        "updates-gd-flat",
        "Theorem 3.1",
        "α < 1: gradient descent needs d^α updates: largest distance of the slope from α",
        away("GD", {(0.5, 0.1): 0.5, (0.75, 0.1): 0.75}),
        holds=0.03,
        fails=0.2,
    ),
    Claim(
        "updates-gd-steep",
        "Theorem 3.1",
        "α > 1: gradient descent needs a number of updates that does not depend on d: |slope| at α = 1.5",
        away("GD", {(1.5, 0.1): 0.0}),
        holds=0.15,
        fails=0.4,
    ),
    Claim(
        "updates-sign",
        "Theorem 4.5",
        "α ≥ 1: sign descent needs √d updates: largest distance of the slope from 1/2",
        away("Sign", dict.fromkeys((*ZIPF, (1.5, 0.1)), 0.5)),
        holds=0.02,
        fails=0.1,
    ),
    Claim(
        "updates-crossing",
        "Section 4",
        "α = 1: both methods scale alike at ε = 1/2, and sign descent better below: difference of the slopes at ε = 1/2",
        crossing,
        holds=0.02,
        fails=0.1,
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
)
