"""The cross-entropy instead of the squared loss: sign descent does not see the vocabulary, gradient descent does (Figure 8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.drawings import with_run
from steepest.claims.figures import canvas, line_style, plain_ticks
from steepest.claims.measures import fact, select
from steepest.claims.paper import Drawing, Figure, Results
from steepest.claims.slopes import slope
from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.runs.results import Undecided
from steepest.runs.sweep import Plan, calculate
from steepest.theory.bigram import Floats
from steepest.theory.unigram import frequencies, initial_loss, trajectory
from steepest_papers.kunstner2025zipf.dynamics import Method, conditionals, curve, descend
from steepest_papers.kunstner2025zipf.laws import LawSizes, Tables

METHODS: tuple[Method, ...] = ("GD", "Sign")
EPSILONS = (0.25, 0.1)
MOST = 400


class CrossEntropySizes(LawSizes):
    """Vocabularies of the trained bigram matrices, which have d² entries."""

    fixed: ClassVar[str] = "; α = 1"
    sizes: Annotated[tuple[int, ...], Field(min_length=3)] = (30, 60, 120, 240)


def unigram_errors(pi: Floats, eta: float) -> Iterator[float]:
    """Yield f(t)/f(0) of sign descent on the softmax unigram model, t = 0, 1, 2 …"""
    p = frequencies(pi)
    return (loss / initial_loss(p) for _, loss, _ in trajectory(p, lambda theta, g, _: theta - eta * g.sign()))


@declared("kunstner2025zipf.sign_identity", version=2)
def sign_identity(d: int, eta: float, steps: int) -> dict[str, float]:
    """Return the largest difference of sign descent on the bigram matrix and on the unigram model."""
    pi = zipf(d)
    bigram = curve(descend(pi, conditionals(pi, 0), "Sign", eta, "cross-entropy"), steps)
    return {"difference": float(np.abs(bigram - curve(unigram_errors(pi, eta), steps)).max())}


def grid(method: Method, pi: Floats) -> list[float]:
    """Return eight steps, a factor of two apart: up to 128/π_1 for gradient descent, up to 2 for sign descent."""
    return [2.0**k / float(pi[0]) for k in range(8)] if method == "GD" else [2.0**k for k in range(-6, 2)]


@declared("kunstner2025zipf.hitting_times", version=2)
def hitting_times(sizes: Sequence[int]) -> Tables:
    """Return the updates to each ε of both methods at their best step, and how they grow with d at ε = 0.1."""
    rows: list[dict[str, Any]] = []
    for d in sizes:
        pi = zipf(d)
        target = conditionals(pi, 0)
        for method in METHODS:
            rows += [{"method": method, "d": d} | row for row in fewest(pi, target, method)]
    table = pa.Table.from_pylist(rows)
    gd, sign = (select(table, method=method, epsilon=EPSILONS[-1])["updates"] for method in METHODS)
    fit = slope(sizes, gd)
    numbers = {"slope": fit.value, "half_width": fit.half_width, "growth": float(sign[-1] - sign[0])}
    return numbers | {"edges": sum(row["edge"] for row in rows)}, {"updates": table}


def fewest(pi: Floats, target: Floats, method: Method) -> Iterator[dict[str, Any]]:
    """Yield, for each ε, the fewest updates over the grid, infinity beyond 400, and whether only an edge is as fast."""
    curves = [descend(pi, target, method, eta, "cross-entropy") for eta in grid(method, pi)]
    for epsilon, hits in zip(EPSILONS, np.transpose([first_hits(r) for r in curves]), strict=True):
        yield {"epsilon": epsilon, "updates": float(hits.min()), "edge": bool(hits[1:-1].min() > hits.min())}


def first_hits(errors: Iterable[float]) -> list[float]:
    """Return the first t ≤ 400 with r(t) ≤ ε for each ε, infinity where there is none.

    >>> first_hits([1.0, 0.2, 0.3, 0.1])
    [1, 3]
    """
    hits = [np.inf] * len(EPSILONS)
    for t, r in enumerate(islice(errors, MOST + 1)):
        hits = [min(hit, t) if r <= epsilon else hit for hit, epsilon in zip(hits, EPSILONS, strict=True)]
        if r <= min(EPSILONS):
            break
    return hits


@measure()
def at_best_step(results: Results, name: str, evidence: str = "") -> Measured:
    """Return a number of the updates, undecided where a best step is at the edge of its grid."""
    run = results.run("times")
    if run.facts["edges"]:
        raise Undecided(f"{run.facts['edges']:.0f} best steps are at the edge of their grid")
    return fact("times", name, evidence)(results)


def plans(sizes: CrossEntropySizes) -> dict[str, Plan]:
    """Return the identity and the times."""
    return {
        "identity": calculate(sign_identity, {"d": 40, "eta": 0.1, "steps": 60}),
        "times": calculate(hitting_times, {"sizes": sizes.sizes}, takes=6.0),
    }


def draw(results: Results) -> Drawing:
    """Return updates to each ε against d."""
    run = results.run("times")
    table = run.table("updates")
    figure, axes = canvas(1, len(EPSILONS), width=3.4, height=2.9, sharey=True)
    for ax, epsilon in zip(axes[0], EPSILONS, strict=True):
        for method in METHODS:
            columns = select(table, method=method, epsilon=epsilon)
            d, updates = columns["d"], columns["updates"]
            ax.plot(d, updates, marker="o", markersize=4, label=method, **line_style(method))
            if method == "GD":
                ax.plot(d, updates[0] * d / d[0], color="#999999", linestyle=":", zorder=0, label=r"$\propto d$")
        ax.set(xscale="log", yscale="log", xlabel="vocabulary size $d$", title=rf"$\varepsilon = {epsilon}$")
        plain_ticks(ax, results.settings.sizes)
    axes[0, 0].set_ylabel(r"updates to $r \leq \varepsilon$")
    axes[0, 0].legend()
    return Drawing(figure, with_run(table, run))


CLAIMS = (
    Claim(
        "cross-entropy-identity",
        fact("identity", "difference").at_most(1e-12, fails=1e-3),
        where="derived here",
        kind="ours",
    ).says(
        "Sign descent on the bigram matrix is sign descent on the unigram model, row by row: largest difference of r"
    ),
    Claim("cross-entropy-gd", at_best_step("slope", "{slope:.2f} ± {half_width:.2f}").at_least(0.9, fails=0.6)).says(
        "Gradient descent needs about d updates, or more: slope of log updates on log d"
    ),
    Claim("cross-entropy-sign", at_best_step("growth").at_most(2.0, fails=8.0)).says(
        "Sign descent needs as many updates whatever d: updates that the largest d needs more than the smallest"
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
    draw={"cross-entropy": draw},
    rule="d ≤ 240 at laptop scale: a matrix of d² entries, eight steps each, 400 updates.",
    where="Figure 8",
)
