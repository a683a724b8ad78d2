"""The setting that all figures start from, and its runs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from steepest.claims.paper import Settings
from steepest.optim import GradientDescent
from steepest.runs.method import Method
from steepest.runs.probe import Probe
from steepest.runs.spec import LearningRate, Spec
from steepest.runs.sweep import Calculations, Seeds
from steepest_papers.frei2022amplification.probes import Neurons, Plane, Predictions
from steepest_papers.frei2022amplification.problem import XORClusters

TIMES = (0, 1, 2, 3, 4, 5, 6, 8, 10, 20, 50, 100, 200, 400)
STEPS = TIMES[-1]
PROBES: tuple[Probe, ...] = (Neurons(at=TIMES), Predictions(at=TIMES), Plane(at=(STEPS,)))
GD = Method(GradientDescent, "GD")
RULE = (
    "The paper's own sizes could not be read; n = 400, p = 100, m = 400, σ = 0.1 = 1/√p, η = 0.1, ω = 10⁻³ and full-batch "
    "gradient descent at α = 1 for 400 updates are ours."
)


class ClusterSizes(Settings):
    """Sizes of the experiment.

    Args:
        samples: n.
        dimension: p.
        width: m, number of neurons.
        noise: σ.
        flip_rate: η.
        init_scale: ω.
        lr: α of gradient descent.
        seeds: they draw data, flips and initial neurons.
    """

    samples: Annotated[int, Field(ge=1)] = 400
    dimension: Annotated[int, Field(ge=2)] = 100
    width: Annotated[int, Field(ge=2, multiple_of=2)] = 400
    noise: Annotated[float, Field(gt=0)] = 0.1
    flip_rate: Annotated[float, Field(ge=0, lt=0.5)] = 0.1
    init_scale: Annotated[float, Field(gt=0)] = 1e-3
    lr: LearningRate = 1.0
    seeds: Seeds = (0, 1, 2, 3, 4)

    def problem(self) -> XORClusters:
        """Return the problem."""
        return XORClusters(
            samples=self.samples,
            dimension=self.dimension,
            width=self.width,
            noise=self.noise,
            flip_rate=self.flip_rate,
            init_scale=self.init_scale,
        )

    def summary(self) -> str:
        """Return all sizes in one line."""
        return (
            f"n={self.samples}, p={self.dimension}, m={self.width}, σ={self.noise:g}, η={self.flip_rate:g}, "
            f"ω={self.init_scale:g}, α={self.lr:g}, T={STEPS}, seeds {' '.join(map(str, self.seeds))}"
        )


def descents(problem: XORClusters, lr: float, seeds: tuple[int, ...], method: Method = GD) -> Calculations:
    """Return gradient descent, or another method, on a problem: one run per seed, with all probes."""
    runs = (Spec(problem=problem, method=method, lr=lr, steps=STEPS, seed=seed, probes=PROBES) for seed in seeds)
    return Calculations(tuple(runs))


SMOKE = ClusterSizes(samples=120, dimension=25, width=60, noise=0.2, seeds=(0, 1, 2))
