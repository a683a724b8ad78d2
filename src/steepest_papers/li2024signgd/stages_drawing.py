"""The picture of the four stages, and the course of training against the laws derived here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from steepest.claims.figures import canvas, plot_band
from steepest.claims.paper import Drawing, Results
from steepest.runs.store import Run
from steepest_papers.li2024signgd import laws
from steepest_papers.li2024signgd.stage_measures import boundaries
from steepest_papers.li2024signgd.stage_sizes import CUT, STEPS, StageSizes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIGNAL, NOISE, QUERY, KEY = "#004488", "#bb5566", "#2f9e8f", "#ddaa33"
Rows = list[dict[str, Any]]
TICKS = (0, 2, 5, 10, 20, 50, 100, 200, 500)
LIFT = 10  # query signals are drawn this many times larger
SHARES = {
    "values_aligned": ("value noise follows labels", SIGNAL),
    "key_signs_kept": ("key-noise signs kept", "#999999"),
    "noise_agrees": ("query noise = key noise", NOISE),
    "signal_agrees": ("query signal = key signal", KEY),
    "query_follows": ("query noise = $y_i$ · query signal", QUERY),
}


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return the four panels of the dynamics, the shares that define the stages, and losses and values against the laws."""
    runs = results.calculations("sign")
    return {"dynamics": _dynamics(runs), "shares": _shares(runs), "training": _training(runs, results.settings)}


def _dynamics(runs: Sequence[Run]) -> Drawing:
    """Return key noise and value noise of the first updates, attention, and queries and keys split by their sign at t = 100."""
    figure, axes = canvas(2, 2, width=3.7, height=2.7)
    rows = _key_noise(axes[0, 0], runs[0]) + _value_noise(axes[0, 1], runs[0])
    rows += _attention(axes[1, 0], runs) + _by_sign(axes[1, 1], runs[0])
    for ax in axes[1]:
        _mark_stages(ax, runs)
    return Drawing(figure, pa.Table.from_pylist(rows))


def _key_noise(ax: Axes, run: Run) -> Rows:
    steps, values = _matrix(run, "rows", "key_noise")
    rows = _bundle(ax, steps, values, "key noise", run)
    ax.set(title=r"(a) Key noise $\langle w_{K,r}, \xi_1\rangle$: rising, falling", xlabel="update $t$")
    return rows


def _value_noise(ax: Axes, run: Run) -> Rows:
    steps, values = _matrix(run, "valuenoise", "value")
    rows = _bundle(ax, steps, values, "value noise", run)
    ax.set(title=r"(b) Value noise $y_i\langle v, \xi_i\rangle$: all rise", xlabel="update $t$")
    return rows


def _bundle(ax: Axes, steps: np.ndarray, values: np.ndarray, panel: str, run: Run) -> Rows:
    """Plot the first two updates of each row or sample, red where it ends above its start."""
    first = steps <= 2
    up = values[first][-1] > values[0]
    for chosen, colour in ((up, NOISE), (~up, SIGNAL)):
        ax.plot(steps[first], values[first][:, chosen], color=colour, linewidth=0.7, alpha=0.6)
    ax.axhline(0, color="#666666", linewidth=0.8)
    ax.set_xticks([0, 1, 2])
    return _long(panel, run, steps[first], values[first])


def _attention(ax: Axes, runs: Sequence[Run]) -> Rows:
    rows: Rows = []
    for name, label, colour in (("log_s11", "$s_{11}$", SIGNAL), ("log_s21", "$s_{21}$", NOISE)):
        steps, logs = _feature(runs, name)
        plot_band(ax, steps, logs / np.log(10), label=label, color=colour)
        rows += [row for run, one in zip(runs, logs, strict=True) for row in _long(name, run, steps, one[:, None])]
    ax.set_title("(c) Attention leaves the signal", pad=14)
    ax.set_ylabel(r"$\log_{10}$ of the mean")
    ax.legend(loc="lower left")
    return rows


def _by_sign(ax: Axes, run: Run) -> Rows:
    rows: Rows = []
    lines = (("query_noise", "query noise", QUERY, 1), ("key_noise", "key noise", KEY, 1))
    for name, label, colour, lift in (*lines, ("query_signal", f"query signal × {LIFT}", SIGNAL, LIFT)):
        steps, values = _matrix(run, "rows", name)
        positive = values[steps == CUT][0] > 0
        for part, shown in ((positive, label), (~positive, "_")):
            mean = values[:, part].mean(axis=1) if part.any() else np.full(len(steps), np.nan)
            ax.plot(steps, lift * mean, color=colour, label=shown)
            rows += _long(f"{name} {'+' if shown == label else '−'}", run, steps, mean[:, None])
    ax.axhline(0, color="#666666", linewidth=0.8)
    ax.set_title(f"(d) Rows split by sign at $t = {CUT}$, means", pad=14)
    ax.legend(loc="upper left", fontsize=7)
    return rows


def _shares(runs: Sequence[Run]) -> Drawing:
    figure, axes = canvas(1, 1, width=6.4, height=3.2)
    ax, rows = axes[0, 0], Rows()
    for name, (label, colour) in SHARES.items():
        steps, values = _feature(runs, name)
        plot_band(ax, steps, values, label=label, color=colour)
        rows += [row for run, one in zip(runs, values, strict=True) for row in _long(name, run, steps, one[:, None])]
    _mark_stages(ax, runs)
    ax.set_title("Shares of equal signs, and where stages end", pad=14)
    ax.set_ylim(-0.02, 1.04)
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return Drawing(figure, pa.Table.from_pylist(rows))


def _mark_stages(ax: Axes, runs: Sequence[Run]) -> None:
    """Draw a vertical line where a stage ends, at the median over seeds, on an axis that gives early updates room."""
    ends = np.median([boundaries(run) for run in runs], axis=0)
    for end, name in zip(ends, ("I", "II", "III"), strict=True):
        ax.axvline(end, color="#888888", linewidth=0.9, linestyle=":", zorder=0)
        side = 1 if end == ends.max() else -1
        text: dict[str, Any] = {
            "textcoords": "offset points",
            "fontsize": 7.5,
            "color": "#555555",
            "ha": "left" if side > 0 else "right",
            "va": "bottom",
        }
        ax.annotate(name, (end, 1), (2 * side, -1), xycoords=("data", "axes fraction"), **text)
    ax.set_xscale("symlog", linthresh=10)
    ax.set_xticks(TICKS, [str(t) for t in TICKS])
    ax.minorticks_off()
    ax.set(xlabel="update $t$", xlim=(0, STEPS))


def _training(runs: Sequence[Run], sizes: StageSizes) -> Drawing:
    figure, axes = canvas(1, 3, width=3.1, height=2.7)
    rows = _losses(axes[0, 0], runs) + _accuracy(axes[0, 1], runs) + _values(axes[0, 2], runs, sizes)
    for ax in axes[0]:
        ax.set(xlabel="update $t$", xlim=(0, STEPS))
        ax.legend()
    return Drawing(figure, pa.Table.from_pylist(rows))


def _losses(ax: Axes, runs: Sequence[Run]) -> Rows:
    steps, training = runs[0].column("step"), np.stack([run.column("loss") for run in runs])
    plot_band(ax, steps, training, label="training loss", color=SIGNAL)
    rows = [row for run, one in zip(runs, training, strict=True) for row in _long("training", run, steps, one[:, None])]
    steps, fresh = _predictions(runs, "test_loss")
    plot_band(ax, steps, fresh, label="test loss", color=NOISE, marker="o", markersize=3)
    rows += [row for run, one in zip(runs, fresh, strict=True) for row in _long("test", run, steps, one[:, None])]
    ax.set_yscale("log")
    ax.set_title("Fast convergence")
    return rows


def _accuracy(ax: Axes, runs: Sequence[Run]) -> Rows:
    rows: Rows = []
    lines = (("train_accuracy", "training", SIGNAL), ("memorised", "training, signal negated", QUERY))
    for name, label, colour in (*lines, ("test_accuracy", "fresh samples", NOISE)):
        steps, values = _predictions(runs, name)
        plot_band(ax, steps, values, label=label, color=colour, marker="o", markersize=3)
        rows += [row for run, one in zip(runs, values, strict=True) for row in _long(name, run, steps, one[:, None])]
    ax.set(title="Poor generalisation", ylabel="accuracy", ylim=(-0.03, 1.05))
    return rows


def _values(ax: Axes, runs: Sequence[Run], sizes: StageSizes) -> Rows:
    rows: Rows = []
    laws_by_name = {
        "value_noise": laws.noise_step(sizes.problem(), sizes.lr) * laws.overlap_factor(sizes.problem()),
        "value_signal": laws.signal_step(sizes.lr),
    }
    for (name, step), colour in zip(laws_by_name.items(), (NOISE, SIGNAL), strict=True):
        steps, values = _feature(runs, name)
        plot_band(ax, steps, values, label=name.replace("_", " "), color=colour)
        ax.plot(steps, step * steps, color="black", linewidth=0.9, linestyle="--", label="_" if rows else "law")
        rows += [row for run, one in zip(runs, values, strict=True) for row in _long(name, run, steps, one[:, None])]
    ax.set(title="Values grow linearly")
    return rows


def _matrix(run: Run, table: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return steps (T,) and a column of a probe with several rows per step, shape (T, rows)."""
    steps = np.unique(run.column("step", table))
    return steps, run.column(name, table).reshape(len(steps), -1)


def _feature(runs: Sequence[Run], name: str) -> tuple[np.ndarray, np.ndarray]:
    return runs[0].column("step", "features"), np.stack([run.column(name, "features") for run in runs])


def _predictions(runs: Sequence[Run], name: str) -> tuple[np.ndarray, np.ndarray]:
    return runs[0].column("step", "predictions"), np.stack([run.column(name, "predictions") for run in runs])


def _long(line: str, run: Run, steps: np.ndarray, values: np.ndarray) -> Rows:
    """Return one row for every plotted point of `values` (T, lines)."""
    return [
        {"line": line, "run": run.id, "member": member, "step": int(step), "value": float(value)}
        for step, at_step in zip(steps, values, strict=True)
        for member, value in enumerate(at_step)
    ]
