"""Loss against updates for d = 100, 1000, 10 000: sign descent and Adam stay fast, gradient descent becomes slow.

Trained by the optimizers themselves. Tuned methods search their learning rate for the smallest loss at the horizon T, each
with the same budget; GD and sign descent also take the step of theory, 1/L.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.figures import canvas, table
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.optim import Adam, GradientDescent, NormalizedGD, RescaledSignDescent, SignDescent
from steepest.problems import SoftmaxUnigram
from steepest.runs.method import Method
from steepest.runs.results import Best
from steepest.runs.sweep import Plan, Sweep, decades, untuned
from steepest_papers.yadav2025signdescent.styles import NAMES, method_style

SIGN, SIGN_STEEPEST = Method(SignDescent, "Sign"), Method(RescaledSignDescent, "Sign 1/L")
THEORY = " 1/L"
GD, GD_STEEPEST = Method(GradientDescent, "GD"), Method(GradientDescent, "GD 1/L")
NORM, ADAM = Method(NormalizedGD, "NormGD"), Method(Adam, "Adam")
STEEPEST = {SIGN_STEEPEST: untuned(1.0), GD_STEEPEST: untuned(2.0)}
# Four decades each. R_∞ is 2 to 5 here and R_2 10 to 100; Adam and sign descent move by the rate itself, GD by rate · p_k.
TUNED = {SIGN: decades(-3, 0), ADAM: decades(-3, 0), NORM: decades(-2, 1), GD: decades(0, 3)}


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
        _plan(d, suffix): Sweep(
            problem=SoftmaxUnigram(num_classes=d), optimizers=optimizers, steps=sizes.steps, seeds=(0,), groups=None
        )
        for d in sizes.sizes
        for suffix, optimizers in (("", TUNED), (THEORY, STEEPEST))
    }


def _plan(num_classes: int, suffix: str) -> str:
    return f"d={num_classes}{suffix}"


def selected(results: Results, num_classes: int, label: str, *, decisive: bool = True) -> Best:
    """Return a method at its learning rate."""
    suffix = THEORY if label.endswith(THEORY) else ""
    return results.sweep(_plan(num_classes, suffix)).best(label, decisive=decisive)


def relative(best: Best) -> np.ndarray:
    """Return f_t/f(0), shape (T + 1,)."""
    curve = best.curves()[0]
    return np.asarray(curve / curve[0])


@measure()
def left(results: Results, label: str) -> Measured:
    """Return the measure f_T/f(0) of a method at the largest d."""
    found = {d: selected(results, d, label) for d in results.settings.sizes}
    ends = [float(relative(best)[-1]) for best in found.values()]
    shown = ", ".join(f"d={d}: {end:.2g} at {best.lr:.3g}" for end, (d, best) in zip(ends, found.items(), strict=True))
    return Measured([ends[-1]], [best.runs[0].id for best in found.values()], exact=True, evidence=shown)


@measure()
def lead(results: Results) -> Measured:
    """Return the loss that normalised GD leaves over that of sign descent, both tuned, at the largest d."""
    norm, sign = (left(label)(results) for label in ("NormGD", "Sign"))
    evidence = f"normalised GD {norm.values[0]:.2g}, sign descent {sign.values[0]:.2g}"
    return Measured([norm.values[0] / sign.values[0]], [*norm.runs, *sign.runs], exact=True, evidence=evidence)


WHERE = "loss curves"
CLAIMS = (
    Claim("trajectories-lead", lead().at_least(5.0, fails=1.0), where="abstract", kind="paper").says(
        "Sign descent converges faster than normalised GD: f_T of normalised GD over f_T of sign descent, tuned, largest d"
    ),
    Claim("trajectories-sign", left("Sign").at_most(0.02, fails=0.1)).says(
        "Tuned sign descent solves the largest vocabulary within the horizon: f_T/f(0)"
    ),
    Claim("trajectories-adam", left("Adam").at_most(0.02, fails=0.1)).says(
        "So does tuned Adam: f_T/f(0) at the largest vocabulary"
    ),
    Claim("trajectories-gd", left("GD 1/L").at_least(0.2, fails=0.1)).says(
        "GD at 1/L_2 does not: f_T/f(0) at the largest vocabulary"
    ),
)


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return f_t/f(0) for every method, one panel per vocabulary size."""
    sizes = results.settings.sizes
    figure, axes = canvas(1, len(sizes), width=2.9, height=2.8, sharey=True)
    rows: list[dict[str, Any]] = []
    for ax, d in zip(axes[0], sizes, strict=True):
        for label in reversed(list(NAMES)):
            best = selected(results, d, label, decisive=False)
            r = relative(best)
            ax.semilogy(np.clip(r, 1e-9, None), **method_style(label))
            rows += [
                {
                    "classes": d,
                    "method": label,
                    "lr": best.lr,
                    "run": best.runs[0].id,
                    "step": t,
                    "relative_loss": float(x),
                }
                for t, x in enumerate(r)
            ]
        ax.set(title=f"$d = {d:,}$", xlabel="update $t$", ylim=(1e-4, 1.5))
    axes[0, 0].set_ylabel("loss $f(\\theta_t) / f(0)$")
    axes[0, -1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return {"trajectories": Drawing(figure, table(rows))}


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
    draw=draw,
    rule="Sizes by decades; the horizon of 100 updates is ten times what sign descent needs for a loss of 2 %.",
    where=WHERE,
    kind="ours",
)
