"""Samples of signal and sparse noise, the two-layer transformer that reads them, laws of its values, and probes.

    X = (y μ, ξ),   y = ±1 balanced,   μ = e_1,   ξ: s of the other d − 1 coordinates, drawn uniformly, from N(0, σ_p²)
    f(X) = Σ_l vᵀ X softmax(Xᵀ W_Kᵀ W_Q x^(l)),   v = mean of the rows of W_V,+ − mean of the rows of W_V,−
    ℓ_i = log(1 + exp(−y_i f(X_i)))

X has two patches of d numbers: patch 1 is clean, patch 2 is noise. S_la is the weight that the query of patch l puts on the
key of patch a, so that s_21 is what the noise query puts on the signal. The signal-to-noise ratio is ‖μ‖/(σ_p √s). Two
patches, labels, sparse noise and the network are the paper's (Li et al. 2024); the sum over both queries is our reading of
the output, and the laws of support and entries, μ and the ratio's definition are ours.

How fast v learns signal and noise is derived by us. SignGD moves every row of W_V,+ and W_V,− by η against the sign of the
same number, so that each coordinate of v moves by 2η per update while that sign stays the same:

    ⟨v, μ⟩ = 2η t ‖μ‖₁            y_i⟨v, ξ_i⟩ = 2η t Σ_j y_i ξ_ij sign(Σ_k y_k ξ_kj)

Where ξ_i is alone on coordinate j, the term is |ξ_ij|, σ_p √(2/π) on average; where K others are there too, the sign is that
of a sum of K + 1 Gaussians, and the mean falls by 1/√(K + 1). K is binomial: n − 1 samples, each there with s/(d − 1).

Gradient descent moves v along Σ_i y_i x_i/n: by ‖μ‖² in the signal, and by ‖ξ_i‖²/n, s σ_p²/n on average, in a noise patch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor

from steepest.claims.measures import at_step
from steepest.problems.base import Data, Params, Problem, Task, Work
from steepest.runs.probe import Probe
from steepest.runs.store import Run

CLEAN, NOISE = 0, 1  # patches
SIGNAL_L1 = 1.0  # ‖μ‖₁


class SignalNoise(Problem):
    """Signal and sparse noise, read by the two-layer transformer.

    Args:
        samples: n, even, half of each label.
        dimension: d.
        sparsity: s, non-zero coordinates of a noise patch.
        noise: σ_p.
        init_scale: σ_0.
        key_width: m_k, rows of W_Q and of W_K.
        value_width: m_v, rows of each half of W_V.
        test_points: number of fresh samples, even.
    """

    kind: ClassVar[str] = "li2024signgd.SignalNoise"

    version: ClassVar[int] = 3
    lockstep: ClassVar[bool] = True
    scalars: ClassVar[tuple[str, ...]] = ("noise", "init_scale")

    samples: Annotated[int, Field(ge=2, multiple_of=2)] = 20
    dimension: Annotated[int, Field(ge=2)] = 1000
    sparsity: Annotated[int, Field(ge=1)] = 20
    noise: Annotated[float, Field(gt=0)] = 0.5
    init_scale: Annotated[float, Field(gt=0)] = 0.02
    key_width: Annotated[int, Field(ge=1)] = 16
    value_width: Annotated[int, Field(ge=1)] = 8
    test_points: Annotated[int, Field(ge=2, multiple_of=2)] = 400

    @model_validator(mode="after")
    def _noise_fits(self) -> SignalNoise:
        if self.sparsity >= self.dimension:
            raise ValueError(f"sparsity {self.sparsity} must be below dimension {self.dimension}; μ has one coordinate")
        return self

    def setup(self, seed: int) -> Task:
        """Draw training noise, weights, then test noise, from one generator seeded with `seed`."""
        generator = torch.Generator().manual_seed(seed)
        mu = torch.eye(1, self.dimension)
        noise = dense(*self._noise(self.samples, generator), self.dimension)
        params = initial_params(self.dimension, self.key_width, self.value_width, self.init_scale, generator)
        support, entries = self._noise(self.test_points, generator)
        data = {
            "a": output_weights(self.value_width),
            "y": balanced_labels(self.samples),
            "patches": torch.cat([mu, noise]),
            "key_signs": (noise @ params["W_K"].detach().T).sign(),
            "test_signal": mu,
            "test_y": balanced_labels(self.test_points),
            "test_support": support.int(),
            "test_entries": entries,
        }
        return two_class_task(params, data)

    def work(self) -> Work:
        """Return the cost of an update."""
        return work(1 + self.samples, self.dimension, self.key_width, self.value_width)

    def _noise(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        support, entries = sparse_noise(count, self.dimension - 1, self.sparsity, generator)
        return support + 1, self.noise * entries


def two_class_task(params: dict[str, Tensor], data: dict[str, Tensor]) -> Task:
    """Return the task of the transformer on `data` with patches and labels y (n,) ±1."""
    classes = (data["y"] < 0).long()
    return Task(
        params=params,
        loss=logistic_loss,
        data=data,
        classes=classes,
        class_counts=torch.bincount(classes, minlength=2),
        weights=torch.full((len(classes),), 1 / len(classes)),
    )


def balanced_labels(count: int) -> Tensor:
    """Return +1 and −1 in turn, shape (count,).

    >>> balanced_labels(4)
    tensor([ 1., -1.,  1., -1.])
    """
    return 1 - 2 * (torch.arange(count) % 2).float()


def sparse_noise(count: int, dimension: int, sparsity: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return supports, s different coordinates of each patch drawn uniformly, and N(0, 1) entries; both (count, s)."""
    support = torch.rand(count, dimension, generator=generator).topk(sparsity).indices
    return support, torch.randn(count, sparsity, generator=generator)


def dense(support: Tensor, entries: Tensor, dimension: int) -> Tensor:
    """Return noise patches, shape (count, d).

    >>> dense(torch.tensor([[2, 0]]), torch.tensor([[5.0, -1.0]]), 4)
    tensor([[-1.,  0.,  5.,  0.]])
    """
    return torch.zeros(len(support), dimension).scatter_(1, support.long(), entries)


def initial_params(
    dimension: int, key_width: int, value_width: int, scale: float, generator: torch.Generator
) -> dict[str, Tensor]:
    """Draw W_Q and W_K (m_k, d) and W_V (2 m_v, d), whose first half counts positively, from N(0, σ_0²)."""
    shapes = {"W_Q": (key_width, dimension), "W_K": (key_width, dimension), "W_V": (2 * value_width, dimension)}
    drawn = {name: scale * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return {name: weights.requires_grad_() for name, weights in drawn.items()}


def output_weights(value_width: int) -> Tensor:
    """Return the last layer, a_r = 1/m_v for rows of W_V,+ and −1/m_v for those of W_V,−, shape (2 m_v,).

    >>> output_weights(2)
    tensor([ 0.5000,  0.5000, -0.5000, -0.5000])
    """
    return torch.tensor([1.0, -1.0]).repeat_interleave(value_width) / value_width


def readings(at: Params, data: Data) -> tuple[Tensor, Tensor, Tensor]:
    """Return what queries, keys and value read in each patch: W_Q x, W_K x (n, 2, m_k) and vᵀx (n, 2).

    Args:
        at: the params.
        data: the last layer a (2 m_v,), labels y (n,) and patches (1 + n, d) or (2n, d): the clean ones divided by their
            labels, a single row where they all agree, then the noise ones.
    """
    y = data["y"][:, None]

    def read(weights: Tensor) -> Tensor:
        rows = (weights @ data["patches"].T).T  # in this order the gradient needs no transposed copy
        return torch.stack([y * rows[: -len(y)], rows[-len(y) :]], dim=1)

    return read(at["W_Q"]), read(at["W_K"]), read((data["a"] @ at["W_V"])[None])[..., 0]


def network(at: Params, data: Data) -> Tensor:
    """Return f of the samples of `data`, shape (n,)."""
    queries, keys, values = readings(at, data)
    S = torch.softmax(queries @ keys.mT, dim=2)
    return (S.sum(1) * values).sum(1)


def logistic_loss(at: Params, data: Data) -> Tensor:
    """Return ℓ_i = log(1 + exp(−y_i f(X_i))) of the samples of `data`, shape (n,).

    softplus would round by the place of i in the vector; this kernel does not.
    """
    return -F.logsigmoid(data["y"] * network(at, data))


def work(rows: int, dimension: int, key_width: int, value_width: int) -> Work:
    """Return the cost of an update: two products of all patch rows with 2 m_k + 1 directions, and what is touched."""
    weights = 2 * (key_width + value_width) * dimension
    return Work(flops=4.0 * rows * dimension * (2 * key_width + 1), logits=float(rows), touched=12.0 * weights)


def signal_step(lr: float) -> float:
    """Return the growth of ⟨v, μ⟩ per update of SignGD, 2η‖μ‖₁."""
    return 2 * lr * SIGNAL_L1


def noise_step(problem: SignalNoise, lr: float) -> float:
    """Return the growth of the mean value noise per update of SignGD where supports do not overlap, 2η s σ_p √(2/π).

    >>> round(noise_step(SignalNoise(dimension=2000, sparsity=40, noise=2.0), 1e-4), 5)
    0.01277
    """
    return 2 * lr * problem.sparsity * problem.noise * math.sqrt(2 / math.pi)


def overlap_factor(problem: SignalNoise) -> float:
    """Return E[1/√(K + 1)], by which overlapping supports slow the value noise of SignGD.

    >>> round(overlap_factor(SignalNoise(dimension=2000, sparsity=40)), 3)
    0.899
    """
    n, p = problem.samples, problem.sparsity / (problem.dimension - 1)
    K = np.arange(n)
    probability = np.array([math.comb(n - 1, k) * p**k * (1 - p) ** (n - 1 - k) for k in range(n)])
    return float(probability @ (1 / np.sqrt(K + 1)))


def sign_ratio(problem: SignalNoise) -> float:
    """Return value noise over value signal under SignGD: s σ_p √(2/π)/‖μ‖₁ times the overlap factor."""
    return noise_step(problem, 1.0) / signal_step(1.0) * overlap_factor(problem)


def gradient_ratio(problem: SignalNoise) -> float:
    """Return value noise over value signal in the early phase of gradient descent, s σ_p²/(n ‖μ‖²).

    >>> [gradient_ratio(SignalNoise(noise=noise)) for noise in (0.5, 1.0, 2.0)]
    [0.25, 1.0, 4.0]
    """
    return problem.sparsity * problem.noise**2 / problem.samples


class Features(Probe):
    """How signal and noise are read, one row. Shares count rows r of W_Q and W_K and, where i occurs, samples i.

    Columns: value_signal ⟨v, μ⟩; value_noise, the mean of y_i⟨v, ξ_i⟩; values_aligned, the share of samples where it is
    positive; key_signs_kept, the share of ⟨w_K,r, ξ_i⟩ with the sign they started with; noise_agrees, of query and key
    noise with one sign; signal_agrees, of query and key signal with one sign; query_follows and key_follows, of query and
    key noise with the sign of y_i⟨w_Q,r, μ⟩; log_s11 and log_s21, logarithms of attention averaged over samples.

    Args:
        at: steps at which it measures.
    """

    kind: ClassVar[str] = "li2024signgd.Features"

    @torch.no_grad()
    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        y = task.data["y"][:, None]
        queries, keys, values = readings(params, task.data)
        query_signal, key_signal = y[0] * queries[0, CLEAN], y[0] * keys[0, CLEAN]
        query_noise, key_noise = queries[:, NOISE], keys[:, NOISE]
        value_noise = y[:, 0] * values[:, NOISE]
        log_S = F.log_softmax(queries.double() @ keys.double().mT, dim=2)
        columns: dict[str, Tensor | float] = {
            "value_signal": y[0] * values[0, CLEAN],
            "value_noise": value_noise.mean(),
            "values_aligned": share(value_noise > 0),
            "key_signs_kept": share(key_noise.sign() == task.data["key_signs"]),
            "noise_agrees": share(query_noise * key_noise > 0),
            "signal_agrees": share(query_signal * key_signal > 0),
            "query_follows": share(query_noise * y * query_signal > 0),
            "key_follows": share(key_noise * y * query_signal > 0),
            "log_s11": log_mean(log_S[:, CLEAN, CLEAN]),
            "log_s21": log_mean(log_S[:, NOISE, CLEAN]),
        }
        return {name: np.array([float(value)]) for name, value in columns.items()}


class Rows(Probe):
    """What each row r of W_Q and W_K reads in the signal and in the noise of the first sample, whose label is +1.

    Columns: row, query_signal, key_signal, query_noise, key_noise.

    Args:
        at: steps at which it measures.
    """

    kind: ClassVar[str] = "li2024signgd.Rows"

    @torch.no_grad()
    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        queries, keys, _ = readings(params, task.data)
        columns = {
            "query_signal": queries[0, CLEAN],
            "key_signal": keys[0, CLEAN],
            "query_noise": queries[0, NOISE],
            "key_noise": keys[0, NOISE],
        }
        return {"row": np.arange(queries.shape[2])} | {name: column.numpy() for name, column in columns.items()}


class ValueNoise(Probe):
    """The value noise of each sample. Columns: sample i, value y_i⟨v, ξ_i⟩.

    Args:
        at: steps at which it measures.
    """

    kind: ClassVar[str] = "li2024signgd.ValueNoise"

    @torch.no_grad()
    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        _, _, values = readings(params, task.data)
        value = (task.data["y"] * values[:, NOISE]).numpy()
        return {"sample": np.arange(len(value)), "value": value}


class Predictions(Probe):
    """Loss and accuracy on fresh samples, and what training samples are recognised by; one row.

    Columns: test_loss, test_accuracy, train_accuracy, and memorised: the share of training samples that keep their label
    when the clean patch is negated, so that it is their own noise that speaks. An output of exactly 0 is wrong.

    Args:
        at: steps at which it measures.
    """

    kind: ClassVar[str] = "li2024signgd.Predictions"

    @torch.no_grad()
    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        test = margins(params, fresh_samples(task.data))
        columns: dict[str, Tensor | float] = {
            "test_loss": F.softplus(-test).mean(),
            "test_accuracy": share(test > 0),
            "train_accuracy": share(margins(params, task.data) > 0),
            "memorised": share(margins(params, reversed_signal(task.data)) > 0),
        }
        return {name: np.array([float(value)]) for name, value in columns.items()}


def margins(at: Params, data: Data) -> Tensor:
    """Return y_i f(X_i), shape (n,)."""
    return data["y"] * network(at, data)


def fresh_samples(data: Data) -> dict[str, Tensor]:
    """Return the fresh samples of a task, with dense noise patches."""
    signal = data["test_signal"]
    noise = dense(data["test_support"], data["test_entries"], signal.shape[1])
    return {"a": data["a"], "y": data["test_y"], "patches": torch.cat([signal, noise])}


def reversed_signal(data: Data) -> dict[str, Tensor]:
    """Return the training samples with their clean patches negated."""
    n = len(data["y"])
    return {"a": data["a"], "y": data["y"], "patches": torch.cat([-data["patches"][:-n], data["patches"][-n:]])}


def share(true: Tensor) -> float:
    """Return the share of what is true.

    >>> share(torch.tensor([True, False, True, True]))
    0.75
    """
    return float(true.double().mean())


def log_mean(logs: Tensor) -> float:
    """Return log of the mean of exp(logs), without leaving logarithms.

    >>> round(log_mean(torch.tensor([-1000.0, -1000.0])), 3)
    -1000.0
    """
    return float(torch.logsumexp(logs, 0)) - math.log(len(logs))


def feature(run: Run, name: str, step: int | None = None) -> float:
    """Return a column of `Features` after `step` updates, by default at the end."""
    return _single(run, "features", name, step)


def prediction(run: Run, name: str, step: int | None = None) -> float:
    """Return a column of `Predictions` after `step` updates, by default at the end."""
    return _single(run, "predictions", name, step)


def _single(run: Run, table: str, name: str, step: int | None) -> float:
    (value,) = at_step(run, table, run.spec["steps"] if step is None else step)[name]
    return float(value)
