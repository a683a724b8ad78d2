"""The run in which the four stages are followed: sizes, times, probes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from steepest.claims.paper import Settings
from steepest.runs.spec import LearningRate, Spec
from steepest.runs.sweep import Calculations, Plan, Seeds
from steepest_papers.li2024signgd.methods import SIGN
from steepest_papers.li2024signgd.probes import Features, Predictions, Rows, ValueNoise
from steepest_papers.li2024signgd.problem import SignalNoise

STEPS = 500
EARLY, MIDDLE, LATE = range(20), range(20, 200, 5), range(200, STEPS + 1, 20)
TIMES = (*EARLY, *MIDDLE, *LATE)
TESTED = (0, 20, 50, 100, 150, 200, 300, 400, STEPS)
FITTED = 150  # the training loss is fitted from here on
CUT = 100  # lines are split by their sign here, as in the paper's figure
PROBES = (Features(at=TIMES), Rows(at=TIMES), ValueNoise(at=TIMES), Predictions(at=TESTED))


class StageSizes(Settings):
    """Sizes of the run.

    Args:
        samples: n.
        dimension: d.
        sparsity: s.
        noise: σ_p.
        init_scale: σ_0.
        key_width: m_k.
        value_width: m_v.
        lr: η.
        seeds: they draw data and initial weights.
    """

    samples: Annotated[int, Field(ge=2, multiple_of=2)] = 20
    dimension: Annotated[int, Field(ge=2)] = 2000
    sparsity: Annotated[int, Field(ge=1)] = 40
    noise: Annotated[float, Field(gt=0)] = 2.0
    init_scale: Annotated[float, Field(gt=0)] = 0.02
    key_width: Annotated[int, Field(ge=1)] = 64
    value_width: Annotated[int, Field(ge=1)] = 32
    lr: LearningRate = 1e-4
    seeds: Seeds = (0, 1, 2, 3, 4)

    def problem(self) -> SignalNoise:
        """Return the problem."""
        sizes = {name: value for name, value in self.fields().items() if name not in ("lr", "seeds")}
        return SignalNoise(**sizes)

    def summary(self) -> str:
        """Return all sizes in one line."""
        return (
            f"n={self.samples}, d={self.dimension}, s={self.sparsity}, σ_p={self.noise:g}, σ_0={self.init_scale:g}, "
            f"m_k={self.key_width}, m_v={self.value_width}, η={self.lr:g}, T={STEPS}, "
            f"seeds {' '.join(map(str, self.seeds))}"
        )


def plans(sizes: StageSizes) -> dict[str, Plan]:
    """Return SignGD on every seed, with all probes."""
    problem = sizes.problem()
    runs = (Spec(problem=problem, method=SIGN, lr=sizes.lr, steps=STEPS, seed=s, probes=PROBES) for s in sizes.seeds)
    return {"sign": Calculations(tuple(runs))}
