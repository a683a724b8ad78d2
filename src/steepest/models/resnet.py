"""Residual networks of basic blocks (He et al. 2016, section 3), as functions of a dict of arrays.

block: X → ReLU(S(X) + N(W₂ ⋆ ReLU(N(W₁ ⋆ X)))),   N a normalisation, S the identity or N(1×1 convolution)

The first block of every stage but the first halves the image and changes the number of channels; there, S is a
convolution. ResNet18 is widths (64, 128, 256, 512), two blocks in each stage, the ImageNet stem and batch norm.

Batch norm has no state here: in training and in evaluation alike it takes mean and variance of the images that go
through the model together. Evaluated losses therefore depend on the chunk, slightly, and differ from those that running
averages would give. Group norm (Wu and He 2018) looks at one image at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from steepest.models.affine import affine_init
from steepest.models.layers import Image, channels_last, kernel_init, named, norm_init

Stem = Literal["imagenet", "small"]
Norm = Literal["batch", "group"]
CHANNELS_PER_GROUP = 8


class Convolution(NamedTuple):
    """One convolution without bias, followed by a normalisation; height and width are those of its output."""

    name: str
    out_channels: int
    in_channels: int
    size: int
    height: int
    width: int

    @property
    def outputs(self) -> int:
        """Return the numbers that it puts out for one image."""
        return self.out_channels * self.height * self.width

    @property
    def flops(self) -> int:
        """Return the operations of its forward pass for one image."""
        return 2 * self.outputs * self.in_channels * self.size**2


def convolutions(image: Image, widths: tuple[int, ...], blocks: tuple[int, ...], stem: Stem) -> Iterator[Convolution]:
    """Yield every convolution in the order of the params; within a block, the shortcut comes last.

    Args:
        image: channels, height and width of the input.
        widths: channels of each stage.
        blocks: blocks of each stage.
        stem: "imagenet", 7 × 7 with stride 2 and a pooling with stride 2, or "small", 3 × 3.
    """
    channels, height, width = image
    if stem == "imagenet":
        height, width = _halved(height), _halved(width)
    yield Convolution("stem", widths[0], channels, 7 if stem == "imagenet" else 3, height, width)
    if stem == "imagenet":
        height, width = _halved(height), _halved(width)
    channels = widths[0]
    for stage, (out, count) in enumerate(zip(widths, blocks, strict=True)):
        for block in range(count):
            name, shrinks = f"stage{stage}.{block}", stage > 0 and block == 0
            if shrinks:
                height, width = _halved(height), _halved(width)
            yield Convolution(f"{name}.conv1", out, channels, 3, height, width)
            yield Convolution(f"{name}.conv2", out, out, 3, height, width)
            if shrinks:
                yield Convolution(f"{name}.shortcut", out, channels, 1, height, width)
            channels = out


def init(
    image: Image,
    num_classes: int,
    widths: tuple[int, ...],
    blocks: tuple[int, ...],
    stem: Stem,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Draw the params as PyTorch's modules do, in the order of `convolutions`, then the head.

    Returns:
        `stem`, `stage{s}.{b}.conv1`, `.conv2` and perhaps `.shortcut`, each with `.weight`, `.norm.weight` and
        `.norm.bias`; `head.weight` (c, widths[-1]) and `head.bias`.
    """
    params: dict[str, Tensor] = {}
    for conv in convolutions(image, widths, blocks, stem):
        params[f"{conv.name}.weight"] = kernel_init(conv.out_channels, conv.in_channels, conv.size, generator)
        params |= named(f"{conv.name}.norm", norm_init(conv.out_channels))
    return params | named("head", affine_init(widths[-1], num_classes, generator))


def logits(params: Mapping[str, Tensor], X: Tensor, blocks: tuple[int, ...], stem: Stem, norm: Norm) -> Tensor:
    """Return the logits, shape (b, c), of images X (b, channels, height, width)."""
    X = channels_last(X)
    X = F.relu(_normalised(params, X, "stem", norm, stride=2 if stem == "imagenet" else 1))
    if stem == "imagenet":
        X = F.max_pool2d(X, 3, stride=2, padding=1)
    for stage, count in enumerate(blocks):
        for block in range(count):
            X = _block(params, X, f"stage{stage}.{block}", norm)
    return F.linear(X.mean((2, 3)), params["head.weight"], params["head.bias"])


def flops(image: Image, num_classes: int, widths: tuple[int, ...], blocks: tuple[int, ...], stem: Stem) -> float:
    """Return the operations of one image, forward and backward.

    The backward pass takes twice those of the forward pass, less the gradient of the image itself.
    """
    convs = [conv.flops for conv in convolutions(image, widths, blocks, stem)]
    return float(3 * (sum(convs) + 2 * widths[-1] * num_classes) - convs[0])


def activations(image: Image, widths: tuple[int, ...], blocks: tuple[int, ...], stem: Stem) -> float:
    """Return the numbers that the layers put out for one image: convolution, normalisation, ReLU or sum."""
    return float(3 * sum(conv.outputs for conv in convolutions(image, widths, blocks, stem)))


def _block(params: Mapping[str, Tensor], X: Tensor, name: str, norm: Norm) -> Tensor:
    shrinks = f"{name}.shortcut.weight" in params
    stride = 2 if shrinks else 1
    inner = F.relu(_normalised(params, X, f"{name}.conv1", norm, stride))
    shortcut = _normalised(params, X, f"{name}.shortcut", norm, stride) if shrinks else X
    return F.relu(shortcut + _normalised(params, inner, f"{name}.conv2", norm))


def _normalised(params: Mapping[str, Tensor], X: Tensor, name: str, norm: Norm, stride: int = 1) -> Tensor:
    """Return N(W ⋆ X); the padding keeps the size of the image at stride 1."""
    W, scale, shift = (params[f"{name}.{part}"] for part in ("weight", "norm.weight", "norm.bias"))
    Z = F.conv2d(X, W, stride=stride, padding=W.shape[-1] // 2)
    if norm == "batch":
        return F.batch_norm(Z, None, None, scale, shift, training=True)
    return F.group_norm(Z, len(scale) // CHANNELS_PER_GROUP, scale, shift)


def _halved(size: int) -> int:
    """Return the size of an image after stride 2, with padding (filter − 1)/2."""
    return (size + 1) // 2
