"""Loss by class decile while gradient descent and sign descent go on, each with the step of theory, 1/L.

The loss of a class is its part of the relative entropy, made non-negative by terms that cancel in the sum:

    f = Σ_k p_k φ_k,    φ_k = s_k/p_k − 1 − log(s_k/p_k) ≥ 0,    as Σ_k (s_k − p_k) = 0

Decile g holds a tenth of the classes, the most frequent first, and its loss is Σ_{k∈g} p_k φ_k / Σ_{k∈g} p_k. Derived by us.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
import torch
from pydantic import Field

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.figures import COLOURS, canvas, group_colours, table
from steepest.claims.measures import exact
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.measure.progress import group_progress
from steepest.optim import GradientDescent, RescaledSignDescent
from steepest.problems import SoftmaxUnigram
from steepest.problems.base import Params, Task
from steepest.runs.method import Method
from steepest.runs.probe import Probe
from steepest.runs.spec import Spec
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan
from steepest.theory.unigram import SMOOTHNESS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DECILES = 10
METHODS = {"GD": (Method(GradientDescent), "l2"), "Sign": (Method(RescaledSignDescent), "linf")}
TITLES = {"GD": "Gradient descent, $1/L_2$", "Sign": r"Sign descent, $1/L_\infty$"}


class LossByDecile(Probe):
    """Loss of each class decile of the softmax unigram model, one row per decile.

    Columns: decile (1 = the most frequent classes), loss.

    Args:
        at: steps at which it measures.
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
    runs = (
        Spec(problem=problem, method=method, lr=1 / SMOOTHNESS[norm], steps=sizes.steps, probes=(probe,))
        for method, norm in METHODS.values()
    )
    return {"deciles": Calculations(tuple(runs))}


def curves(results: Results) -> dict[str, tuple[Run, np.ndarray]]:
    """Return the run and the loss by decile, shape (T + 1, 10), of each method."""
    runs = zip(METHODS, results.calculations("deciles"), strict=True)
    return {name: (run, run.column("loss", "lossbydecile").reshape(-1, DECILES)) for name, run in runs}


@measure()
def progress(results: Results, name: str, decile: int | None = None) -> Measured:
    """Return the progress ρ of a decile at the chosen update, or the least of all."""
    run, losses = curves(results)[name]
    rho = group_progress(losses, results.settings.at)
    shown = "ρ by decile: " + " ".join(f"{value:.2f}" for value in rho)
    return exact(rho.min() if decile is None else rho[decile - 1], [run], shown)


@measure()
def lag(results: Results) -> Measured:
    """Return how many updates after its first decile GD has removed 90 % of the loss of its last, as a ratio."""
    run, losses = curves(results)["GD"]
    reached = losses <= 0.1 * losses[0]
    first = np.where(reached.any(axis=0), reached.argmax(axis=0), len(losses))
    shown = " ".join(str(t) if t < len(losses) else "never" for t in first)
    return exact(first[-1] / first[0], [run], f"updates by decile: {shown}")


CLAIMS = (
    Claim("deciles-gd-tail", progress("GD", DECILES).at_most(0.5, fails=0.8)).says(
        "After ten updates GD has hardly touched the rarest classes: progress ρ of the last decile"
    ),
    Claim("deciles-sign-all", progress("Sign").at_least(0.9, fails=0.5)).says(
        "After ten updates sign descent has lowered all deciles together: least ρ"
    ),
    Claim("deciles-gd-lag", lag().at_least(2.0, fails=1.0)).says(
        "GD learns the rarest decile last: updates to remove 90 % of its loss over those of the most frequent decile"
    ),
)


def draw(results: Results) -> Drawing:
    """Return the loss of each decile over time for both methods, and all deciles at the chosen update."""
    figure, axes = canvas(1, 3, width=3.0, height=2.8)
    losses, at = {name: of for name, (_, of) in curves(results).items()}, results.settings.at
    for ax, name in zip(axes[0], losses, strict=False):
        _over_time(ax, losses[name], at)
        ax.set_title(TITLES[name])
    axes[0, 0].set_ylabel("loss of a class decile")
    axes[0, 1].sharey(axes[0, 0])
    axes[0, 1].legend(loc="upper right")
    _at(axes[0, 2], losses, at)
    return Drawing(figure, table(list(_points(results))))


def _points(results: Results) -> Iterator[dict[str, Any]]:
    for name, (run, losses) in curves(results).items():
        for t, row in enumerate(losses.tolist()):
            yield from (
                {"method": name, "run": run.id, "step": t, "decile": g, "loss": x} for g, x in enumerate(row, 1)
            )


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

    shown = set(frames(results.settings.steps + 1))
    names = {"step": "step", "method": "method", "decile": "group", "loss": "loss"}
    rows = (row for row in _points(results) if row["step"] in shown)
    return table([{name: row[column] for column, name in names.items()} for row in rows])


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
    draw={"deciles": draw},
    steps=steps,
    rule="d = 1000; ten updates are twice what sign descent needs there for a loss of 5 %.",
    where="loss by class decile",
    kind="ours",
)
