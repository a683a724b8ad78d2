"""Residual networks against torch's modules."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import relu
from torch.utils.flop_counter import FlopCounterMode

from steepest.models import resnet
from steepest.models.layers import Image
from steepest.problems import ResNet

WIDTHS, BLOCKS = (8, 16, 24), (1, 2, 1)
CASES = [((1, 13, 12), "small", "group"), ((3, 37, 40), "imagenet", "batch"), ((1, 9, 9), "small", "batch")]


class ConvNorm(nn.Conv2d):
    def __init__(self, channels: int, out: int, size: int, stride: int, norm: str) -> None:
        super().__init__(channels, out, size, stride=stride, padding=size // 2, bias=False)
        self.norm = nn.GroupNorm(out // 8, out) if norm == "group" else nn.BatchNorm2d(out, track_running_stats=False)

    def forward(self, X: Tensor) -> Tensor:
        return self.norm(super().forward(X))


class Block(nn.Module):
    def __init__(self, channels: int, out: int, stride: int, norm: str) -> None:
        super().__init__()
        self.conv1 = ConvNorm(channels, out, 3, stride, norm)
        self.conv2 = ConvNorm(out, out, 3, 1, norm)
        self.shortcut = ConvNorm(channels, out, 1, stride, norm) if stride > 1 else nn.Identity()

    def forward(self, X: Tensor) -> Tensor:
        return relu(self.conv2(relu(self.conv1(X))) + self.shortcut(X))


class Reference(nn.Module):
    def __init__(self, depth: int, num_classes: int, stem: str, norm: str) -> None:
        super().__init__()
        size, stride = (7, 2) if stem == "imagenet" else (3, 1)
        self.stem = ConvNorm(depth, WIDTHS[0], size, stride, norm)
        self.pool = nn.MaxPool2d(3, 2, 1) if stem == "imagenet" else nn.Identity()
        self.stage0 = nn.Sequential(*(Block(WIDTHS[0], WIDTHS[0], 1, norm) for _ in range(BLOCKS[0])))
        for i, (channels, out) in enumerate(pairwise(WIDTHS), start=1):
            rest = (Block(out, out, 1, norm) for _ in range(BLOCKS[i] - 1))
            setattr(self, f"stage{i}", nn.Sequential(Block(channels, out, 2, norm), *rest))
        self.head = nn.Linear(WIDTHS[-1], num_classes)

    def forward(self, X: Tensor) -> Tensor:
        X = self.stage0(self.pool(relu(self.stem(X))))
        for i in range(1, len(WIDTHS)):
            X = getattr(self, f"stage{i}")(X)
        return self.head(X.mean((2, 3)))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("image", "stem", "norm"), CASES)
def test_params_are_drawn_as_by_the_modules(image: Image, stem: resnet.Stem, norm: resnet.Norm) -> None:
    torch.manual_seed(5)
    reference = dict(Reference(image[0], 7, stem, norm).named_parameters())
    params = resnet.init(image, 7, WIDTHS, BLOCKS, stem, generator(5))
    assert list(params) == list(reference)
    assert all(torch.equal(params[name], reference[name]) for name in params)


@pytest.mark.parametrize(("image", "stem", "norm"), CASES)
def test_logits_and_gradients_are_those_of_the_modules(image: Image, stem: resnet.Stem, norm: resnet.Norm) -> None:
    reference = Reference(image[0], 7, stem, norm).double()
    with torch.no_grad():
        for param in reference.parameters():  # scales and shifts that are not 1 and 0
            param.add_(torch.rand(param.shape, generator=generator(2)), alpha=0.1)
    params = {name: param.detach().clone().requires_grad_() for name, param in reference.named_parameters()}
    X = torch.randn(6, *image, dtype=torch.float64, generator=generator(0))
    weights = torch.randn(6, 7, dtype=torch.float64, generator=generator(1))
    found, expected = resnet.logits(params, X, BLOCKS, stem, norm), reference(X)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    gradients = torch.autograd.grad((found * weights).sum(), list(params.values()))
    (expected * weights).sum().backward()
    for name, gradient in zip(params, gradients, strict=True):
        torch.testing.assert_close(gradient, reference.get_parameter(name).grad, rtol=1e-10, atol=1e-10)


def test_resnet18_has_its_published_size_and_cost() -> None:
    image = (3, 224, 224)
    assert ResNet().num_params(image, 1000) == 11_689_512
    stem = 2 * 64 * 3 * 7**2 * 112**2
    forward = (ResNet().flops(image, 1000) + stem) / 3
    assert forward / 2 == pytest.approx(1.8e9, rel=0.02)  # He et al. (2016), Table 1: multiplications


@pytest.mark.parametrize(("image", "stem", "norm"), CASES)
def test_the_cost_of_an_image_is_what_torch_counts(image: Image, stem: resnet.Stem, norm: resnet.Norm) -> None:
    drawn = resnet.init(image, 7, WIDTHS, BLOCKS, stem, generator(0))
    params = {name: param.requires_grad_() for name, param in drawn.items()}
    with FlopCounterMode(display=False) as counter:
        resnet.logits(params, torch.zeros(4, *image), BLOCKS, stem, norm).sum().backward()
    assert 4 * resnet.flops(image, 7, WIDTHS, BLOCKS, stem) == counter.get_total_flops()
    outputs = []
    reference = Reference(image[0], 7, stem, "group")
    for module in reference.modules():
        if isinstance(module, ConvNorm):
            module.register_forward_hook(lambda *args: outputs.append(args[-1].numel()))
    reference(torch.zeros(1, *image))
    assert resnet.activations(image, WIDTHS, BLOCKS, stem) == 3 * sum(outputs)


def test_batch_norm_alone_mixes_the_images_of_a_chunk() -> None:
    params = resnet.init((1, 12, 12), 7, WIDTHS, BLOCKS, "small", generator(0))
    X = torch.randn(6, 1, 12, 12, generator=generator(0))
    for norm, same in (("group", True), ("batch", False)):
        whole, part = (resnet.logits(params, x, BLOCKS, "small", norm)[:3] for x in (X, X[:3]))  # type: ignore[arg-type]
        assert torch.allclose(whole, part, rtol=1e-4, atol=1e-5) == same
