"""Appendix to Figure 7: GD's path, the mirrored path, off-diagonal blocks, predicted probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.claims.claim import Claim
from steepest.claims.figures import canvas, group_colours, table
from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.store import Run
from steepest_papers.kunstner2024heavytailed.fig7_curvature import correlation, history, scatter
from steepest_papers.kunstner2024heavytailed.paths import RULE, TIMES, PathSizes, at, over_seeds, path_plans

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLOCK_TIMES = (0, 10, 50, 100)


def rarest_probability(run: Run) -> float:
    """Return the median probability of the correct class over the samples of the rarest level at t = 100."""
    return float(at(run, "probabilitybygroup", 100)["p50"][-1])


def least_probability(run: Run) -> float:
    """Return the smallest median probability of the correct class over the levels at t = 100."""
    return float(at(run, "probabilitybygroup", 100)["p50"].min())


def block_ratio(step: int) -> Any:
    """Return mean |off-diagonal block trace| over mean diagonal block trace at `step`."""

    def number(run: Run) -> float:
        traces = blocks(run, step)
        diagonal = np.eye(len(traces), dtype=bool)
        return float(np.abs(traces[~diagonal]).mean() / traces[diagonal].mean())

    return number


def blocks(run: Run, step: int) -> np.ndarray:
    """Return the sub-sampled matrix of block traces at `step`, most frequent classes first."""
    traces = at(run, "hessianblocks", step)["trace"]
    return traces.reshape(round(len(traces) ** 0.5), -1)


CLAIMS = (
    Claim(
        "gh-gd-end",
        over_seeds("gd", correlation(100, "gradient_norm", "hessian_trace"), history()).at_least(0.9, fails=0.5),
        where="Appendix, correlation along GD's path",
    ).says("Along GD's path gradient norm and Hessian trace become related as well: r of their logs at t = 100"),
    Claim(
        "gh-mirrored",
        over_seeds(
            "adam", correlation(100, "mirrored_gradient_norm", "mirrored_hessian_trace"), history("mirrored_")
        ).at_most(0.0, fails=0.5),
        where="Appendix, mirrored path",
    ).says("The relation belongs to the path, not to the space: r at −W_t for t = 100 is absent or negative"),
    Claim(
        "gh-blocks", over_seeds("adam", block_ratio(100)).at_most(0.1, fails=0.5), where="Appendix, off-diagonal blocks"
    ).says(
        "Hessian blocks between classes are orders of magnitude smaller than those within: mean |off| / mean diagonal, t = 100"
    ),
    Claim("gh-probability-adam", over_seeds("adam", least_probability).at_least(0.5, fails=0.1)).says(
        "Under Adam the correct class passes probability ½ on every level by t = 100: smallest median"
    ),
    Claim("gh-probability-gd", over_seeds("gd", rarest_probability).at_most(0.1, fails=0.5)).says(
        "Under GD the correct class of the rarest level stays improbable at t = 100: median"
    ),
)


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return both paths, the mirrored path, block traces and probabilities of the first seed."""
    adam, gd = results.calculations("adam")[0], results.calculations("gd")[0]
    return {
        "gh-adam": scatter(adam, TIMES, 4),
        "gh-gd": scatter(gd, TIMES, 4),
        "gh-mirrored": scatter(adam, TIMES, 4, prefix="mirrored_"),
        "gh-blocks": draw_blocks(adam),
        "gh-probability": draw_probabilities({"Adam+m": adam, "GD-m": gd}),
    }


def draw_blocks(run: Run) -> Drawing:
    """Return log₁₀ |trace| of 40 × 40 blocks at four times."""
    from matplotlib.colors import LogNorm

    figure, axes = canvas(1, len(BLOCK_TIMES), width=2.2, height=2.4)
    traces = {step: np.abs(blocks(run, step)) for step in BLOCK_TIMES}
    norm = LogNorm(min(t[t > 0].min() for t in traces.values()), max(t.max() for t in traces.values()))
    rows: list[dict[str, Any]] = []
    for ax, (step, values) in zip(axes[0], traces.items(), strict=True):
        image = ax.imshow(values, norm=norm, cmap="magma", interpolation="nearest")
        ax.set_title(f"$t = {step}$")
        ax.grid(visible=False)
        ax.set_xlabel("class, frequent to rare")
        ax.set_xticks([])
        ax.set_yticks([])
        rows += [
            {"run": run.id, "step": step, "row": i, "column": j, "trace": float(x)}
            for (i, j), x in np.ndenumerate(values)
        ]
    figure.colorbar(image, ax=axes[0].tolist(), shrink=0.8, label="|trace of block|")
    return Drawing(figure, table(rows))


def draw_probabilities(paths: Mapping[str, Run]) -> Drawing:
    """Return the median and the 5–95 % band of the correct class's probability by level over time."""
    figure, axes = canvas(1, len(paths), width=3.6, height=2.8, sharey=True)
    rows: list[dict[str, Any]] = []
    for ax, (name, run) in zip(axes[0], paths.items(), strict=True):
        columns = {c: run.column(c, "probabilitybygroup") for c in ("step", "group", "p05", "p50", "p95")}
        _bands(ax, columns)
        ax.set_title(name)
        rows += [{"path": name, "run": run.id} | dict(zip(columns, row, strict=True)) for row in _rows(columns)]
    axes[0, 0].set_ylabel("probability of the correct class")
    axes[0, 0].legend(loc="upper left")
    return Drawing(figure, table(rows))


def _bands(ax: Axes, columns: Mapping[str, np.ndarray]) -> None:
    levels = np.unique(columns["group"])
    for g, colour in zip(levels, group_colours(len(levels)), strict=True):
        mine = columns["group"] == g
        label = "most frequent" if g == levels[0] else "rarest" if g == levels[-1] else None
        ax.plot(columns["step"][mine], columns["p50"][mine], color=colour, label=label)
        ax.fill_between(
            columns["step"][mine], columns["p05"][mine], columns["p95"][mine], color=colour, alpha=0.12, linewidth=0
        )
    ax.axhline(0.5, color="#888888", linestyle="--", linewidth=1)
    ax.set_xlabel("update")


def _rows(columns: Mapping[str, np.ndarray]) -> list[list[float]]:
    return [list(row) for row in zip(*(values.tolist() for values in columns.values()), strict=True)]


FIGURE = Figure(
    id="curvature",
    title="Gradient and Hessian by class: GD, the mirrored path, blocks, probabilities",
    statement=(
        "The relation of gradient and Hessian appears along the paths that training takes and not at their mirror images; blocks "
        "between classes are negligible; the probability of the correct class rises late for rare classes under GD."
    ),
    scales={"smoke": PathSizes(m=4), "laptop": PathSizes(m=8), "paper": PathSizes(m=11)},
    plans=path_plans,
    claims=CLAIMS,
    draw=draw,
    rule=RULE,
    where="Appendix, predicted probabilities",
)
