"""Features of a frozen one-layer transformer: attention with a residual connection, no MLP, normalisation or dropout.

Shapes: B windows, T tokens per window, D width, V vocabulary.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

PAPER_WIDTH = 1200
EMBEDDING_STD = 0.02


def sinusoidal_positions(length: int, width: int) -> Tensor:
    """Return the fixed positions of Vaswani et al. (2017, section 3.5), shape (length, width), width even.

    PE(t, 2i) = sin(t / 10000^{2i/D}),  PE(t, 2i+1) = cos(t / 10000^{2i/D})

    Raises:
        ValueError: an odd width.
    """
    if width % 2:
        raise ValueError(f"width must be even, got {width}")
    frequency = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angle = torch.arange(length).unsqueeze(1) * frequency
    return torch.stack((angle.sin(), angle.cos()), dim=2).reshape(length, width)


def frozen_features(tokens: Tensor, vocabulary: int, width: int, generator: torch.Generator) -> Tensor:
    """Return features of every token from a random one-layer, one-head transformer.

    h = e + A(e),  e_t = √D · E[token_t] + PE(t),  A = causal self-attention with PyTorch's default projections

    Args:
        tokens: ids, shape (B, T), int64.
        vocabulary: V.
        width: D. The paper has D = 1200 and E ~ N(0, 0.02²), so √D·E has standard deviation 0.69; at other widths E is
            scaled so that it keeps this value, else the positions would be much larger than the tokens.
        generator: draws E, then the attention's projections.

    Returns:
        Features, shape (B·T, D), float32, without gradient.
    """
    scale = EMBEDDING_STD * math.sqrt(PAPER_WIDTH)
    E = torch.empty(vocabulary, width).normal_(0.0, scale, generator=generator)
    bound_in, bound_out = math.sqrt(6 / (4 * width)), 1 / math.sqrt(width)
    W_qkv = torch.empty(3 * width, width).uniform_(-bound_in, bound_in, generator=generator)
    W_out = torch.empty(width, width).uniform_(-bound_out, bound_out, generator=generator)
    e = E[tokens] + sinusoidal_positions(tokens.shape[1], width)
    q, k, v = F.linear(e, W_qkv).chunk(3, dim=-1)
    attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return (e + F.linear(attended, W_out)).flatten(0, 1)
