"""Appendix to Figure 7: GD's path, the mirrored path, off-diagonal blocks, predicted probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.claims.claim import Claim
from steepest.claims.figures import canvas, group_colours, table
from steepest.claims.measures import at_step, over_seeds
from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.store import Run
from steepest_papers.kunstner2024heavytailed.curvature_paths import (
    BLOCK_TIMES,
    RULE,
    TIMES,
    PathSizes,
    history,
    path_plans,
    relation,
    scatter,
)

BAND = ("step", "group", "p05", "p50", "p95")


def rarest_probability(run: Run) -> float:
    """Return the median probability of the correct class over the samples of the rarest level at t = 100."""
    return float(at_step(run, "probabilitybygroup", 100)["p50"][-1])


def least_probability(run: Run) -> float:
    """Return the smallest median probability of the correct class over the levels at t = 100."""
    return float(at_step(run, "probabilitybygroup", 100)["p50"].min())


def block_ratio(step: int) -> Callable[[Run], float]:
    """Return mean |off-diagonal block trace| over mean diagonal block trace at `step`."""

    def number(run: Run) -> float:
        traces = blocks(run, step)
        diagonal = np.eye(len(traces), dtype=bool)
        return float(np.abs(traces[~diagonal]).mean() / traces[diagonal].mean())

    return number


def blocks(run: Run, step: int) -> np.ndarray:
    """Return the sub-sampled matrix of block traces at `step`, most frequent classes first."""
    traces = at_step(run, "hessianblocks", step)["trace"]
    return traces.reshape(round(len(traces) ** 0.5), -1)


def block_traces(results: Results) -> Drawing:
    """Return log₁₀ |trace| of 40 × 40 blocks at four times on Adam's path, first seed."""
    from matplotlib.colors import LogNorm

    run = results.calculations("adam")[0]
    figure, axes = canvas(1, len(BLOCK_TIMES), width=2.2, height=2.4)
    traces = {step: np.abs(blocks(run, step)) for step in BLOCK_TIMES}
    norm = LogNorm(min(t[t > 0].min() for t in traces.values()), max(t.max() for t in traces.values()))
    rows: list[dict[str, Any]] = []
    for ax, (step, values) in zip(axes[0], traces.items(), strict=True):
        image = ax.imshow(values, norm=norm, cmap="magma", interpolation="nearest")
        ax.set(title=f"$t = {step}$", xlabel="class, frequent to rare", xticks=[], yticks=[])
        ax.grid(visible=False)
        where = {"run": run.id, "step": step}
        rows += [where | {"row": i, "column": j, "trace": float(x)} for (i, j), x in np.ndenumerate(values)]
    figure.colorbar(image, ax=axes[0].tolist(), shrink=0.8, label="|trace of block|")
    return Drawing(figure, table(rows))


def probabilities(results: Results) -> Drawing:
    """Return the median and the 5–95 % band of the correct class's probability by level over time, first seed."""
    figure, axes = canvas(1, 2, width=3.6, height=2.8, sharey=True)
    rows: list[dict[str, Any]] = []
    for ax, (name, plan) in zip(axes[0], {"Adam+m": "adam", "GD-m": "gd"}.items(), strict=True):
        run = results.calculations(plan)[0]
        columns = {column: run.column(column, "probabilitybygroup") for column in BAND}
        levels = np.unique(columns["group"])
        for g, colour in zip(levels, group_colours(len(levels)), strict=True):
            t, _, low, middle, high = (column[columns["group"] == g] for column in columns.values())
            label = "most frequent" if g == levels[0] else "rarest" if g == levels[-1] else None
            ax.plot(t, middle, color=colour, label=label)
            ax.fill_between(t, low, high, color=colour, alpha=0.12, linewidth=0)
        ax.axhline(0.5, color="#888888", linestyle="--", linewidth=1)
        ax.set(title=name, xlabel="update")
        points = zip(*(column.tolist() for column in columns.values()), strict=True)
        rows += [{"path": name, "run": run.id} | dict(zip(BAND, point, strict=True)) for point in points]
    axes[0, 0].set_ylabel("probability of the correct class")
    axes[0, 0].legend(loc="upper left")
    return Drawing(figure, table(rows))


FIGURE = Figure(
    id="curvature",
    title="Gradient and Hessian by class: GD, the mirrored path, blocks, probabilities",
    statement=(
        "The relation of gradient and Hessian appears along the paths that training takes and not at their mirror images; blocks "
        "between classes are negligible; the probability of the correct class rises late for rare classes under GD."
    ),
    scales={"smoke": PathSizes(m=4), "laptop": PathSizes(m=8), "paper": PathSizes(m=11)},
    plans=path_plans,
    claims=(
        Claim(
            "gh-gd-end",
            over_seeds("gd", relation(100), history()).at_least(0.9, fails=0.5),
            where="Appendix, correlation along GD's path",
        ).says("Along GD's path gradient norm and Hessian trace become related as well: r of their logs at t = 100"),
        Claim(
            "gh-mirrored",
            over_seeds("adam", relation(100, "mirrored_"), history("mirrored_")).at_most(0.0, fails=0.5),
            where="Appendix, mirrored path",
        ).says("The relation belongs to the path, not to the space: r at −W_t for t = 100 is absent or negative"),
        Claim(
            "gh-blocks",
            over_seeds("adam", block_ratio(100)).at_most(0.1, fails=0.5),
            where="Appendix, off-diagonal blocks",
        ).says(
            "Hessian blocks between classes are orders of magnitude smaller than those within: mean |off| / mean diagonal, "
            "t = 100"
        ),
        Claim("gh-probability-adam", over_seeds("adam", least_probability).at_least(0.5, fails=0.1)).says(
            "Under Adam the correct class passes probability ½ on every level by t = 100: smallest median"
        ),
        Claim("gh-probability-gd", over_seeds("gd", rarest_probability).at_most(0.1, fails=0.5)).says(
            "Under GD the correct class of the rarest level stays improbable at t = 100: median"
        ),
    ),
    draw={
        "gh-adam": scatter("adam", TIMES, 4),
        "gh-gd": scatter("gd", TIMES, 4),
        "gh-mirrored": scatter("adam", TIMES, 4, "mirrored_"),
        "gh-blocks": block_traces,
        "gh-probability": probabilities,
    },
    rule=RULE,
    where="Appendix, predicted probabilities",
)
