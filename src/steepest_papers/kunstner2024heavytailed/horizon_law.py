"""The horizon at which GD catches up, by frequency group, against the theory's law t_k ∝ 1/π_k, on real text.

On the theory's own problem, inputs e_k, the loss of class k is a function of π_k t under gradient flow and of t alone under
sign descent, so that the time to any fraction of the loss is ∝ 1/π_k or the same for all (Theorem 3). Here the problem is
the head of a frozen transformer (Figure 5): its inputs are features of real contexts. A one-hot context would be nearer to the
theory's inputs and would miss its point: such a model has one column per context, whose speed follows the frequency of the
context, not that of the class.

    t_g = first update after which the mean loss of group g is at most half of its initial value
    1/π_g = mean of 1/π_k over the samples of group g = n · classes of g / samples of g
    law: the slope of log t_g on log 1/π_g is 1 for GD, 0 for sign descent

A group that does not get there within T updates is left out of the slope and reported; that all groups can is seen from
sign descent on the same problem.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.drawings import by_group
from steepest.claims.figures import canvas, line_style, table
from steepest.claims.measures import run_ids
from steepest.claims.paper import Drawing, Figure, Results
from steepest.claims.slopes import slope
from steepest.data.frequency import frequency_groups
from steepest.runs.method import Method
from steepest.runs.results import Undecided
from steepest.runs.sweep import Grid, Plan, Sweep, decades
from steepest_papers.kunstner2024heavytailed.last_layer import LastLayerSizes
from steepest_papers.kunstner2024heavytailed.optimizers import GD, LAST_LAYER_RATES, SIGN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROUPS, LEAST_GROUPS = 10, 5
PAPER_WIDTH = 1_200


def horizon(num_classes: int) -> int:
    """Return T = 6c.

    At π_c t = ½ log c gradient flow has halved the loss of the rarest class. GD makes at most α‖h‖² ≈ 4 of t in an update,
    the curvature of the softmax being ≤ ½‖h‖², and 1/π_c ≈ c log c: that is c log²c/8 updates, 5c at c = 600.
    """
    return 6 * num_classes


def grid(method: Method, width: int) -> Grid:
    """Return the three decades around the paper's rate for the last layer, moved to `width` (`optimizers.py`, p = 1).

    >>> grid(GD, 64).exponents
    (-1.0, 0.0, 1.0)
    """
    centre = round(LAST_LAYER_RATES[method] + math.log10(PAPER_WIDTH / width))
    return decades(centre - 1, centre + 1)


def plans(sizes: LastLayerSizes) -> dict[str, Plan]:
    """Return a sweep of gradient descent and sign descent over decades, every seed at each rate."""
    problem = sizes.problem()
    sweep = Sweep(
        problem=problem,
        optimizers={method: grid(method, sizes.width) for method in (GD, SIGN)},
        steps=horizon(problem.num_classes),
        seeds=sizes.seeds,
        groups=GROUPS,
        refine=None,
    )
    return {"horizon": sweep}


def half_times(curves: np.ndarray) -> np.ndarray:
    """Return t_g, the first update after which a loss is at most half of its initial value; NaN where it never is.

    Args:
        curves: loss by group, shape (…, T + 1, G); NaN for empty groups and after a run diverged.

    Returns:
        Shape (…, G).

    >>> half_times(np.array([[4.0, 4.0], [3.0, 5.0], [2.0, 3.0]])).tolist()
    [2.0, nan]
    """
    reached = curves <= 0.5 * curves[..., :1, :]
    return np.where(reached.any(axis=-2), reached.argmax(axis=-2), np.nan)


def rarity(counts: np.ndarray) -> np.ndarray:
    """Return 1/π_g by group, shape (G,); NaN for empty groups.

    >>> rarity(np.array([5, 4, 1]))[[0, -1]].tolist()
    [2.0, 10.0]
    """
    groups = frequency_groups(counts, GROUPS)
    samples = np.where(groups.samples_per_group > 0, groups.samples_per_group, np.nan)
    return np.asarray(counts.sum() * groups.classes_per_group / samples)


def group_rarity(results: Results) -> np.ndarray:
    """Return 1/π_g of the figure's text; no seed changes it."""
    return rarity(results.settings.problem().setup(0).known_classes()[1].numpy())


def slope_of_groups(rarities: np.ndarray, times: np.ndarray) -> float:
    """Return the least-squares slope of log t_g on log 1/π_g over the groups that have both.

    Raises:
        Undecided: fewer than five such groups.
    """
    reached = (~np.isnan(times)).sum()
    if reached < LEAST_GROUPS:
        raise Undecided(f"only {reached} groups came down to half of their loss; a slope needs {LEAST_GROUPS}")
    return slope(rarities, times).value


@measure()
def slope_off(results: Results, label: str, law: float) -> Measured:
    """Return |slope − law|, one per seed."""
    best = results.sweep("horizon").best(label)
    times, x = half_times(best.curves("group")), group_rarity(results)
    slopes = np.array([slope_of_groups(x, row) for row in times])
    shown = " ".join(f"{t:.0f}" for t in np.nanmedian(times[:, ~np.isnan(x)], axis=0))
    missing = int(np.isnan(times[:, ~np.isnan(x)]).sum())
    evidence = f"{label} at 10^{best.exponent:g}: slopes {' '.join(f'{s:.2f}' for s in slopes)}; t by group {shown}"
    evidence += f"; {missing} left out" if missing else ""
    return Measured(np.abs(slopes - law).tolist(), run_ids(best), evidence=evidence)


def draw(results: Results) -> Drawing:
    """Return the loss by group of GD and of sign descent, and the updates to half of it against 1/π."""
    sweep, x = results.sweep("horizon"), group_rarity(results)
    figure, axes = canvas(1, 3, width=3.4, height=3.0)
    rows: list[dict[str, Any]] = []
    for ax, label, name in zip(axes[0], ("GD-m", "Sign-m"), ("Gradient descent", "Sign descent"), strict=False):
        best = sweep.best(label, decisive=False)
        by_group(ax, best)
        ax.set(xscale="log", title=name)
        times = half_times(best.curves("group"))
        _points(axes[0, 2], name, x, times, law=int(label == "GD-m"), colour=line_style(label)["color"])
        rows += [
            {"method": label, "run": run.id, "group": g + 1, "inverse_frequency": x[g], "updates": t}
            for run, row in zip(best.runs, times, strict=True)
            for g, t in enumerate(row)
        ]
    axes[0, 0].set_ylabel("training loss")
    axes[0, 2].set(xlabel=r"$1/\pi$ of the group", title="Updates to half of the loss")
    axes[0, 2].legend(loc="lower right")
    return Drawing(figure, table(rows))


def _points(ax: Axes, name: str, x: np.ndarray, times: np.ndarray, *, law: int, colour: str) -> None:
    """Plot t_g of every seed, and the law's line through their centre."""
    from matplotlib.ticker import LogLocator

    seeds = np.broadcast_to(x, times.shape)
    known = ~np.isnan(times)
    ax.plot(seeds[known], times[known], "o", color=colour, markersize=4, alpha=0.7, label=f"{name}{_slopes(x, times)}")
    if known.any():
        centre = [float(np.exp(np.log(values[known]).mean())) for values in (seeds, times)]
        ends = np.array([np.nanmin(x), np.nanmax(x)])
        line = centre[1] * (ends / centre[0]) ** law
        ax.plot(ends, line, color=colour, linewidth=1, linestyle="--", label=f"law: slope {law}")
    ax.loglog()
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")


def _slopes(x: np.ndarray, times: np.ndarray) -> str:
    """Return the mean slope for the legend, or nothing where one is undecided."""
    try:
        return f": slope {np.mean([slope_of_groups(x, row) for row in times]):.2f}"
    except Undecided:
        return ""


FIGURE = Figure(
    id="horizon",
    title="When does gradient descent catch up? Updates by frequency group on real text",
    statement=(
        "In theory the time that gradient descent needs for a class is proportional to 1/π_k, and that of sign descent does not "
        "depend on it. This measures both on the last layer of a frozen transformer, where the theory's inputs are not given."
    ),
    scales={
        "smoke": LastLayerSizes(windows=6, width=16),
        "laptop": LastLayerSizes(windows=20, width=64),
        "paper": LastLayerSizes(windows=2_000, width=1_200),
    },
    plans=plans,
    claims=(
        Claim("horizon-gd", slope_off("GD-m", 1.0).at_most(0.25, fails=0.5)).says(
            "GD halves the loss of a group after a number of updates ∝ 1/π: |slope − 1| of log t on log 1/π"
        ),
        Claim("horizon-sign", slope_off("Sign-m", 0.0).at_most(0.25, fails=0.5)).says(
            "Sign descent halves the loss of every group after as many updates: |slope| of log t on log 1/π"
        ),
    ),
    draw={"horizon": draw},
    rule=(
        "T = 6c, the time in which gradient flow halves the loss of the rarest class at the largest stable rate. The number of "
        "windows is set by cost alone, a CPU minute for the figure. The paper has no such experiment; its scale is that of "
        "Figure 5."
    ),
    where="Theorem 3, on real text",
    kind="ours",
)
