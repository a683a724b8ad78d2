"""Transformer language models of the paper, from a one-layer encoder with causal mask to GPT-2 small, as plain functions.

    x ← dropout(√D · E[token] + PE),   then for every block
    pre-norm:   x ← x + A(N₁(x)),  x ← x + M(N₂(x))
    post-norm:  x ← N₁(x + A(x)),  x ← N₂(x + M(x))
    A: causal self-attention, M(x) = W₂ φ(W₁ x + b₁) + b₂, N: LayerNorm; logits z = W h + b of h = x or N(x), untied from E

Dropout is where `torch.nn.TransformerEncoderLayer` has it: embedded tokens, attention probabilities, φ, and the outputs
of A and M. Parameters are a dict of float32 tensors; the same code runs on any device.

Shapes: B windows, T tokens per window, D width, M width of the MLP, c classes (the vocabulary).

Sources: Vaswani et al. (2017); Radford et al. (2019, section 2.3); Kunstner et al. (2024, appendix on experimental
details) for the two models and their initialisations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from steepest.models.cross_entropy import head_cross_entropy, head_losses
from steepest.models.frozen_attention import sinusoidal_positions
from steepest.models.products import linear

INIT_STD = 0.02
SHORT_WINDOW = 512  # tokens up to which all scores are kept at once where torch's attention kernel is slow
PAPER_WIDTHS = {"ptb": 1000, "gpt2": 768}


@dataclass(frozen=True)
class GPTShape:
    """Everything about a model but its vocabulary.

    Attributes:
        depth: number of blocks.
        heads: attention heads per block; they divide the width.
        width: D, even.
        hidden: width of the MLP.
        norm: LayerNorm before ("pre") or after ("post") the residual sum.
        activation: φ; "gelu" is its tanh approximation.
        dropout: probability that a number is dropped, in [0, 1).
        final_norm: whether a LayerNorm precedes the head.
        init: which of the paper's two initialisations, see `init`.
        length: T, tokens per window.
        precision: of the matrix products; parameters, LayerNorm, residual sums, softmax and loss stay float32.
    """

    depth: int
    heads: int
    width: int
    hidden: int
    norm: Literal["pre", "post"] = "pre"
    activation: Literal["relu", "gelu"] = "gelu"
    dropout: float = 0.0
    final_norm: bool = True
    init: Literal["ptb", "gpt2"] = "gpt2"
    length: int = 1024
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        """Refuse a width that cannot be split, or a dropout that leaves nothing."""
        if self.width % 2 or self.width % self.heads:
            raise ValueError(f"width must be even and a multiple of the {self.heads} heads, got {self.width}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")


def init(shape: GPTShape, num_classes: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Draw the parameters; biases are 0.

    "ptb": MLP, head and E from N(0, 0.02²), LayerNorm weights from N(1, 0.02²), attention as torch draws it.
    "gpt2": s = 0.02√2 for W₁, head and E, s/√(2·depth) for W₂ and the attention's output, LayerNorm weights 1; the
    input projection of the attention, of which the paper says nothing, as torch draws it.

    The paper's √D·E has standard deviation 0.63 at D = 1000 ("ptb") and 0.78 at D = 768 ("gpt2"). Below these widths E
    is scaled to keep it, else the positions, whose numbers do not shrink with D, would be much larger than the tokens.

    Args:
        shape: of the model.
        num_classes: c, the size of the vocabulary.
        generator: where the numbers come from, in the order of the names.

    Returns:
        Float32 tensors by name: "embedding", "block.0.norm1.weight" …, "norm.weight", "head.weight", "head.bias".
    """
    return {name: _drawn(name, size, shape, generator) for name, size in _sizes(shape, num_classes).items()}


def hidden(params: dict[str, Tensor], tokens: Tensor, shape: GPTShape, key: int | None) -> Tensor:
    """Return the input h of the head, shape (B·T, D), in the precision of the products.

    Args:
        params: as `init` names them; float64 ones are computed in float64.
        tokens: ids, shape (B, T), int64.
        shape: of the model.
        key: seeds the dropout noise: the same key gives the same noise on the same kind of device, and torch's global
            generators are left as they were. None switches dropout off.
    """
    p = shape.dropout if key is not None else 0.0
    with _noise(key if p else None, tokens.device):
        E = params["embedding"]
        positions = _positions(tokens.shape[1], shape.width, E.dtype, E.device)
        x = F.dropout(torch.add(positions, F.embedding(tokens, E), alpha=math.sqrt(shape.width)), p)
        for number in range(shape.depth):
            x = _block(_Layer(params, f"block.{number}.", shape, p), x)
        if shape.final_norm:
            x = _Layer(params, "", shape, p).norm("norm", x)
    return x.flatten(0, 1).to(_compute_dtype(E, shape))


def objective(
    params: dict[str, Tensor], tokens: Tensor, targets: Tensor, weights: Tensor, shape: GPTShape, key: int | None
) -> tuple[Tensor, Tensor]:
    """Return Σ_i w_i ℓ_i, differentiable, and the losses ℓ of all positions, shape (B·T,), detached.

    Args:
        params: as `init` names them.
        tokens: shape (B, T).
        targets: the next token of each position, shape (B, T) or (B·T,).
        weights: w, shape (B·T,).
        shape: of the model.
        key: of the dropout noise, or None.
    """
    h = hidden(params, tokens, shape, key)
    return head_cross_entropy(h, params["head.weight"], params["head.bias"], targets.flatten(), weights)


@torch.no_grad()
def losses(params: dict[str, Tensor], tokens: Tensor, targets: Tensor, shape: GPTShape) -> Tensor:
    """Return ℓ of all positions, shape (B·T,), without gradient and dropout; arguments as in `objective`."""
    h = hidden(params, tokens, shape, None)
    return head_losses(h, params["head.weight"], params["head.bias"], targets.flatten())


def num_params(shape: GPTShape, num_classes: int) -> int:
    """Return the number of parameters.

    >>> num_params(GPTShape(depth=12, heads=12, width=768, hidden=3072), 50_257)
    162301009
    """
    return sum(math.prod(size) for size in _sizes(shape, num_classes).values())


def flops_per_token(shape: GPTShape, num_classes: int) -> float:
    """Return the operations of all matrix products for one token, forward and backward.

    6 (depth · (4D² + 2DM) + cD) + 6 · depth · D (T + 1): every weight of a product is used three times for a token (output,
    both gradients), 2 operations each; scores and their use cost 4D forward per key, thrice that with the backward
    pass, and the causal mask leaves (T + 1)/2 keys on average. Derived by us.
    """
    D, M = shape.width, shape.hidden
    weights = shape.depth * (4 * D * D + 2 * D * M) + num_classes * D
    return 6.0 * weights + 6.0 * shape.depth * D * (shape.length + 1)


@dataclass(frozen=True)
class _Layer:
    """The parameters of one block, under short names, with the operations on them."""

    params: dict[str, Tensor]
    prefix: str
    shape: GPTShape
    p: float

    def linear(self, name: str, x: Tensor) -> Tensor:
        W, b = self.params[f"{self.prefix}{name}.weight"], self.params[f"{self.prefix}{name}.bias"]
        dtype = _compute_dtype(W, self.shape)
        return linear(x.to(dtype), W.to(dtype), b.to(dtype))

    def norm(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.params[f"{self.prefix}{name}.weight"], self.params[f"{self.prefix}{name}.bias"]
        return F.layer_norm(x, weight.shape, weight, bias)


def _block(layer: _Layer, x: Tensor) -> Tensor:
    """Return one block's output, shape (B, T, D)."""
    if layer.shape.norm == "pre":
        x = x + _attention(layer, layer.norm("norm1", x))
        return x + _mlp(layer, layer.norm("norm2", x))
    x = layer.norm("norm1", x + _attention(layer, x))
    return layer.norm("norm2", x + _mlp(layer, x))


def _attention(layer: _Layer, x: Tensor) -> Tensor:
    qkv = layer.linear("attention.in", x).view(*x.shape[:2], 3, layer.shape.heads, -1)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, heads, T, D/heads)
    attended = _attended(q, k, v, layer.p).transpose(1, 2).flatten(2)
    return F.dropout(layer.linear("attention.out", attended), layer.p)


def _attended(q: Tensor, k: Tensor, v: Tensor, p: float) -> Tensor:
    """Return softmax(q kᵀ/√d, causal) v; torch's kernel is slow for short windows in bfloat16 on a CPU."""
    T, d = q.shape[-2:]
    if q.dtype != torch.bfloat16 or q.device.type != "cpu" or T > SHORT_WINDOW:
        return F.scaled_dot_product_attention(q, k, v, dropout_p=p, is_causal=True)
    scores = (q * d**-0.5) @ k.mT + _causal_mask(T, q.dtype)
    return F.dropout(scores.softmax(-1), p) @ v


def _mlp(layer: _Layer, x: Tensor) -> Tensor:
    inside = layer.linear("mlp.in", x)
    active = F.relu(inside) if layer.shape.activation == "relu" else F.gelu(inside, approximate="tanh")
    return F.dropout(layer.linear("mlp.out", F.dropout(active, layer.p)), layer.p)


def _compute_dtype(param: Tensor, shape: GPTShape) -> torch.dtype:
    return torch.bfloat16 if shape.precision == "bfloat16" else param.dtype


@lru_cache(maxsize=8)
def _positions(length: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return sinusoidal_positions(length, width).to(device, dtype)


@lru_cache(maxsize=8)
def _causal_mask(length: int, dtype: torch.dtype) -> Tensor:
    return torch.full((length, length), -math.inf, dtype=dtype).triu(1)


@contextmanager
def _noise(key: int | None, device: torch.device) -> Iterator[None]:
    """Seed torch's generators with `key` inside, and restore them afterwards."""
    if key is None:
        yield
        return
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(key)
        yield


def _sizes(shape: GPTShape, num_classes: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter by name, in the order in which `init` draws them."""
    D = shape.width
    sizes: dict[str, tuple[int, ...]] = {"embedding": (num_classes, D)}
    linear = {"attention.in": (3 * D, D), "attention.out": (D, D)}
    linear |= {"mlp.in": (shape.hidden, D), "mlp.out": (D, shape.hidden)}
    for block in (f"block.{number}" for number in range(shape.depth)):
        for name, size in linear.items():
            sizes |= {f"{block}.{name}.weight": size, f"{block}.{name}.bias": size[:1]}
        for name in ("norm1", "norm2"):
            sizes |= {f"{block}.{name}.weight": (D,), f"{block}.{name}.bias": (D,)}
    if shape.final_norm:
        sizes |= {"norm.weight": (D,), "norm.bias": (D,)}
    return sizes | {"head.weight": (num_classes, D), "head.bias": (num_classes,)}


def _drawn(name: str, size: tuple[int, ...], shape: GPTShape, generator: torch.Generator) -> Tensor:
    """Return one parameter at initialisation."""
    values, D, gpt2 = torch.zeros(size), shape.width, shape.init == "gpt2"
    std = INIT_STD * math.sqrt(2) if gpt2 else INIT_STD
    if name.endswith("bias"):
        return values
    if "norm" in name:
        return torch.ones(size) if gpt2 else values.normal_(1.0, INIT_STD, generator=generator)
    if name.endswith("attention.in.weight"):
        bound = math.sqrt(6 / (4 * D))
        return values.uniform_(-bound, bound, generator=generator)
    if name.endswith("attention.out.weight") and not gpt2:
        return values.uniform_(-1 / math.sqrt(D), 1 / math.sqrt(D), generator=generator)
    if name.endswith("out.weight") and gpt2:
        std /= math.sqrt(2 * shape.depth)
    if name == "embedding":
        std *= max(1.0, math.sqrt(PAPER_WIDTHS[shape.init] / D))
    return values.normal_(0.0, std, generator=generator)
