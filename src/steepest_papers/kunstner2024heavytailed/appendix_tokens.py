"""Appendix, token distributions: the counts of tokens are heavy-tailed for every kind of tokenizer and vocabulary size.

n_(r) ∝ r^−a with a ≈ 1, where n_(r) is the count of the r-th most frequent token

A text is one draw, so intervals come from its documents: they are dealt to G parts, every number θ is computed again
without one part, θ_(j), and θ + (G − 1)(θ_(·) − θ_(j)), j = 1 … G, count as G independent values with mean θ (the
jackknife of Tukey 1958, without its correction of bias: that needs smooth numbers, and the last rank of a fit jumps).
The vocabulary stays that of the whole text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.drawings import with_run
from steepest.claims.figures import canvas
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.claims.verdict import interval
from steepest.component import declared
from steepest.data.corpora import open_corpus
from steepest.data.corpus import Corpus
from steepest.data.frequency import frequency_groups, tail_exponent
from steepest.data.tokens import BPE, Tokenized, Unigram, Vocabulary, tokenize, word_vocabulary
from steepest.errors import DataError
from steepest.runs.spec import Calculation
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROUPS = 10
FAMILIES = ("words", "unigram LM", "BPE")
Numbers = dict[str, float]


class TokenSizes(Settings):
    """The tokenizers that are compared.

    Args:
        sizes: vocabulary sizes of all three families; words are counted without a limit too.
        corpus: `wikipedia`, `newsgroups`, `wikitext-2`, `wikitext-103`, or the user's text file or folder.
        parts: G, into which the documents are dealt for the intervals.
    """

    sizes: Annotated[tuple[Annotated[int, Field(gt=256, le=1_000_000)], ...], Field(min_length=1)]
    corpus: str = "wikipedia"
    parts: Annotated[int, Field(ge=3)] = 10

    def tokenizers(self) -> dict[str, Vocabulary]:
        """Return the vocabularies by family and size."""
        corpus = open_corpus(self.corpus)
        vocabularies: dict[str, Vocabulary] = {"words, all": word_vocabulary(corpus)}
        for size in self.sizes:
            vocabularies[f"words, {size}"] = word_vocabulary(corpus, size)
            vocabularies[f"unigram LM, {size}"] = Unigram(size=size)
            vocabularies[f"BPE, {size}"] = BPE(size=size)
        return vocabularies


def plans(sizes: TokenSizes) -> dict[str, Plan]:
    """Return one calculation per tokenizer."""
    corpus = open_corpus(sizes.corpus)
    options = [{"corpus": corpus, "vocabulary": v, "parts": sizes.parts} for v in sizes.tokenizers().values()]
    return {"tokens": Calculations(tuple(Calculation(distribution, given, takes=5) for given in options))}


@declared("kunstner2024heavytailed.distribution")
def distribution(corpus: Corpus, vocabulary: Vocabulary, parts: int) -> tuple[Numbers, dict[str, pa.Table]]:
    """Return the numbers of a token distribution on the training documents.

    Tables: `without` (the numbers without one part of the documents), `groups` (classes and samples of each of ten
    frequency groups) and `ranks` (the counts at 200 ranks).
    """
    by_part = counts_by_part(tokenize(corpus, vocabulary), parts)
    counts = by_part.sum(axis=0)
    groups = frequency_groups(counts, GROUPS)
    ordered = np.sort(counts[counts > 0])[::-1]
    ranks = np.unique(np.rint(np.geomspace(1, len(ordered), 200)).astype(np.int64))
    columns: dict[str, Any] = {
        "group": np.arange(1, GROUPS + 1),
        "classes": groups.classes_per_group,
        "samples": groups.samples_per_group,
    }
    tables = {
        "without": pa.Table.from_pylist([summary(counts - part) for part in by_part]),
        "groups": pa.table(columns),
        "ranks": pa.table({"rank": ranks, "count": ordered[ranks - 1]}),
    }
    return summary(counts) | {"tokens": int(counts.sum()), "classes": len(ordered)}, tables


def counts_by_part(data: Tokenized, parts: int) -> np.ndarray:
    """Return the counts of every class in every part of the training documents, shape (G, c), dealt in turn.

    Raises:
        DataError: fewer documents than parts.
    """
    ids, starts = data.ids["train"], data.starts["train"]
    documents = len(starts) - 1
    if documents < parts:
        raise DataError(f"the corpus has {documents} training documents; set parts to {documents} or give more text")
    part = np.repeat(np.arange(documents) % parts, np.diff(starts))
    flat = np.bincount(part * data.num_classes + ids, minlength=parts * data.num_classes)
    return flat.reshape(parts, data.num_classes)


def summary(counts: np.ndarray) -> Numbers:
    """Return tail exponent, share of the rarer half of the classes, share of the classes in the rarest tenth.

    Args:
        counts: (c,); classes that do not occur do not count.
    """
    present = np.sort(counts[counts > 0])
    groups = frequency_groups(counts, GROUPS)
    return {
        "exponent": tail_exponent(counts),
        "rarer_half": float(present[: len(present) // 2].sum() / present.sum()),
        "rarest_tenth": float(groups.classes_per_group[-1] / len(present)),
    }


def pseudo_values(whole: float, without: np.ndarray) -> np.ndarray:
    """Return θ + (G − 1)(θ_(·) − θ_(j)), shape (G,), with θ_(·) the mean of the θ_(j).

    >>> pseudo_values(5.0, np.array([1.0, 2.0, 3.0])).tolist()
    [7.0, 5.0, 3.0]
    """
    return np.asarray(whole + (len(without) - 1) * (without.mean() - without))


@measure()
def worst(results: Results, name: str, of: Callable[..., Any]) -> Measured:
    """Return the number `name` of the tokenizer where it is worst: `of` is a maximum or a minimum along an axis."""
    runs = by_tokenizer(results)
    whole = np.array([run.facts[name] for run in runs.values()])
    without = np.stack([run.column(name, "without") for run in runs.values()])
    values = pseudo_values(float(of(whole, axis=0)), of(without, axis=0))
    evidence = "; ".join(f"{label} {value:.3g}" for label, value in zip(runs, whole, strict=True))
    return Measured(values.tolist(), [run.id for run in runs.values()], evidence=evidence)


def by_tokenizer(results: Results) -> dict[str, Run]:
    """Return the runs by family and size of the tokenizer."""
    return dict(zip(results.settings.tokenizers(), results.calculations("tokens"), strict=True))


def largest_deviation(a: np.ndarray, axis: int) -> np.ndarray:
    """Return max |a − 1| along an axis."""
    return np.asarray(np.abs(a - 1).max(axis))


def draw(results: Results) -> Drawing:
    """Return counts by rank above, classes per frequency group below, one column per family of tokenizers."""
    runs = by_tokenizer(results)
    figure, axes = canvas(2, len(FAMILIES), width=3.3, height=2.7, sharey="row")
    for (above, below), family in zip(axes.T, FAMILIES, strict=True):
        mine = {label: run for label, run in runs.items() if label.startswith(family)}
        _counts(above, mine)
        _groups(below, mine)
        above.set_title(family[0].upper() + family[1:])
    axes[0, 0].set_ylabel("share of the tokens")
    axes[1, 0].set_ylabel("classes in the group")
    tables = [_named(label, run, name) for label, run in runs.items() for name in ("ranks", "groups", "without")]
    return Drawing(figure, pa.concat_tables(tables, promote_options="default"))


def _ordered(runs: Mapping[str, Run]) -> list[tuple[str, Run, Any]]:
    """Return (size, run, colour), small vocabularies first and light."""
    import matplotlib as mpl

    ranked = sorted(runs.items(), key=lambda item: item[1].facts["classes"])
    shades = mpl.colormaps["viridis"](np.linspace(0.8, 0.0, len(ranked)))
    return [(label.partition(", ")[2], run, shade) for (label, run), shade in zip(ranked, shades, strict=True)]


def _counts(ax: Axes, runs: Mapping[str, Run]) -> None:
    for size, run, shade in _ordered(runs):
        low, high = interval(pseudo_values(run.facts["exponent"], run.column("exponent", "without")).tolist())
        label = f"{size}: $a = {run.facts['exponent']:.2f}$  [{low:.2f}, {high:.2f}]"
        rank, share = run.column("rank", "ranks"), run.column("count", "ranks") / run.facts["tokens"]
        ax.plot(rank, share, color=shade, label=label)
    ax.plot(rank, 0.1 / rank, color="#999999", linewidth=1, linestyle="--", label="$0.1/r$")
    ax.set(xscale="log", yscale="log", xlabel="rank $r$")
    ax.legend(loc="lower left", fontsize=7, handlelength=1.2)


def _groups(ax: Axes, runs: Mapping[str, Run]) -> None:
    bars = _ordered(runs)
    width = 0.8 / len(bars)
    for i, (size, run, shade) in enumerate(bars):
        where = run.column("group", "groups") - 0.4 + (i + 0.5) * width
        ax.bar(where, run.column("classes", "groups"), width, color=shade, label=size)
    ax.set(yscale="log", xlabel="frequency group, most frequent first", axisbelow=True)
    ax.set_xticks(range(1, GROUPS + 1))
    ax.legend(loc="upper left", handlelength=1.0)


def _named(label: str, run: Run, name: str) -> pa.Table:
    """Return a table of a run with the columns `run`, `tokenizer` and `table`."""
    table = with_run(run.table(name), run)
    for column, value in (("tokenizer", label), ("table", name)):
        table = table.append_column(column, pa.array([value] * len(table)))
    return table


FIGURE = Figure(
    id="tokens",
    title="Token distributions of words, unigram language models and byte-pair encodings",
    statement=(
        "The classes of next-token prediction are heavy-tailed whatever the tokenizer: a few tokens make up most of the text, "
        "and most tokens are rare, for words as for sub-words."
    ),
    scales={
        "smoke": TokenSizes(sizes=(300,)),
        "laptop": TokenSizes(sizes=(1_000, 4_000, 16_000)),
        "paper": TokenSizes(sizes=(4_000,), corpus="wikitext-2"),
    },
    plans=plans,
    # A law 1/k over 1,000 classes gives 0.09 to the rarer half and 0.5 of the classes to the rarest tenth; equal
    # frequencies give 0.5 and 0.1.
    claims=(
        Claim(
            "tokens-exponent", worst("exponent", largest_deviation).named("largest |a − 1|").at_most(0.3, fails=0.6)
        ).says("Counts fall as a power of the rank near −1 for every tokenizer"),
        Claim("tokens-rare-half", worst("rarer_half", np.max).named("largest share").at_most(0.15, fails=0.3)).says(
            "The rarer half of the classes holds few of the tokens, whatever the tokenizer"
        ),
        Claim(
            "tokens-rare-tenth",
            worst("rarest_tenth", np.min).named("smallest part").at_least(0.3, fails=0.15),
            where="Appendix, frequency statistics",
        ).says("A tenth of the tokens is spread over a large part of the classes, whatever the tokenizer"),
    ),
    draw={"tokens": draw},
    rule=(
        "Vocabularies of a quarter, once and four times the paper's 4,000 on the lead sections of English Wikipedia articles. "
        "A limited vocabulary of words has the class <unk>, which counts like any other."
    ),
    where="Appendix, token distributions",
)
