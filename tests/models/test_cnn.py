"""The convolutional network against torch's modules."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from steepest.models import cnn
from steepest.problems import CNN

SIZES = [((1, 14, 14), (8, 16)), ((3, 9, 13), (2, 3))]  # even sides, and sides that pooling rounds down


class Reference(nn.Module):
    """The paper's order: convolution, ReLU, pooling."""

    def __init__(self, image: cnn.Image, num_classes: int, channels: tuple[int, int]) -> None:
        super().__init__()
        depth, height, width = image
        self.conv1 = nn.Conv2d(depth, channels[0], 5, padding=2)
        self.conv2 = nn.Conv2d(channels[0], channels[1], 5, padding=2)
        self.head = nn.Linear(channels[1] * (height // 4) * (width // 4), num_classes)
        self.relu, self.pool = nn.ReLU(), nn.MaxPool2d(2)

    def forward(self, X: Tensor) -> Tensor:
        for conv in (self.conv1, self.conv2):
            X = self.pool(self.relu(conv(X)))
        return self.head(X.flatten(1))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("image", "channels"), SIZES)
def test_params_are_drawn_as_by_the_modules(image: cnn.Image, channels: tuple[int, int]) -> None:
    torch.manual_seed(5)
    reference = dict(Reference(image, 7, channels).named_parameters())
    params = cnn.init(image, 7, channels, generator(5))
    assert list(params) == list(reference)
    assert all(torch.equal(params[name], reference[name]) for name in params)
    assert not torch.equal(params["head.bias"], cnn.init(image, 7, channels, generator(6))["head.bias"])


@pytest.mark.parametrize(("image", "channels"), SIZES)
def test_logits_and_gradients_are_those_of_the_modules(image: cnn.Image, channels: tuple[int, int]) -> None:
    reference = Reference(image, 7, channels).double()
    params = {name: param.detach().clone().requires_grad_() for name, param in reference.named_parameters()}
    X = torch.randn(6, *image, dtype=torch.float64, generator=generator(0))
    X[:, :, :5] = 0.25  # equal pixels, where a maximum is not unique
    weights = torch.randn(6, 7, dtype=torch.float64, generator=generator(1))
    found, expected = cnn.logits(params, X), reference(X)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    gradients = torch.autograd.grad((found * weights).sum(), list(params.values()))
    (expected * weights).sum().backward()
    for name, gradient in zip(params, gradients, strict=True):
        torch.testing.assert_close(gradient, reference.get_parameter(name).grad, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("num_classes", "expected"), [(10, 129_942), (10_250, 50_316_182)])
def test_the_paper_s_network_has_the_paper_s_size(num_classes: int, expected: int) -> None:
    assert CNN().num_params((1, 28, 28), num_classes) == expected


@pytest.mark.parametrize(("image", "channels"), SIZES)
def test_the_cost_of_an_image_is_what_torch_counts(image: cnn.Image, channels: tuple[int, int]) -> None:
    params = {name: param.requires_grad_() for name, param in cnn.init(image, 7, channels, generator(0)).items()}
    with FlopCounterMode(display=False) as counter:
        cnn.logits(params, torch.zeros(4, *image)).sum().backward()
    assert 4 * cnn.flops(image, 7, channels) == counter.get_total_flops()
    outputs = []
    reference = Reference(image, 7, channels)
    for module in (reference.conv1, reference.conv2, reference.pool):
        module.register_forward_hook(lambda *args: outputs.append(args[-1].numel()))
    reference(torch.zeros(1, *image))
    conv1, pool1, conv2, pool2 = outputs  # the ReLU puts out as many numbers as the pooling
    assert cnn.activations(image, channels) == conv1 + 2 * pool1 + conv2 + 2 * pool2


def test_images_that_vanish_in_the_poolings_are_refused() -> None:
    with pytest.raises(ValueError, match="two poolings need images of 4 × 4 pixels, got 3 × 9"):
        cnn.init((1, 3, 9), 5, (2, 3), generator(0))
