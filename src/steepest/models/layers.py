"""Parts of image models: drawing convolutions, layer norms at initialisation, names of arrays.

Z_o = Σ_i W_{oi} ⋆ X_i + b_o   (cross-correlation over i input channels)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

Image = tuple[int, int, int]  # channels, height, width


def kernel_init(out_channels: int, in_channels: int, size: int, generator: torch.Generator) -> Tensor:
    """Draw W (out, in, size, size) of a convolution as `torch.nn.Conv2d` does: uniform on ±1/√(in · size²)."""
    W = torch.empty(out_channels, in_channels, size, size)
    return torch.nn.init.kaiming_uniform_(W, a=math.sqrt(5), generator=generator)  # a = √5 makes the bound 1/√fan_in


def conv_init(out_channels: int, in_channels: int, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw W, then b, of a convolution.

    Equal bit for bit to `torch.nn.Conv2d` under a global seed in the same state, but the generator is explicit.

    Args:
        out_channels: number of filters.
        in_channels: channels of the input.
        size: height and width of a filter.
        generator: where the numbers come from; advanced by the draw.

    Returns:
        W (out, in, size, size) and b (out,), float32.

    >>> W, b = conv_init(4, 3, 5, torch.Generator().manual_seed(0))
    >>> torch.manual_seed(0) and torch.equal(W, torch.nn.Conv2d(3, 4, 5).weight)
    True
    """
    W = kernel_init(out_channels, in_channels, size, generator)
    bound = 1 / math.sqrt(in_channels * size**2)
    return W, torch.empty(out_channels).uniform_(-bound, bound, generator=generator)


def channels_last(X: Tensor) -> Tensor:
    """Return a copy of images X whose channels are contiguous, the layout in which convolution and pooling are fastest.

    A plain `contiguous` would leave images of one channel as they are, and with them all later layers.
    """
    return X.clone(memory_format=torch.channels_last)


def norm_init(channels: int) -> tuple[Tensor, Tensor]:
    """Return the scale, 1, and the shift, 0, of a normalisation."""
    return torch.ones(channels), torch.zeros(channels)


def named(name: str, arrays: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Return the two arrays of a layer under the names that `torch.nn` would give them."""
    return {f"{name}.weight": arrays[0], f"{name}.bias": arrays[1]}
