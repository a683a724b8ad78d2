"""The laws on bigrams of real text: predicted against measured updates, for words and byte pairs at several vocabularies.

What the laws need of a text, without any d × d matrix, only the pairs that occur:

    gradient descent  r(t) = Σ_i π_i s_i (1 − π_i/π_1)^{2t} / Σ_i π_i s_i,   s_i = Σ_j π_{j|i}²
    sign descent      coordinate (i, j) starts at δ = π_{j|i} with the weight π_i

Both are exact, derived by us. Where π_{j|i} = 0 a coordinate starts at its solution and stays there. Coordinates with one δ
move together, and a text has few: most pairs occur once or twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.claims.claim import Claim, Measured, measure, placed
from steepest.claims.figures import canvas, line_style, plain_ticks
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.claims.slopes import slope
from steepest.component import declared
from steepest.data.corpora import open_corpus
from steepest.data.corpus import Corpus
from steepest.data.frequency import Ints, tail_exponent, zipf
from steepest.data.tokens import BPE, Vocabulary, tokenize, word_vocabulary
from steepest.runs.sweep import Plan, calculate
from steepest.theory.bigram import Floats, gd_updates, sign_updates, sorted_law
from steepest_papers.kunstner2025zipf.dynamics import exact_updates
from steepest_papers.kunstner2025zipf.laws import Tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS, METHODS = ("words", "BPE"), ("GD", "Sign")
LOOKS = {
    "measured": ("o", "measured"),
    "odd": ("x", "measured, odd horizons"),
    "model": (":", "model with the text's conditionals"),
    "frequencies": ("--", "law from frequencies"),
    "fitted": ("-.", r"law from $d$ and fitted $\alpha$"),
}
EPSILONS = (0.5, 0.25, 0.1)
RANKS = 60


class TextSizes(Settings):
    """The text and its vocabularies.

    Args:
        sizes: vocabulary sizes of words and of byte pairs.
        corpus: `wikipedia`, `newsgroups`, `wikitext-2`, `wikitext-103`, or the user's text file or folder.
    """

    sizes: Annotated[tuple[Annotated[int, Field(gt=256)], ...], Field(min_length=3)] = (512, 1024, 2048, 4096)
    corpus: str = "wikipedia"

    def vocabulary(self, kind: str, size: int) -> Vocabulary:
        """Return words or byte pairs of a size."""
        return BPE(size=size) if kind == "BPE" else word_vocabulary(open_corpus(self.corpus), size)


@dataclass(frozen=True)
class Bigrams:
    """The pairs of tokens that occur.

    Attributes:
        pi: π_i, frequency of each token as an input, shape (d,), 0 where it is none.
        row: i of each pair, shape (pairs,), ascending.
        conditional: π_{j|i} of each pair, shape (pairs,).
    """

    pi: Floats
    row: Ints
    conditional: Floats

    @cached_property
    def inputs(self) -> tuple[Floats, Floats]:
        """Return π_i, the largest first, and π_i s_i, of the tokens that are inputs."""
        squares = np.bincount(self.row, self.conditional**2, minlength=len(self.pi))
        order = np.argsort(-self.pi, kind="stable")[: np.count_nonzero(self.pi)]
        return self.pi[order], (self.pi * squares)[order]

    @cached_property
    def distances(self) -> tuple[Floats, Floats]:
        """Return the distinct δ, the largest first, and Σ π_i of the coordinates that start there."""
        delta, place = np.unique(self.conditional, return_inverse=True)
        weight = np.bincount(place, self.pi[self.row]).astype(np.float64)
        return delta[::-1].copy(), weight[::-1].copy()


def count_bigrams(ids: Ints, starts: Ints, d: int) -> Bigrams:
    """Return the bigrams within documents.

    Args:
        ids: tokens 0 … d−1 of all documents, one after the other, shape (n,).
        starts: where each document starts and, last, n.
        d: size of the vocabulary.
    """
    follows = np.ones(len(ids), dtype=bool)
    follows[starts[:-1][starts[:-1] < len(ids)]] = False
    (second,) = np.nonzero(follows)
    pairs, counts = np.unique(ids[second - 1] * d + ids[second], return_counts=True)
    row = pairs // d
    of_row = np.bincount(row, counts, minlength=d)
    return Bigrams(of_row / of_row.sum(), row, counts / of_row[row])


def ranked_conditionals(text: Bigrams, ranks: Ints) -> Floats:
    """Return the quartiles over rows of the sorted π_{·|i} at some ranks, shape (ranks, 3); rows count alike."""
    order = np.lexsort((-text.conditional, text.row))
    row, conditional = text.row[order], text.conditional[order]
    rank = 1 + np.arange(len(row)) - np.searchsorted(row, row)
    rows = len(np.unique(row))
    at_rank = [conditional[rank == k] for k in ranks]
    padded = [np.concatenate([values, np.zeros(rows - len(values))]) for values in at_rank]
    return np.array([np.quantile(values, (0.25, 0.5, 0.75)) for values in padded])


class Counts(NamedTuple):
    """How the updates until ε are counted for one method; None where it does not apply.

    Attributes:
        measured: exactly, on the text's bigrams; sign descent at even horizons.
        odd: the same at odd horizons.
        model: in the paper's model of sign descent, with the text's conditionals.
        frequencies: by the law, from the token frequencies alone, taken as every conditional.
        fitted: by the law, from d and the exponent fitted to the frequencies alone.
    """

    measured: int | None
    odd: int | None
    model: int | None
    frequencies: int | None
    fitted: int | None


def counts(text: Bigrams, method: str, epsilon: float) -> Counts:
    """Return the updates of `GD` or `Sign` until ε, measured and predicted."""
    pi = sorted_law(text.pi)
    fitted = zipf(len(pi), tail_exponent(pi))
    if method == "GD":
        frequency, weight = text.inputs
        exact = gd_updates(frequency, epsilon, weight)
        return Counts(exact, None, None, gd_updates(pi, epsilon), gd_updates(fitted, epsilon))
    delta, weight = text.distances
    even, odd = (exact_updates(delta, epsilon, weight, odd=odd) for odd in (False, True))
    model = sign_updates(delta, epsilon, weight)
    return Counts(even, odd, model, sign_updates(pi, epsilon), sign_updates(fitted, epsilon))


@declared("kunstner2025zipf.measured", version=2)
def measured(corpus: Corpus, vocabulary: Vocabulary) -> Tables:
    """Return updates until each ε, measured on the text's bigrams and predicted.

    Tables: `updates` (epsilon, method, and the fields of `Counts`) and `ranks` (rank, marginal, and quartiles over the
    rows of the sorted conditionals).
    """
    tokens = tokenize(corpus, vocabulary)
    text = count_bigrams(tokens.ids["train"], tokens.starts["train"], tokens.num_classes)
    pi = sorted_law(text.pi)
    rows = [
        {"epsilon": epsilon, "method": method} | counts(text, method, epsilon)._asdict()
        for method in METHODS
        for epsilon in EPSILONS
    ]
    numbers = {"classes": len(pi), "alpha": tail_exponent(pi), "pairs": len(text.row)}
    shown = np.unique(np.geomspace(1, len(pi), RANKS).astype(np.int64))
    low, median, high = ranked_conditionals(text, shown).T
    columns: dict[str, Any] = {"rank": shown, "marginal": pi[shown - 1], "low": low, "median": median, "high": high}
    return numbers, {"updates": pa.Table.from_pylist(rows), "ranks": pa.table(columns)}


def plans(sizes: TextSizes) -> dict[str, Plan]:
    """Return one calculation per tokenizer and vocabulary."""
    corpus = open_corpus(sizes.corpus)
    return {
        f"{kind} {size}": calculate(measured, {"corpus": corpus, "vocabulary": sizes.vocabulary(kind, size)}, takes=3.0)
        for kind in KINDS
        for size in sizes.sizes
    }


def rows_of(results: Results, kind: str, method: str, epsilon: float) -> list[dict[str, Any]]:
    """Return d, measured and predicted updates and the run, by vocabulary size."""
    rows = []
    for size in results.settings.sizes:
        run = results.run(f"{kind} {size}")
        (row,) = [r for r in run.table("updates").to_pylist() if (r["method"], r["epsilon"]) == (method, epsilon)]
        rows.append(row | {"kind": kind, "d": run.facts["classes"], "run": run.id})
    return rows


def of_rows(value: float, rows: list[dict[str, Any]], evidence: str) -> Measured:
    """Return one exact number of some rows."""
    return Measured([float(value)], list(dict.fromkeys(row["run"] for row in rows)), exact=True, evidence=evidence)


@measure()
def slope_error(results: Results, method: str, epsilon: float, expected: float, by: str = "measured") -> Measured:
    """Return the larger distance, of words and byte pairs, of the slope in d from the law's exponent."""
    rows = {kind: rows_of(results, kind, method, epsilon) for kind in KINDS}
    slopes = {kind: slope([r["d"] for r in of], [r[by] for r in of]) for kind, of in rows.items()}
    shown = ", ".join(f"{kind} {fit.value:.2f} ± {fit.half_width:.2f}" for kind, fit in slopes.items())
    worst = max(abs(fit.value - expected) for fit in slopes.values())
    return of_rows(worst, [row for of in rows.values() for row in of], f"slope: {shown}; expected {expected:g}")


@measure()
def prediction_error(
    results: Results, method: str, by: str, of: str = "measured", *, times: int = 1, name: str = "predicted"
) -> Measured:
    """Return the largest |log₂(times · predicted/measured)| over tokenizers, vocabularies and ε, columns `by` and `of`."""
    rows = [row for kind in KINDS for epsilon in EPSILONS for row in rows_of(results, kind, method, epsilon)]
    ratios = np.array([times * row[by] / row[of] for row in rows])
    shown = f"{name}/measured from {ratios.min():.2f} to {ratios.max():.2f}"
    return of_rows(np.abs(np.log2(ratios)).max(), rows, shown)


@measure()
def fewer(results: Results) -> Measured:
    """Return the least T_GD/T_sign over tokenizers at the largest d and ε = 0.1, even or odd horizons, whichever is longer."""
    rows, ratios, shown = [], [], []
    for kind in KINDS:
        gd, sign = (rows_of(results, kind, method, 0.1)[-1] for method in METHODS)
        ratios.append(gd["measured"] / max(sign["measured"], sign["odd"]))
        shown.append(f"{kind}: GD {gd['measured']}, sign {sign['measured']} (even), {sign['odd']} (odd)")
        rows.append(gd)
    return of_rows(min(ratios), rows, ", ".join(shown))


def draw_updates(results: Results) -> Drawing:
    """Return updates against d with the predictions."""
    figure, axes = canvas(2, 3, width=3.1, height=2.6, sharex=True, sharey=True)
    rows = []
    for line, kind in zip(axes, KINDS, strict=True):
        for ax, epsilon in zip(line, EPSILONS, strict=True):
            for method in METHODS:
                of_method = rows_of(results, kind, method, epsilon)
                _updates(ax, method, of_method)
                rows += of_method
            ax.set(xscale="log", yscale="log", title=rf"{kind}, $\varepsilon = {epsilon:g}$")
            plain_ticks(ax, results.settings.sizes)
        line[0].set_ylabel(r"updates to $r \leq \varepsilon$")
    for ax in axes[1]:
        ax.set_xlabel("vocabulary size $d$")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=7)
    return Drawing(figure, pa.Table.from_pylist(rows))


def _updates(ax: Axes, method: str, rows: list[dict[str, Any]]) -> None:
    d, style = [row["d"] for row in rows], {"color": line_style(method)["color"], "markersize": 4, "linewidth": 1.1}
    for by, (mark, name) in LOOKS.items():
        if rows[0][by] is not None:
            label = f"{method}, {name}" + (", even horizons" if (method, by) == ("Sign", "measured") else "")
            ax.plot(d, [row[by] for row in rows], mark, label=label, **style)


def draw_ranks(results: Results) -> Drawing:
    """Return token frequencies with sorted conditionals by rank, at the largest vocabulary."""
    figure, axes = canvas(1, 2, width=3.4, height=2.8, sharey=True)
    rows = []
    for ax, kind in zip(axes[0], KINDS, strict=True):
        run = results.run(f"{kind} {results.settings.sizes[-1]}")
        table = run.table("ranks")
        k, marginal, low, median, high = (table[c].to_numpy() for c in ("rank", "marginal", "low", "median", "high"))
        ax.plot(k, marginal, color="#004488", label=r"$\pi_k$")
        ax.plot(k, np.where(median > 0, median, np.nan), color="#bb5566", label=r"median of sorted $\pi_{k|i}$")
        ax.fill_between(k, np.maximum(low, 1e-7), np.maximum(high, 1e-7), color="#bb5566", alpha=0.2, linewidth=0)
        ax.plot(k, marginal[0] / k, color="black", linestyle=":", linewidth=1.2, label="∝ $1/k$")
        ax.set(xscale="log", yscale="log", ylim=(1e-6, 1), xlabel="rank $k$")
        ax.set_title(f"{kind}, $d$ = {run.facts['classes']:,}")
        rows += [row | {"kind": kind, "run": run.id} for row in table.to_pylist()]
    axes[0, 0].legend(fontsize=7)
    return Drawing(figure, pa.Table.from_pylist(rows))


CLAIMS = (
    *placed(
        "Figure 2",
        Claim("text-gd-slope", slope_error("GD", 0.1, 0.9).at_most(0.15, fails=0.4)).says(
            "On real bigrams gradient descent needs about d^{1−ε} updates: distance of the slope from 0.9 at ε = 0.1"
        ),
        Claim("text-sign-slope", slope_error("Sign", 0.1, 0.5).at_most(0.15, fails=0.4)).says(
            "On real bigrams, at even horizons, sign descent needs about √d updates: distance of the slope from 0.5 at ε = 0.1"
        ),
        kind="paper",
    ),
    Claim("text-sign-slope-odd", slope_error("Sign", 0.1, 0.5, "odd").at_most(0.15, fails=0.4), where="Figure 2").says(
        "On real bigrams, at odd horizons, sign descent needs about √d updates: distance of the slope from 0.5 at ε = 0.1"
    ),
    Claim("text-gd-predicted", prediction_error("GD", "frequencies").at_most(1.0, fails=2.0)).says(
        "Token frequencies alone predict gradient descent's updates: largest |log₂(predicted/measured)|"
    ),
    Claim("text-sign-predicted", prediction_error("Sign", "frequencies").at_most(1.0, fails=2.0)).says(
        "Token frequencies alone, taken as every conditional, predict sign descent's: largest |log₂(predicted/measured)|"
    ),
    Claim("text-gd-fitted", prediction_error("GD", "fitted").at_most(1.0, fails=2.0)).says(
        "The fitted exponent and d alone predict gradient descent's updates: largest |log₂(predicted/measured)|"
    ),
    Claim("text-sign-fitted", prediction_error("Sign", "fitted").at_most(1.0, fails=2.0)).says(
        "The fitted exponent and d alone predict sign descent's: largest |log₂(predicted/measured)|"
    ),
    Claim(
        "text-sign-odd", prediction_error("Sign", "model", "odd", times=2, name="2 model").at_most(0.5, fails=1.0)
    ).says("At odd horizons sign descent needs about twice the updates of the model: largest |log₂(2 model/measured)|"),
    Claim("text-sign-model", prediction_error("Sign", "model").at_most(1.0, fails=2.0), where="Assumption 4.1").says(
        "With the text's own conditionals the model of sign descent predicts its updates: largest |log₂(predicted/measured)|"
    ),
    Claim("text-fewer", fewer().at_least(2.0, fails=1.0), where="Figure 2", kind="paper").says(
        "At the largest vocabulary and ε = 0.1 sign descent needs fewer updates than gradient descent: ratio, worse parity"
    ),
)

FIGURE = Figure(
    id="real-text",
    title="The laws on bigrams of real text",
    statement=(
        "On bigrams of a large web corpus, the updates that gradient descent and sign descent need grow with the "
        "vocabulary as the laws for Zipf-distributed data say."
    ),
    scales={
        "smoke": TextSizes(sizes=(300, 400, 512)),
        "quick": TextSizes(sizes=(512, 1024, 2048)),
        "laptop": TextSizes(),
        "paper": TextSizes(sizes=(1000, 3612, 10_000, 31_622), corpus="wikitext-103"),
    },
    plans=plans,
    claims=CLAIMS,
    draw={"real-text": draw_updates, "real-text-ranks": draw_ranks},
    rule="d ≤ 4,096 and 0.9 M tokens instead of OpenWebText with d up to 31,622; the dynamics are exact at either size.",
    where="derived here",
    kind="ours",
)
