"""Image models as parts of a spec: which network, and how large."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from steepest.component import Component
from steepest.models import cnn, resnet, vit
from steepest.models.layers import Image
from steepest.models.resnet import CHANNELS_PER_GROUP, Norm, Stem

HEAD_BIAS = "head.bias"
Count = Annotated[int, Field(ge=1)]
Width = Annotated[int, Field(ge=CHANNELS_PER_GROUP, multiple_of=CHANNELS_PER_GROUP)]


class ImageModel(Component):
    """A network from images (b, C, H, W) to logits (b, c), whose last layer adds the param `head.bias`."""

    @abstractmethod
    def init(self, image: Image, num_classes: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw the params for images of shape (C, H, W).

        Raises:
            ValueError: images that the model cannot read.
        """

    @abstractmethod
    def logits(self, params: Mapping[str, Tensor], X: Tensor) -> Tensor:
        """Return the logits, shape (b, c), of images X (b, C, H, W)."""

    @abstractmethod
    def flops(self, image: Image, num_classes: int) -> float:
        """Return the operations of matrix products and convolutions for one image, forward and backward."""

    @abstractmethod
    def activations(self, image: Image) -> float:
        """Return the numbers that the layers put out for one image."""

    def num_params(self, image: Image, num_classes: int) -> int:
        """Return the number of params, without allocating them.

        Raises:
            ValueError: images that the model cannot read.
        """
        generator = torch.Generator()
        with torch.device("meta"):
            return sum(param.numel() for param in self.init(image, num_classes, generator).values())


class CNN(ImageModel):
    """Two convolutions 5 × 5, each with max-pooling and ReLU, and an affine layer (Kunstner et al. 2024, Figure 2).

    Args:
        channels: filters of the two convolutions; the paper's are the default.
    """

    kind: ClassVar[str] = "CNN"

    channels: tuple[Count, Count] = cnn.PAPER_CHANNELS

    def init(self, image: Image, num_classes: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw the params in the order of the layers."""
        return cnn.init(image, num_classes, self.channels, generator)

    def logits(self, params: Mapping[str, Tensor], X: Tensor) -> Tensor:
        """Return the logits of images."""
        return cnn.logits(params, X)

    def flops(self, image: Image, num_classes: int) -> float:
        """Return the operations for one image."""
        return cnn.flops(image, num_classes, self.channels)

    def activations(self, image: Image) -> float:
        """Return the numbers that the layers put out for one image."""
        return cnn.activations(image, self.channels)


class ResNet(ImageModel):
    """A residual network of basic blocks (He et al. 2016); the defaults are ResNet18.

    With batch norm, every chunk is normalised with its own mean and variance, in evaluation too.

    Args:
        widths: channels of each stage, multiples of 8.
        blocks: blocks of each stage.
        stem: "imagenet", 7 × 7 with stride 2 and pooling, or "small", 3 × 3.
        norm: "batch", or "group" of 8 channels.
    """

    kind: ClassVar[str] = "ResNet"

    widths: tuple[Width, ...] = (64, 128, 256, 512)
    blocks: tuple[Count, ...] = (2, 2, 2, 2)
    stem: Stem = "imagenet"
    norm: Norm = "batch"

    @model_validator(mode="after")
    def _stages_agree(self) -> Self:
        if not len(self.widths) == len(self.blocks) > 0:
            raise ValueError(f"widths {self.widths} and blocks {self.blocks} must both have one number for each stage")
        return self

    def init(self, image: Image, num_classes: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw the params in the order of the layers."""
        return resnet.init(image, num_classes, self.widths, self.blocks, self.stem, generator)

    def logits(self, params: Mapping[str, Tensor], X: Tensor) -> Tensor:
        """Return the logits of images."""
        return resnet.logits(params, X, self.blocks, self.stem, self.norm)

    def flops(self, image: Image, num_classes: int) -> float:
        """Return the operations for one image."""
        return resnet.flops(image, num_classes, self.widths, self.blocks, self.stem)

    def activations(self, image: Image) -> float:
        """Return the numbers that the layers put out for one image."""
        return resnet.activations(image, self.widths, self.blocks, self.stem)


class ViT(ImageModel):
    """A vision transformer with mean pooling (Beyer et al. 2022); the defaults are their S/16 with learned positions.

    Args:
        patch: side of a patch, which must divide the image.
        width: D, a multiple of the number of heads.
        depth: number of blocks.
        heads: of attention.
    """

    kind: ClassVar[str] = "ViT"

    patch: Count = 16
    width: Count = 384
    depth: Count = 12
    heads: Count = 6

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide the width {self.width}")
        return self

    def init(self, image: Image, num_classes: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw the params in the order of the layers."""
        return vit.init(image, num_classes, self.patch, self.width, self.depth, generator)

    def logits(self, params: Mapping[str, Tensor], X: Tensor) -> Tensor:
        """Return the logits of images."""
        return vit.logits(params, X, self.depth, self.heads)

    def flops(self, image: Image, num_classes: int) -> float:
        """Return the operations for one image."""
        return vit.flops(image, num_classes, self.patch, self.width, self.depth)

    def activations(self, image: Image) -> float:
        """Return the numbers that the layers put out for one image."""
        return vit.activations(image, self.patch, self.width, self.depth)
