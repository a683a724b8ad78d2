"""Draw `results/linear_sweep.json`: CPU seconds per run on both sides, and the fraction of the GEMM rate."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from statistics import harmonic_mean, median
from typing import Any

from linear_sweep import RESULT, operations
from matplotlib.axes import Axes

from steepest.claims.figures import canvas, style

OURS, PLAIN = "#004488", "#bb5566"


def draw_seconds(ax: Axes, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Draw both medians over the learning rates, joined, with their ratio."""
    for y, runs in enumerate(rows.values()):
        ours, plain = (median(run[f"{side}_seconds"] for run in runs) for side in ("ours", "plain"))
        ax.plot([ours, plain], [y, y], color="#b0b0b0", linewidth=2, zorder=1)
        ax.plot(ours, y, "o", color=OURS, label="steepest" if y == 0 else None)
        ax.plot(plain, y, "s", color=PLAIN, markersize=5, label="plain PyTorch loop" if y == 0 else None)
        ax.annotate(f"× {ours / plain:.2f}", (plain, y), (8, 0), textcoords="offset points", va="center", fontsize=8)
    ax.set(xscale="log", xlim=(0.25, 40), xlabel="CPU seconds per run, one thread", title="Training time")
    ax.set_xticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    ax.set_xticks([], minor=True)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.invert_yaxis()
    ax.legend(loc="lower left")


def draw_fractions(ax: Axes, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Draw every run and the median over the learning rates."""
    for y, runs in enumerate(rows.values()):
        fractions = list(gemm_fractions(runs))
        ax.barh(y, median(fractions), height=0.55, color=OURS, alpha=0.35)
        ax.plot(fractions, [y] * len(fractions), "|", color=OURS, markersize=9)
    ax.axvline(0.8, color="#666666", linestyle="--", linewidth=1)
    ax.set(xlim=(0, 1), xlabel="fraction of the fp32 GEMM rate beside the run", title="Arithmetic reached")
    ax.xaxis.set_major_formatter("{x:.0%}")


def gemm_fractions(runs: Iterable[dict[str, Any]]) -> Iterator[float]:
    """Return operations per second over the mean GEMM rate measured before and after each run."""
    for run in runs:
        yield operations(run["m"], run["steps"]) / run["ours_seconds"] / harmonic_mean(run["gemm_rates"])


def main() -> None:
    result = json.loads(RESULT.read_text())
    rows: dict[str, list[dict[str, Any]]] = {}
    for run in result["runs"]:
        rows.setdefault(f"{run['optimizer']}   m = {run['m']}", []).append(run)
    with style():
        figure, axes = canvas(1, 2, width=4.2, height=3.4, sharey=True)
        draw_seconds(axes[0, 0], rows)
        draw_fractions(axes[0, 1], rows)
        for ax in axes.flat:
            ax.grid(axis="y", visible=False)
        figure.savefig(RESULT.with_suffix(".svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
