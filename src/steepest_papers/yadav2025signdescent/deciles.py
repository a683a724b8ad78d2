"""Loss by class decile while gradient descent and sign descent go on, each with the step of theory, 1/L.

The loss of a class is its part of the relative entropy, made non-negative by terms that cancel in the sum:

    f = Σ_k p_k φ_k,    φ_k = s_k/p_k − 1 − log(s_k/p_k) ≥ 0,    as Σ_k (s_k − p_k) = 0

Decile g holds a tenth of the classes, the most frequent first, and its loss is Σ_{k∈g} p_k φ_k / Σ_{k∈g} p_k. Derived by us.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
import torch
from pydantic import Field

from steepest.claims.figures import COLOURS, canvas, group_colours, table
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.claims.verdict import Claim, Measured
from steepest.measure.progress import group_progress
from steepest.problems import SoftmaxUnigram
from steepest.problems.base import Params, Task
from steepest.runs.probe import Probe
from steepest.runs.spec import Spec
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan
from steepest_papers.yadav2025signdescent.trajectories import GD_STEEPEST, SIGN_STEEPEST

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DECILES = 10
METHODS = {"GD": (GD_STEEPEST, 2.0), "Sign": (SIGN_STEEPEST, 1.0)}
TITLES = {"GD": "Gradient descent, $1/L_2$", "Sign": r"Sign descent, $1/L_\infty$"}


class LossByDecile(Probe):
    """Loss of each class decile of the softmax unigram model, one row per decile.

    Columns: decile (1 = the most frequent classes), loss.

    Args:
        at: the numbers of updates at which it measures.
    """

    kind: ClassVar[str] = "yadav2025signdescent.LossByDecile"

    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        with torch.no_grad():
            losses = task.loss_by_example(params).numpy()
        return {"decile": np.arange(1, DECILES + 1), "loss": decile_losses(losses, task.shares.numpy())}


def decile_losses(losses: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return Σ p_k φ_k / Σ p_k over each decile, shape (10,), from ℓ_k = log(p_k/s_k) in order of frequency.

    >>> decile_losses(np.zeros(20), np.full(20, 0.05)).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    phi = np.expm1(-losses) + losses
    parts = zip(np.array_split(p * phi, DECILES), np.array_split(p, DECILES), strict=True)
    return np.array([total.sum() / mass.sum() for total, mass in parts])


class DecileSizes(Settings):
    """Sizes of the experiment.

    Args:
        num_classes: d.
        steps: updates T.
        at: the update at which deciles are compared.
    """

    num_classes: Annotated[int, Field(ge=2 * DECILES)] = 1_000
    steps: Annotated[int, Field(ge=1)] = 1_000
    at: Annotated[int, Field(ge=1)] = 10


def plans(sizes: DecileSizes) -> dict[str, Plan]:
    """Return one run of each method, with the loss by decile at every step."""
    problem, probe = SoftmaxUnigram(num_classes=sizes.num_classes), LossByDecile(at=tuple(range(sizes.steps + 1)))
    runs = [Spec(problem=problem, method=m, lr=lr, steps=sizes.steps, probes=(probe,)) for m, lr in METHODS.values()]
    return {"deciles": Calculations(tuple(runs))}


def curves(results: Results) -> dict[str, tuple[Run, np.ndarray]]:
    """Return the run and the loss by decile, shape (T + 1, 10), of each method."""
    runs = results.calculations("deciles")
    return {
        name: (run, run.column("loss", "lossbydecile").reshape(-1, DECILES))
        for name, run in zip(METHODS, runs, strict=True)
    }


def progress_of(name: str, decile: int | None = None) -> Any:
    """Return the measure: progress ρ of a decile at the chosen update, or the least of all."""

    def measure(results: Results) -> Measured:
        run, losses = curves(results)[name]
        rho = group_progress(losses, results.settings.at)
        shown = "ρ by decile: " + " ".join(f"{value:.2f}" for value in rho)
        value = rho.min() if decile is None else rho[decile - 1]
        return Measured([float(value)], [run.id], exact=True, evidence=shown)

    return measure


def lag(results: Results) -> Measured:
    """Return how many updates after its first decile GD has removed 90 % of the loss of its last, as a ratio."""
    run, losses = curves(results)["GD"]
    reached = losses <= 0.1 * losses[0]
    first = np.where(reached.any(axis=0), reached.argmax(axis=0), len(losses))
    shown = " ".join(str(t) if t < len(losses) else "never" for t in first)
    return Measured([float(first[-1] / first[0])], [run.id], exact=True, evidence=f"updates by decile: {shown}")


CLAIMS = (
    Claim(
        "deciles-gd-tail",
        "loss by class decile",
        "After ten updates GD has hardly touched the rarest classes: progress ρ of the last decile",
        progress_of("GD", DECILES),
        holds=0.5,
        fails=0.8,
        kind="ours",
    ),
    Claim(
        "deciles-sign-all",
        "loss by class decile",
        "After ten updates sign descent has lowered all deciles together: least ρ",
        progress_of("Sign"),
        holds=0.9,
        fails=0.5,
        kind="ours",
    ),
    Claim(
        "deciles-gd-lag",
        "loss by class decile",
        "GD learns the rarest decile last: updates to remove 90 % of its loss over those of the most frequent decile",
        lag,
        holds=2.0,
        fails=1.0,
        kind="ours",
    ),
)


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return the loss of each decile over time for both methods, and all deciles at the chosen update."""
    figure, axes = canvas(1, 3, width=3.0, height=2.8)
    found, at = curves(results), results.settings.at
    for ax, (name, (_, losses)) in zip(axes[0], found.items(), strict=False):
        _over_time(ax, losses, at)
        ax.set_title(TITLES[name])
    axes[0, 0].set_ylabel("loss of a class decile")
    axes[0, 1].sharey(axes[0, 0])
    axes[0, 1].legend(loc="upper right")
    _at(axes[0, 2], {name: losses for name, (_, losses) in found.items()}, at)
    rows = [
        {"method": name, "run": run.id, "step": t, "decile": g + 1, "loss": float(loss)}
        for name, (run, losses) in found.items()
        for t, row in enumerate(losses)
        for g, loss in enumerate(row)
    ]
    return {"deciles": Drawing(figure, table(rows))}


def _over_time(ax: Axes, losses: np.ndarray, at: int) -> None:
    for g, colour in enumerate(group_colours(DECILES)):
        label = {0: "most frequent tenth", DECILES - 1: "rarest tenth"}.get(g)
        ax.plot(np.arange(len(losses)) + 1, losses[:, g], color=colour, label=label)
    ax.axvline(at + 1, color="#999999", linewidth=0.8, linestyle=":")
    ax.set(xscale="log", xlabel="update $t + 1$", xlim=(1, len(losses)), ylim=(0, None))


def _at(ax: Axes, losses: Mapping[str, np.ndarray], at: int) -> None:
    deciles = np.arange(1, DECILES + 1)
    ax.plot(deciles, losses["GD"][0], "o:", color="#999999", markersize=3, label="at the start")
    for name, values in losses.items():
        ax.plot(deciles, values[at], "o-", color=COLOURS[name], markersize=4, label=TITLES[name])
    ax.set(xlabel="class decile, 1 = most frequent", xticks=deciles, ylim=(0, None), title=f"After {at} updates")
    ax.legend(loc="upper left")


def steps(results: Results) -> pa.Table:
    """Return the loss by decile of both methods at steps spaced evenly in the logarithm, for a stepped view."""
    from steepest.report.steps import frames

    return table(
        [
            {"step": at, "method": name, "group": g + 1, "loss": float(loss)}
            for name, (_, losses) in curves(results).items()
            for at in frames(len(losses))
            for g, loss in enumerate(losses[at])
        ]
    )


FIGURE = Figure(
    id="deciles",
    title="Loss by class decile: gradient descent goes down the ranks, sign descent takes all at once",
    statement=(
        "When sign descent has learnt every class, gradient descent has begun on the most frequent ones; the rest follow "
        "in order of frequency."
    ),
    scales={
        "smoke": DecileSizes(num_classes=50, steps=40),
        "quick": DecileSizes(),
        "laptop": DecileSizes(),
        "paper": DecileSizes(num_classes=10_000, steps=10_000),
    },
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    steps=steps,
    rule="d = 1000; ten updates are twice what sign descent needs there for a loss of 5 %.",
)
