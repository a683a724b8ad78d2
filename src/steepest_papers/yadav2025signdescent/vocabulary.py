"""Updates to a fraction ε of the initial loss against vocabulary size d and exponent α: the main experiment.

Expected (derived by us): sign descent has to go R_∞ ~ log d and oscillates at a cost of η²/8, hence T ~ log d/√ε.
Normalised GD has to go ~√d by steps that the frequent classes keep short: between √d and d. GD at 1/L learns class k at a
rate p_k: T ~ d up to logarithms. Tuned methods choose from 32 learning rates each; at most `budget` logits are computed for
one method at one size, and what is not reached by then has no point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.claims.claim import Claim, Measured, measure, placed
from steepest.claims.drawings import with_run
from steepest.claims.figures import canvas, legend_beside
from steepest.claims.measures import exact, select
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.claims.slopes import slope
from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.runs.results import Undecided
from steepest.runs.spec import Calculation
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan
from steepest.theory.unigram import FRACTIONS, contenders, frequencies, updates_needed
from steepest_papers.yadav2025signdescent.methods import NAMES, method_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ZIPF = 1.0
SECONDS_PER_LOGIT = 7e-9


class VocabularySizes(Settings):
    """Sizes of the experiment.

    Args:
        sizes: vocabulary sizes d at α = 1, ascending.
        exponents: other α; they are run up to `largest`.
        largest: largest d of the other exponents.
        budget: logits computed for one method at one size, over all its learning rates and updates.
    """

    sizes: Annotated[tuple[int, ...], Field(min_length=3)]
    exponents: tuple[float, ...] = (0.5, 1.5, 2.0)
    largest: int = 10_000
    budget: Annotated[float, Field(gt=0)] = 4e8

    def summary(self) -> str:
        """Return sizes, exponents and budget."""
        sizes, alphas = (" ".join(map(str, values)) for values in (self.sizes, self.exponents))
        return f"d={sizes}, α=1, and {alphas} up to d={self.largest}; at most {self.budget:.0e} logits for a method and size"


def plans(sizes: VocabularySizes) -> dict[str, Plan]:
    """Return one calculation per method, for Zipf's law and for each other exponent."""
    small = tuple(d for d in sizes.sizes if d <= sizes.largest)
    main = (_counts(method, sizes.sizes, ZIPF, sizes.budget) for method in NAMES)
    others = (_counts(method, small, alpha, sizes.budget) for alpha in sizes.exponents for method in NAMES)
    return {"zipf": Calculations(tuple(main)), "exponents": Calculations(tuple(others))}


def _counts(method: str, sizes: tuple[int, ...], exponent: float, budget: float) -> Calculation:
    options = {"method": method, "sizes": sizes, "exponent": exponent, "budget": budget}
    logits = 20.0 * sizes[-1] ** 1.7  # if the budget allows
    return Calculation(counts, options, takes=0.3 + SECONDS_PER_LOGIT * min(logits, budget))


@declared("yadav2025signdescent.vocabulary.counts")
def counts(
    method: str, sizes: tuple[int, ...], exponent: float, budget: float
) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return the updates that a method needs for each fraction at each size; NaN where the budget does not suffice.

    A fraction is tried while the power law through the two sizes before says that the budget suffices; `expected` is that law.
    """
    rows: list[dict[str, Any]] = []
    for d in sizes:
        p = frequencies(zipf(d, exponent))
        contender = contenders(p)[method]
        most = int(budget / (len(contender.rates) * d))
        guess = {fraction: extrapolated(rows, fraction, d) for fraction in FRACTIONS}
        tried = [fraction for fraction in FRACTIONS if not guess[fraction] > most]
        hits = zip(*updates_needed(p, contender, tried, most=most), strict=True) if tried else ()
        first_hits = dict(zip(tried, hits, strict=True))
        for fraction in FRACTIONS:
            updates, rate = first_hits.get(fraction, (np.nan, np.nan))
            edge = len(contender.rates) > 1 and rate in (contender.rates[0], contender.rates[-1])
            row = {"classes": d, "fraction": fraction, "updates": updates, "rate": rate, "edge": edge}
            rows.append(row | {"expected": guess[fraction], "logits": guess[fraction] * len(contender.rates) * d})
    return {"sizes": len(sizes)}, {"counts": pa.Table.from_pylist(rows)}


def extrapolated(rows: Sequence[Mapping[str, Any]], fraction: float, num_classes: int) -> float:
    """Return the updates at `num_classes` by the power law through the two sizes before, reached or extrapolated; or NaN.

    >>> rows = [{"classes": d, "fraction": 0.1, "updates": float(d), "expected": 1.0} for d in (10, 100)]
    >>> round(extrapolated(rows, 0.1, 1000))
    1000
    """
    known = [row for row in rows if row["fraction"] == fraction]
    if len(known) < 2:
        return float("nan")
    d1, d2 = (row["classes"] for row in known[-2:])
    T1, T2 = (row["expected"] if np.isnan(row["updates"]) else row["updates"] for row in known[-2:])
    return float(T2 * (T2 / T1) ** (np.log(num_classes / d2) / np.log(d2 / d1)))


def counted(results: Results, method: str, fraction: float, exponent: float = ZIPF) -> dict[str, np.ndarray]:
    """Return the columns of a method's counts for one fraction and exponent."""
    runs = results.calculations("zipf" if exponent == ZIPF else "exponents")
    options = {"method": method, "exponent": exponent}
    (run,) = (run for run in runs if options.items() <= run.spec["options"].items())
    return select(run.table("counts"), fraction=fraction)


def needed(
    results: Results, method: str, fraction: float, exponent: float = ZIPF, up_to: float = np.inf
) -> tuple[np.ndarray, np.ndarray]:
    """Return d and the updates needed, NaN where they are out of reach.

    Raises:
        Undecided: a best learning rate lies at the edge of its grid.
    """
    columns = counted(results, method, fraction, exponent)
    if columns["edge"].any():
        raise Undecided(f"{method}: the best learning rate is at the edge of its grid")
    d, updates = columns["classes"], columns["updates"]
    return d[d <= up_to], updates[d <= up_to]


def all_runs(results: Results) -> Iterator[Run]:
    """Yield the runs of both plans."""
    return (run for plan in results.plans for run in results.calculations(plan))


@measure()
def growth(
    results: Results,
    methods: Sequence[str],
    fractions: Sequence[float] = FRACTIONS,
    exponents: Sequence[float] = (ZIPF,),
    law: float | None = None,
) -> Measured:
    """Return the largest slope of log T on log d, or its largest distance from a law."""
    slopes = {}
    for method, fraction, alpha in product(methods, fractions, exponents):
        case = f"{method} ε={fraction:g}" + ("" if alpha == ZIPF else f" α={alpha:g}")
        slopes[case] = slope(*needed(results, method, fraction, alpha))
    shown = ", ".join(f"{case}: {fit}" for case, fit in slopes.items())
    worst = max(fit.value if law is None else abs(fit.value - law) for fit in slopes.values())
    return exact(worst, all_runs(results), shown)


@measure()
def steepening(results: Results) -> Measured:
    """Return the least increase of GD's slope from one fraction to the next smaller, on sizes reached for all of them."""
    rows = [needed(results, "GD 1/L", fraction) for fraction in FRACTIONS]
    common = np.isfinite([updates for _, updates in rows]).all(axis=0)
    slopes = [slope(d[common], updates[common]).value for d, updates in rows]
    shown = "slopes " + " ".join(f"{value:.2f}" for value in slopes)
    return exact(np.diff(slopes).min(), all_runs(results), shown)


@measure()
def ahead(results: Results, slow: str, fast: str) -> Measured:
    """Return the least T_slow/T_fast over all sizes and ε ≤ 0.1 that both reached."""
    ratios: dict[tuple[float, int], float] = {}
    for fraction in FRACTIONS[1:]:
        (d, slower), (_, faster) = (needed(results, name, fraction) for name in (slow, fast))
        ratios |= {(fraction, int(size)): ratio for size, ratio in zip(d, slower / faster, strict=True) if ratio > 0}
    least, most = (choose(ratios, key=lambda at: ratios[at]) for choose in (min, max))
    shown = " to ".join(f"{ratios[at]:.1f} (ε={at[0]:g}, d={at[1]})" for at in (least, most))
    return exact(ratios[least], all_runs(results), f"from {shown}")


@measure()
def worst_exponent(results: Results) -> Measured:
    """Return normalised GD's slope at α = 1 minus its largest at another α, the smaller difference of ε = .05 and .02."""
    differences, shown = [], []
    for fraction in (0.05, 0.02):
        slopes = {
            alpha: slope(*needed(results, "NormGD", fraction, alpha, results.settings.largest)).value
            for alpha in sorted((ZIPF, *results.settings.exponents))
        }
        differences.append(slopes[ZIPF] - max(value for alpha, value in slopes.items() if alpha != ZIPF))
        shown.append(f"ε={fraction:g}: " + " ".join(f"α={alpha:g} {value:.2f}" for alpha, value in slopes.items()))
    return exact(min(differences), all_runs(results), "; ".join(shown))


@measure()
def tuning_gain(results: Results) -> Measured:
    """Return by how much tuning lowers GD's slope at α = ½, ε = .02."""
    theory, tuned = (slope(*needed(results, name, 0.02, 0.5)) for name in ("GD 1/L", "GD"))
    return exact(theory.value - tuned.value, all_runs(results), f"1/L: {theory}, tuned: {tuned}")


CLAIMS = (
    Claim(
        "vocabulary-sign-ahead", ahead("NormGD", "Sign").at_least(1.01, fails=1.0), where="abstract", kind="paper"
    ).says(
        "Sign descent needs fewer updates than normalised GD: least T_NormGD/T_Sign over all d and ε ≤ 0.1, both tuned"
    ),
    Claim("vocabulary-norm-ahead", ahead("GD 1/L", "NormGD").at_least(1.01, fails=1.0)).says(
        "Normalised GD needs fewer updates than GD at 1/L_2: least T_GD/T_NormGD over all d and ε ≤ 0.1"
    ),
    Claim("vocabulary-sign-flat", growth(("Sign", "Sign 1/L")).at_most(0.15, fails=0.3)).says(
        "Sign descent hardly sees d: largest slope of log T on log d over ε, tuned and at 1/L_∞"
    ),
    Claim("vocabulary-adam-flat", growth(("Adam",)).at_most(0.15, fails=0.3)).says(
        "Adam hardly sees d: largest slope of log T on log d over ε"
    ),
    Claim("vocabulary-norm-slope", growth(("NormGD",), (0.05, 0.02), law=0.675).at_most(0.125, fails=0.3)).says(
        "Normalised GD lies between √d and d: |slope − 0.675| at ε = 0.05 and 0.02"
    ),
    Claim("vocabulary-gd-slope", growth(("GD 1/L",), (0.02,), law=0.9).at_most(0.03, fails=0.15)).says(
        "GD at 1/L_2 is nearly linear in d: |slope − 0.9| at ε = 0.02"
    ),
    Claim("vocabulary-gd-steepens", steepening().at_least(0.01, fails=0.0)).says(
        "GD's slope rises towards 1 as ε falls: least increase from one ε to the next"
    ),
    Claim("vocabulary-gd-tuned", growth(("GD",), (0.05,)).at_least(0.3, fails=0.1)).says(
        "Tuning does not free GD from d: slope of log T on log d at ε = 0.05"
    ),
    *placed(
        "other exponents",
        Claim("exponents-sign-flat", growth(("Sign",), (0.05, 0.02), (0.5, 1.5, 2.0)).at_most(0.15, fails=0.3)).says(
            "Sign descent hardly sees d for any tail: largest slope at α = 0.5, 1.5, 2 and ε = 0.05, 0.02"
        ),
        Claim("exponents-zipf-worst", worst_exponent().at_least(0.02, fails=-0.05)).says(
            "Zipf's law is the hardest for normalised GD: its slope at α = 1 minus the largest at another α"
        ),
        Claim("exponents-gd-slow", growth(("GD 1/L",), (0.02,), (0.5,), law=0.97).at_most(0.05, fails=0.3)).says(
            "At α = 0.5 all curvatures are ~1/d, far below L_2, and GD at 1/L_2 is linear in d: |slope − 0.97| at ε = 0.02"
        ),
        Claim("exponents-gd-tuned", tuning_gain().at_least(0.3, fails=0.1)).says(
            "There tuning helps: slope of GD at 1/L_2 minus slope of tuned GD, α = 0.5, ε = 0.02"
        ),
    ),
)


def draw_sizes(results: Results) -> Drawing:
    """Return updates against d for each fraction."""
    figure, axes = canvas(1, len(FRACTIONS), width=2.6, height=2.9, sharey=True)
    for ax, fraction in zip(axes[0], FRACTIONS, strict=True):
        ends = [_line(ax, results, name, fraction) for name in reversed(list(NAMES))]
        _slopes(ax, ends, results.settings.sizes[-1])
        ax.set(xlabel="vocabulary size $d$", title=f"loss down to {fraction:.0%}")
    axes[0, 0].set(ylabel="updates $T$", ylim=(1, 1e6))
    legend_beside(axes[0, -1], 1.2, title="dotted: extrapolated", alignment="left", handlelength=3)
    return Drawing(figure, _table(results, "zipf"))


def _line(ax: Axes, results: Results, name: str, fraction: float) -> tuple[float, str, str]:
    """Plot a method, dotted where its power law is continued; return where it ends, its slope as text and its colour."""
    style, columns = method_style(name), counted(results, name, fraction)
    d, updates = columns["classes"], columns["updates"]
    reached = np.isfinite(updates)
    beyond = np.where(reached, updates, columns["expected"])
    ax.loglog(d, updates, marker="o", markersize=3, **style)
    first = max(reached.sum() - 1, 0)
    ax.loglog(d[first:], beyond[first:], linestyle=":", linewidth=1, color=style["color"])
    text = f"{slope(d, updates).value:.2f}" if reached.sum() > 2 else ""
    return float(beyond[-1]), text, style["color"]


def _slopes(ax: Axes, ends: Sequence[tuple[float, str, str]], last: int) -> None:
    """Write the slopes at the ends of the lines, moved apart where they would overlap."""
    height = 0.0
    for end, text, colour in sorted(ends):
        height = max(end, 2.1 * height)
        ax.annotate(text, (last, height), (5, -3), textcoords="offset points", color=colour, fontsize=7)


def draw_exponents(results: Results) -> Drawing:
    """Return updates against α at the largest common d."""
    alphas = sorted((ZIPF, *results.settings.exponents))
    common = max(d for d in results.settings.sizes if d <= results.settings.largest)
    figure, axes = canvas(1, 2, width=3.4, height=2.9, sharey=True)
    for ax, fraction in zip(axes[0], (0.05, 0.02), strict=True):
        for name in reversed(list(NAMES)):
            columns = [counted(results, name, fraction, alpha) for alpha in alphas]
            updates = [float(of["updates"][of["classes"] == common][0]) for of in columns]
            ax.semilogy(alphas, updates, marker="o", markersize=3, **method_style(name))
        ax.set(xlabel=r"exponent $\alpha$ of $p_k \propto k^{-\alpha}$", title=f"loss down to {fraction:.0%}")
    axes[0, 0].set_ylabel(f"updates $T$ at $d={common:,}$")
    legend_beside(axes[0, 1])
    return Drawing(figure, _table(results, "exponents"))


def _table(results: Results, plan: str) -> pa.Table:
    """Return every count with its size, exponent and run."""
    tables = []
    for run in results.calculations(plan):
        table = run.table("counts")
        for name in ("method", "exponent"):
            table = table.append_column(name, pa.array([run.spec["options"][name]] * len(table)))
        tables.append(with_run(table, run))
    return pa.concat_tables(tables)


FIGURE = Figure(
    id="vocabulary",
    title="Updates to a fraction of the loss, against vocabulary size",
    statement=(
        "On Zipf-distributed tokens sign descent needs a handful of updates whatever the vocabulary, normalised gradient descent "
        "a power of its size, and gradient descent nearly its size."
    ),
    scales={
        "smoke": VocabularySizes(sizes=(32, 100, 316), budget=1e7),
        "quick": VocabularySizes(sizes=(100, 316, 1_000, 3_162), budget=1e8),
        "laptop": VocabularySizes(sizes=(100, 316, 1_000, 3_162, 10_000, 100_000, 1_000_000)),
        "paper": VocabularySizes(sizes=(100, 316, 1_000, 3_162, 10_000, 100_000, 1_000_000), budget=1e13),
    },
    plans=plans,
    claims=CLAIMS,
    draw={"vocabulary": draw_sizes, "exponents": draw_exponents},
    rule=(
        "Half decades up to 10⁴, where every method gets there, then 10⁵ and 10⁶ as far as the budget of 4·10⁸ logits for a "
        "method goes: a few seconds each."
    ),
    where="updates against vocabulary",
    kind="ours",
)
