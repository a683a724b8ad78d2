"""Figure 1: a GPT on text with heavy-tailed token frequencies; SGD leaves the rare tokens behind, Adam does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from steepest.claims import drawings, measures
from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.figures import canvas, group_colours
from steepest.claims.paper import Drawing, Figure, Results
from steepest.optim import AdamW, Muon
from steepest.runs.method import Method
from steepest.runs.results import NotRun
from steepest.runs.spec import Calculation
from steepest.runs.sweep import Calculations, Grid, Plan
from steepest_papers.kunstner2024heavytailed.language import RULE, LanguageSizes, around, token_counts
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M, GD_M, NORM_M, SIGN_M, renamed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLAN, GROUPS = "language", 10
SGD, NORM = renamed(GD_M, "SGD+m"), renamed(NORM_M, "NormSGD+m")
ADAMW, MUON = Method(AdamW, "AdamW"), Method(Muon, "Muon")
MAIN = (SGD, ADAM_M)
# Exponents of the paper, and the width at which it chose them where the step does not shrink with the gradient: GPT-2 for
# SGD and Adam, Penn Treebank for the rest. Muon is not in the paper; its step is scaled to that of Adam.
RATES: Mapping[Method, tuple[float, int | None]] = {
    SGD: (-2.0, None),
    ADAM_M: (-4.5, 768),
    ADAMW: (-4.0, 768),
    SIGN_M: (-5.0, 1200),
    NORM: (-1.0, None),
    MUON: (-4.5, 768),
}


class Fig1Sizes(LanguageSizes):
    """Sizes of the language model.

    Args:
        all_optimizers: also AdamW, sign descent, normalised SGD and Muon.
    """

    all_optimizers: bool = True


def grids(sizes: LanguageSizes) -> dict[Method, Grid]:
    """Return the starting grid of every optimizer at these sizes."""
    return {method: around(exponent, sizes.width, at) for method, (exponent, at) in RATES.items()}


def plans(sizes: Fig1Sizes) -> dict[str, Plan]:
    """Return the sweep, and the counts of the tokens that it trains on."""
    problem = sizes.problem()
    chosen = {m: grid for m, grid in grids(sizes).items() if sizes.all_optimizers or m in MAIN}
    counts = Calculation(token_counts, {"problem": problem, "groups": GROUPS})
    return {PLAN: sizes.sweep(problem, chosen, groups=GROUPS), "counts": Calculations((counts,))}


@measure()
def rarest_half(results: Results) -> Measured:
    """Return the share of the tokens that the rarest half of the classes holds."""
    (run,) = results.calculations("counts")
    evidence = f"{run.facts['classes']} classes, tail exponent {run.facts['tail_exponent']:.2f}"
    return Measured([float(run.facts["rarest_half"])], [run.id], exact=True, evidence=evidence)


def of_all(measure: measures.Measure) -> measures.Measure:
    """Return a measure of optimizers that are left out where only SGD and Adam are run."""

    def checked(results: Results) -> Measured:
        if not results.settings.all_optimizers:
            raise NotRun("only SGD and Adam are run at this size; set all_optimizers=true")
        return measure(results)

    return checked


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return the paper's figure, all optimizers by group, training beside held-out loss, and the learning rates."""
    drawn = {
        "fig1": _main(results),
        "fig1-held-out": drawings.held_out(results, PLAN, ("SGD+m", "Adam+m")),
        "fig1-rates": drawings.learning_rates(results, PLAN),
    }
    labels = results.sweep(PLAN).labels
    if len(labels) > len(MAIN):
        drawn["fig1-all"] = _all(results)
    return drawn


def _main(results: Results) -> Drawing:
    sweep = results.sweep(PLAN)
    figure, axes = canvas(1, 4, width=2.7)
    _counts(axes[0, 0], results)
    drawings.overall(axes[0, 1], sweep, sweep.labels)
    axes[0, 1].set_title("Overall training loss")
    for ax, label in zip(axes[0, 2:], ("SGD+m", "Adam+m"), strict=True):
        drawings.by_group(ax, sweep.best(label, decisive=False), legend=label == "SGD+m")
        ax.set_title(f"{label} by frequency")
        ax.sharey(axes[0, 1])
    return Drawing(figure, drawings.curve_table(sweep, sweep.labels))


def _all(results: Results) -> Drawing:
    sweep = results.sweep(PLAN)
    figure, axes = canvas(2, 4, width=2.6, height=2.3, sharex=True, sharey=True)
    first, *others = axes.flat
    drawings.overall(first, sweep, sweep.labels)
    first.set_title("Overall training loss")
    for ax, label in zip(others, sweep.labels, strict=False):
        drawings.by_group(ax, sweep.best(label, decisive=False), legend=label == sweep.labels[0])
        ax.set_title(label)
    for ax in others[len(sweep.labels) :]:
        ax.set_axis_off()
    return Drawing(figure, drawings.curve_table(sweep, sweep.labels))


def _counts(ax: Axes, results: Results) -> None:
    (run,) = results.calculations("counts")
    rank, count, group = (run.column(name, "counts") for name in ("rank", "count", "group"))
    for g, colour in enumerate(group_colours(GROUPS), start=1):
        ax.plot(rank[group == g], count[group == g], color=colour, marker="o", markersize=2.5, linewidth=2)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("class, most frequent first")
    ax.set_ylabel("samples")
    ax.set_title("Tokens in ten groups")


CLAIMS = (
    Claim("fig1-tail", rarest_half().at_most(0.15, fails=0.35), where="Figure 1a").says(
        "Token frequencies are heavy-tailed: share of the tokens that the rarest half of the classes holds"
    ),
    Claim("fig1-gap", measures.gap(PLAN, "SGD+m", "Adam+m").at_least(0.15, fails=0.05), where="Figure 1b").says(
        "Adam ends below SGD, both with momentum"
    ),
    Claim("fig1-sgd-rare", measures.rarest(PLAN, "SGD+m").at_most(0.15, fails=0.5)).says(
        "SGD makes little progress on the rarest tenth of the tokens"
    ),
    Claim("fig1-sgd-lag", measures.behind(PLAN, "SGD+m").at_least(0.3, fails=0.1)).says(
        "Under SGD the rarest tenth lags behind the mean"
    ),
    Claim("fig1-adam-all", measures.least(PLAN, "Adam+m").at_least(0.3, fails=0.1), where="Figure 1d").says(
        "Adam makes progress on every group"
    ),
    Claim(
        "fig1-held-out",
        measures.held_out_gap(PLAN, "SGD+m", "Adam+m").at_least(0.05, fails=0.0),
        where="Figure 1b, on held-out text",
        kind="ours",
    ).says("The gap is there on text that was not trained on"),
    Claim(
        "fig1-held-out-rare",
        measures.held_out_lead(PLAN, "SGD+m", "Adam+m").at_least(0.1, fails=0.0),
        where="Figure 1c and d, on held-out text",
        kind="ours",
    ).says(
        "What Adam learns of the rarest tenth carries over to text that was not trained on: ρ_10 of Adam minus ρ_10 of SGD"
    ),
)
OTHER_CLAIMS = (
    Claim(
        "fig1-sign",
        of_all(measures.gap(PLAN, "Sign+m", "Adam+m", absolute=True)).at_most(0.1, fails=0.2),
        where="Figure 1, sign descent",
    ).says("Sign descent ends where Adam does, both with momentum"),
    Claim(
        "fig1-norm",
        of_all(measures.gap(PLAN, "NormSGD+m", "Sign+m")).at_least(0.1, fails=0.0),
        where="Figure 1, normalised SGD",
    ).says("Normalising the length of the step does not make SGD as good as sign descent: Γ of NormSGD over Sign"),
    Claim(
        "fig1-adamw",
        of_all(measures.gap(PLAN, "AdamW", "Adam+m", absolute=True)).at_most(0.05, fails=0.15),
        where="Figure 1, AdamW",
    ).says("AdamW ends where Adam does"),
    Claim(
        "fig1-muon", of_all(measures.least(PLAN, "Muon")).at_least(0.3, fails=0.1), where="Figure 1, Muon", kind="ours"
    ).says("Muon, whose step is steepest in the spectral norm, makes progress on every group"),
    Claim(
        "fig1-muon-adam",
        of_all(measures.gap(PLAN, "Muon", "Adam+m")).at_most(0.0, fails=0.05),
        where="Figure 1, Muon",
        kind="ours",
    ).says("Muon ends no later than Adam: Γ of Muon over Adam"),
)

FIGURE = Figure(
    id="fig1",
    title="Language model: loss by token frequency, SGD, Adam and others",
    statement=(
        "Words have heavy-tailed frequencies, so most tokens come from rare classes. With SGD a language model hardly learns "
        "those, with Adam it learns all groups; that is where Adam's lower loss comes from."
    ),
    scales={
        "smoke": Fig1Sizes(classes=300, width=8, depth=1, heads=2, windows=60, per_update=20, steps=6, held_out=10),
        "quick": Fig1Sizes(classes=512, width=64, depth=1, heads=2, all_optimizers=False),
        "laptop": Fig1Sizes(classes=1024, width=64, depth=1, heads=2),
        "medium": Fig1Sizes(classes=4096, width=128, depth=2, heads=4, corpus="newsgroups", held_out=300),
        "paper": Fig1Sizes(
            classes=50_257,
            width=768,
            depth=12,
            heads=12,
            length=1024,
            windows=115_000,
            per_update=512,
            steps=15_000,
            held_out=240,
            per_chunk=16,
            every=500,
            dropout=0.1,
            precision="bfloat16",
            corpus="wikitext-103",
            device="cuda",
        ),
    },
    plans=plans,
    claims=CLAIMS + OTHER_CLAIMS,
    draw=draw,
    rule=RULE,
    where="Figure 1c",
)
