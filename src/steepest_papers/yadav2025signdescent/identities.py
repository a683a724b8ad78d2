"""Identities of sign descent on the unigram model, and the control without anything to learn. Exact.

    Adam with β₁ = β₂ = ε = 0 is sign descent
    permuted frequencies permute the iterates; f(θ + c·1) = f(θ)
    θ_t/η is a vector of integers, so that d tokens share a few logits
    sign descent on a bigram model with equal rows is this recursion in every row, whatever the rows' weights
    α = 0: f(0) = 0 and ∇f(0) = 0

Derived by us.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import torch
from pydantic import Field
from torch import Tensor

from steepest.claims.claim import Claim
from steepest.claims.drawings import with_run
from steepest.claims.figures import canvas, group_colours
from steepest.claims.measures import fact
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.optim import Adam, SignDescent
from steepest.optim.norms import linf_direction
from steepest.problems import SoftmaxUnigram
from steepest.runs.sweep import Plan, calculate
from steepest.theory.unigram import cross_entropy_and_gradient, distance, frequencies, solution, trajectory

STEPS = 16


class IdentitySizes(Settings):
    """Sizes of the checks.

    Args:
        num_classes: d.
        rows: of the bigram model.
    """

    num_classes: Annotated[int, Field(ge=10)] = 1_000
    rows: Annotated[int, Field(ge=2)] = 7


def plans(sizes: IdentitySizes) -> dict[str, Plan]:
    """Return one calculation; its random permutation, shift and weights are drawn from a fixed seed."""
    return {"identities": calculate(identities, dict(sizes))}


@declared("yadav2025signdescent.identities")
def identities(num_classes: int, rows: int) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return by how much each identity is missed, and sign descent's lattice points by rank at some steps."""
    generator = torch.Generator().manual_seed(0)
    p = frequencies(zipf(num_classes))
    rate = distance(p, "linf") / 8
    path = sign_path(p, rate)
    order = torch.randperm(num_classes, generator=generator)
    lattice = path / rate
    shift = 100 * torch.randn(rows, 1, dtype=torch.float64, generator=generator)
    losses = cross_entropy_and_gradient(path[-1:] + shift, p)[0]
    control = frequencies(np.ones(num_classes))
    flat_loss, flat_gradient = cross_entropy_and_gradient(torch.zeros(1, num_classes, dtype=torch.float64), control)
    task = SoftmaxUnigram(num_classes=num_classes).setup(0)
    theta = task.params["theta"].detach()

    def loss(theta: Tensor) -> Tensor:
        return task.shares @ task.loss_by_example({"theta": theta})

    pi = torch.rand(rows, 1, dtype=torch.float64, generator=generator)

    def bigram_loss(W: Tensor) -> Tensor:
        """Return Σ_j π_j KL(p ‖ softmax W_j) + const, with random π."""
        return (-pi * p * torch.log_softmax(W, dim=1)).sum()

    bigram = trained(bigram_loss, torch.zeros(rows, num_classes, dtype=torch.float64), SignDescent, rate)
    numbers = {
        "adam": _largest(trained(loss, theta, Adam, rate, betas=(0.0, 0.0), eps=0.0) - path),
        "optimizer": _largest(trained(loss, theta, SignDescent, rate) - path),
        "permutation": _largest(sign_path(p[order], rate) - path[:, order]),
        "shift": float(losses.max() - losses.min()),
        "lattice": _largest(lattice - lattice.round()),
        "levels": len(set(lattice[-1].round().tolist())),
        "bigram": _largest(bigram - path[:, None]),
        "control": max(abs(float(flat_loss) - float(np.log(num_classes))), _largest(flat_gradient)),
    }
    ranks = np.unique(np.geomspace(1, num_classes, 200).round().astype(int))
    columns: dict[str, Any] = {"rank": ranks, "solution": solution(p, "linf").numpy()[ranks - 1] / rate}
    columns |= {f"step_{t}": lattice[t].numpy()[ranks - 1] for t in (1, 2, 4, 8, STEPS)}
    return numbers, {"lattice": pa.table(columns)}


def sign_path(p: Tensor, rate: float) -> Tensor:
    """Return θ_0 … θ_16 of sign descent, shape (17, d)."""
    path = trajectory(p, lambda theta, g, _: theta - rate * linf_direction([g])[0])
    return torch.cat([theta for theta, _, _ in islice(path, STEPS + 1)])


def trained(loss: Callable[[Tensor], Tensor], start: Tensor, optimizer: Any, rate: float, **options: Any) -> Tensor:
    """Return θ_0 … θ_16 of an optimizer, the gradient of the loss by autograd, shape (17, …)."""
    theta = start.clone().requires_grad_()
    stepper, path = optimizer([theta], lr=rate, **options), [start]
    for _ in range(STEPS):
        (theta.grad,) = torch.autograd.grad(loss(theta), theta)
        stepper.step()
        path.append(theta.detach().clone())
    return torch.stack(path)


def _largest(difference: Tensor) -> float:
    return float(difference.abs().max())


def _claim(name: str, says: str, evidence: str = "") -> Claim:
    return Claim(f"identity-{name}", fact("identities", name, evidence).at_most(1e-9, fails=1e-3)).says(says)


CLAIMS = (
    _claim("adam", "Adam with β₁ = β₂ = ε = 0 is sign descent: largest difference of θ along 16 updates"),
    _claim(
        "optimizer", "The optimizer with autograd is the recursion θ ← θ − η sign(softmax θ − p): largest difference"
    ),
    _claim("permutation", "Permuted frequencies permute the iterates: largest difference"),
    _claim("shift", "f(θ + c·1) = f(θ): largest difference over random c"),
    _claim(
        "lattice",
        "θ_t/η is a vector of integers: largest distance from one",
        "{levels} logits serve all tokens after 16 updates",
    ),
    _claim(
        "bigram", "On a bigram model with equal rows of any weights every row is this recursion: largest difference"
    ),
    _claim("control", "Without a tail (α = 0) nothing is left to learn: largest of |f(0)| and |∇f(0)|"),
)


def draw(results: Results) -> Drawing:
    """Return sign descent's logits by rank, in units of the learning rate, at some steps, beside the solution."""
    run = results.run("identities")
    table = run.table("lattice")
    figure, axes = canvas(1, 1, width=4.6, height=3.2)
    ax, rank = axes[0, 0], table["rank"].to_numpy()
    times = [name for name in table.column_names if name.startswith("step_")]
    log_p = table["solution"].to_numpy()
    ax.plot(rank, log_p, color="#999999", linewidth=4, alpha=0.5, label=r"solution, $\log p_k + c$")
    for name, colour in zip(times, group_colours(len(times)), strict=True):
        ax.step(rank, table[name].to_numpy(), where="mid", color=colour, label=f"$t = {name.removeprefix('step_')}$")
    ax.set(xscale="log", xlabel="rank $k$ of the token", ylabel=r"logit $\theta_k$ in steps of $\eta$")
    ax.set_title("Sign descent fits a power law by a staircase")
    ax.legend(loc="upper right")
    return Drawing(figure, with_run(table, run))


FIGURE = Figure(
    id="identities",
    title="Sign descent on a lattice, and other identities",
    statement=(
        "Sign descent moves every logit by the same amount, so that thousands of tokens share a few values; this staircase "
        "follows log p_k after a number of steps that grows as log d."
    ),
    scales={"smoke": IdentitySizes(num_classes=60, rows=3), "laptop": IdentitySizes(), "paper": IdentitySizes()},
    plans=plans,
    claims=CLAIMS,
    draw={"identities": draw},
    rule="None is needed: identities hold at any size.",
    where="identities",
    kind="ours",
)
