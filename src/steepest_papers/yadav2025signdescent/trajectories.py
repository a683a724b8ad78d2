"""Loss against updates for d = 100, 1000, 10 000: sign descent and Adam stay fast, gradient descent becomes slow.

Trained by the optimizers themselves. Tuned methods search their learning rate for the smallest loss at the horizon T, each
with the same budget; GD and sign descent also take the step of theory, 1/L.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.figures import canvas, legend_beside, table
from steepest.claims.measures import exact
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.optim import Adam, GradientDescent, NormalizedGD, RescaledSignDescent, SignDescent
from steepest.problems import SoftmaxUnigram
from steepest.runs.method import Method
from steepest.runs.results import Best
from steepest.runs.sweep import Plan, Sweep, decades, untuned
from steepest.theory.unigram import SMOOTHNESS
from steepest_papers.yadav2025signdescent.methods import NAMES, method_style

THEORY = " 1/L"
AT_THEORY = {
    Method(RescaledSignDescent, "Sign 1/L"): untuned(1 / SMOOTHNESS["linf"]),
    Method(GradientDescent, "GD 1/L"): untuned(1 / SMOOTHNESS["l2"]),
}
# Four decades each. R_∞ is 2 to 5 here and R_2 10 to 100; Adam and sign descent move by the rate itself, GD by rate · p_k.
TUNED = {
    Method(SignDescent, "Sign"): decades(-3, 0),
    Method(Adam, "Adam"): decades(-3, 0),
    Method(NormalizedGD, "NormGD"): decades(-2, 1),
    Method(GradientDescent, "GD"): decades(0, 3),
}


class TrajectorySizes(Settings):
    """Sizes of the experiment.

    Args:
        sizes: vocabulary sizes d.
        steps: horizon T.
    """

    sizes: Annotated[tuple[int, ...], Field(min_length=2)] = (100, 1_000, 10_000)
    steps: Annotated[int, Field(ge=1)] = 100


def plans(sizes: TrajectorySizes) -> dict[str, Plan]:
    """Return two sweeps per vocabulary size: tuned, and at 1/L. Nothing is random, so one seed is all."""
    return {
        f"d={d}{suffix}": Sweep(
            problem=SoftmaxUnigram(num_classes=d), optimizers=optimizers, steps=sizes.steps, seeds=(0,), groups=None
        )
        for d in sizes.sizes
        for suffix, optimizers in (("", TUNED), (THEORY, AT_THEORY))
    }


def selected(results: Results, num_classes: int, label: str, *, decisive: bool = True) -> Best:
    """Return a method at its learning rate."""
    suffix = THEORY if label.endswith(THEORY) else ""
    return results.sweep(f"d={num_classes}{suffix}").best(label, decisive=decisive)


def relative(best: Best) -> np.ndarray:
    """Return f_t/f(0), shape (T + 1,)."""
    curve = best.curves()[0]
    return np.asarray(curve / curve[0])


@measure("f_T/f(0)")
def left(results: Results, label: str) -> Measured:
    """Return f_T/f(0) of a method at the largest d."""
    bests = {d: selected(results, d, label) for d in results.settings.sizes}
    ends = {d: float(relative(best)[-1]) for d, best in bests.items()}
    shown = ", ".join(f"d={d}: {ends[d]:.2g} at {best.lr:.3g}" for d, best in bests.items())
    return exact(ends[results.settings.sizes[-1]], [best.runs[0] for best in bests.values()], shown)


@measure()
def lead(results: Results) -> Measured:
    """Return the loss that normalised GD leaves over that of sign descent, both tuned, at the largest d."""
    norm, sign = (left(label)(results) for label in ("NormGD", "Sign"))
    evidence = f"normalised GD {norm.values[0]:.2g}, sign descent {sign.values[0]:.2g}"
    return Measured([norm.values[0] / sign.values[0]], [*norm.runs, *sign.runs], exact=True, evidence=evidence)


CLAIMS = (
    Claim("trajectories-lead", lead().at_least(5.0, fails=1.0), where="abstract", kind="paper").says(
        "Sign descent converges faster than normalised GD: f_T of normalised GD over f_T of sign descent, tuned, largest d"
    ),
    Claim("trajectories-sign", left("Sign").at_most(0.02, fails=0.1)).says(
        "Tuned sign descent solves the largest vocabulary within the horizon"
    ),
    Claim("trajectories-adam", left("Adam").at_most(0.02, fails=0.1)).says(
        "So does tuned Adam at the largest vocabulary"
    ),
    Claim("trajectories-gd", left("GD 1/L").at_least(0.2, fails=0.1)).says(
        "GD at 1/L_2 does not at the largest vocabulary"
    ),
)


def draw(results: Results) -> Drawing:
    """Return f_t/f(0) for every method, one panel per vocabulary size."""
    sizes = results.settings.sizes
    figure, axes = canvas(1, len(sizes), width=2.9, height=2.8, sharey=True)
    rows: list[dict[str, Any]] = []
    for ax, d in zip(axes[0], sizes, strict=True):
        for label in reversed(list(NAMES)):
            best = selected(results, d, label, decisive=False)
            r = relative(best)
            ax.semilogy(np.clip(r, 1e-9, None), **method_style(label))
            where = {"classes": d, "method": label, "lr": best.lr, "run": best.runs[0].id}
            rows += [where | {"step": t, "relative_loss": x} for t, x in enumerate(r.tolist())]
        ax.set(title=f"$d = {d:,}$", xlabel="update $t$", ylim=(1e-4, 1.5))
    axes[0, 0].set_ylabel("loss $f(\\theta_t) / f(0)$")
    legend_beside(axes[0, -1])
    return Drawing(figure, table(rows))


FIGURE = Figure(
    id="trajectories",
    title="Loss curves: sign descent and Adam hardly see the vocabulary, gradient descent does",
    statement=(
        "Relative to the initial loss, sign descent with step 1/L and Adam are as fast with ten thousand tokens as with a "
        "hundred; gradient descent, normalised or not, becomes slower. Tuned sign descent trades speed for its last oscillation."
    ),
    scales={
        "smoke": TrajectorySizes(sizes=(20, 60), steps=30),
        "quick": TrajectorySizes(sizes=(100, 1_000)),
        "laptop": TrajectorySizes(),
        "paper": TrajectorySizes(sizes=(100, 1_000, 10_000, 100_000)),
    },
    plans=plans,
    claims=CLAIMS,
    draw={"trajectories": draw},
    rule="Sizes by decades; the horizon of 100 updates is ten times what sign descent needs for a loss of 2 %.",
    where="loss curves",
    kind="ours",
)
