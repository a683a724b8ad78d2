"""Updates to a fraction ε of the initial loss against vocabulary size d and exponent α: the main experiment.

Expected (derived by us): sign descent has to go R_∞ ~ log d and oscillates at a cost of η²/8, hence T ~ log d/√ε.
Normalised GD has to go ~√d by steps that the frequent classes keep short: between √d and d. GD at 1/L learns class k at a
rate p_k: T ~ d up to logarithms. Tuned methods choose from 32 learning rates each; at most `budget` logits are computed for
one method at one size, and what is not reached by then has no point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.data.frequency import zipf
from steepest.experiment import Calculation
from steepest.figures import canvas
from steepest.measure.unigram import FRACTIONS, contenders, frequencies, initial_loss, updates_needed
from steepest.paper import Drawing, Figure, Results, Settings
from steepest.results import Undecided
from steepest.sweep import Calculations, Plan
from steepest.verdict import Claim, Measured
from steepest_papers.yadav2025signdescent.measures import Measure, Slope, slope
from steepest_papers.yadav2025signdescent.styles import method_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ZIPF = 1.0
SECONDS_PER_LOGIT = 1.6e-8


class VocabularySizes(Settings):
    """Sizes of the experiment.

    Args:
        sizes: vocabulary sizes d at α = 1.
        exponents: other α; they are run up to `largest`.
        largest: largest d of the other exponents.
        budget: logits computed for one method at one size, over all its learning rates and updates.
    """

    sizes: Annotated[tuple[int, ...], Field(min_length=3)]
    exponents: tuple[float, ...] = (0.5, 1.5, 2.0)
    largest: int = 10_000
    budget: Annotated[float, Field(gt=0)] = 3e8


def plans(sizes: VocabularySizes) -> dict[str, Plan]:
    """Return one calculation per vocabulary size, for Zipf's law and for the other exponents."""
    small = [d for d in sizes.sizes if d <= sizes.largest]
    return {
        "zipf": Calculations(tuple(_counts(d, ZIPF, sizes.budget) for d in sizes.sizes)),
        "exponents": Calculations(tuple(_counts(d, alpha, sizes.budget) for alpha in sizes.exponents for d in small)),
    }


def _counts(num_classes: int, exponent: float, budget: float) -> Calculation:
    options = {"num_classes": num_classes, "exponent": exponent, "budget": budget}
    expected = 60.0 * num_classes**1.7  # logits of all methods, if the budget allows
    return Calculation(counts, options, takes=0.3 + SECONDS_PER_LOGIT * min(expected, 4 * budget))


def counts(num_classes: int, exponent: float, budget: float) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return the updates that each method needs for each fraction, NaN where the budget ends before."""
    p = frequencies(zipf(num_classes, exponent))
    rows: list[dict[str, Any]] = []
    for name, contender in contenders(p).items():
        most = int(budget / (len(contender.rates) * num_classes))
        hits = updates_needed(p, contender, most=most)
        for fraction, updates, rate in zip(FRACTIONS, hits.updates, hits.rates, strict=True):
            edge = len(contender.rates) > 1 and rate in (contender.rates[0], contender.rates[-1])
            rows.append(
                {"method": name, "fraction": fraction, "updates": updates, "rate": rate, "edge": edge, "most": most}
            )
    return {"initial_loss": initial_loss(p)}, {"counts": pa.Table.from_pylist(rows)}


def needed(
    results: Results, method: str, fraction: float, exponent: float = ZIPF, *, decisive: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return d and the updates needed, NaN where they are out of reach.

    Raises:
        Undecided: a best learning rate lies at the edge of its grid, and the answer is to be decisive.
    """
    d, rows = [], []
    for run in results.calculations("zipf" if exponent == ZIPF else "exponents"):
        if run.spec["options"]["exponent"] == exponent:
            d.append(run.spec["options"]["num_classes"])
            rows += [r for r in run.table("counts").to_pylist() if r["method"] == method and r["fraction"] == fraction]
    if decisive and any(row["edge"] for row in rows):
        raise Undecided(f"{method}: the best learning rate is at the edge of its grid")
    return np.array(d), np.array([row["updates"] for row in rows])


def growth(results: Results, method: str, fraction: float, exponent: float = ZIPF) -> Slope:
    """Return the slope of log T on log d over the sizes reached."""
    return slope(*needed(results, method, fraction, exponent))


def _measured(results: Results, value: float, evidence: str) -> Measured:
    runs = [run.id for plan in results.plans for run in results.calculations(plan)]
    return Measured([value], runs, exact=True, evidence=evidence)


def flat(
    methods: Sequence[str], fractions: Sequence[float] = FRACTIONS, exponents: Sequence[float] = (ZIPF,)
) -> Measure:
    """Return the measure: largest slope over methods, fractions and exponents."""

    def measure(results: Results) -> Measured:
        found = {
            f"{m} ε={e:g}" + ("" if a == ZIPF else f" α={a:g}"): growth(results, m, e, a)
            for m in methods
            for e in fractions
            for a in exponents
        }
        shown = ", ".join(f"{name}: {fit}" for name, fit in found.items())
        return _measured(results, max(fit.value for fit in found.values()), shown)

    return measure


def off(method: str, law: float, fractions: Sequence[float], exponent: float = ZIPF) -> Measure:
    """Return the measure: largest |slope − law| over fractions."""

    def measure(results: Results) -> Measured:
        found = {fraction: growth(results, method, fraction, exponent) for fraction in fractions}
        shown = ", ".join(f"ε={fraction:g}: {fit}" for fraction, fit in found.items())
        return _measured(results, max(abs(fit.value - law) for fit in found.values()), shown)

    return measure


def steepening(results: Results) -> Measured:
    """Return the least increase of GD's slope from one fraction to the next smaller, on sizes reached for all of them."""
    rows = [needed(results, "GD 1/L", fraction) for fraction in FRACTIONS]
    common = np.isfinite([updates for _, updates in rows]).all(axis=0)
    slopes = [slope(d[common], updates[common]).value for d, updates in rows]
    return _measured(results, float(np.diff(slopes).min()), "slopes " + " ".join(f"{value:.2f}" for value in slopes))


def ahead(slow: str, fast: str) -> Measure:
    """Return the measure: least T_slow/T_fast over all sizes and ε ≤ 0.1 that both reached."""

    def measure(results: Results) -> Measured:
        ratios: dict[tuple[float, int], float] = {}
        for fraction in FRACTIONS[1:]:
            (d, slower), (_, faster) = (needed(results, name, fraction) for name in (slow, fast))
            ratios |= {
                (fraction, int(size)): ratio for size, ratio in zip(d, slower / faster, strict=True) if ratio > 0
            }
        least, most = (choose(ratios, key=lambda at: ratios[at]) for choose in (min, max))
        shown = " to ".join(f"{ratios[at]:.1f} (ε={at[0]:g}, d={at[1]})" for at in (least, most))
        return _measured(results, ratios[least], f"from {shown}")

    return measure


def worst_exponent(results: Results) -> Measured:
    """Return normalised GD's slope at α = 1 minus its largest at another α, the smaller difference of ε = .05 and .02."""
    alphas = (ZIPF, *results.settings.exponents)
    largest = results.settings.largest
    table = {}
    for fraction in (0.05, 0.02):
        for alpha in alphas:
            d, updates = needed(results, "NormGD", fraction, alpha)
            table[fraction, alpha] = slope(d[d <= largest], updates[d <= largest]).value
    gaps = [table[e, ZIPF] - max(table[e, a] for a in alphas[1:]) for e in (0.05, 0.02)]
    shown = "; ".join(
        f"ε={e:g}: " + " ".join(f"α={a:g} {table[e, a]:.2f}" for a in sorted(alphas)) for e in (0.05, 0.02)
    )
    return _measured(results, min(gaps), shown)


def tuning_gain(results: Results) -> Measured:
    """Return by how much tuning lowers GD's slope at α = ½, ε = .02."""
    theory, tuned = (growth(results, name, 0.02, 0.5) for name in ("GD 1/L", "GD"))
    return _measured(results, theory.value - tuned.value, f"1/L: {theory}, tuned: {tuned}")


WHERE = "updates against vocabulary"
CLAIMS = (
    Claim(
        "vocabulary-sign-ahead",
        "abstract",
        "Sign descent needs fewer updates than normalised GD: least T_NormGD/T_Sign over all d and ε ≤ 0.1, both tuned",
        ahead("NormGD", "Sign"),
        holds=1.01,
        fails=1.0,
    ),
    Claim(
        "vocabulary-norm-ahead",
        WHERE,
        "Normalised GD needs fewer updates than GD at 1/L_2: least T_GD/T_NormGD over all d and ε ≤ 0.1",
        ahead("GD 1/L", "NormGD"),
        holds=1.01,
        fails=1.0,
        kind="ours",
    ),
    Claim(
        "vocabulary-sign-flat",
        WHERE,
        "Sign descent hardly sees d: largest slope of log T on log d over ε, tuned and at 1/L_∞",
        flat(("Sign", "Sign 1/L")),
        holds=0.15,
        fails=0.3,
        kind="ours",
    ),
    Claim(
        "vocabulary-adam-flat",
        WHERE,
        "Adam hardly sees d: largest slope of log T on log d over ε",
        flat(("Adam",)),
        holds=0.15,
        fails=0.3,
        kind="ours",
    ),
    Claim(
        "vocabulary-norm-slope",
        WHERE,
        "Normalised GD lies between √d and d: |slope − 0.675| at ε = 0.05 and 0.02",
        off("NormGD", 0.675, (0.05, 0.02)),
        holds=0.125,
        fails=0.3,
        kind="ours",
    ),
    Claim(
        "vocabulary-gd-slope",
        WHERE,
        "GD at 1/L_2 is nearly linear in d: |slope − 0.9| at ε = 0.02",
        off("GD 1/L", 0.9, (0.02,)),
        holds=0.03,
        fails=0.15,
        kind="ours",
    ),
    Claim(
        "vocabulary-gd-steepens",
        WHERE,
        "GD's slope rises towards 1 as ε falls: least increase from one ε to the next",
        steepening,
        holds=0.01,
        fails=0.0,
        kind="ours",
    ),
    Claim(
        "vocabulary-gd-tuned",
        WHERE,
        "Tuning does not free GD from d: slope of log T on log d at ε = 0.05",
        flat(("GD",), (0.05,)),
        holds=0.3,
        fails=0.1,
        kind="ours",
    ),
    Claim(
        "exponents-sign-flat",
        "other exponents",
        "Sign descent hardly sees d for any tail: largest slope at α = 0.5, 1.5, 2 and ε = 0.05, 0.02",
        flat(("Sign",), (0.05, 0.02), (0.5, 1.5, 2.0)),
        holds=0.15,
        fails=0.3,
        kind="ours",
    ),
    Claim(
        "exponents-zipf-worst",
        "other exponents",
        "Zipf's law is the hardest for normalised GD: its slope at α = 1 minus the largest at another α",
        worst_exponent,
        holds=0.02,
        fails=-0.05,
        kind="ours",
    ),
    Claim(
        "exponents-gd-slow",
        "other exponents",
        "At α = 0.5 all curvatures are ~1/d, far below L_2, and GD at 1/L_2 is linear in d: |slope − 0.97| at ε = 0.02",
        off("GD 1/L", 0.97, (0.02,), 0.5),
        holds=0.05,
        fails=0.3,
        kind="ours",
    ),
    Claim(
        "exponents-gd-tuned",
        "other exponents",
        "There tuning helps: slope of GD at 1/L_2 minus slope of tuned GD, α = 0.5, ε = 0.02",
        tuning_gain,
        holds=0.3,
        fails=0.1,
        kind="ours",
    ),
)


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return updates against d for each fraction, and against α at the largest common d."""
    return {"vocabulary": _by_size(results), "exponents": _by_exponent(results)}


def _by_size(results: Results) -> Drawing:
    figure, axes = canvas(1, len(FRACTIONS), width=2.7, height=3.1, sharey=True)
    methods = list(contenders(frequencies([2, 1])))
    for ax, fraction in zip(axes[0], FRACTIONS, strict=True):
        for name in reversed(methods):
            _line(ax, results, name, fraction)
        ax.set(xlabel="vocabulary size $d$", title=f"loss down to {fraction:.0%}")
        ax.legend(
            loc="upper left",
            fontsize=6.5,
            title="slope of $\\log T$ on $\\log d$",
            title_fontsize=6.5,
            alignment="left",
        )
    axes[0, 0].set(ylabel="updates $T$", ylim=(1, 3e6))
    return Drawing(figure, _table(results, "zipf"))


def _line(ax: Axes, results: Results, name: str, fraction: float) -> None:
    style = method_style(name)
    d, updates = needed(results, name, fraction, decisive=False)
    if np.isfinite(updates).sum() > 2:
        style["label"] += f": {slope(d, updates).value:.2f}"
    ax.loglog(d, updates, marker="o", markersize=3, **style)


def _by_exponent(results: Results) -> Drawing:
    alphas, size = sorted((ZIPF, *results.settings.exponents)), results.settings.largest
    figure, axes = canvas(1, 2, width=3.4, height=2.9, sharey=True)
    for ax, fraction in zip(axes[0], (0.05, 0.02), strict=True):
        for name in reversed(list(contenders(frequencies([2, 1])))):
            found = [needed(results, name, fraction, alpha, decisive=False) for alpha in alphas]
            last = [updates[d <= size][-1] for d, updates in found]
            ax.semilogy(alphas, last, marker="o", markersize=3, **method_style(name))
        ax.set(xlabel=r"exponent $\alpha$ of $p_k \propto k^{-\alpha}$", title=f"loss down to {fraction:.0%}")
    common = max(d for d in results.settings.sizes if d <= size)
    axes[0, 0].set_ylabel(f"updates $T$ at $d={common:,}$")
    axes[0, 1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return Drawing(figure, _table(results, "exponents"))


def _table(results: Results, plan: str) -> pa.Table:
    """Return every count with its size, exponent and run."""
    tables = []
    for run in results.calculations(plan):
        table, options = run.table("counts"), run.spec["options"]
        columns = {"classes": options["num_classes"], "exponent": options["exponent"], "run": run.id}
        for name, value in columns.items():
            table = table.append_column(name, pa.array([value] * len(table)))
        tables.append(table)
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
    draw=draw,
    rule=(
        "Half decades up to 10⁴, where every method gets there, then 10⁵ and 10⁶ as far as the budget of 3·10⁸ logits for a "
        "method goes: a few seconds each."
    ),
)
