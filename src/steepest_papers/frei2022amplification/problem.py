"""Two-layer ReLU network on four clusters that are labelled like XOR, with flipped labels.

f(x; W) = Σ_j a_j relu(⟨w_j, x⟩),   a_j = ±1/√m fixed, half of each sign;   ℓ_i = log(1 + exp(−y_i f(x_i)))
x = z + σ ξ,   z uniform on {μ₁, −μ₁, μ₂, −μ₂},   ξ ~ N(0, I_p),   clean label +1 on ±μ₁, −1 on ±μ₂

Only W is trained, from w_j ~ N(0, ω² I_p). x and −x have the same clean label, so no linear rule beats chance.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from steepest.problems.base import Data, Params, Problem, Task, Work

CLUSTERS = 4  # in the order μ₁, −μ₁, μ₂, −μ₂


class XORClusters(Problem):
    """XOR clusters, label noise and a two-layer ReLU network (Frei, Chatterji, Bartlett 2022).

    The geometry, the output layer and the law of the noise are assumed by us; see the notes of the paper's page.

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
