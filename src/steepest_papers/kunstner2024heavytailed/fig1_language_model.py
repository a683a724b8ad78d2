"""Figure 1: a GPT on text with heavy-tailed token frequencies; SGD leaves the rare tokens behind, Adam does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from steepest.claims.claim import Claim, Measure, Measured, placed
from steepest.claims.drawings import by_group, curve_table, grid_of_methods, held_out, learning_rates, overall
from steepest.claims.figures import canvas, group_colours
from steepest.claims.measures import behind, fact, gap, held_out_gap, held_out_lead, least, rarest
from steepest.claims.paper import Drawing, Figure, Results
from steepest.component import declared
from steepest.data.frequency import frequency_groups, tail_exponent
from steepest.problems.language_model import LanguageModel, windows
from steepest.runs.results import NotRun
from steepest.runs.spec import Calculation
from steepest.runs.sweep import Calculations, Plan
from steepest_papers.kunstner2024heavytailed.language import (
    GPT2,
    GPT_RATES,
    GROUPS,
    LAPTOP,
    MAIN,
    RULE,
    SMOKE,
    LanguageSizes,
    gpt_sweep,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLAN = "language"
SHOWN = ("SGD+m", "Adam+m")


class Fig1Sizes(LanguageSizes):
    """Sizes of the language model.

    Args:
        all_optimizers: also AdamW, sign descent, normalised SGD and Muon.
    """

    all_optimizers: bool = True


def plans(sizes: Fig1Sizes) -> dict[str, Plan]:
    """Return the sweep, and the counts of the tokens that it trains on."""
    sweep = gpt_sweep(sizes, GPT_RATES if sizes.all_optimizers else MAIN)
    counts = Calculation(token_counts, {"problem": sweep.problem, "groups": GROUPS})
    return {PLAN: sweep, "counts": Calculations((counts,))}


@declared("kunstner2024heavytailed.token_counts")
def token_counts(problem: LanguageModel, groups: int) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return how often each class is a target, most frequent first, with its frequency group: panel (a).

    Args:
        problem: the language model.
        groups: G.

    Returns:
        Numbers: tail exponent, share of the samples that the rarest half of the classes holds. Table `counts`: rank,
        count, group.
    """
    _, targets = windows(problem, "train", problem.windows)
    counts = np.bincount(targets.flatten().numpy(), minlength=problem.num_classes)
    of_class = frequency_groups(counts, groups).of_class
    order = np.argsort(counts, kind="stable")[::-1]
    order = order[counts[order] > 0]
    ordered = counts[order]
    rarest_half = ordered[(len(ordered) + 1) // 2 :].sum() / ordered.sum()
    numbers = {"tail_exponent": tail_exponent(counts), "rarest_half": float(rarest_half), "classes": len(ordered)}
    columns = {"rank": np.arange(1, len(ordered) + 1), "count": ordered, "group": of_class[order] + 1}
    return numbers, {"counts": pa.table(columns)}


def of_all(quantity: Measure) -> Measure:
    """Return a quantity of optimizers that are left out where only SGD and Adam are run."""

    def checked(results: Results) -> Measured:
        if not results.settings.all_optimizers:
            raise NotRun("only SGD and Adam are run at this size; set all_optimizers=true")
        return quantity(results)

    return Measure(quantity.symbol, checked)


def draw(results: Results) -> Drawing:
    """Return the paper's figure: counts of the tokens, overall loss, loss by group under SGD and under Adam."""
    sweep = results.sweep(PLAN)
    figure, axes = canvas(1, 4, width=2.7)
    _counts(axes[0, 0], results)
    overall(axes[0, 1], sweep, sweep.labels)
    axes[0, 1].set_title("Overall training loss")
    for ax, label in zip(axes[0, 2:], SHOWN, strict=True):
        by_group(ax, sweep.best(label, decisive=False), legend=label == "SGD+m")
        ax.set_title(f"{label} by frequency")
        ax.sharey(axes[0, 1])
    return Drawing(figure, curve_table(sweep, sweep.labels))


def draw_all(results: Results) -> Drawing | None:
    """Return loss by group of all optimizers; nothing where only SGD and Adam are run."""
    return grid_of_methods(PLAN)(results) if results.settings.all_optimizers else None


def _counts(ax: Axes, results: Results) -> None:
    (run,) = results.calculations("counts")
    rank, count, group = (run.column(name, "counts") for name in ("rank", "count", "group"))
    for g, colour in enumerate(group_colours(GROUPS), start=1):
        ax.plot(rank[group == g], count[group == g], color=colour, marker="o", markersize=2.5, linewidth=2)
    ax.set(
        xscale="log", yscale="log", xlabel="class, most frequent first", ylabel="samples", title="Tokens in ten groups"
    )


CLAIMS = (
    Claim(
        "fig1-tail",
        fact("counts", "rarest_half", "{classes} classes, tail exponent {tail_exponent:.2f}").at_most(0.15, fails=0.35),
        where="Figure 1a",
    ).says("Token frequencies are heavy-tailed: share of the tokens that the rarest half of the classes holds"),
    Claim("fig1-gap", gap(PLAN, *SHOWN).at_least(0.15, fails=0.05), where="Figure 1b").says(
        "Adam ends below SGD, both with momentum"
    ),
    Claim("fig1-sgd-rare", rarest(PLAN, "SGD+m").at_most(0.15, fails=0.5)).says(
        "SGD makes little progress on the rarest tenth of the tokens"
    ),
    Claim("fig1-sgd-lag", behind(PLAN, "SGD+m").at_least(0.3, fails=0.1)).says(
        "Under SGD the rarest tenth lags behind the mean"
    ),
    Claim("fig1-adam-all", least(PLAN, "Adam+m").at_least(0.3, fails=0.1), where="Figure 1d").says(
        "Adam makes progress on every group"
    ),
    Claim(
        "fig1-held-out",
        held_out_gap(PLAN, *SHOWN).at_least(0.05, fails=0.0),
        where="Figure 1b, on held-out text",
        kind="ours",
    ).says("The gap is there on text that was not trained on"),
    Claim(
        "fig1-held-out-rare",
        held_out_lead(PLAN, *SHOWN).at_least(0.1, fails=0.0),
        where="Figure 1c and d, on held-out text",
        kind="ours",
    ).says(
        "What Adam learns of the rarest tenth carries over to text that was not trained on: ρ_10 of Adam minus ρ_10 of SGD"
    ),
    Claim(
        "fig1-sign",
        of_all(gap(PLAN, "Sign+m", "Adam+m").absolute()).at_most(0.1, fails=0.2),
        where="Figure 1, sign descent",
    ).says("Sign descent ends where Adam does, both with momentum"),
    Claim(
        "fig1-norm",
        of_all(gap(PLAN, "NormSGD+m", "Sign+m").named("Γ of NormSGD over Sign")).at_least(0.1, fails=0.0),
        where="Figure 1, normalised SGD",
    ).says("Normalising the length of the step does not make SGD as good as sign descent"),
    Claim(
        "fig1-adamw",
        of_all(gap(PLAN, "AdamW", "Adam+m").absolute()).at_most(0.05, fails=0.15),
        where="Figure 1, AdamW",
    ).says("AdamW ends where Adam does"),
    *placed(
        "Figure 1, Muon",
        Claim("fig1-muon", of_all(least(PLAN, "Muon")).at_least(0.3, fails=0.1)).says(
            "Muon, whose step is steepest in the spectral norm, makes progress on every group"
        ),
        Claim(
            "fig1-muon-adam",
            of_all(gap(PLAN, "Muon", "Adam+m").named("Γ of Muon over Adam")).at_most(0.0, fails=0.05),
        ).says("Muon's final loss is not above Adam's"),
        kind="ours",
    ),
)

FIGURE = Figure(
    id="fig1",
    title="Language model: loss by token frequency, SGD, Adam and others",
    statement=(
        "Words have heavy-tailed frequencies, so most tokens come from rare classes. With SGD a language model hardly learns "
        "those, with Adam it learns all groups; that is where Adam's lower loss comes from."
    ),
    scales={
        "smoke": Fig1Sizes(**SMOKE.fields()),
        "quick": Fig1Sizes(**LAPTOP.changed(classes=512).fields(), all_optimizers=False),
        "laptop": Fig1Sizes(**LAPTOP.fields()),
        "medium": Fig1Sizes(classes=4096, width=128, depth=2, heads=4, corpus="newsgroups", held_out=300),
        "paper": Fig1Sizes(**GPT2.fields()),
    },
    plans=plans,
    claims=CLAIMS,
    draw={
        "fig1": draw,
        "fig1-held-out": held_out(PLAN, SHOWN),
        "fig1-rates": learning_rates(PLAN),
        "fig1-all": draw_all,
    },
    rule=RULE,
    where="Figure 1c",
)
