"""The convolutional network of Kunstner et al. (2024, Figure 2), as functions of a dict of arrays.

X → [conv 5×5 → max-pool 2 → ReLU] twice → W h + b

The paper pools after the ReLU. Both orders give the same numbers and gradients, since max(0, ·) is monotone, but this one
takes the ReLU of a quarter of them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from steepest.models.affine import affine_init
from steepest.models.layers import Image, channels_last, conv_init, named

SIZE = 5
PAPER_CHANNELS = (32, 100)


def init(image: Image, num_classes: int, channels: tuple[int, int], generator: torch.Generator) -> dict[str, Tensor]:
    """Draw the params as PyTorch's modules do, in the order of the layers.

    Args:
        image: channels, height and width of the input.
        num_classes: c.
        channels: filters of the two convolutions; the paper has 32 and 100.
        generator: where the numbers come from; advanced by the draw.

    Returns:
        `conv1`, `conv2` and `head`, each with `.weight` and `.bias`.

    Raises:
        ValueError: an image of fewer than 4 × 4 pixels.
    """
    first, second = channels
    return (
        named("conv1", conv_init(first, image[0], SIZE, generator))
        | named("conv2", conv_init(second, first, SIZE, generator))
        | named("head", affine_init(_features(image, second), num_classes, generator))
    )


def logits(params: Mapping[str, Tensor], X: Tensor) -> Tensor:
    """Return the logits, shape (b, c), of images X (b, channels, height, width)."""
    X = channels_last(X)
    for layer in ("conv1", "conv2"):
        X = F.conv2d(X, params[f"{layer}.weight"], params[f"{layer}.bias"], padding=SIZE // 2)
        X = F.relu(F.max_pool2d(X, 2))
    return F.linear(X.flatten(1), params["head.weight"], params["head.bias"])


def flops(image: Image, num_classes: int, channels: tuple[int, int]) -> float:
    """Return the operations of one image, forward and backward.

    The backward pass takes twice those of the forward pass, less the gradient of the image itself.
    """
    (depth, height, width), (first, second) = image, channels
    conv1 = 2 * SIZE**2 * depth * first * height * width
    conv2 = 2 * SIZE**2 * first * second * (height // 2) * (width // 2)
    head = 2 * _features(image, second) * num_classes
    return float(3 * (conv1 + conv2 + head) - conv1)


def activations(image: Image, channels: tuple[int, int]) -> float:
    """Return the numbers that the layers put out for one image: convolution, pooling, ReLU."""
    (_, height, width), (first, second) = image, channels
    pixels, halved, quartered = height * width, (height // 2) * (width // 2), (height // 4) * (width // 4)
    return float(first * (pixels + 2 * halved) + second * (halved + 2 * quartered))


def _features(image: Image, channels: int) -> int:
    _, height, width = image
    if min(height, width) < 4:
        raise ValueError(f"two poolings need images of 4 × 4 pixels, got {height} × {width}")
    return channels * (height // 4) * (width // 4)
