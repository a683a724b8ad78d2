"""Label noise: the network's error is the flip rate, its drift slows as 1 − 2η, and what adversarial flips change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.drawings import Rows
from steepest.claims.figures import canvas, group_colours
from steepest.claims.measures import Number, Points, by_case, over_cases, over_seeds, table_of
from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.store import Run
from steepest.runs.sweep import Plan
from steepest_papers.frei2022amplification.clusters import RULE, SMOKE, ClusterSizes, descents
from steepest_papers.frei2022amplification.neurons import (
    amplification,
    clean_error,
    cosine,
    log_time,
    memorised,
    plot_course,
    predicted,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class NoiseSizes(ClusterSizes):
    """Sizes of the sweep.

    Args:
        rates: η of random flips; the first is 0.
        minority: η of adversarial flips that leave the flipped cluster with a majority of clean labels, which is η < ⅛.
        majority: η of adversarial flips that do not, ⅛ < η < ¼.
    """

    rates: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2, 0.3)
    minority: float = 0.1
    majority: float = 0.2


def plans(sizes: NoiseSizes) -> dict[str, Plan]:
    """Return the sweep over η and the two adversarial settings."""
    problems = {rate_name(rate): sizes.problem().changed(flip_rate=rate) for rate in sizes.rates}
    for name in ("minority", "majority"):
        problems[name] = sizes.problem().changed(flip_rate=getattr(sizes, name), flips="adversarial")
    return {name: descents(problem, sizes.lr, sizes.seeds) for name, problem in problems.items()}


def rate_name(rate: float) -> str:
    """Return the name of a plan of the sweep.

    >>> rate_name(0.05)
    'η = 0.05'
    """
    return f"η = {rate:g}"


def by_rate(results: Results, number: Number, *, first: int = 0) -> Points:
    """Return a number of each run by η, from the `first` η on."""
    return by_case(results, {rate: rate_name(rate) for rate in results.settings.rates[first:]}, number)


def early_amplification(run: Run) -> float:
    """Return A(10)."""
    return amplification(run, 10)


@measure()
def largest(results: Results, number: Number, *, first: int = 0) -> Measured:
    """Return, for each seed, the largest number over η, from the `first` η on."""
    points = by_rate(results, number, first=first)
    return over_cases(points, table_of(points).max(axis=0), "η")


@measure()
def drift_error(results: Results) -> Measured:
    """Return the largest |A_η(10)/A_0(10)/(1−2η) − 1| over η > 0."""
    points = by_rate(results, early_amplification)
    A = table_of(points)
    law = 1 - 2 * np.array(list(points))[1:, None]
    return over_cases(points, np.abs(A[1:] / A[0] / law - 1).max(axis=0), "η", "A(10): ")


CLAIMS = (
    Claim(
        "noise-error",
        largest(lambda run: abs(predicted(run, "noisy_error") - predicted(run, "flip_rate"))).at_most(
            0.005, fails=0.02
        ),
        where="abstract",
        kind="paper",
    ).says(
        "The network's error is the noise rate: largest |noisy test error − flip rate of the test labels| over η at t = 400"
    ),
    Claim("noise-drift", drift_error().at_most(0.08, fails=0.16)).says(
        "Noise slows the drift: A_η(10)/A_0(10) = 1 − 2η: largest relative error over η"
    ),
    Claim("noise-memorised", largest(memorised, first=1).at_most(0.01, fails=0.1)).says(
        "No flipped point is memorised at t = 400, at any η: largest share"
    ),
    Claim(
        "noise-adversarial",
        over_seeds("minority", clean_error).at_most(0.02, fails=0.1),
        where="abstract",
        kind="paper",
    ).says("A constant fraction may be flipped adversarially: clean test error with η = 0.1, all flips in one cluster"),
    Claim(
        "noise-majority", over_seeds("majority", lambda run: abs(clean_error(run) - 0.25)).at_most(0.02, fails=0.1)
    ).says("… unless most of a cluster is flipped (η = 0.2), which is then learned as flipped: |clean test error − ¼|"),
)


def draw(results: Results) -> Drawing:
    """Return noisy error against η, A(10) against its law, alignment over time by η, and adversarial flips."""
    figure, axes = canvas(1, 4, width=2.75, height=2.6)
    rates, A = np.array(results.settings.rates), by_rate(results, early_amplification)
    rows = _each_seed(axes[0, 0], by_rate(results, lambda run: predicted(run, "noisy_error")), "noisy test error")
    rows += _each_seed(axes[0, 1], A, "$A(10)$")
    law = np.median(table_of(A)[0]) * (1 - 2 * rates)
    for ax, line, label in ((axes[0, 0], rates, r"$\eta$"), (axes[0, 1], law, r"$(1-2\eta)A_0(10)$")):
        ax.plot(rates, line, color="#66a3d9", linestyle="--", label=label)
        ax.set_xlabel(r"noise rate $\eta$")
        ax.legend()
    axes[0, 1].set_ylim(bottom=0)
    rows += _alignment(axes[0, 2], results) + _adversarial(axes[0, 3], results)
    return Drawing(figure, pa.Table.from_pylist(rows))


def _each_seed(ax: Axes, points: Points, title: str) -> Rows:
    rows = [{"panel": title, "run": run.id, "x": x, "y": y} for x, at in points.items() for run, y in at]
    x = np.repeat(list(points), table_of(points).shape[1])
    ax.plot(x, table_of(points).ravel(), "o", color="black", markersize=4, label="network, each seed")
    ax.set_title(title[0].upper() + title[1:])
    return rows


def _alignment(ax: Axes, results: Results) -> Rows:
    rates = results.settings.rates
    rows: Rows = []
    for rate, colour in zip(rates, group_colours(len(rates)), strict=True):
        runs, name = results.calculations(rate_name(rate)), rate_name(rate)
        rows += plot_course(ax, runs, cosine, panel="alignment", label=name, color=colour)
    log_time(ax)
    ax.set(title=r"Median $\cos_{\mathrm{good}}$", ylim=(0, 1.02))
    ax.legend()
    return rows


def _adversarial(ax: Axes, results: Results) -> Rows:
    sizes, rows = results.settings, Rows()
    for name, colour in (("minority", "#004488"), ("majority", "#bb5566")):
        runs, label = results.calculations(name), f"{rate_name(getattr(sizes, name))}, one cluster"
        rows += plot_course(ax, runs, clean_error, panel="adversarial", label=label, color=colour)
    ax.axhline(0.25, color="#999999", linestyle=":", linewidth=1)
    log_time(ax)
    ax.set(title="Adversarial flips: clean error", ylim=(-0.01, 0.8))
    ax.legend()
    return rows


FIGURE = Figure(
    id="noise",
    title="Label noise, random and adversarial",
    statement=(
        "With a constant fraction of the labels corrupted, the network's error is close to the rate of corruption. Derived "
        "by this project: noise slows the amplification in proportion to 1 − 2η; flipped points are not memorised within the "
        "horizon."
    ),
    scales={"smoke": NoiseSizes(**SMOKE.fields()), "quick": NoiseSizes(), "laptop": NoiseSizes()},
    plans=plans,
    claims=CLAIMS,
    draw={"noise": draw},
    rule=RULE + " Adversarial: ηn training labels are flipped, those of the cluster μ₁ first. The setting is ours.",
    where="derived here",
    kind="ours",
)
