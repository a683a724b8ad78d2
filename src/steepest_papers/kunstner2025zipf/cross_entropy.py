"""The cross-entropy instead of the squared loss: sign descent does not see the vocabulary, gradient descent does (Figure 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.experiment import Calculation
from steepest.figures import canvas, line_style
from steepest.measure.facts import fact
from steepest.measure.scaling_laws import Floats
from steepest.measure.unigram import cross_entropy_and_gradient, entropy, frequencies, initial_loss
from steepest.paper import Drawing, Figure, Results, Settings
from steepest.sweep import Calculations, Plan
from steepest.verdict import Claim
from steepest_papers.kunstner2025zipf.brute_force import conditionals, losses
from steepest_papers.kunstner2025zipf.iterations import slope_in_size
from steepest_papers.kunstner2025zipf.laws import power_law
from steepest_papers.kunstner2025zipf.limits import plain_ticks

EPSILON = 0.1
MOST = 400


class CrossEntropySizes(Settings):
    """Vocabularies of the trained bigram matrices.

    Args:
        sizes: d, ascending; the matrix has d² entries.
    """

    sizes: Annotated[tuple[int, ...], Field(min_length=3)] = (30, 60, 120, 240)

    def summary(self) -> str:
        """Return the sizes."""
        return f"d = {', '.join(map(str, self.sizes))}; α = 1, ε = {EPSILON}"


def unigram_losses(p: Floats, eta: float, steps: int) -> Floats:
    """Return f(t)/f(0) of sign descent on the softmax unigram model."""
    import torch

    target, found = frequencies(p), []
    theta = torch.zeros(1, len(p), dtype=torch.float64)
    for _ in range(steps + 1):
        loss, gradient = cross_entropy_and_gradient(theta, target)
        found.append((float(loss) - entropy(target)) / initial_loss(target))
        theta -= eta * gradient.sign()
    return np.array(found)


def sign_identity(d: int, eta: float, steps: int) -> dict[str, float]:
    """Return the largest difference of sign descent on the bigram matrix and on the unigram model."""
    pi = power_law(d, 1.0)
    bigram = losses(pi, conditionals(pi, 0), "sign", eta, steps, "cross-entropy")
    return {"difference": float(np.abs(bigram - unigram_losses(pi, eta, steps)).max())}


def hitting_times(sizes: Sequence[int]) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return the updates to ε of both methods at their best step of a grid, and the slope of GD's in d.

    Gradient descent chooses from 2^k/π_1, k = 0 … 7, sign descent from 2^−k, k = −1 … 6: eight steps each.
    """
    rows: list[dict[str, Any]] = []
    for d in sizes:
        pi = power_law(d, 1.0)
        target = conditionals(pi, 0)
        grids = {"GD": [2.0**k / pi[0] for k in range(8)], "Sign": [2.0**-k for k in range(-1, 7)]}
        for name, grid in grids.items():
            method = "gd" if name == "GD" else "sign"
            times = [first_hit(losses(pi, target, method, eta, MOST, "cross-entropy")) for eta in grid]  # type: ignore[arg-type]
            rows.append({"method": name, "d": d, "updates": min(times)})
    found = {name: [float(row["updates"]) for row in rows if row["method"] == name] for name in ("GD", "Sign")}
    slope = slope_in_size(sizes, found["GD"])
    numbers = {"slope": slope.value, "half_width": slope.half_width, "growth": found["Sign"][-1] - found["Sign"][0]}
    return numbers, {"updates": pa.Table.from_pylist(rows)}


def first_hit(curve: Floats) -> float:
    """Return the first t with r(t) ≤ ε, infinity where there is none."""
    below = np.flatnonzero(curve <= EPSILON)
    return float(below[0]) if len(below) else float("inf")


def plans(sizes: CrossEntropySizes) -> dict[str, Plan]:
    """Return the identity and the times."""
    return {
        "identity": Calculations((Calculation(sign_identity, {"d": 40, "eta": 0.1, "steps": 60}),)),
        "times": Calculations((Calculation(hitting_times, {"sizes": sizes.sizes}, takes=20.0),)),
    }


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return updates to ε against d."""
    (run,) = results.calculations("times")
    table = run.table("updates")
    figure, axes = canvas(1, 1, width=4.2, height=3.0)
    ax = axes[0, 0]
    for name in ("GD", "Sign"):
        points = [(row["d"], row["updates"]) for row in table.to_pylist() if row["method"] == name]
        ax.plot(*zip(*points, strict=True), marker="o", markersize=4, label=name, **line_style(name))
    d = np.array(results.settings.sizes, float)
    ax.plot(d, 17 * d / d[0], color="#999999", linestyle=":", label="∝ $d$")
    ax.set(xscale="log", yscale="log", xlabel="vocabulary size $d$", ylabel=rf"updates to $r \leq {EPSILON}$")
    ax.set_title("Cross-entropy, α = 1, best step")
    plain_ticks(ax, results.settings.sizes)
    ax.legend()
    return {"cross-entropy": Drawing(figure, table.append_column("run", pa.array([run.id] * len(table))))}


CLAIMS = (
    Claim(
        "cross-entropy-identity",
        "derived here",
        "Sign descent on the bigram matrix is sign descent on the unigram model, row by row: largest difference of r",
        fact("identity", "difference"),
        holds=1e-12,
        fails=1e-3,
        kind="ours",
    ),
    Claim(
        "cross-entropy-gd",
        "Figure 8",
        "Gradient descent needs about d updates, or more: slope of log updates on log d",
        fact("times", "slope", "{slope:.2f} ± {half_width:.2f}"),
        holds=0.9,
        fails=0.6,
    ),
    Claim(
        "cross-entropy-sign",
        "Figure 8",
        "Sign descent needs as many updates whatever d: updates that the largest d needs more than the smallest",
        fact("times", "growth"),
        holds=2.0,
        fails=8.0,
    ),
)

FIGURE = Figure(
    id="cross-entropy",
    title="The bigram model with the cross-entropy",
    statement=(
        "With the cross-entropy, gradient descent seems to need as many updates as there are tokens, and sign descent a number "
        "that does not grow with them."
    ),
    scales={
        "smoke": CrossEntropySizes(sizes=(10, 20, 40)),
        "quick": CrossEntropySizes(sizes=(30, 60, 120)),
        "laptop": CrossEntropySizes(),
        "paper": CrossEntropySizes(sizes=(30, 60, 120, 240, 480, 960)),
    },
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    rule="d ≤ 240 at laptop scale: a matrix of d² entries, eight steps each, 400 updates.",
)
