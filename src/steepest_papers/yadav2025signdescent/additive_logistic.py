"""The additive logistic transform: softmax of (θ, 0), θ ∈ ℝ^{d−1}, with the rarest or the most frequent token at 0.

The loss is strictly convex, with one minimiser θ*_k = log(p_k/p_ref). Its Hessian lacks the row and column of the
reference: L_2 = ½ and L_∞ = 1 for d ≥ 3 (¼ and ¼ for d = 2), Λ ≥ (d − 1)/2. Distances, R_∞ = α log d for both, and

    rarest           R_2 ≈ α √(2d)
    most frequent    R_2 = α √(Σ log²k) ≈ α √d log d

The paper reports that the advantage persists under this transform; which token it takes as reference was not readable, so
both are run. Constants and distances are derived by us.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.figures import canvas, legend_beside, table
from steepest.claims.measures import exact
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.runs.spec import Calculation
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan, calculate
from steepest.theory.unigram import contenders, distance, frequencies, updates_needed
from steepest_papers.yadav2025signdescent.geometry import SEEDS, curvature, deviation
from steepest_papers.yadav2025signdescent.methods import method_style

FRACTION = 0.05
REFERENCES = {"rarest": -1, "most frequent": 0}
METHODS = ("Sign", "Sign 1/L", "NormGD", "GD 1/L")


class LogisticSizes(Settings):
    """Sizes of the experiment.

    Args:
        sizes: vocabulary sizes d.
        most: updates after which a method is given up.
        budget: logits computed for one method at one size.
        draws: random distributions of the smoothness constants.
    """

    sizes: Annotated[tuple[int, ...], Field(min_length=2)] = (100, 1_000, 10_000)
    most: Annotated[int, Field(ge=1)] = 2_500
    budget: Annotated[float, Field(gt=0)] = 1e8
    draws: Annotated[int, Field(ge=30)] = 20_000

    def summary(self) -> str:
        """Return sizes and limits."""
        shown = " ".join(map(str, self.sizes))
        return f"d={shown}, at most {self.most} updates and {self.budget:.0e} logits, draws={self.draws}"


def plans(sizes: LogisticSizes) -> dict[str, Plan]:
    """Return counts and distances per reference and size, and the curvature of random distributions."""
    by_reference: dict[str, Plan] = {}
    for name in REFERENCES:
        options = {"reference": name, "most": sizes.most, "budget": sizes.budget}
        runs = (Calculation(counts, {"num_classes": d, **options}, takes=0.2 + 1.2e-4 * d) for d in sizes.sizes)
        by_reference[name] = Calculations(tuple(runs))
    return by_reference | {"curvature": calculate(curvature, {"draws": sizes.draws}, seeds=SEEDS, takes=0.8)}


@declared("yadav2025signdescent.additive_logistic.counts")
def counts(num_classes: int, reference: str, most: int, budget: float) -> dict[str, float | None]:
    """Return distances, and the updates to 5 % of the loss by method; None where it was given up."""
    p, place = frequencies(zipf(num_classes)), REFERENCES[reference]
    numbers: dict[str, float | None] = {f"R_{norm}": distance(p, norm, place) for norm in ("linf", "l2")}
    for name in METHODS:
        contender = contenders(p, place)[name]
        allowed = min(most, int(budget / (len(contender.rates) * num_classes)))
        hits = updates_needed(p, contender, [FRACTION], most=allowed, reference=place)
        numbers[name] = None if math.isnan(hits.updates[0]) else float(hits.updates[0])
        numbers[f"{name} allowed"] = allowed
    return numbers


def at_least(run: Run, method: str) -> float:
    """Return the updates that a method needs, or the number after which it was given up: a lower bound."""
    updates = run.facts[method]
    return float(run.facts[f"{method} allowed"] if updates is None else updates)


def shown(run: Run, method: str) -> str:
    """Return the count as text, as in `149` or `>312`."""
    return f"{'>' if run.facts[method] is None else ''}{at_least(run, method):.0f}"


@measure()
def advantage(results: Results, reference: str) -> Measured:
    """Return T_NormGD/T_Sign at the largest d, from below where normalised GD was given up."""
    runs = results.calculations(reference)
    evidence = "; ".join(f"{method}: {' '.join(shown(run, method) for run in runs)}" for method in METHODS)
    return exact(at_least(runs[-1], "NormGD") / runs[-1].facts["Sign"], runs, evidence)


@measure()
def reference_matters(results: Results) -> Measured:
    """Return sign descent's updates with the most frequent reference over those with the rarest, at the largest d."""
    runs = [results.calculations(name)[-1] for name in REFERENCES]
    rare, frequent = (run.facts["Sign"] for run in runs)
    return exact(frequent / rare, runs, f"{frequent:.0f} against {rare:.0f}")


@measure()
def distances_error(results: Results) -> Measured:
    """Return the largest relative error of R_∞ = log d and of R_2 = √(Σ log²k) or √(Σ log²(d/k))."""
    errors, runs = [], []
    for name in REFERENCES:
        for run in results.calculations(name):
            d = run.spec["options"]["num_classes"]
            logs = np.log(np.arange(1, d + 1))
            R_2 = np.linalg.norm(logs if name == "most frequent" else math.log(d) - logs)
            errors += [run.facts["R_linf"] / math.log(d) - 1, run.facts["R_l2"] / R_2 - 1]
            runs.append(run)
    return exact(np.abs(errors).max(), runs)


CLAIMS = (
    *(
        Claim(f"logistic-{name.replace(' ', '-')}", advantage(name).at_least(2.0, fails=1.0), kind="paper").says(
            f"The advantage persists with the {name} token as reference: T_NormGD/T_Sign, tuned, to 5 % of the loss, largest d"
        )
        for name in REFERENCES
    ),
    Claim("logistic-reference", reference_matters().at_least(4.0, fails=1.5)).says(
        "The reference matters to sign descent: updates with the most frequent over those with the rarest, largest d"
    ),
    Claim("logistic-distance", distances_error().at_most(1e-10, fails=1e-6)).says(
        "R_∞ = log d, R_2 = √(Σ log²k) or √(Σ log²(d/k)): largest relative error"
    ),
    *(
        Claim(f"logistic-smoothness-{norm}", deviation(norm, "alr_", (3, 5, 8)).at_most(1e-3, fails=1e-2)).says(
            f"{name} for d ≥ 3, as without a reference: largest deviation of the supremum, d = 3, 5, 8"
        )
        for norm, name in (("l2", "L_2 = ½"), ("linf", "L_∞ = 1"))
    ),
)


def draw(results: Results) -> Drawing:
    """Return updates against d for both references; an open triangle where a method was given up."""
    figure, axes = canvas(1, 2, width=3.2, height=2.9, sharey=True)
    rows: list[dict[str, Any]] = []
    for ax, name in zip(axes[0], REFERENCES, strict=True):
        runs = results.calculations(name)
        d = np.array([run.spec["options"]["num_classes"] for run in runs])
        for method in reversed(METHODS):
            T = np.array([at_least(run, method) for run in runs])
            given_up = np.array([run.facts[method] is None for run in runs])
            style = method_style(method)
            ax.loglog(d[~given_up], T[~given_up], marker="o", markersize=4, **style)
            ax.loglog(d[given_up], T[given_up], "^", color=style["color"], markersize=6, markerfacecolor="white")
            where = {"reference": name, "method": method}
            points = zip(runs, d.tolist(), T.tolist(), given_up.tolist(), strict=True)
            rows += [where | {"run": r.id, "classes": size, "updates": t, "given_up": g} for r, size, t, g in points]
        ax.set(xlabel="vocabulary size $d$", title=f"Reference: {name} token")
    axes[0, 0].set_ylabel("updates to 5 % of the loss")
    legend_beside(axes[0, 1], handlelength=3)
    return Drawing(figure, table(rows))


FIGURE = Figure(
    id="logistic",
    title="Additive logistic transform: the advantage persists, the reference matters",
    statement=(
        "Fixing one logit at 0 makes the loss strictly convex and moves the solution away. Sign descent stays ahead with either "
        "reference, and needs several times as many updates if the most frequent token is it."
    ),
    scales={
        "smoke": LogisticSizes(sizes=(30, 100), draws=3_000),
        "laptop": LogisticSizes(),
        "paper": LogisticSizes(most=100_000, budget=1e13),
    },
    plans=plans,
    claims=CLAIMS,
    draw={"logistic": draw},
    rule="Sizes by decades. A method is given up after 2 500 updates or 10⁸ logits, and then counts as needing at least so many.",
    where="additive logistic transform",
    kind="ours",
)
