"""Neurons and predictions of a run: what is measured on them, and how they are drawn.

For a neuron of sign + the good direction is μ₁ and the bad one μ₂; for sign − the other way round.

    A(t) = mean_j |⟨w_j(t), μ_good⟩| / mean_j |⟨w_j(0), μ_good⟩|       amplification; A_bad likewise
    cos_good = |⟨w_j, μ_good⟩| / ‖w_j‖;    captured = share of neurons with cos_good > 0.7
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from steepest.claims.drawings import Rows, plot_points
from steepest.claims.measures import Number, at_step
from steepest.runs.store import Run
from steepest_papers.frei2022amplification.clusters import STEPS, TIMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CAPTURED = 0.7
PLUS, MINUS = "#bb5566", "#004488"  # neurons by sign
GOOD, BAD = "#004488", "#ddaa33"  # directions
At = Callable[[Run, int], float]  # a number of a run after some updates


class Alignment(NamedTuple):
    """The neurons of a run at one step, each array of shape (m,).

    Attributes:
        sign: of a_j.
        first: ⟨w_j, μ₁⟩.
        second: ⟨w_j, μ₂⟩.
        norm: ‖w_j‖.
    """

    sign: np.ndarray
    first: np.ndarray
    second: np.ndarray
    norm: np.ndarray

    @property
    def good(self) -> np.ndarray:
        """Return ⟨w_j, μ_good⟩ of each neuron."""
        return np.where(self.sign > 0, self.first, self.second)

    @property
    def bad(self) -> np.ndarray:
        """Return ⟨w_j, μ_bad⟩ of each neuron."""
        return np.where(self.sign > 0, self.second, self.first)

    @property
    def cosine(self) -> np.ndarray:
        """Return cos_good of each neuron."""
        return np.asarray(np.abs(self.good) / self.norm)


def neurons(run: Run, step: int) -> Alignment:
    """Return the neurons after `step` updates."""
    columns = at_step(run, "neurons", step)
    return Alignment(*(columns[name] for name in ("sign", "along_1", "along_2", "norm")))


def amplification(run: Run, step: int = STEPS) -> float:
    """Return A(t)."""
    return _growth(neurons(run, step).good, neurons(run, 0).good)


def bad_amplification(run: Run, step: int = STEPS) -> float:
    """Return A_bad(t)."""
    return _growth(neurons(run, step).bad, neurons(run, 0).bad)


def cosine(run: Run, step: int = STEPS) -> float:
    """Return the median of cos_good."""
    return float(np.median(neurons(run, step).cosine))


def captured(run: Run, step: int = STEPS) -> float:
    """Return the share of neurons with cos_good > 0.7."""
    return float(np.mean(neurons(run, step).cosine > CAPTURED))


def norm_ratio(run: Run, step: int = STEPS) -> float:
    """Return the median of ‖w_j(t)‖/‖w_j(0)‖."""
    return float(np.median(neurons(run, step).norm / neurons(run, 0).norm))


def predicted(run: Run, name: str, step: int = STEPS) -> float:
    """Return a column of the predictions after `step` updates, such as `clean_error`."""
    (value,) = at_step(run, "predictions", step)[name]
    return float(value)


def clean_error(run: Run, step: int = STEPS) -> float:
    """Return the test error against clean labels."""
    return predicted(run, "clean_error", step)


def memorised(run: Run, step: int = STEPS) -> float:
    """Return the share of flipped training points that are predicted as flipped."""
    return predicted(run, "memorised", step)


def mean(number: Number, runs: Sequence[Run]) -> float:
    """Return the mean of a number over runs, for evidence."""
    return float(np.mean([number(run) for run in runs]))


def _growth(now: np.ndarray, before: np.ndarray) -> float:
    return float(np.abs(now).mean() / np.abs(before).mean())


def plot_course(ax: Axes, runs: Sequence[Run], number: At, *, times: Sequence[int] = TIMES, **line: Any) -> Rows:
    """Plot a number of each run over time and return the points; `line` has panel, label, colour and style."""
    return plot_points(ax, {t: [(run, number(run, t)) for run in runs] for t in times}, **line)


def log_time(ax: Axes, last: int = TIMES[-1]) -> None:
    """Give a panel an axis of updates that is logarithmic from 1 on and shows 0."""
    ax.set_xscale("symlog", linthresh=1)
    ax.set_xticks([0, 1, 10, 100], ["0", "1", "10", "100"])
    ax.set(xlabel="update $t$", xlim=(0, last))


def directions(ax: Axes, run: Run, step: int) -> pa.Table:
    """Draw where each neuron points, w_j/‖w_j‖ on the plane of the means, and return the points.

    Red neurons have sign + and should point to ±μ₁, blue ones sign − and to ±μ₂: the rings.
    """
    at = neurons(run, step)
    u, v = at.first / at.norm, at.second / at.norm
    angle = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(angle), np.sin(angle), color="#cccccc", linewidth=0.8, zorder=0)
    for sign, colour, x, y in ((1, PLUS, [1, -1], [0, 0]), (-1, MINUS, [0, 0], [1, -1])):
        mine = at.sign == sign
        ax.plot(x, y, "o", color=colour, markersize=7, fillstyle="none", zorder=0)
        ax.plot(u[mine], v[mine], "o", color=colour, markersize=2.8, markeredgewidth=0, alpha=0.6)
    ax.text(1.12, 0.1, r"$\mu_1$", color=PLUS)
    ax.text(0.1, 1.1, r"$\mu_2$", color=MINUS)
    ax.set(aspect="equal", xlim=(-1.3, 1.4), ylim=(-1.25, 1.35))
    ax.set_axis_off()
    names = [run.id] * len(u)
    return pa.table({"step": [step] * len(u), "sign": at.sign, "u": u, "v": v, "run": names})
