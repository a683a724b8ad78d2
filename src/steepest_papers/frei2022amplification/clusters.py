"""Two-layer ReLU network on four clusters that are labelled like XOR, with flipped labels; probes, and the usual setting.

f(x; W) = Σ_j a_j relu(⟨w_j, x⟩),   a_j = ±1/√m fixed, half of each sign;   ℓ_i = log(1 + exp(−y_i f(x_i)))
x = z + σ ξ,   z uniform on {μ₁, −μ₁, μ₂, −μ₂},   ξ ~ N(0, I_p),   clean label +1 on ±μ₁, −1 on ±μ₂

Only W is trained, from w_j ~ N(0, ω² I_p). x and −x have the same clean label, so no linear rule beats chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from steepest.claims.paper import Settings
from steepest.optim import GradientDescent
from steepest.problems.base import Data, Params, Problem, Task, Work
from steepest.runs.method import Method
from steepest.runs.probe import Probe
from steepest.runs.spec import LearningRate, Spec
from steepest.runs.sweep import Calculations, Seeds

CLUSTERS = 4  # in the order μ₁, −μ₁, μ₂, −μ₂
TIMES = (0, 1, 2, 3, 4, 5, 6, 8, 10, 20, 50, 100, 200, 400)
STEPS = TIMES[-1]
GD = Method(GradientDescent, "GD")
RULE = (
    "The paper's own sizes could not be read; n = 400, p = 100, m = 400, σ = 0.1 = 1/√p, η = 0.1, ω = 10⁻³ and full-batch "
    "gradient descent at α = 1 for 400 updates are ours."
)


class XORClusters(Problem):
    """XOR clusters, label noise and a two-layer ReLU network (Frei, Chatterji, Bartlett 2022).

    The geometry, the output layer and the law of the noise are assumed by us; see README.md.

    Args:
        samples: n.
        dimension: p.
        width: m, the number of neurons, even.
        noise: σ, standard deviation of a cluster in every coordinate.
        flip_rate: η, the share of flipped training labels.
        init_scale: ω.
        flips: each label with probability η ("random"), or ηn of them, those of one cluster first ("adversarial").
            Test labels are flipped at random.
        means: μ₁, μ₂ are the first two coordinate axes, or two random orthonormal directions.
        test_points: number of test points.
    """

    kind: ClassVar[str] = "frei2022amplification.XORClusters"

    version: ClassVar[int] = 2
    lockstep: ClassVar[bool] = True
    scalars: ClassVar[tuple[str, ...]] = ("noise", "flip_rate", "init_scale")

    samples: Annotated[int, Field(ge=1)] = 400
    dimension: Annotated[int, Field(ge=2)] = 100
    width: Annotated[int, Field(ge=2, multiple_of=2)] = 400
    noise: Annotated[float, Field(gt=0)] = 0.1
    flip_rate: Annotated[float, Field(ge=0, lt=0.5)] = 0.1
    init_scale: Annotated[float, Field(gt=0)] = 1e-3
    flips: Literal["random", "adversarial"] = "random"
    means: Literal["axes", "random"] = "axes"
    test_points: Annotated[int, Field(ge=1)] = 4000

    def setup(self, seed: int) -> Task:
        """Draw means, training points and flips, W, then test points, from one generator seeded with `seed`."""
        generator = torch.Generator().manual_seed(seed)
        mu = self._means(generator)
        X, cluster = self._points(self.samples, mu, generator)
        flipped = self._flipped(cluster, generator)
        W = self.init_scale * torch.randn(self.width, self.dimension, generator=generator)
        test_X, test_cluster = self._points(self.test_points, mu, generator)
        test_flipped = torch.rand(self.test_points, generator=generator) < self.flip_rate
        data = {
            "X": X,
            "y": clean_labels(cluster) * _signs(flipped),
            "a": output_weights(self.width),
            "flipped": flipped,
            "mu": mu,
            "test_X": test_X,
            "test_clean": clean_labels(test_cluster),
            "test_flipped": test_flipped,
        }
        return Task(
            params={"W": W.requires_grad_()},
            loss=logistic_loss,
            data=data,
            classes=cluster,
            class_counts=torch.bincount(cluster, minlength=CLUSTERS),
            weights=torch.full((self.samples,), 1 / self.samples),
        )

    def work(self) -> Work:
        """Return 4nmp operations (activations, gradient of W) and nm activations, each of which costs what a logit does."""
        n, p, m = self.samples, self.dimension, self.width
        return Work(flops=4.0 * n * m * p, logits=float(n * m))

    def _means(self, generator: torch.Generator) -> Tensor:
        """Return μ₁, μ₂ as rows, shape (2, p)."""
        if self.means == "axes":
            return torch.eye(2, self.dimension)
        Q: Tensor = torch.linalg.qr(torch.randn(self.dimension, 2, generator=generator))[0]
        return Q.T.contiguous()

    def _points(self, count: int, mu: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return points (count, p) and their clusters (count,)."""
        cluster = torch.randint(CLUSTERS, (count,), generator=generator)
        z = torch.stack([mu[0], -mu[0], mu[1], -mu[1]])[cluster]
        return z + self.noise * torch.randn(count, self.dimension, generator=generator), cluster

    def _flipped(self, cluster: Tensor, generator: torch.Generator) -> Tensor:
        """Return which training labels are flipped, shape (n,)."""
        if self.flips == "random":
            return torch.rand(len(cluster), generator=generator) < self.flip_rate
        flipped = torch.zeros(len(cluster), dtype=torch.bool)
        flipped[torch.argsort(cluster, stable=True)[: round(self.flip_rate * len(cluster))]] = True
        return flipped


def clean_labels(cluster: Tensor) -> Tensor:
    """Return +1 on the clusters ±μ₁ and −1 on ±μ₂."""
    return _signs(cluster >= CLUSTERS // 2)


def output_weights(width: int) -> Tensor:
    """Return a_j = ±1/√m, shape (m,): the first half +, the second −."""
    return _signs(torch.arange(width) >= width // 2) / math.sqrt(width)


def network(W: Tensor, a: Tensor, X: Tensor) -> Tensor:
    """Return f(x) = Σ_j a_j relu(⟨w_j, x⟩) for each row of X, shape (n,)."""
    return a @ torch.relu(W @ X.T)


def logistic_loss(at: Params, data: Data) -> Tensor:
    """Return ℓ_i = log(1 + exp(−y_i f(x_i))), shape (n,), by a kernel that rounds alike wherever i stands."""
    return -F.logsigmoid(data["y"] * network(at["W"], data["a"], data["X"]))


def _signs(negative: Tensor) -> Tensor:
    """Return −1 where `negative`, +1 elsewhere, float32."""
    return 1 - 2 * negative.float()


class Neurons(Probe):
    """Each neuron's sign and where it points, one row per neuron.

    Columns: sign of a_j, along_1 = ⟨w_j, μ₁⟩, along_2 = ⟨w_j, μ₂⟩, norm = ‖w_j‖. A neuron of sign + is good for μ₁ and
    bad for μ₂; one of sign − the other way round.

    Args:
        at: steps at which it measures.
    """

    kind: ClassVar[str] = "frei2022amplification.Neurons"

    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        W = params["W"].detach()
        along = (W @ task.data["mu"].T).numpy()
        sign = task.data["a"].sign().numpy().astype(np.int8)
        return {"sign": sign, "along_1": along[:, 0], "along_2": along[:, 1], "norm": W.norm(dim=1).numpy()}


class Predictions(Probe):
    """Errors on training and test points, one row.

    Columns: train_error (against noisy labels), memorised (share of the flipped training points that are predicted as
    flipped; NaN where none is), flip_rate (of the test labels), clean_error and noisy_error (on test points), and
    pull = mean of −ℓ'(y f), ½ at f = 0. A prediction of exactly 0 counts as an error.

    Args:
        at: steps at which it measures.
    """

    kind: ClassVar[str] = "frei2022amplification.Predictions"

    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        data, W = task.data, params["W"].detach()
        margin = data["y"] * network(W, data["a"], data["X"])
        columns = {
            "train_error": error(margin),
            "memorised": 1 - error(margin[data["flipped"]]),
            "pull": float(torch.sigmoid(-margin).mean()),
            **held_out_errors(network(W, data["a"], data["test_X"]), task),
        }
        return {name: np.array([value]) for name, value in columns.items()}


class Plane(Probe):
    """The decision function on the plane through μ₁ and μ₂, one row per point of a square grid.

    Columns: u, v, value = f(u μ₁ + v μ₂).

    Args:
        at: steps at which it measures.
        size: points on a side.
        reach: u and v run from −reach to reach.
    """

    kind: ClassVar[str] = "frei2022amplification.Plane"

    size: Annotated[int, Field(ge=2)] = 40
    reach: Annotated[float, Field(gt=0)] = 1.5

    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        side = torch.linspace(-self.reach, self.reach, self.size)
        at = torch.cartesian_prod(side, side)
        value = network(params["W"].detach(), task.data["a"], at @ task.data["mu"])
        return {"u": at[:, 0].numpy(), "v": at[:, 1].numpy(), "value": value.numpy()}


def held_out_errors(f: Tensor, task: Task) -> dict[str, float]:
    """Return clean_error, noisy_error and flip_rate for outputs `f` on the test points."""
    margin, flipped = task.data["test_clean"] * f, task.data["test_flipped"]
    return {
        "clean_error": error(margin),
        "noisy_error": error(torch.where(flipped, -margin, margin)),
        "flip_rate": float(flipped.double().mean()),
    }


def error(margin: Tensor) -> float:
    """Return the share of margins that are not above 0; NaN for none.

    >>> error(torch.tensor([1.0, -1.0, 0.0, 2.0]))
    0.5
    """
    return float((margin <= 0).double().mean())


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
        names = ("samples", "dimension", "width", "noise", "flip_rate", "init_scale")
        return XORClusters(**{name: getattr(self, name) for name in names})

    def summary(self) -> str:
        """Return all sizes in one line."""
        return (
            f"n={self.samples}, p={self.dimension}, m={self.width}, σ={self.noise:g}, η={self.flip_rate:g}, "
            f"ω={self.init_scale:g}, α={self.lr:g}, T={STEPS}, seeds {' '.join(map(str, self.seeds))}"
        )


def descents(problem: XORClusters, lr: float, seeds: tuple[int, ...], method: Method = GD) -> Calculations:
    """Return gradient descent, or another method, on a problem: one run per seed, with all probes."""
    probes = (Neurons(at=TIMES), Predictions(at=TIMES), Plane(at=(STEPS,)))
    runs = (Spec(problem=problem, method=method, lr=lr, steps=STEPS, seed=seed, probes=probes) for seed in seeds)
    return Calculations(tuple(runs))


SMOKE = ClusterSizes(samples=120, dimension=25, width=60, noise=0.2, seeds=(0, 1, 2))
