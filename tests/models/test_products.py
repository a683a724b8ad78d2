"""Products on either library against float64, and their gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from steepest.models import products
from steepest.models.products import linear, times_transposed, transposed_times

DTYPES = {torch.float32: 1e-5, torch.float64: 1e-12, torch.bfloat16: 0.05}


def drawn(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(params=[True, False], ids=["onednn", "torch.mm"], autouse=True)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "AVAILABLE", request.param and products.AVAILABLE)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "c", "d"), [(33, 7, 20), (5, 40, 1), (1, 3, 64)])
def test_products_are_those_of_float64(dtype: torch.dtype, n: int, c: int, d: int) -> None:
    x, W, b, g = drawn(n, d), drawn(c, d, seed=1), drawn(c, seed=2), drawn(n, c, seed=3)
    close = {"rtol": DTYPES[dtype], "atol": 10 * DTYPES[dtype]}
    for found, expected in (
        (times_transposed(x.to(dtype), W.to(dtype)), x @ W.T),
        (times_transposed(x.to(dtype), W.to(dtype), b.to(dtype)), x @ W.T + b),
        (times_transposed(g.to(dtype), W.to(dtype).T), g @ W),
        (transposed_times(g.to(dtype), x.to(dtype)), g.T @ x),
    ):
        assert found.dtype == dtype
        torch.testing.assert_close(found.double(), expected, **close)


@pytest.mark.parametrize("leading", [(6,), (2, 3)])
def test_linear_has_the_gradients_of_torchs(leading: tuple[int, ...]) -> None:
    x, W, b = (t.float().requires_grad_() for t in (drawn(*leading, 4), drawn(5, 4, seed=1), drawn(5, seed=2)))
    upstream = drawn(*leading, 5, seed=3).float()
    (found, expected) = (f(x, W, b) for f in (linear, F.linear))
    torch.testing.assert_close(found, expected)
    for a, e in zip(*(torch.autograd.grad(y, (x, W, b), upstream) for y in (found, expected)), strict=True):
        torch.testing.assert_close(a, e)


@pytest.mark.parametrize("trained", [0, 1, 2])
def test_only_what_is_trained_gets_a_gradient(trained: int) -> None:
    leaves = [drawn(6, 4).float(), drawn(5, 4).float(), drawn(5).float()]
    leaves[trained].requires_grad_()
    linear(*leaves).square().sum().backward()
    assert [leaf.grad is not None for leaf in leaves] == [index == trained for index in range(3)]
