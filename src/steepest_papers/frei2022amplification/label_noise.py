"""Label noise: the network's error is the flip rate, its drift slows as 1 − 2η, and what adversarial flips change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.figures import canvas, group_colours
from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.store import Run
from steepest.runs.sweep import Plan
from steepest_papers.frei2022amplification import measures
from steepest_papers.frei2022amplification.drawings import Rows, log_time, over_time
from steepest_papers.frei2022amplification.measures import over_seeds, predicted
from steepest_papers.frei2022amplification.sizes import RULE, SMOKE, ClusterSizes, descents

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


def by_rate(results: Results, number: Callable[[Run], float], *, first: int = 0) -> np.ndarray:
    """Return a number of each run, shape (number of η, seeds), from the `first` η on."""
    rates = results.settings.rates[first:]
    return np.array([[number(run) for run in results.calculations(rate_name(rate))] for rate in rates])


@measure()
def largest(results: Results, number: Callable[[Run], float], *, first: int = 0) -> Measured:
    """Return the measure that takes, for each seed, the largest number over η, from the `first` η on."""
    values = by_rate(results, number, first=first)
    return Measured(values.max(axis=0).tolist(), run_ids(results), evidence=told(results, values, first))


@measure()
def drift_error(results: Results) -> Measured:
    """Return the largest |A_η(10)/A_0(10)/(1−2η) − 1| over η > 0."""
    A = by_rate(results, lambda run: measures.amplification(run, 10))
    law = 1 - 2 * np.array(results.settings.rates[1:])[:, None]
    values = np.abs(A[1:] / A[0] / law - 1).max(axis=0)
    return Measured(values.tolist(), run_ids(results), evidence=f"A(10): {told(results, A, 0)}")


def told(results: Results, values: np.ndarray, first: int) -> str:
    """Return the mean over seeds at every η."""
    means = zip(results.settings.rates[first:], values.mean(axis=1), strict=True)
    return ", ".join(f"{value:.3g} at η = {rate:g}" for rate, value in means)


def run_ids(results: Results) -> list[str]:
    """Return the runs of the sweep."""
    return [run.id for rate in results.settings.rates for run in results.calculations(rate_name(rate))]


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
    Claim("noise-memorised", largest(lambda run: predicted(run, "memorised"), first=1).at_most(0.01, fails=0.1)).says(
        "No flipped point is memorised at t = 400, at any η: largest share"
    ),
    Claim(
        "noise-adversarial",
        over_seeds("minority", lambda run: predicted(run, "clean_error")).at_most(0.02, fails=0.1),
        where="abstract",
        kind="paper",
    ).says("A constant fraction may be flipped adversarially: clean test error with η = 0.1, all flips in one cluster"),
    Claim(
        "noise-majority",
        over_seeds("majority", lambda run: abs(predicted(run, "clean_error") - 0.25)).at_most(0.02, fails=0.1),
    ).says("… unless most of a cluster is flipped (η = 0.2), which is then learned as flipped: |clean test error − ¼|"),
)


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return noisy error against η, A(10) against its law, alignment over time by η, and adversarial flips."""
    figure, axes = canvas(1, 4, width=2.75, height=2.6)
    rows = _against_law(axes[0, 0], results, "noisy test error", lambda run: predicted(run, "noisy_error"))
    rates = np.array(results.settings.rates)
    axes[0, 0].plot(rates, rates, color="#66a3d9", linestyle="--", label=r"$\eta$")
    A = by_rate(results, lambda run: measures.amplification(run, 10))
    rows += _against_law(axes[0, 1], results, "$A(10)$", lambda run: measures.amplification(run, 10))
    axes[0, 1].plot(
        rates, np.median(A[0]) * (1 - 2 * rates), color="#66a3d9", linestyle="--", label=r"$(1-2\eta)A_0(10)$"
    )
    axes[0, 1].set_ylim(bottom=0)
    for ax in axes[0, :2]:
        ax.set_xlabel(r"noise rate $\eta$")
        ax.legend()
    rows += _alignment(axes[0, 2], results) + _adversarial(axes[0, 3], results)
    return {"noise": Drawing(figure, pa.Table.from_pylist(rows))}


def _against_law(ax: Axes, results: Results, title: str, number: Callable[[Run], float]) -> Rows:
    rows: Rows = []
    for rate in results.settings.rates:
        runs = results.calculations(rate_name(rate))
        rows += [{"panel": title, "run": run.id, "x": rate, "y": number(run)} for run in runs]
    ax.plot(
        [r["x"] for r in rows], [r["y"] for r in rows], "o", color="black", markersize=4, label="network, each seed"
    )
    ax.set_title(title[0].upper() + title[1:])
    return rows


def _alignment(ax: Axes, results: Results) -> Rows:
    rates = results.settings.rates
    rows: Rows = []
    for rate, colour in zip(rates, group_colours(len(rates)), strict=True):
        line = {"label": rate_name(rate), "color": colour}
        rows += over_time(ax, results.calculations(rate_name(rate)), measures.cosine, line, panel="alignment")
    log_time(ax)
    ax.set(title=r"Median $\cos_{\mathrm{good}}$", ylim=(0, 1.02))
    ax.legend()
    return rows


def _adversarial(ax: Axes, results: Results) -> Rows:
    sizes, rows = results.settings, Rows()
    for name, colour in (("minority", "#004488"), ("majority", "#bb5566")):
        line = {"label": f"{rate_name(getattr(sizes, name))}, one cluster", "color": colour}
        rows += over_time(ax, results.calculations(name), measures.clean_error, line, panel="adversarial")
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
    scales={
        "smoke": NoiseSizes(**SMOKE.fields()),
        "quick": NoiseSizes(),
        "laptop": NoiseSizes(),
    },
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    rule=RULE + " Adversarial: ηn training labels are flipped, those of the cluster μ₁ first. The setting is ours.",
    where="derived here",
    kind="ours",
)
