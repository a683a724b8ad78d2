"""The chunked loss against autograd through all logits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from steepest.models.gpt import GPTShape, hidden, init
from steepest.monitor import FrequencyMonitor, frequency_cross_entropy

B, T, D, C = 3, 17, 6, 13


def parts(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    h, W, b = (torch.randn(*shape, generator=generator).to(dtype) for shape in ((B, T, D), (C, D), (C,)))
    y = torch.randint(C, (B, T), generator=generator)
    y[0, ::4] = -100
    return h.requires_grad_(), W.requires_grad_(), b.requires_grad_(), y


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("epsilon", [0.0, 0.15])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_value_and_gradients_are_autograds(
    with_bias: bool, epsilon: float, weighted: bool, reduction: Any, dtype: torch.dtype
) -> None:
    h, W, b, y = parts(dtype)
    inputs = [h, W, b] if with_bias else [h, W]
    w = torch.linspace(0, 3, C, dtype=dtype) if weighted else None
    options: dict[str, Any] = {"label_smoothing": epsilon, "reduction": reduction}
    z = F.linear(h, W, b if with_bias else None)
    plain = F.cross_entropy(z.flatten(0, 1), y.flatten(), w, **options)
    ours = frequency_cross_entropy(h, W, y, b if with_bias else None, class_weights=w, chunk=7, **options)
    tolerance = {"rtol": 1e-10, "atol": 1e-12} if dtype == torch.float64 else {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(ours, plain, **tolerance)
    for mine, theirs in zip(torch.autograd.grad(3 * ours, inputs), torch.autograd.grad(3 * plain, inputs), strict=True):
        torch.testing.assert_close(mine, theirs, **tolerance)


def test_another_id_may_be_ignored() -> None:
    h, W, b, y = parts()
    y = y.clamp(min=0)
    plain = F.cross_entropy(F.linear(h, W, b).flatten(0, 1), y.flatten(), ignore_index=0)
    torch.testing.assert_close(frequency_cross_entropy(h, W, y, b, ignore_index=0), plain)


def test_the_monitor_gets_the_losses_by_group() -> None:
    h, W, b, y = parts()
    chunked, plain = FrequencyMonitor(groups=3), FrequencyMonitor(groups=3)
    frequency_cross_entropy(h, W, y, b, monitor=chunked, label_smoothing=0.1)
    plain.update(F.linear(h, W, b), y)
    torch.testing.assert_close(
        torch.from_numpy(chunked.read().sums[:3]), torch.from_numpy(plain.read().sums[:3]), rtol=1e-9, atol=1e-9
    )
    assert chunked.read().skipped == plain.read().skipped


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_under_autocast_the_products_are_in_its_dtype_and_gradients_in_the_parameters(half: torch.dtype) -> None:
    h, W, b, y = parts(torch.float32)
    with torch.autocast("cpu", half):
        loss = frequency_cross_entropy(h, W, y, b)
    exact = F.cross_entropy(F.linear(h, W, b).flatten(0, 1), y.flatten())
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, exact, rtol=2e-2, atol=2e-2)
    for mine, theirs in zip(torch.autograd.grad(loss, (h, W, b)), torch.autograd.grad(exact, (h, W, b)), strict=True):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine, theirs, rtol=5e-2, atol=5e-3)


def test_half_precision_hidden_states_are_accepted() -> None:
    h, W, b, y = parts(torch.float32)
    torch.testing.assert_close(
        frequency_cross_entropy(h.half(), W, y, b), frequency_cross_entropy(h.half().float(), W, y, b)
    )


def test_a_language_model_trains_with_the_same_gradients() -> None:
    """The head of the package's GPT, tied to nothing, against its logits."""
    shape = GPTShape(depth=1, heads=2, width=8, hidden=16, length=T)
    params = {name: p.requires_grad_() for name, p in init(shape, C, torch.Generator().manual_seed(0)).items()}
    y = parts()[3]
    h = hidden(params, y.clamp(min=0), shape, None).view(B, T, 8)
    ours = frequency_cross_entropy(h, params["head.weight"], y, params["head.bias"])
    plain = F.cross_entropy(F.linear(h, params["head.weight"], params["head.bias"]).flatten(0, 1), y.flatten())
    found, expected = (torch.autograd.grad(loss, list(params.values()), retain_graph=True) for loss in (ours, plain))
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": torch.zeros(B, dtype=torch.int64)}, r"hidden \(…, D\) and targets \(…\) do not fit"),
        ({"targets": torch.zeros(B, T)}, "targets must be class ids, got torch.float32"),
        ({"targets": torch.full((B, T), C)}, "got 13"),
        ({"weight": torch.zeros(C, D + 1, dtype=torch.float64)}, "do not fit"),
        ({"class_weights": torch.ones(2)}, r"class_weights must have shape \(13,\), got \(2,\)"),
        ({"label_smoothing": 1.5}, "label_smoothing must lie"),
        ({"reduction": "none"}, "reduction must be 'mean' or 'sum', got 'none'"),
        ({"monitor": FrequencyMonitor(class_weights=torch.ones(C))}, "without class_weights"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    h, W, b, y = parts()
    with pytest.raises(ValueError, match=message):
        frequency_cross_entropy(**({"hidden": h, "weight": W, "targets": y, "bias": b} | change))
