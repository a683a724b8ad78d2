"""The vision transformer against torch's modules."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from steepest.models import vit
from steepest.problems import ViT

IMAGE, CLASSES, PATCH, WIDTH, DEPTH, HEADS = (2, 12, 8), 7, 4, 12, 2, 3
Params = dict[str, Tensor]


class Outputs(TorchFunctionMode):
    """Counts the numbers, not views, that layers put out for patches."""

    total = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        layers = {"conv2d", "add", "layer_norm", "linear", "scaled_dot_product_attention", "gelu"}
        if func.__name__ in layers and out.ndim > 2:
            self.total += out.numel()
        return out


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(seed: int) -> Params:
    return vit.init(IMAGE, CLASSES, PATCH, WIDTH, DEPTH, generator(seed))


def double(params: Params) -> Params:
    """Return the params in float64, with scales and shifts that are not 1 and 0."""
    noisy = {name: p.double() + 0.1 * torch.rand(p.shape, generator=generator(2)) for name, p in params.items()}
    return {name: p.requires_grad_() for name, p in noisy.items()}


def encoder(params: Params, block: int) -> nn.TransformerEncoderLayer:
    """Return torch's own block, holding the same tensors."""
    layer = nn.TransformerEncoderLayer(
        WIDTH, HEADS, 4 * WIDTH, dropout=0, activation="gelu", batch_first=True, norm_first=True, dtype=torch.float64
    )
    names = {
        "self_attn.in_proj_": "qkv.",
        "self_attn.out_proj.": "out.",
        "linear1.": "up.",
        "linear2.": "down.",
        "norm1.": "norm1.",
        "norm2.": "norm2.",
    }
    parts = ("weight", "bias")
    layer.load_state_dict(
        {theirs + part: params[f"block{block}.{ours}{part}"] for theirs, ours in names.items() for part in parts}
    )
    return layer


def reference(params: Params, X: Tensor) -> tuple[Tensor, list[nn.TransformerEncoderLayer]]:
    """Return the logits by torch's modules, patches cut out one by one, and the blocks."""
    rows = []
    for top in range(0, 12, PATCH):
        for left in range(0, 8, PATCH):
            pixels = X[:, :, top : top + PATCH, left : left + PATCH].reshape(len(X), -1)
            rows.append(pixels @ params["patch.weight"].reshape(WIDTH, -1).T + params["patch.bias"])
    H = torch.stack(rows, dim=1) + params["positions"]
    blocks = [encoder(params, i) for i in range(DEPTH)]
    for block in blocks:
        H = block(H)
    H = nn.functional.layer_norm(H, (WIDTH,), params["norm.weight"], params["norm.bias"])
    return H.sum(1) / 6 @ params["head.weight"].T + params["head.bias"], blocks


def test_logits_and_gradients_are_those_of_the_modules() -> None:
    params = double(draw(0))
    X = torch.randn(5, *IMAGE, dtype=torch.float64, generator=generator(0))
    weights = torch.randn(5, CLASSES, dtype=torch.float64, generator=generator(1))
    found = vit.logits(params, X, DEPTH, HEADS)
    expected, blocks = reference(params, X)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)

    gradients = dict(zip(params, torch.autograd.grad((found * weights).sum(), list(params.values())), strict=True))
    (expected * weights).sum().backward()
    for name in ("patch.weight", "positions", "norm.weight", "head.bias"):
        torch.testing.assert_close(gradients[name], params[name].grad, rtol=1e-10, atol=1e-10)
    for i, block in enumerate(blocks):
        for ours, theirs in (("qkv.weight", block.self_attn.in_proj_weight), ("up.bias", block.linear1.bias)):
            torch.testing.assert_close(gradients[f"block{i}.{ours}"], theirs.grad, rtol=1e-10, atol=1e-10)


def test_params_are_drawn_as_by_the_modules_in_the_order_of_the_layers() -> None:
    params = draw(4)
    torch.manual_seed(4)
    patch = nn.Conv2d(IMAGE[0], WIDTH, PATCH)
    positions = torch.randn(6, WIDTH) * 0.02
    qkv = nn.Linear(WIDTH, 3 * WIDTH)
    assert torch.equal(params["patch.weight"], patch.weight)
    torch.testing.assert_close(params["positions"], positions)
    assert torch.equal(params["block0.qkv.weight"], qkv.weight)
    assert torch.equal(params["block0.qkv.bias"], qkv.bias)
    assert params["block1.norm2.weight"].unique().tolist() == [1]
    assert params["norm.bias"].unique().tolist() == [0]
    assert not torch.equal(params["head.weight"], draw(5)["head.weight"])


def test_the_default_is_the_small_vision_transformer() -> None:
    block = 12 * 384**2 + 13 * 384
    expected = 384 * (3 * 16**2 + 1) + 196 * 384 + 12 * block + 2 * 384 + 385 * 1000
    assert ViT().num_params((3, 224, 224), 1000) == expected == 22_049_896


def test_the_cost_of_an_image_is_what_torch_counts() -> None:
    params = {name: param.requires_grad_() for name, param in draw(0).items()}
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        vit.logits(params, torch.zeros(4, *IMAGE), DEPTH, HEADS).sum().backward()
    assert 4 * vit.flops(IMAGE, CLASSES, PATCH, WIDTH, DEPTH) == counter.get_total_flops()
    with Outputs() as outputs:
        vit.logits(params, torch.zeros(4, *IMAGE), DEPTH, HEADS)
    assert 4 * vit.activations(IMAGE, PATCH, WIDTH, DEPTH) == outputs.total


def test_patches_that_do_not_tile_the_image_are_refused() -> None:
    with pytest.raises(ValueError, match="patches of 5 × 5 pixels do not tile images of 20 × 14"):
        vit.num_patches((1, 20, 14), 5)
