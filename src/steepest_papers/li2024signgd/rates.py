"""Seven optimizers over their own grids of rates: does tuning, momentum or memory change what is learnt?"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.paper import Figure, Results, Settings
from steepest.runs.method import Method
from steepest.runs.spec import Spec
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan, Seeds, Sweep
from steepest_papers.li2024signgd.measures import Measure, paired
from steepest_papers.li2024signgd.methods import (
    ADAM,
    ADAM_AS_SIGN,
    ADAM_NO_MEMORY,
    ADAM_NO_MOMENTUM,
    ALL,
    GD,
    GD_MOMENTUM,
    RATES,
    SIGN,
    SIGNUM,
    grid,
)
from steepest_papers.li2024signgd.probes import Features, Predictions
from steepest_papers.li2024signgd.problem import SignalNoise
from steepest_papers.li2024signgd.rates_drawing import draw
from steepest_papers.li2024signgd.selection import Rule, accuracies, lead, measured, reached, select

SWEEP, AS_SIGN, AS_ADAM = "rates", "sign", "adam"
SAME_STEPS = 100


class RateSizes(Settings):
    """Sizes of the sweep.

    Args:
        samples: n.
        noise: σ_p.
        dimension: d.
        sparsity: s.
        key_width: m_k.
        value_width: m_v.
        steps: T, the same for every optimizer.
        seeds: they draw data and initial weights.
    """

    samples: Annotated[int, Field(ge=2, multiple_of=2)] = 20
    noise: Annotated[float, Field(gt=0)] = 0.5
    dimension: Annotated[int, Field(ge=2)] = 1000
    sparsity: Annotated[int, Field(ge=1)] = 20
    key_width: Annotated[int, Field(ge=1)] = 16
    value_width: Annotated[int, Field(ge=1)] = 8
    steps: Annotated[int, Field(ge=1)] = 300
    seeds: Seeds = (0, 1, 2, 3, 4)

    def problem(self) -> SignalNoise:
        """Return the problem."""
        return SignalNoise(**{name: value for name, value in self.fields().items() if name not in ("steps", "seeds")})

    def summary(self) -> str:
        """Return all sizes in one line."""
        return (
            f"n={self.samples}, σ_p={self.noise:g}, d={self.dimension}, s={self.sparsity}, m_k={self.key_width}, "
            f"m_v={self.value_width}, T={self.steps}, seeds {' '.join(map(str, self.seeds))}"
        )


def plans(sizes: RateSizes) -> dict[str, Plan]:
    """Return every optimizer on its grid with every seed, and SignGD beside its twin among Adams."""
    times = tuple(sorted({0, *(sizes.steps * part // 30 for part in (1, 3, 10, 20, 30))}))
    sweep = Sweep(
        problem=sizes.problem(),
        optimizers={method: grid(method) for method in ALL},
        steps=sizes.steps,
        seeds=sizes.seeds,
        groups=None,
        refine=None,
        extend=0,
        probes=(Features(at=(0, sizes.steps)), Predictions(at=times)),
        every=2,
    )
    return {SWEEP: sweep, AS_SIGN: _twins(sizes, SIGN), AS_ADAM: _twins(sizes, ADAM_AS_SIGN)}


def _twins(sizes: RateSizes, method: Method) -> Calculations:
    problem = sizes.problem()
    return Calculations(
        tuple(Spec(problem=problem, method=method, lr=RATES[SIGN], steps=SAME_STEPS, seed=s) for s in sizes.seeds)
    )


def apart(first: Run, second: Run) -> float:
    """Return the largest difference of two training losses over t."""
    return float(np.abs(first.column("loss") - second.column("loss")).max())


@measure()
def best_variant(results: Results) -> Measured:
    """Return the largest accuracy among Adam's other settings minus that of SignGD, at the most accurate rates."""
    sign = select(results, SWEEP, SIGN, "accurate")
    variants = [select(results, SWEEP, m, "accurate") for m in (ADAM_NO_MOMENTUM, ADAM_NO_MEMORY)]
    return measured(np.max([accuracies(v) for v in variants], axis=0) - accuracies(sign), sign, *variants)


def _ours(id: str, says: str, measure: Measure, holds: float, fails: float) -> Claim:
    return Claim(f"rates-{id}", "derived here", says, measure, holds, fails, kind="ours")


def _paper(id: str, says: str, measure: Measure, holds: float, fails: float) -> Claim:
    return Claim(f"rates-{id}", "abstract", says, measure, holds, fails)


def _under(rule: Rule, at: str) -> tuple[Claim, ...]:
    """Return the contrasts under one rule."""
    return (
        _ours(
            f"{rule}-gd",
            f"{at}, SignGD is less accurate than gradient descent: its test accuracy minus GD's",
            lead(SWEEP, rule, SIGN, GD),
            -0.1,
            -0.02,
        ),
        _paper(
            f"{rule}-adam",
            f"{at}, Adam is no more accurate than SignGD: its test accuracy minus SignGD's",
            lead(SWEEP, rule, ADAM, SIGN),
            0.02,
            0.1,
        ),
        _ours(
            f"{rule}-signum",
            f"{at}, momentum does not help: Signum's test accuracy minus SignGD's",
            lead(SWEEP, rule, SIGNUM, SIGN),
            0.02,
            0.1,
        ),
    )


CLAIMS = (
    _ours(
        "identity",
        "Adam with β = (0, 0), ε → 0 is SignGD: largest difference of their training losses over 100 updates",
        paired(AS_SIGN, AS_ADAM, apart),
        1e-5,
        1e-3,
    ),
    *_under("training", "At the rates of least training loss"),
    *_under("accurate", "At the most accurate rates"),
    _paper(
        "sign-poor",
        "No rate at which SignGD fits the data generalises: its test accuracy at the most accurate rate",
        reached(SWEEP, "accurate", (SIGN,)),
        0.85,
        0.95,
    ),
    _ours(
        "gd-well",
        "Gradient descent does: its test accuracy at the most accurate rate",
        reached(SWEEP, "accurate", (GD,)),
        0.99,
        0.95,
    ),
    _ours(
        "gd-momentum",
        "Momentum does not spoil gradient descent: accuracy of GD+m minus GD's at the most accurate rates",
        lead(SWEEP, "accurate", GD_MOMENTUM, GD),
        -0.02,
        -0.1,
    ),
    _ours(
        "adam-variants",
        "Neither momentum nor memory makes the difference: best of Adam without either minus SignGD, most accurate rates",
        best_variant,
        0.02,
        0.1,
    ),
)

FIGURE = Figure(
    id="rates",
    title="Seven optimizers over their own learning rates",
    statement=(
        "Does tuning, momentum or memory change what is learnt? Without momentum and memory Adam is SignGD. At rates "
        "that need more than a few updates to fit the training data, SignGD and Adam memorise its noise."
    ),
    scales={
        "smoke": RateSizes(dimension=100, sparsity=4, key_width=4, value_width=2, seeds=(0, 1, 2)),
        "laptop": RateSizes(),
    },
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    rule=(
        "n, d, s, σ_p and widths of the noise figure. Every optimizer has eight decades of rates with every seed, those of "
        "the noise figure among them or between two, and the same number of updates. A first grid ended two decades "
        "lower, and most of the chosen rates lay at its edge. Adam without both is SignGD (claim rates-identity)."
    ),
)
