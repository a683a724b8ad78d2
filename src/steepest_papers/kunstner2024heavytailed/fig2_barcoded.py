"""Figure 2: a convolutional network on MNIST, balanced and with thousands of bar-coded rare classes, full batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.drawings import by_group, curves_of, held_out, learning_rates, lines, selected
from steepest.claims.figures import canvas
from steepest.claims.measures import gap, held_out_gap, held_out_lead, rarest, run_ids
from steepest.claims.paper import Drawing, Figure, Results
from steepest.component import declared
from steepest.measure.progress import group_progress
from steepest.runs.results import Best
from steepest.runs.spec import Calculation
from steepest.runs.sweep import Calculations, Plan
from steepest_papers.kunstner2024heavytailed.barcoded import PAPER, RATES, RULE, SMOKE, BarcodedSizes, gap_and_rest
from steepest_papers.kunstner2024heavytailed.barcodes import BarcodedDigits
from steepest_papers.kunstner2024heavytailed.optimizers import GD_AND_ADAM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BALANCED, BARCODED, EXAMPLES = "balanced", "barcoded", "examples"
EXAMPLE_COLUMNS = 5
SHOWN = ("GD+m", "Adam+m")


def plans(sizes: BarcodedSizes) -> dict[str, Plan]:
    """Return gradient descent and Adam on balanced digits and beside bar-coded ones, and example images."""
    rates = {method: RATES[method] for method in GD_AND_ADAM}
    examples = Calculation(example_images, {"data": sizes.barcoded()}, seed=sizes.seeds[0])
    return {
        BALANCED: sizes.sweep(sizes.balanced(), rates),
        BARCODED: sizes.sweep(sizes.barcoded(), rates),
        EXAMPLES: Calculations((examples,)),
    }


@declared("kunstner2024heavytailed.example_images")
def example_images(data: BarcodedDigits, seed: int) -> tuple[dict[str, int], dict[str, pa.Table]]:
    """Return the first plain images, and images of the same digits with a bar code and with the empty one.

    Table `images`: kind, column, class, and the pixels in [0, 1], row by row.
    """
    images = data.raw(seed)
    plain, _ = data.num_plain
    digits = images.train_classes[:EXAMPLE_COLUMNS].numpy()
    codes = np.linspace(1, data.num_barcodes - 1, EXAMPLE_COLUMNS).astype(int)
    items = {"plain": np.arange(EXAMPLE_COLUMNS), "bar code": plain + (10 * codes + digits) * data.per_class}
    if data.empty_barcode:
        items["empty bar code"] = plain + digits * data.per_class
    rows = [
        {"kind": kind, "column": j, "class": int(images.train_classes[i]), "pixels": images.train[i].flatten().tolist()}
        for kind, chosen in items.items()
        for j, i in enumerate(chosen)
    ]
    return {"bits": data.bits, "size": data.size}, {"images": pa.Table.from_pylist(rows)}


@measure("ρ_1")
def frequent_half(results: Results) -> Measured:
    """Return ρ_1 of gradient descent: its progress on the frequent half."""
    best = results.sweep(BARCODED).best("GD+m")
    values = group_progress(best.curves("group"))[:, 0]
    return Measured(values.tolist(), run_ids(best), evidence=f"GD+m at 10^{best.exponent:g}")


def draw(results: Results) -> Drawing:
    """Return the paper's figure: overall loss on both sets, loss by half under gradient descent and under Adam."""
    figure, axes = canvas(1, 4, width=2.7)
    shown: dict[str, Best] = {}
    for ax, plan, title in zip(axes[0], (BALANCED, BARCODED), ("MNIST", "MNIST + bar-coded"), strict=False):
        bests = selected(results.sweep(plan), results.sweep(plan).labels)
        lines(ax, bests)
        ax.set_title(f"{title}, overall")
        shown |= {f"{label}, {plan}": best for label, best in bests.items()}
    for ax, label in zip(axes[0, 2:], SHOWN, strict=True):
        _by_half(ax, shown[f"{label}, {BARCODED}"], legend=label == SHOWN[0])
        ax.set_title(f"{label} by half")
        ax.sharey(axes[0, 1])
    axes[0, 0].set_ylabel("training loss")
    return Drawing(figure, curves_of(shown))


def _by_half(ax: Axes, best: Best, *, legend: bool) -> None:
    """Plot the loss of the frequent and of the rare half, named so."""
    by_group(ax, best, legend=legend)
    if legend:
        handles, labels = ax.get_legend_handles_labels()
        names = {"most frequent": "frequent half", "rarest": "rare half"}
        ax.legend(handles, [names.get(label, label) for label in labels], loc="upper right", ncols=1, fontsize=7)


def draw_examples(results: Results) -> Drawing:
    """Return example images of each kind in a row, the bits of the bar code framed."""
    from matplotlib.patches import Rectangle

    (run,) = results.calculations(EXAMPLES)
    rows = run.table("images").to_pylist()
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    size, bits = run.facts["size"], run.facts["bits"]
    figure, axes = canvas(len(kinds), EXAMPLE_COLUMNS, width=1.15, height=1.3)
    for row in rows:
        ax = axes[kinds.index(row["kind"]), row["column"]]
        ax.imshow(np.reshape(row["pixels"], (size, size)), cmap="gray", vmin=0, vmax=1)
        ax.set_title(f"class {row['class']}", fontsize=8, fontweight="normal", loc="center")
        ax.set(xticks=[], yticks=[])
        if row["kind"] != "plain":
            frame = Rectangle((-0.5, -0.5), bits, 1, fill=False, edgecolor="#bb5566", linewidth=1.2, clip_on=False)
            ax.add_patch(frame)
        if row["column"] == 0:
            ax.set_ylabel(row["kind"])
    return Drawing(figure, _pixels(rows, size, run.id))


def _pixels(rows: list[dict[str, Any]], size: int, run: str) -> pa.Table:
    """Return one row per pixel."""
    pixels = np.concatenate([row["pixels"] for row in rows])
    y, x = np.divmod(np.arange(len(pixels)) % size**2, size)
    repeated = {name: np.repeat([row[name] for row in rows], size**2) for name in ("kind", "column", "class")}
    return pa.table({"run": [run] * len(pixels), **repeated, "y": y, "x": x, "value": pixels})


CLAIMS = (
    Claim("fig2-balanced", gap_and_rest(BALANCED, *SHOWN).at_most(0.05, fails=0.15), where="Figure 2a").says(
        "On balanced digits GD ends where Adam does, both with momentum"
    ),
    Claim("fig2-gap", gap(BARCODED, *SHOWN).at_least(0.15, fails=0.05), where="Figure 2b").says(
        "With bar-coded classes Adam ends below GD, both with momentum"
    ),
    Claim("fig2-gd-frequent", frequent_half().at_least(0.5, fails=0.15)).says(
        "GD with momentum learns the frequent half, the plain digits"
    ),
    Claim("fig2-gd-rare", rarest(BARCODED, "GD+m").at_most(0.15, fails=0.5)).says(
        "GD with momentum makes little progress on the rare half, the bar-coded digits"
    ),
    Claim("fig2-adam-rare", rarest(BARCODED, "Adam+m").at_least(0.5, fails=0.15), where="Figure 2d").says(
        "Adam with momentum learns the rare half too"
    ),
    Claim(
        "fig2-held-out",
        held_out_gap(BARCODED, *SHOWN).at_least(0.05, fails=0.0),
        where="Figure 2b, on held-out images",
        kind="ours",
    ).says("The gap is there on images that were not trained on"),
    Claim(
        "fig2-held-out-rare",
        held_out_lead(BARCODED, *SHOWN).at_least(0.1, fails=0.0),
        where="Figure 2c and d, on held-out images",
        kind="ours",
    ).says(
        "What Adam learns of the rare half carries over to images that were not trained on: ρ_2 of Adam minus ρ_2 of GD"
    ),
)

FIGURE = Figure(
    id="fig2",
    title="Convolutional network on MNIST with bar-coded rare classes",
    statement=(
        "On balanced digits gradient descent and Adam do equally well. With thousands of rare classes beside them, gradient "
        "descent learns the frequent half of the images and hardly the rare half, while Adam learns both."
    ),
    scales={
        "smoke": BarcodedSizes(**SMOKE),
        "quick": BarcodedSizes(bits=5),
        "laptop": BarcodedSizes(bits=6),
        "paper": BarcodedSizes(**PAPER, momentum_only=False),
    },
    plans=plans,
    claims=CLAIMS,
    draw={
        "fig2": draw,
        "fig2-examples": draw_examples,
        "fig2-held-out": held_out(BARCODED, SHOWN),
        "fig2-rates": learning_rates(BARCODED),
    },
    rule=RULE,
    where="Figure 2c",
)
