"""Updates until a relative error ε against vocabulary size: d^{1−ε} for gradient descent at Zipf's law, √d for sign descent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.figures import canvas, line_style
from steepest.claims.measures import exact, select
from steepest.claims.paper import Drawing, Figure, Results
from steepest.claims.slopes import slope
from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.runs.store import Run
from steepest.runs.sweep import Plan, calculate
from steepest.theory.bigram import gd_updates, sign_updates
from steepest_papers.kunstner2025zipf.laws import LawSizes, Tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EPSILONS = (0.5, 0.25, 0.1, 0.05, 0.01)  # at Zipf's law
CASES = ((0.5, 0.1), (0.75, 0.1), (1.5, 0.1), *((1.0, epsilon) for epsilon in EPSILONS))
SIZES = (1_000, 3_162, 10_000, 31_622, 100_000)
METHODS = {"GD": gd_updates, "Sign": sign_updates}


@declared("kunstner2025zipf.counted")
def counted(alpha: float, epsilon: float, sizes: Sequence[int]) -> Tables:
    """Return the updates of both methods at each d, and the slope in d with its interval."""
    rows: list[dict[str, float | str]] = []
    numbers: dict[str, float] = {}
    for name, updates_needed in METHODS.items():
        updates = [float(updates_needed(zipf(d, alpha), epsilon) or np.nan) for d in sizes]
        rows += [{"method": name, "d": d, "updates": T} for d, T in zip(sizes, updates, strict=True)]
        fit = slope(sizes, updates)
        numbers |= {f"{name}_slope": fit.value, f"{name}_half_width": fit.half_width}
    return numbers, {"updates": pa.Table.from_pylist(rows)}


def case(alpha: float, epsilon: float) -> str:
    """Return the name of a plan."""
    return f"alpha {alpha:g}, epsilon {epsilon:g}"


def plans(sizes: LawSizes) -> dict[str, Plan]:
    """Return one calculation per exponent and accuracy."""
    return {case(*key): calculate(counted, {"alpha": key[0], "epsilon": key[1], "sizes": sizes.sizes}) for key in CASES}


def updates_of(run: Run, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Return d and the updates that a method needs."""
    columns = select(run.table("updates"), method=method)
    return columns["d"], columns["updates"]


@measure()
def away(results: Results, method: str, expected: Mapping[tuple[float, float], float]) -> Measured:
    """Return the largest distance of a method's slope from what is expected, over the cases."""
    runs = {key: results.run(case(*key)) for key in expected}
    slopes = {key: (run.facts[f"{method}_slope"], run.facts[f"{method}_half_width"]) for key, run in runs.items()}
    shown = ", ".join(f"α={a:g} ε={e:g}: {s:.3f} ± {h:.3f}" for (a, e), (s, h) in slopes.items())
    return exact(max(abs(slopes[key][0] - law) for key, law in expected.items()), runs.values(), shown)


@measure()
def crossing(results: Results) -> Measured:
    """Return |slope of GD − slope of sign descent| at α = 1, ε = 1/2, where both exponents are 1/2."""
    run = results.run(case(1.0, 0.5))
    return exact(abs(run.facts["GD_slope"] - run.facts["Sign_slope"]), [run])


@measure()
def levelling(results: Results) -> Measured:
    """Return the share of the steps in d at which the local slope of GD at α = 1.5 falls."""
    run = results.run(case(1.5, 0.1))
    d, updates = updates_of(run, "GD")
    slopes = np.diff(np.log(updates)) / np.diff(np.log(d))
    return exact((np.diff(slopes) < 0).mean(), [run], "local slopes " + " ".join(f"{local:.3f}" for local in slopes))


@measure()
def advantage(results: Results) -> Measured:
    """Return T_GD/T_sign at α = 1, d = 10⁴ and the smallest ε; evidence for the others."""
    runs = {epsilon: results.run(case(1.0, epsilon)) for epsilon in EPSILONS}
    ratios = {}
    for epsilon, run in runs.items():
        (d, slow), (_, fast) = (updates_of(run, name) for name in METHODS)
        ratios[epsilon] = (slow / fast)[d == 10_000][0]
    shown = ", ".join(f"ε={epsilon:g}: {ratio:.1f}" for epsilon, ratio in ratios.items())
    return exact(ratios[min(EPSILONS)], runs.values(), shown)


def draw(results: Results) -> Drawing:
    """Return updates against d for every case, with the fitted slopes, and these against ε at Zipf's law."""
    figure, axes = canvas(3, 3, width=3.0, height=2.4)
    rows = []
    for ax, (alpha, epsilon) in zip(axes.flat, CASES, strict=False):
        run = results.run(case(alpha, epsilon))
        for name in METHODS:
            value, half = (run.facts[f"{name}_{part}"] for part in ("slope", "half_width"))
            label = rf"{name}: slope {value:.3f} $\pm$ {half:.3f}"
            ax.plot(*updates_of(run, name), marker="o", markersize=3, label=label, **line_style(name))
        ax.set(xscale="log", yscale="log", ylim=(5, 3e5), title=rf"$\alpha = {alpha:g},\ \varepsilon = {epsilon:g}$")
        ax.minorticks_off()
        ax.legend(loc="upper left", fontsize=7)
        where = {"alpha": alpha, "epsilon": epsilon, "run": run.id}
        rows += [row | where for row in run.table("updates").to_pylist()]
    _slopes(axes[2, 2], results)
    for ax in (*axes[2, :2], axes[1, 2]):
        ax.set_xlabel("vocabulary size $d$")
    for ax in axes[:, 0]:
        ax.set_ylabel(r"updates to $r \leq \varepsilon$")
    return Drawing(figure, pa.Table.from_pylist(rows))


def _slopes(ax: Axes, results: Results) -> None:
    numbers = [results.run(case(1.0, epsilon)).facts for epsilon in EPSILONS]
    laws = {"GD": (np.subtract(1, EPSILONS), r"$1-\varepsilon$"), "Sign": ([0.5] * len(EPSILONS), r"$1/2$")}
    for name, (law, label) in laws.items():
        colour = line_style(name)["color"]
        slopes, halves = ([of[f"{name}_{part}"] for of in numbers] for part in ("slope", "half_width"))
        ax.errorbar(EPSILONS, slopes, halves, fmt="o", color=colour, markersize=3, capsize=2, label=name)
        ax.plot(EPSILONS, law, "--", color=colour, linewidth=1, label=f"law: {label}")
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
    draw={"iterations": draw},
    rule="None is needed: counts are exact.",
    where="Theorem 3.1",
)
