"""A small vision transformer (Beyer et al. 2022, "SimpleViT"), as functions of a dict of arrays.

H⁰ = patches(X) Eᵀ + P,   H ← H + A(N(H)),   H ← H + M(N(H)),   logits = W mean_t N(H)_t + b

A is self-attention over the patches, M two affine layers with a GELU between them, N a layer norm. As there, the mean over
patches replaces a class token and there is no dropout; unlike there, the positions P are learned.

Shapes: b images, t patches, D width, h heads.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from steepest.models.affine import affine_init
from steepest.models.layers import Image, conv_init, named, norm_init

EXPANSION = 4
POSITION_STD = 0.02


def init(
    image: Image, num_classes: int, patch: int, width: int, depth: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """Draw the params: affine layers as PyTorch's `Linear`, P ~ N(0, 0.02²), in the order of the layers.

    Args:
        image: channels, height and width of the input.
        num_classes: c.
        patch: side of a patch in pixels.
        width: D.
        depth: number of blocks.
        generator: where the numbers come from; advanced by the draw.

    Returns:
        `patch`, `positions` (t, D), `block{i}.norm1`, `.qkv`, `.out`, `.norm2`, `.up`, `.down`, then `norm` and `head`,
        each but the positions with `.weight` and `.bias`.

    Raises:
        ValueError: patches that do not tile the image.
    """
    params = named("patch", conv_init(width, image[0], patch, generator))
    params["positions"] = torch.empty(num_patches(image, patch), width).normal_(0, POSITION_STD, generator=generator)
    for i in range(depth):
        params |= named(f"block{i}.norm1", norm_init(width))
        params |= named(f"block{i}.qkv", affine_init(width, 3 * width, generator))
        params |= named(f"block{i}.out", affine_init(width, width, generator))
        params |= named(f"block{i}.norm2", norm_init(width))
        params |= named(f"block{i}.up", affine_init(width, EXPANSION * width, generator))
        params |= named(f"block{i}.down", affine_init(EXPANSION * width, width, generator))
    return params | named("norm", norm_init(width)) | named("head", affine_init(width, num_classes, generator))


def logits(params: Mapping[str, Tensor], X: Tensor, depth: int, heads: int) -> Tensor:
    """Return the logits, shape (b, c), of images X (b, channels, height, width)."""
    patch = params["patch.weight"].shape[-1]
    H = F.conv2d(X, params["patch.weight"], params["patch.bias"], stride=patch)
    H = H.flatten(2).transpose(1, 2) + params["positions"]
    for i in range(depth):
        H = H + _attention(params, _norm(params, H, f"block{i}.norm1"), f"block{i}", heads)
        H = H + _perceptron(params, _norm(params, H, f"block{i}.norm2"), f"block{i}")
    return _affine(params, _norm(params, H, "norm").mean(1), "head")


def flops(image: Image, num_classes: int, patch: int, width: int, depth: int) -> float:
    """Return the operations of one image, forward and backward.

    The backward pass takes twice those of the forward pass, less the gradient of the image itself. What attention
    recomputes to save memory does not count.
    """
    t = num_patches(image, patch)
    embedding = 2 * t * width * image[0] * patch**2
    block = 2 * t * width * ((4 + 2 * EXPANSION) * width + 2 * t)
    return float(3 * (embedding + depth * block + 2 * width * num_classes) - embedding)


def activations(image: Image, patch: int, width: int, depth: int) -> float:
    """Return the numbers that the layers put out for one image."""
    t = num_patches(image, patch)
    block = 10 + 2 * EXPANSION  # two norms, two sums, q, k, v, attention, its projection; up, GELU, down
    return float(t * width * (3 + depth * block))


def num_patches(image: Image, patch: int) -> int:
    """Return t.

    Raises:
        ValueError: patches that do not tile the image.
    """
    _, height, width = image
    if height % patch or width % patch:
        raise ValueError(f"patches of {patch} × {patch} pixels do not tile images of {height} × {width}")
    return (height // patch) * (width // patch)


def _attention(params: Mapping[str, Tensor], H: Tensor, block: str, heads: int) -> Tensor:
    b, t, D = H.shape
    q, k, v = _affine(params, H, f"{block}.qkv").view(b, t, 3, heads, D // heads).permute(2, 0, 3, 1, 4)
    attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, D)
    return _affine(params, attended, f"{block}.out")


def _perceptron(params: Mapping[str, Tensor], H: Tensor, block: str) -> Tensor:
    return _affine(params, F.gelu(_affine(params, H, f"{block}.up")), f"{block}.down")


def _norm(params: Mapping[str, Tensor], H: Tensor, name: str) -> Tensor:
    return F.layer_norm(H, H.shape[-1:], params[f"{name}.weight"], params[f"{name}.bias"])


def _affine(params: Mapping[str, Tensor], H: Tensor, name: str) -> Tensor:
    return F.linear(H, params[f"{name}.weight"], params[f"{name}.bias"])
