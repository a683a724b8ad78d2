"""Sign descent and Adam on the same data: do sign-like steps align neurons? An extension of ours, over rates and dimensions.

Hypothesis: a sign step moves all p − 1 noise coordinates as far as the useful one, so that neurons are amplified without
being aligned, and flipped labels are memorised. Right after its first step a neuron of sign descent, started from nearly 0,
has the same cosine 1/√p with every axis. That argument needs means along the axes: it is tested on rotated ones too.

Three ways to choose a rate:

specified   10⁰ for gradient descent and 10⁻³ for the others, at which the hypothesis about sign steps was formed
training    smallest final training loss of the worst seed, the rule of every sweep
held-out    of the rates within one standard error of the smallest error on noisy test labels, the middle one

The training loss of a network that is homogeneous in W has no best rate: from α ≫ ω on, a larger α only scales W, and where
the data are fitted the loss falls with the scale. The held-out error is flat over decades; the middle of what is as good as
the best is far from both ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.claims.claim import Claim, Measure, Measured, measure
from steepest.claims.drawings import Rows, plot_points
from steepest.claims.figures import canvas, line_style
from steepest.claims.measures import Number, Points, difference, over_cases, run_ids, table_of
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.measure.curvature import log_slope
from steepest.optim import Adam, SignDescent
from steepest.runs.method import Method
from steepest.runs.results import Best, Undecided, middle_of_the_best
from steepest.runs.store import Run
from steepest.runs.sweep import Plan, Seeds, Sweep, decades, learning_rate
from steepest_papers.frei2022amplification.clusters import (
    GD,
    RULE,
    STEPS,
    Neurons,
    Predictions,
    XORClusters,
    descents,
)
from steepest_papers.frei2022amplification.neurons import (
    amplification,
    clean_error,
    cosine,
    directions,
    memorised,
    predicted,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIGN = Method(SignDescent, "Sign")
ADAM = Method(Adam, "Adam", betas=(0.9, 0.999))
METHODS = (GD, SIGN, ADAM)
SPECIFIED = {GD: 0, SIGN: -3, ADAM: -3}
MOMENTS = (0, 1, STEPS)
ROTATED = "rotated"
HUGE = -1.0  # exponent of a rate of sign descent against which ω is nothing


class SignSizes(Settings):
    """Sizes of the sweeps.

    Args:
        dimensions: p, ascending, with σ = 1/√p. Optimizers are compared at the last; the others show the trend.
        samples: n.
        width: m of the sweeps.
        specified_width: m of the runs at the specified rates.
        flip_rate: η.
        init_scale: ω.
        seeds: they draw data, flips and initial neurons.
    """

    dimensions: Annotated[tuple[int, ...], Field(min_length=3)] = (25, 50, 100)
    samples: Annotated[int, Field(ge=1)] = 400
    width: Annotated[int, Field(ge=2, multiple_of=2)] = 100
    specified_width: Annotated[int, Field(ge=2, multiple_of=2)] = 400
    flip_rate: Annotated[float, Field(ge=0, lt=0.5)] = 0.1
    init_scale: Annotated[float, Field(gt=0)] = 1e-3
    seeds: Seeds = (0, 1, 2, 3, 4)

    @property
    def main(self) -> str:
        """Return the name of the sweep at the largest p."""
        return sweep_name(self.dimensions[-1])

    def problem(self, dimension: int) -> XORClusters:
        """Return the problem at one p."""
        sizes = {name: getattr(self, name) for name in ("samples", "width", "flip_rate", "init_scale")}
        return XORClusters(dimension=dimension, noise=1 / math.sqrt(dimension), **sizes)

    def summary(self) -> str:
        """Return all sizes in one line."""
        p = " ".join(map(str, self.dimensions))
        return (
            f"n={self.samples}, p={p}, σ=1/√p, m={self.width} ({self.specified_width} at the specified rates), "
            f"η={self.flip_rate:g}, ω={self.init_scale:g}, T={STEPS}, seeds {' '.join(map(str, self.seeds))}"
        )


def sweep_name(dimension: int) -> str:
    """Return the name of the sweep at one p.

    >>> sweep_name(25)
    'p = 25'
    """
    return f"p = {dimension}"


def specified_name(method: Method) -> str:
    """Return the name of the runs of an optimizer at its specified rate."""
    return f"{method.label} as specified"


def plans(sizes: SignSizes) -> dict[str, Plan]:
    """Return runs at the specified rates, sweeps at every p, and sweeps at the largest with means off the axes."""
    largest, seeds = sizes.problem(sizes.dimensions[-1]), sizes.seeds
    wide = largest.changed(width=sizes.specified_width)
    specified = {specified_name(m): descents(wide, learning_rate(SPECIFIED[m]), seeds, m) for m in METHODS}
    sweeps = {sweep_name(p): _sweep(sizes.problem(p), METHODS, seeds) for p in sizes.dimensions}
    return {**specified, **sweeps, ROTATED: _sweep(largest.changed(means="random"), (SIGN, ADAM), seeds)}


def _sweep(problem: XORClusters, methods: tuple[Method, ...], seeds: tuple[int, ...]) -> Sweep:
    """Return every decade within three of the specified rate, with every seed, for all optimizers alike."""
    return Sweep(
        problem=problem,
        optimizers={method: decades(SPECIFIED[method] - 3, SPECIFIED[method] + 3) for method in methods},
        steps=STEPS,
        seeds=seeds,
        groups=None,
        refine=None,
        probes=(Neurons(at=MOMENTS), Predictions(at=MOMENTS)),
        every=10,
        extend=0,
    )


def as_specified(results: Results, method: Method) -> Best:
    """Return an optimizer at its specified rate."""
    runs = results.calculations(specified_name(method))
    return Best(method.label, float(SPECIFIED[method]), tuple(runs), None)


def by_training_loss(results: Results, method: Method) -> Best:
    """Return an optimizer of the sweep at the largest p, at its rate of least training loss."""
    return results.sweep(results.settings.main).best(method.label)


def by_held_out_error(results: Results, method: Method, plan: str | None = None, *, decisive: bool = True) -> Best:
    """Return an optimizer at its rate of least error on noisy test labels.

    Args:
        results: of the figure.
        method: the optimizer.
        plan: name of the sweep; None takes the one at the largest p.
        decisive: raise where the rate decides nothing; False returns it with its `trouble`.

    Raises:
        NotRun: runs are missing.
        Undecided: the rate lies at an edge of its grid.
    """
    search = results.sweep(plan or results.settings.main).search(method.label)
    finished = search.finished()
    exponent = middle_of_the_best({e: [-predicted(run, "noisy_error") for run in at] for e, at in finished.items()})
    at_edge = exponent in (min(search.table), max(search.table))
    trouble = f"{method.label}: the most accurate rate 10^{exponent:g} is at the edge of its grid" if at_edge else None
    if trouble and decisive:
        raise Undecided(trouble)
    return Best(method.label, exponent, tuple(finished[exponent]), trouble)


Chooser = Callable[[Results, Method], Best]


class Contrast(NamedTuple):
    """What the hypothesis says about sign steps against gradient descent, with thresholds."""

    id: str
    says: str
    number: Number
    holds: float
    fails: float


ALIGNED = Contrast("aligned", "is less aligned: median cos_good, its own minus GD's", cosine, -0.5, -0.1)
ERRS = Contrast("errs", "errs more: clean test error, its own minus GD's", clean_error, 0.1, 0.02)
MEMORISES = Contrast("memorises", "memorises flips: share of them, its own minus GD's", memorised, 0.5, 0.1)
CHOSEN: dict[str, tuple[str, Chooser, tuple[Contrast, ...]]] = {
    "specified": ("At the specified rates", as_specified, (ALIGNED, ERRS, MEMORISES)),
    "training": ("At the rates of least training loss", by_training_loss, (ALIGNED, ERRS, MEMORISES)),
    "held-out": ("At the rates of least held-out error", by_held_out_error, (ALIGNED, ERRS)),
}


@measure()
def at_rate(results: Results, choose: Chooser, method: Method, number: Number, name: str = "") -> Measured:
    """Return a number of an optimizer's runs at its chosen rate; `name` is for the evidence."""
    best = choose(results, method)
    evidence = f"{name}{best.label} at 10^{best.exponent:g}"
    return Measured([number(run) for run in best.runs], run_ids(best), evidence=evidence)


def gain_by_rotation(method: Method, number: Number) -> Measure:
    """Return the measure of a number on rotated means minus that on axes, at the rates of least held-out error."""
    rotated = at_rate(partial(by_held_out_error, plan=ROTATED), method, number, "off the axes, ")
    return difference(rotated, at_rate(by_held_out_error, method, number, "on axes, "))


def decades_of_amplification(run: Run) -> float:
    """Return log₁₀ A(400); where α ≫ ω it grows with α, so that only the specified rates can be compared."""
    return math.log10(amplification(run))


def by_dimension(results: Results, method: Method, *, decisive: bool = True) -> Points:
    """Return the median of cos_good by p, at the rates of least held-out error."""
    names = {p: sweep_name(p) for p in results.settings.dimensions}
    bests = {p: by_held_out_error(results, method, name, decisive=decisive) for p, name in names.items()}
    return {p: [(run, cosine(run)) for run in best.runs] for p, best in bests.items()}


@measure()
def trend(results: Results, method: Method) -> Measured:
    """Return d log cos_good / d log p."""
    cosines = by_dimension(results, method)
    slopes = [log_slope(list(cosines), seed) for seed in table_of(cosines).T]
    return over_cases(cosines, np.array(slopes), "p")


@measure()
def first_cosine(results: Results) -> Measured:
    """Return the largest |√p · median cos_good − 1| over p, after one huge step of sign descent."""
    runs = {p: results.sweep(sweep_name(p)).search(SIGN.label).runs(HUGE) for p in results.settings.dimensions}
    scaled = {p: [(run, math.sqrt(p) * cosine(run, 1)) for run in at] for p, at in runs.items()}
    return over_cases(scaled, np.abs(table_of(scaled) - 1).max(axis=0), "p", "√p cos_good: ")


def _contrasts() -> Iterator[Claim]:
    for method in (SIGN, ADAM):
        A, A_descent = (at_rate(as_specified, m, decades_of_amplification, "log₁₀ A of ") for m in (method, GD))
        ratio = difference(A, A_descent).absolute().named("")
        name = f"signs-specified-{method.label.lower()}-amplifies"
        says = f"At the specified rates, {method.label} amplifies as GD does: |log₁₀ A(400)/A_GD(400)|"
        yield Claim(name, ratio.at_most(math.log10(2), fails=1.0)).says(says)
    for rule, (where, choose, contrasts) in CHOSEN.items():
        for method in (SIGN, ADAM):
            for one in contrasts:
                excess = difference(at_rate(choose, method, one.number), at_rate(choose, GD, one.number))
                test = excess.at_least if one.holds > one.fails else excess.at_most
                name = f"signs-{rule}-{method.label.lower()}-{one.id}"
                yield Claim(name, test(one.holds, fails=one.fails)).says(f"{where}, {method.label} {one.says}")


def _rotations() -> Iterator[Claim]:
    for method in (SIGN, ADAM):
        name, text = method.label.lower(), f"With means off the axes {method.label}"
        aligned, errs = (gain_by_rotation(method, number) for number in (cosine, clean_error))
        yield Claim(f"signs-rotated-{name}-aligned", aligned.at_least(0.2, fails=0.0)).says(
            f"{text} aligns more: median cos_good there minus on axes"
        )
        yield Claim(f"signs-rotated-{name}-errs", errs.at_most(-0.1, fails=0.0)).says(
            f"{text} errs less: clean test error there minus on axes"
        )


FALLS = "alignment falls with the dimension: slope of log cos_good on log p, least held-out error"
CLAIMS = (
    *_contrasts(),
    Claim("signs-first-step", first_cosine().at_most(0.1, fails=0.5)).says(
        "After one huge sign step the cosine with every axis is 1/√p: |√p cos_good − 1|"
    ),
    Claim("signs-trend-sign", trend(SIGN).at_most(-0.25, fails=0.0)).says(f"Sign's {FALLS}"),
    Claim("signs-trend-adam", trend(ADAM).at_most(-0.25, fails=0.0)).says(f"Adam's {FALLS}"),
    Claim("signs-trend-gd", trend(GD).at_least(-0.1, fails=-0.25)).says("GD's does not: the same slope"),
    *_rotations(),
)

COSINE = r"median $\cos_{\mathrm{good}}$"


def cases(results: Results) -> list[tuple[str, Method, dict[str, Any]]]:
    """Return plan, method and line of every curve: solid on axes, dotted on rotated means."""
    main = results.settings.main
    lines = [(main, method, line_style(method.label) | {"label": method.label}) for method in METHODS]
    for method in (SIGN, ADAM):
        line = line_style(method.label) | {"label": f"{method.label}, means off the axes", "linestyle": ":"}
        lines.append((ROTATED, method, line))
    return lines


def draw_sweeps(results: Results) -> Drawing:
    """Return alignment, error and memorised flips against the rate, and alignment against the dimension."""
    figure, axes = canvas(1, 4, width=2.8, height=2.7)
    panels = {COSINE: cosine, "clean test error": clean_error, "share of flips memorised": memorised}
    rows: Rows = []
    for ax, (title, number) in zip(axes[0], panels.items(), strict=False):
        for plan, method, line in cases(results):
            rows += _against_rate(ax, results, plan, method, number, panel=title, **line)
        label = r"$\alpha$ / specified rate"
        ax.set(xscale="log", xlabel=label, title=title[0].upper() + title[1:], ylim=(-0.03, 1.06))
    axes[0, 1].set_ylim(-0.01, 0.42)
    rows += _against_dimension(axes[0, 3], results)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return Drawing(figure, pa.Table.from_pylist(rows))


def _against_rate(ax: Axes, results: Results, plan: str, method: Method, number: Number, **line: Any) -> Rows:
    runs = results.sweep(plan).search(method.label).finished()
    points = {10.0 ** (e - SPECIFIED[method]): [(run, number(run)) for run in at] for e, at in runs.items()}
    rows = plot_points(ax, points, marker="o", markersize=3, **line)
    chosen = 10.0 ** (by_held_out_error(results, method, plan, decisive=False).exponent - SPECIFIED[method])
    ring = {"marker": "o", "markersize": 8, "fillstyle": "none", "color": line["color"]}
    ax.plot(chosen, np.median([y for _, y in points[chosen]]), **ring)
    return rows


def _against_dimension(ax: Axes, results: Results) -> Rows:
    p, rows = results.settings.dimensions, Rows()
    for method in METHODS:
        line = line_style(method.label) | {"label": method.label, "marker": "o", "markersize": 3}
        rows += plot_points(ax, by_dimension(results, method, decisive=False), panel="dimension", **line)
    law = ax.plot(p, 1 / np.sqrt(p), color="#999999", linewidth=1, linestyle="--", label=r"$1/\sqrt{p}$")
    ax.set(xlabel="dimension $p$", ylabel=COSINE, title="At the rings' rates", ylim=(0, 1.02), xticks=p)
    ax.legend(handles=law)
    return rows


def draw_neurons(results: Results) -> Drawing:
    """Return the direction of every neuron of the first seed at the end, at the rates of least held-out error."""
    shown = cases(results)
    figure, axes = canvas(1, len(shown), width=2.1, height=2.4)
    tables = []
    for ax, (plan, method, line) in zip(axes[0], shown, strict=True):
        best = by_held_out_error(results, method, plan, decisive=False)
        tables.append(directions(ax, best.runs[0], STEPS))
        ax.set_title(f"{line['label']}\n$10^{{{best.exponent:g}}}$", fontsize=8.5)
    return Drawing(figure, pa.concat_tables(tables))


FIGURE = Figure(
    id="signs",
    title="Sign descent and Adam on XOR clusters",
    statement=(
        "Nothing: this is an extension of ours. Hypothesis: sign-like steps move every noise coordinate as fast as the "
        "useful one, so neurons grow without turning to the clusters, and flipped labels are memorised. Judged over a grid "
        "of rates with every seed, three dimensions, and means along the axes or not."
    ),
    scales={
        "smoke": SignSizes(dimensions=(9, 16, 25), samples=120, width=40, specified_width=60, seeds=(0, 1, 2)),
        "laptop": SignSizes(),
    },
    plans=plans,
    claims=CLAIMS,
    draw={"signs": draw_sweeps, "signs-neurons": draw_neurons},
    rule=RULE
    + " Sweeps have m = 100 to keep their cost low, and for every optimizer the decades within three of the rate at "
    "which the hypothesis was formed, each with every seed.",
    where="extension",
    kind="ours",
)
