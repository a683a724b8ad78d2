"""The frozen transformer against torch's own attention with the same weights, and what must not leak."""

from __future__ import annotations

import math

import pytest
import torch

from steepest.models.frozen_attention import EMBEDDING_STD, PAPER_WIDTH, frozen_features, sinusoidal_positions

B, T, D, V = 3, 7, 16, 11


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tokens() -> torch.Tensor:
    return torch.randint(V, (B, T), generator=seeded(1))


def features(of: torch.Tensor, width: int = D) -> torch.Tensor:
    return frozen_features(of, V, width, seeded()).reshape(len(of), -1, width)


def test_positions_are_those_of_the_formula() -> None:
    found = sinusoidal_positions(T, D)
    for t in range(T):
        for i in range(D // 2):
            angle = t / 10_000 ** (2 * i / D)
            assert found[t, 2 * i] == pytest.approx(math.sin(angle), abs=1e-5)
            assert found[t, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-5)
    with pytest.raises(ValueError, match="width must be even, got 5"):
        sinusoidal_positions(T, 5)


def test_features_are_a_residual_around_torchs_attention_with_the_same_weights() -> None:
    generator = seeded()
    E = torch.empty(V, D).normal_(0.0, 1.0, generator=generator) * (0.02 * math.sqrt(1200))
    attention = torch.nn.MultiheadAttention(D, 1, bias=False, batch_first=True).double()
    bounds = {"in_proj_weight": math.sqrt(6 / (3 * D + D)), "out_proj.weight": 1 / math.sqrt(D)}
    for name, bound in bounds.items():
        weight = attention.get_parameter(name)
        drawn = torch.empty(weight.shape).uniform_(-bound, bound, generator=generator)
        weight.data.copy_(drawn)
    e = (E[tokens()] + sinusoidal_positions(T, D)).double()
    mask = torch.triu(torch.ones(T, T, dtype=torch.bool), diagonal=1)
    with torch.no_grad():
        attended, _ = attention(e, e, e, attn_mask=mask)
    torch.testing.assert_close(features(tokens()).double(), e + attended, rtol=1e-5, atol=1e-5)


def test_the_bounds_of_the_projections_are_torchs_defaults() -> None:
    attention = torch.nn.MultiheadAttention(64, 1)
    assert float(attention.in_proj_weight.detach().abs().max()) == pytest.approx(math.sqrt(6 / 256), rel=0.01)
    assert float(attention.out_proj.weight.detach().abs().max()) == pytest.approx(1 / 8, rel=0.01)


@pytest.mark.parametrize("changed", range(T))
def test_no_feature_sees_a_later_token_or_another_window(changed: int) -> None:
    before = features(tokens())
    others = tokens()
    others[1, changed] = (others[1, changed] + 1) % V
    after = features(others)
    same = (before == after).all(dim=2)
    assert same[0].all()
    assert same[2].all()
    assert same[1].tolist() == [t < changed for t in range(T)]


def test_tokens_keep_the_papers_scale_at_any_width() -> None:
    assert pytest.approx(0.6928, abs=1e-4) == EMBEDDING_STD * math.sqrt(PAPER_WIDTH)
    for width in (16, 256):
        many = torch.arange(2000).reshape(2000, 1)
        generator, again = seeded(), seeded()
        h = frozen_features(many, 2000, width, generator)
        E = torch.empty(2000, width).normal_(0.0, 1.0, generator=again)
        slope = float((h * E).sum() / (E * E).sum())  # the residual carries √D·E with this factor, attention adds noise
        assert slope == pytest.approx(0.6928, rel=0.3)


def test_features_need_no_gradient_and_depend_on_the_generator_alone() -> None:
    torch.manual_seed(1)
    first = frozen_features(tokens(), V, D, seeded())
    torch.manual_seed(2)
    assert torch.equal(first, frozen_features(tokens(), V, D, seeded()))
    assert not torch.equal(first, frozen_features(tokens(), V, D, seeded(5)))
    assert (first.shape, first.dtype, first.requires_grad) == ((B * T, D), torch.float32, False)
