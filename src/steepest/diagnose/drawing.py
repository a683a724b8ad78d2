"""The figures of a diagnosis: counts by rank, classes by frequency group, the tail by vocabulary size, predicted updates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from steepest.claims.figures import canvas, group_colours, line_style
from steepest.claims.paper import Drawing
from steepest.diagnose.diagnosis import Diagnosis
from steepest.diagnose.summary import Summary, references

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OWN, OTHERS = "#bb5566", ("#8a8f98", "#6699cc", "#997700", "#117733")
SHOWN = {
    "text": ("Wikipedia leads, words", "20 Newsgroups, words", "Wikipedia leads, BPE 4,096"),
    "labels": ("Reuters-52, labels", "Glyphs, 1,000 classes", "Fashion-MNIST, long-tailed", "20 Newsgroups, labels"),
}


def tail_drawing(found: Diagnosis) -> Drawing:
    """Return counts by rank beside reference corpora, and the classes of each frequency group."""
    figure, axes = canvas(1, 2, width=4.4, height=3.3)
    wanted = SHOWN["labels" if found.summary.kind == "labels" else "text"]
    others = [row for row in references() if row.name in wanted]
    _ranks(axes[0, 0], found, others)
    _groups(axes[0, 1], found)
    lines = [found.summary, *others]
    rows = [{"data": s.name, "rank": r, "share": x} for s in lines for r, x in zip(s.ranks, s.shares, strict=True)]
    classes = found.groups.classes.tolist()
    rows += [{"data": found.summary.name, "group": g, "classes": c} for g, c in enumerate(classes, start=1)]
    return Drawing(figure, pa.Table.from_pylist([_full(row, "rank", "share", "group", "classes") for row in rows]))


def _full(row: dict[str, Any], *columns: str) -> dict[str, Any]:
    return row | {name: row.get(name) for name in columns}


def _ranks(ax: Axes, found: Diagnosis, others: list[Summary]) -> None:
    for row, colour in zip(others, OTHERS, strict=False):
        ax.plot(row.ranks, row.shares, color=colour, linewidth=1.2, label=row.name)
    mine = found.summary
    ax.plot(mine.ranks, mine.shares, color=OWN, linewidth=2.4, label=mine.name, zorder=3)
    if found.tail is not None:
        a, ranks = found.tail.rank_exponent, np.array([1, found.tail.classes])
        end = found.tail.n_min / mine.samples
        label = f"fit, $a = {a:.2f}$"
        ax.plot(
            ranks, end * (ranks / ranks[1]) ** -a, color="#1c2330", linestyle="--", linewidth=1.4, label=label, zorder=4
        )
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="rank of the class",
        ylabel="share of the samples",
        title="How the counts fall",
    )
    ax.legend(loc="lower left", fontsize=7, handlelength=1.6)


def _groups(ax: Axes, found: Diagnosis) -> None:
    classes = found.groups.classes
    number = np.arange(1, len(classes) + 1)
    bars = ax.bar(number, classes, color=group_colours(len(classes)), width=0.8)
    ax.bar_label(bars, [f"{c:,}" if c else "" for c in classes], fontsize=7, padding=1)
    ax.set(yscale="log", xlabel="frequency group, most frequent first", ylabel="classes", axisbelow=True)
    ax.set(title="Classes in each tenth of the samples", ylim=(0.7, 2.5 * classes.max()))
    ax.set_xticks(number)


def vocabulary_drawing(found: Diagnosis) -> Drawing:
    """Return counts by rank under every vocabulary, and the predicted ratio against its size."""
    figure, axes = canvas(1, 2, width=4.4, height=3.0)
    left, right = axes[0]
    colours = group_colours(len(found.vocabularies))[::-1]
    for row, colour in zip(found.vocabularies, colours, strict=True):
        left.plot(row.ranks, row.shares, color=colour, label=f"{row.name}: $a = {row.exponent:.2f}$")
    left.set(
        xscale="log", yscale="log", xlabel="rank of the token", ylabel="share of the tokens", title="By vocabulary"
    )
    left.legend(loc="lower left", fontsize=7, handlelength=1.6)
    shown = [row for row in found.vocabularies if row.ratio is not None]
    sizes = [row.classes for row in shown]
    right.plot(sizes, [row.ratio for row in shown], color=OWN, marker="o")
    right.axhline(1, color="#999999", linewidth=1, linestyle="--")
    right.set(xscale="log", xlabel="tokens that occur", ylabel="updates, GD / sign descent", ylim=(0, None))
    right.set_xticks(sizes, [f"{size:,}" for size in sizes])
    right.set_xticks([], minor=True)
    right.set_title("How much longer GD takes, predicted")
    columns = ("name", "samples", "classes", "exponent", "rarest_half", "ratio")
    return Drawing(figure, pa.Table.from_pylist([{c: getattr(row, c) for c in columns} for row in found.vocabularies]))


def prediction_drawing(found: Diagnosis) -> Drawing:
    """Return the updates that gradient descent and sign descent need against the share of the loss that is left."""
    models = list(dict.fromkeys(row.model for row in found.predictions))
    figure, axes = canvas(1, len(models), width=4.4, height=2.9, sharey=True)
    rows = []
    for ax, model in zip(axes[0], models, strict=True):
        for label, name in (("GD", "gd"), ("Sign", "sign")):
            mine = [row for row in found.predictions if row.model == model and getattr(row, name) is not None]
            points = [(row.epsilon, getattr(row, name)) for row in mine]
            if points:
                ax.plot(*zip(*points, strict=True), marker="o", markersize=4, label=label, **line_style(label))
            rows += [{"model": model, "method": label, "epsilon": e, "updates": t} for e, t in points]
        epsilons = [row.epsilon for row in found.predictions if row.model == model]
        ax.set(xscale="log", yscale="log", xlabel=r"share $\varepsilon$ of the loss that is left")
        ax.set_title(f"{model[0].upper()}{model[1:]} model")
        ax.set_xticks(epsilons, [f"{e:g}" for e in epsilons])
        ax.set_xticks([], minor=True)
        ax.invert_xaxis()
    axes[0, 0].set_ylabel("updates")
    axes[0, 0].legend(loc="upper left")
    return Drawing(figure, pa.Table.from_pylist(rows))
