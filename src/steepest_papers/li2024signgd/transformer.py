"""The two-layer transformer: softmax attention with trainable queries and keys, then a value and a fixed linear layer.

    f(X) = Σ_l vᵀ X softmax(Xᵀ W_Kᵀ W_Q x^(l)),   v = mean of the rows of W_V,+ − mean of the rows of W_V,−
    ℓ_i = log(1 + exp(−y_i f(X_i)))

X has two patches of d numbers: patch 1 is clean, patch 2 is noise. S_la is the weight that the query of patch l puts on the
key of patch a, so that s_21 is what the noise query puts on the signal. The sum over both queries is our reading of the
output; the rest is the paper's (Li et al. 2024).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from steepest.problems.base import Data, Params, Work

CLEAN, NOISE = 0, 1  # patches


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
