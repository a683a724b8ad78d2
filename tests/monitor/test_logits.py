"""Losses and hits from logits, held against torch's cross-entropy in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from steepest.monitor import logits as module
from steepest.monitor.logits import losses_and_hits

N, C = 60, 11


def drawn(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return (4 * torch.randn(*shape, generator=torch.Generator().manual_seed(0))).to(dtype)


def classes(n: int = N) -> Tensor:
    return torch.randint(C, (n,), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("epsilon", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_losses_are_torchs_divided_by_the_weight_of_the_target(
    weighted: bool, epsilon: float, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 4 * C * 7)  # chunks of 7 rows; 60 is no multiple
    z, y, w = drawn(N, C, dtype=dtype), classes(), torch.linspace(0.5, 3, C)
    expected = F.cross_entropy(
        z.double(), y, w.double() if weighted else None, reduction="none", label_smoothing=epsilon
    )
    losses, hits = losses_and_hits(z, y, w if weighted else None, epsilon)
    assert losses.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    torch.testing.assert_close(losses.double(), expected / w[y] if weighted else expected, rtol=1e-6, atol=1e-6)
    assert torch.equal(hits, z.argmax(1) == y)


def test_huge_logits_neither_overflow_nor_underflow() -> None:
    z = torch.tensor([[1e4, 0.0], [-1e4, -1e4]])
    losses, _ = losses_and_hits(z, torch.tensor([1, 0]))
    torch.testing.assert_close(losses, torch.tensor([1e4, 0.6931472]))


def test_of_equal_logits_the_first_is_the_prediction() -> None:
    z = torch.tensor([[1.0, 1.0, 0.0]] * 3)
    assert losses_and_hits(z, torch.tensor([0, 1, 2]))[1].tolist() == [True, False, False]


def test_views_of_any_strides_are_read_as_they_are() -> None:
    z = drawn(4, 16, C)
    shifted, y = z[:, :-1], classes(60)
    torch.testing.assert_close(
        losses_and_hits(shifted, y)[0], F.cross_entropy(shifted.reshape(60, C), y, reduction="none")
    )
    images = drawn(4, C, 3, 5).movedim(1, -1)
    torch.testing.assert_close(
        losses_and_hits(images, y)[0], F.cross_entropy(images.reshape(60, C), y, reduction="none")
    )
    torch.testing.assert_close(losses_and_hits(z[0, 0], y[0].view(1))[0], F.cross_entropy(z[0, 0], y[0]).view(1))


class LargestNew(TorchDispatchMode):
    """Keeps the number of elements of the largest tensor that an operation makes, views left out."""

    def __init__(self, of: Tensor) -> None:
        super().__init__()
        self.known, self.largest = of.untyped_storage().data_ptr(), 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else (out,):
            if isinstance(tensor, Tensor) and tensor.untyped_storage().data_ptr() != self.known:
                self.largest = max(self.largest, tensor.numel())
        return out


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_second_tensor_of_the_logits_size_is_made(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 4 * C * 8)
    z = drawn(30, 33, C, dtype=dtype)
    with LargestNew(z) as seen:
        losses_and_hits(z[:, :-1], classes(960))
    assert seen.largest <= 960
