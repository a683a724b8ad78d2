"""The chunked head against autograd through the plain one, and what it allocates."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from steepest.models.cross_entropy import default_chunk, head_cross_entropy, head_losses

N, C, D = 23, 17, 5


class Head(NamedTuple):
    hidden: Tensor
    W: Tensor
    b: Tensor
    targets: Tensor
    weights: Tensor


def head(dtype: torch.dtype = torch.float64, n: int = N, c: int = C, d: int = D) -> Head:
    generator = torch.Generator().manual_seed(0)
    leaves = [torch.randn(size, generator=generator, dtype=torch.float64) for size in ((n, d), (c, d), (c,))]
    hidden, W, b = (leaf.to(dtype).requires_grad_() for leaf in leaves)
    targets = torch.randint(c, (n,), generator=generator)
    weights = torch.rand(n, generator=generator, dtype=torch.float64)
    weights[::4] = 0
    return Head(hidden, W, b, targets, (weights / weights.sum()).to(torch.promote_types(dtype, torch.float32)))


def plain(at: Head, bias: bool = True) -> tuple[Tensor, Tensor]:
    logits = F.linear(at.hidden, at.W, at.b if bias else None)
    losses = F.cross_entropy(logits, at.targets, reduction="none")
    return losses @ at.weights, losses.detach()


def ours(at: Head, bias: bool = True, chunk: int | None = 7) -> tuple[Tensor, Tensor]:
    return head_cross_entropy(at.hidden, at.W, at.b if bias else None, at.targets, at.weights, chunk)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_losses_and_gradients_are_those_of_autograd(dtype: torch.dtype, tolerance: float, bias: bool) -> None:
    at, close = head(dtype), {"rtol": tolerance, "atol": tolerance}
    leaves = (at.hidden, at.W, at.b) if bias else (at.hidden, at.W)
    (objective, losses), (expected, expected_losses) = ours(at, bias), plain(at, bias)
    torch.testing.assert_close(objective, expected, **close)
    torch.testing.assert_close(losses, expected_losses, **close)
    assert not losses.requires_grad
    upstream = -2.5
    for scale in (1.0, upstream):
        found = torch.autograd.grad(scale * objective, leaves, retain_graph=True)
        for grad, leaf in zip(found, torch.autograd.grad(scale * expected, leaves, retain_graph=True), strict=True):
            torch.testing.assert_close(grad, leaf, **close)


def test_gradients_are_finite_differences() -> None:
    at = head(n=6, c=4, d=3)
    assert torch.autograd.gradcheck(
        lambda h, W, b: head_cross_entropy(h, W, b, at.targets, at.weights, 4)[0], (at.hidden, at.W, at.b)
    )


@pytest.mark.parametrize("chunk", [1, 2, N - 1, N, 10 * N, None])
def test_the_chunk_changes_rounding_alone(chunk: int | None) -> None:
    at = head()
    (objective, losses), (again, losses_again) = ours(at), ours(at, chunk=chunk)
    torch.testing.assert_close(losses_again, losses, rtol=1e-13, atol=1e-13)
    for a, b in zip(*(torch.autograd.grad(o, (at.hidden, at.W, at.b)) for o in (objective, again)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-13)


def test_rows_without_weight_have_a_loss_but_no_gradient() -> None:
    at = head()
    assert at.weights[0] == 0
    objective, losses = ours(at)
    (grad,) = torch.autograd.grad(objective, at.hidden)
    assert losses[0] == pytest.approx(plain(at)[1][0].item(), rel=1e-12)
    assert grad[0].tolist() == [0.0] * D
    assert grad[1].abs().min() > 0


@pytest.mark.parametrize("trained", [(0,), (1,), (2,), (0, 2), (1, 2)])
def test_only_what_is_trained_gets_a_gradient(trained: tuple[int, ...]) -> None:
    at = head()
    for index in {0, 1, 2} - set(trained):
        at[index].requires_grad_(False)
    ours(at)[0].backward()  # type: ignore[no-untyped-call]
    found = [leaf.grad for leaf in at[:3]]
    leaves = [at[index] for index in trained]
    for index, expected in zip(trained, torch.autograd.grad(plain(at)[0], leaves), strict=True):
        torch.testing.assert_close(found[index], expected, rtol=1e-10, atol=1e-10)
    assert [grad is not None for grad in found] == [index in trained for index in range(3)]


def test_without_gradients_the_same_losses_come_alone() -> None:
    at = head()
    objective, losses = ours(at)
    with torch.no_grad():
        quiet, quiet_losses = ours(at)
    evaluated = head_losses(at.hidden, at.W, at.b, at.targets, 7)
    assert (quiet.requires_grad, evaluated.requires_grad, objective.requires_grad) == (False, False, True)
    assert torch.equal(losses, quiet_losses)
    assert torch.equal(losses, evaluated)
    assert quiet.item() == objective.item()


def test_losses_beyond_the_range_of_exp_stay_finite() -> None:
    hidden, W = torch.tensor([[1.0], [-1.0]]), torch.tensor([[0.0], [400.0], [-400.0]])
    losses = head_losses(hidden, W, None, torch.tensor([2, 2]))
    assert losses.tolist() == [800.0, 0.0]


def test_bfloat16_products_keep_the_loss_and_the_sums_in_float32() -> None:
    exact = head(torch.float64, n=300, c=97, d=32)
    hidden, W, b = (leaf.detach().float() for leaf in exact[:3])
    half, W, b = hidden.bfloat16().requires_grad_(), W.requires_grad_(), b.requires_grad_()
    objective, losses = head_cross_entropy(half, W, b, exact.targets, exact.weights.float(), 64)
    assert (objective.dtype, losses.dtype) == (torch.float32, torch.float32)
    objective.backward()  # type: ignore[no-untyped-call]
    expected, expected_losses = plain(exact)
    logit_error = 2**-8 * F.linear(exact.hidden, exact.W).abs().max().item()
    assert (losses - expected_losses).abs().max().item() < 3 * logit_error
    grads = torch.autograd.grad(expected, exact[:3])
    for leaf, grad, dtype in zip((half, W, b), grads, (torch.bfloat16, torch.float32, torch.float32), strict=True):
        assert leaf.grad is not None
        assert leaf.grad.dtype == dtype
        assert float((leaf.grad.double() - grad).norm() / grad.norm()) < 0.02


class LargestTensor(TorchDispatchMode):
    """Note the most elements that any operation returned, and how often something of W's size became bfloat16."""

    largest = 0
    casts = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else (out,):
            if isinstance(tensor, Tensor):
                half = tensor.dtype == torch.bfloat16 and func is torch.ops.aten._to_copy.default
                self.largest = max(self.largest, tensor.numel())
                self.casts += half and tensor.numel() == C * D
        return out


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_tensor_holds_all_logits_and_w_is_cast_once(dtype: torch.dtype) -> None:
    at = head(torch.float32, n=1000)
    with LargestTensor() as seen:
        head_cross_entropy(at.hidden.to(dtype), at.W, at.b, at.targets, at.weights, 50)[0].backward()  # type: ignore[no-untyped-call]
        head_losses(at.hidden.to(dtype), at.W, at.b, at.targets, 50)
    assert seen.largest == max(50 * C, 1000 * D)
    assert seen.casts == (0 if dtype == torch.float32 else 2)  # one for each call


def test_the_default_chunk_keeps_the_papers_head_within_half_a_gibibyte() -> None:
    c, width = 50_257, 768
    logits = default_chunk(c) * c
    assert 4 * logits < 2**27
    assert (4 + 2) * logits + 2 * (2 * c * width) < 2**29  # bfloat16: both buffers, W and one chunk's gradient of it
    assert 4 * default_chunk(1000) * 1000 == pytest.approx(2**23, rel=0.01)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": torch.zeros(N, D, dtype=torch.float16)}, "hidden must be float32, float64 or bfloat16"),
        ({"hidden": torch.zeros(N, D + 1)}, "do not fit"),
        ({"hidden": torch.zeros(2, N, D)}, "do not fit"),
        ({"hidden": torch.zeros(0, D), "targets": torch.zeros(0, dtype=torch.int64)}, "do not fit"),
        ({"b": torch.zeros(C + 1)}, "b must have shape"),
        ({"targets": torch.zeros(N)}, "targets must be int64"),
        ({"targets": torch.zeros(N, 1, dtype=torch.int64)}, "targets must be int64"),
        ({"targets": torch.full((N,), C)}, f"targets must lie in 0 … {C - 1}, got {C}"),
        ({"targets": torch.full((N,), -100)}, "got -100"),
        ({"weights": torch.zeros(N + 1)}, "weights must have shape"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ours(head(torch.float32)._replace(**change))
    with pytest.raises(ValueError, match="chunk must be at least 1 row, got 0"):
        ours(head(), chunk=0)
