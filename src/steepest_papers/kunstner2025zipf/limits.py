"""What the two figures of the limit laws share: r at finite d against the limit, as a table and as panels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.claims.figures import canvas, group_colours
from steepest.claims.paper import Drawing, Settings
from steepest.data.frequency import zipf
from steepest.runs.store import Run
from steepest.theory.bigram import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curve = Callable[[Floats, float, float], float]
Limit = Callable[[float, float], float]
POINTS = 41


class LawSizes(Settings):
    """Vocabulary sizes at which the laws are summed.

    Args:
        sizes: d, ascending.
    """

    sizes: Annotated[tuple[int, ...], Field(min_length=3)] = (1_000, 10_000, 100_000, 1_000_000)

    def summary(self) -> str:
        """Return the sizes."""
        return f"d = {', '.join(f'{d:,}' for d in self.sizes)}"


def tabulate(curve: Curve, limit: Limit, alpha: float, taus: Sequence[float], sizes: Sequence[int]) -> pa.Table:
    """Return one row per d and τ: alpha, d (0 for the limit), tau, r; `curve` takes the frequencies, τ and α."""
    laws = {d: zipf(d, alpha) for d in sizes}
    rows = [{"alpha": alpha, "d": d, "tau": float(t), "r": curve(pi, t, alpha)} for d, pi in laws.items() for t in taus]
    rows += [{"alpha": alpha, "d": 0, "tau": float(t), "r": limit(t, alpha)} for t in taus]
    return pa.Table.from_pylist(rows)


def at(table: pa.Table, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return τ and r at one vocabulary size, 0 for the limit."""
    rows = [row for row in table.to_pylist() if row["d"] == d]
    return np.array([row["tau"] for row in rows]), np.array([row["r"] for row in rows])


def approach(table: pa.Table, sizes: Sequence[int]) -> dict[str, float]:
    """Return the largest |r − limit| at the smallest and at the largest d, and over how many steps it falls in between."""
    _, limit = at(table, 0)
    known = np.isfinite(limit)
    gaps = [float(np.abs(at(table, d)[1] - limit)[known].max()) for d in sizes]
    falls = sum(later < earlier for earlier, later in pairwise(gaps))
    return {"gap_smallest": gaps[0], "gap_largest": gaps[-1], "steps_down": falls / (len(gaps) - 1)}


def panels(runs: Mapping[str, Run], titles: Mapping[str, str], scale: Mapping[str, dict[str, Any]]) -> Drawing:
    """Draw one panel per exponent: r over τ, coloured by d, the limit dashed in black."""
    figure, axes = canvas(1, len(runs), width=3.0, height=2.8, sharey=False)
    rows = []
    for ax, (key, run) in zip(axes[0], runs.items(), strict=True):
        table = run.table("law")
        sizes = [d for d in dict.fromkeys(table["d"].to_pylist()) if d]
        for d, colour in zip(sizes, group_colours(len(sizes)), strict=True):
            ax.plot(*at(table, d), color=colour, label=rf"$d = 10^{{{np.log10(d):.3g}}}$")
        ax.plot(*at(table, 0), color="black", linestyle="--", linewidth=1.4, label="limit")
        ax.set(title=titles[key], **scale[key])
        rows += [row | {"run": run.id} for row in table.to_pylist()]
    axes[0, 0].set_ylabel("relative error $r$")
    axes[0, -1].legend()
    return Drawing(figure, pa.Table.from_pylist(rows))


def plain_ticks(ax: Axes, values: Sequence[float]) -> None:
    """Label a logarithmic axis at `values` only, in plain numbers."""
    ax.set_xticks(list(values), [f"{value:,.0f}" for value in values])
    ax.set_xticks([], minor=True)
