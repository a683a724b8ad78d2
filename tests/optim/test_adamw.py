"""AdamW: what decays and by how much; the rest of it is judged in test_optimizers.py."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from steepest.optim import AdamW
from steepest.optim.adamw import adamw_

NAMES = {"head.weight": (4, 2), "head.bias": (4,), "blocks.0.norm.weight": (2,), "blocks.0.conv": (3, 2, 2, 2)}
EMBEDDINGS = {"embedding.weight": (4, 2), "model.embedding.weight": (4, 2)}


def model(shapes: dict[str, tuple[int, ...]]) -> dict[str, nn.Parameter]:
    return {name: nn.Parameter(torch.full(shape, 2.0, dtype=torch.float64)) for name, shape in shapes.items()}


def with_zero_gradients(params: dict[str, nn.Parameter]) -> dict[str, nn.Parameter]:
    for p in params.values():
        p.grad = torch.zeros_like(p)
    return params


def test_one_step_by_hand():
    matrix, bias = nn.Parameter(torch.tensor([[1.0, -2.0]])), nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = AdamW({"W": matrix, "b": bias}.items(), lr=0.1, weight_decay=0.5)
    matrix.grad, bias.grad = torch.tensor([[3.0, 3.0]]), torch.tensor([3.0, 3.0])
    optimizer.step()
    torch.testing.assert_close(matrix.data, torch.tensor([[0.95 - 0.1, -1.9 - 0.1]]))
    torch.testing.assert_close(bias.data, torch.tensor([0.9, -2.1]))


def test_without_a_gradient_the_decaying_weights_shrink_by_one_minus_lr_times_decay_and_the_others_stay():
    params = with_zero_gradients(model(NAMES | EMBEDDINGS))
    optimizer = AdamW(params.items(), lr=0.1, weight_decay=0.2)
    for _ in range(3):
        optimizer.step()
    for name, p in params.items():
        decays = name in ("head.weight", "blocks.0.conv")
        torch.testing.assert_close(p.data, torch.full_like(p, 2 * 0.98**3 if decays else 2.0), rtol=1e-12, atol=0)


def test_without_names_the_dimensions_decide():
    params = with_zero_gradients(model(NAMES | EMBEDDINGS))
    AdamW(params.values(), lr=0.1, weight_decay=0.2).step()
    assert {name for name, p in params.items() if not (p == 2.0).all()} == {
        "head.weight", "blocks.0.conv", *EMBEDDINGS
    }  # fmt: skip


def test_a_group_has_its_own_decay_and_its_vectors_none():
    params = with_zero_gradients(model(NAMES))
    first, second = list(params.items())[:2], list(params.items())[2:]
    AdamW([{"params": first, "weight_decay": 1.0}, {"params": second}], lr=0.1, weight_decay=0.2).step()
    factors = [(p.data / 2).mean().item() for p in params.values()]
    assert factors == pytest.approx([0.9, 1.0, 1.0, 0.98], rel=1e-12)


def trajectory(make, steps: int = 20) -> Tensor:
    w = nn.Parameter(torch.linspace(-1, 1, 12).reshape(3, 4))
    optimizer, generator = make([w]), torch.Generator().manual_seed(0)
    for _ in range(steps):
        w.grad = torch.randn(3, 4, generator=generator)
        optimizer.step()
    return w.data


def test_matrices_are_those_of_torch():
    options = {"lr": 0.01, "betas": (0.9, 0.95), "weight_decay": 0.3}
    theirs = trajectory(lambda params: torch.optim.AdamW(params, fused=False, **options))
    torch.testing.assert_close(trajectory(lambda params: AdamW(params, **options)), theirs, rtol=1e-5, atol=1e-6)


def test_the_rule_is_that_of_the_class_also_for_runs_with_their_own_learning_rates():
    rates = [0.01, 0.3]
    w = torch.linspace(-1, 1, 12).reshape(3, 4).repeat(2, 1, 1)
    m, v, generator = torch.zeros_like(w), torch.zeros_like(w), torch.Generator().manual_seed(0)
    for t in range(1, 21):
        g = torch.randn(3, 4, generator=generator).repeat(2, 1, 1)
        adamw_([w], [g], [m], [v], t, torch.tensor(rates), weight_decay=0.3)
    for alone, lr in zip(w, rates, strict=True):
        expected = trajectory(lambda params, lr=lr: AdamW(params, lr=lr, weight_decay=0.3))
        torch.testing.assert_close(alone, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weight_decay", [-0.1, math.nan, math.inf])
def test_bad_weight_decay(weight_decay):
    with pytest.raises(ValueError, match=f"^weight_decay must be finite and >= 0, got {weight_decay}$"):
        AdamW(model(NAMES).items(), lr=0.1, weight_decay=weight_decay)
