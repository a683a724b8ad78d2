"""The language model against torch's own encoder layers with the same weights, and its counts, noise and initial scale."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from steepest.models import gpt
from steepest.models.frozen_attention import sinusoidal_positions
from steepest.models.gpt import GPTShape, flops_per_token, num_params

B, T, C = 3, 6, 11
SMALL = GPTShape(depth=2, heads=4, width=16, hidden=24, length=T)
POST = replace(SMALL, norm="post", activation="relu", final_norm=False, init="ptb")
GPT2_SMALL = GPTShape(depth=12, heads=12, width=768, hidden=3072, dropout=0.1)
PTB = GPTShape(2, 4, 1000, 1000, norm="post", activation="relu", dropout=0.2, final_norm=False, init="ptb", length=35)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tokens(seed: int = 1) -> Tensor:
    return torch.randint(C, (B, T), generator=seeded(seed))


def params(shape: GPTShape, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    """Return params with biases and norms away from 0 and 1, so that leaving one out would show."""
    generator, drawn = seeded(5), gpt.init(shape, C, seeded())
    shaken = {name: p + 0.1 * torch.randn(p.shape, generator=generator) for name, p in drawn.items()}
    return {name: p.to(dtype).requires_grad_() for name, p in shaken.items()}


def torch_layer(at: dict[str, Tensor], number: int, shape: GPTShape) -> torch.nn.TransformerEncoderLayer:
    layer = torch.nn.TransformerEncoderLayer(
        shape.width,
        shape.heads,
        shape.hidden,
        dropout=0.0,
        activation=F.relu if shape.activation == "relu" else lambda x: F.gelu(x, approximate="tanh"),
        batch_first=True,
        norm_first=shape.norm == "pre",
    ).double()
    names = {
        "self_attn.in_proj_weight": "attention.in.weight",
        "self_attn.in_proj_bias": "attention.in.bias",
        "self_attn.out_proj.weight": "attention.out.weight",
        "self_attn.out_proj.bias": "attention.out.bias",
        "linear1.weight": "mlp.in.weight",
        "linear1.bias": "mlp.in.bias",
        "linear2.weight": "mlp.out.weight",
        "linear2.bias": "mlp.out.bias",
    }
    names |= {f"norm{i}.{part}": f"norm{i}.{part}" for i in (1, 2) for part in ("weight", "bias")}
    layer.load_state_dict({name: at[f"block.{number}.{ours}"].detach() for name, ours in names.items()})
    return layer


@pytest.mark.parametrize("shape", [SMALL, POST, replace(SMALL, activation="relu"), replace(POST, final_norm=True)])
def test_hidden_is_that_of_torchs_encoder(shape: GPTShape) -> None:
    at = params(shape)
    x = math.sqrt(shape.width) * at["embedding"][tokens()] + sinusoidal_positions(T, shape.width).double()
    mask = torch.nn.Transformer.generate_square_subsequent_mask(T, dtype=torch.float64)
    for number in range(shape.depth):
        x = torch_layer(at, number, shape)(x, src_mask=mask, is_causal=True)
    if shape.final_norm:
        x = F.layer_norm(x, (shape.width,), at["norm.weight"], at["norm.bias"])
    torch.testing.assert_close(gpt.hidden(at, tokens(), shape, None), x.flatten(0, 1), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", [SMALL, POST])
def test_the_objective_is_the_weighted_cross_entropy_of_the_head(shape: GPTShape) -> None:
    at, targets, weights = params(shape), tokens(2), torch.rand(B * T, generator=seeded(3)).double()
    objective, losses = gpt.objective(at, tokens(), targets, weights, shape, None)
    logits = F.linear(gpt.hidden(at, tokens(), shape, None), at["head.weight"], at["head.bias"])
    expected = F.cross_entropy(logits, targets.flatten(), reduction="none")
    torch.testing.assert_close(losses, expected.detach(), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(objective, expected @ weights, rtol=1e-10, atol=1e-10)
    assert torch.equal(gpt.losses(at, tokens(), targets, replace(shape, dropout=0.5)), losses)


@pytest.mark.parametrize("shape", [replace(SMALL, dropout=0.3), POST])
def test_gradients_are_finite_differences(shape: GPTShape) -> None:
    at, weights = params(shape), torch.full((B * T,), 1 / (B * T), dtype=torch.float64)

    def value() -> Tensor:
        return gpt.objective(at, tokens(), tokens(2), weights, shape, 7)[0]

    value().backward()  # type: ignore[no-untyped-call]
    for name, p in at.items():
        direction, h = torch.randn(p.shape, generator=seeded(4), dtype=p.dtype), 1e-6
        with torch.no_grad():
            p.add_(h * direction)
            above = value()
            p.sub_(2 * h * direction)
            slope = float(above - value()) / (2 * h)
            p.add_(h * direction)
        assert p.grad is not None
        assert float((p.grad * direction).sum()) == pytest.approx(slope, rel=1e-5, abs=1e-8), name


@pytest.mark.parametrize("shape", [SMALL, POST])
@pytest.mark.parametrize("changed", range(T))
def test_no_output_sees_a_later_token_or_another_window(shape: GPTShape, changed: int) -> None:
    at, others = params(shape), tokens()
    others[1, changed] = (others[1, changed] + 1) % C
    before, after = (gpt.hidden(at, of, shape, None).unflatten(0, (B, T)) for of in (tokens(), others))
    same = (before - after).abs().amax(2) < 1e-12
    assert same[0].all()
    assert same[2].all()
    assert same[1].tolist() == [t < changed for t in range(T)]


def test_a_key_fixes_the_noise_and_leaves_the_global_generator_alone() -> None:
    shape = replace(SMALL, dropout=0.5)
    at = params(shape)
    state = torch.get_rng_state()
    first, again, other, quiet = (gpt.hidden(at, tokens(), shape, key) for key in (1, 1, 2, None))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(quiet, gpt.hidden(at, tokens(), SMALL, 1))


def test_dropout_keeps_the_mean_of_the_embedded_tokens() -> None:
    shape = GPTShape(depth=0, heads=1, width=64, hidden=1, final_norm=False, dropout=0.25)
    at = gpt.init(shape, C, seeded())
    many = torch.randint(C, (200, T), generator=seeded())
    noisy, quiet = (gpt.hidden(at, many, shape, key) for key in (1, None))
    kept = noisy != 0
    assert kept.float().mean().item() == pytest.approx(0.75, abs=0.01)
    torch.testing.assert_close(noisy[kept], quiet[kept] / 0.75)


def test_bfloat16_changes_the_products_within_their_rounding() -> None:
    half = replace(SMALL, precision="bfloat16")
    at, weights = params(SMALL, torch.float32), torch.full((B * T,), 1 / (B * T))
    assert gpt.hidden(at, tokens(), half, None).dtype == torch.bfloat16
    (exact, losses), (found, half_losses) = (
        gpt.objective(at, tokens(), tokens(2), weights, shape, None) for shape in (SMALL, half)
    )
    assert half_losses.dtype == torch.float32
    torch.testing.assert_close(half_losses, losses, rtol=0.05, atol=0.05)
    assert not torch.equal(half_losses, losses)
    names, leaves = list(at), list(at.values())
    for name, a, b in zip(names, *(torch.autograd.grad(o, leaves) for o in (found, exact)), strict=True):
        assert a.dtype == torch.float32
        assert float((a - b).norm()) < 0.1 * float(b.norm()) + 1e-6, name


def test_the_papers_models_have_their_number_of_parameters() -> None:
    assert num_params(GPT2_SMALL, 50_257) == pytest.approx(162.3e6, abs=0.05e6)
    assert num_params(PTB, 9_920) == pytest.approx(31.9e6, abs=0.05e6)
    one_layer = replace(PTB, depth=1, heads=1, width=1200, hidden=1200)
    assert num_params(one_layer, 9_920) == pytest.approx(32.5e6, abs=0.05e6)
    at = gpt.init(SMALL, C, seeded())
    assert num_params(SMALL, C) == sum(p.numel() for p in at.values())


def test_operations_are_those_that_torch_counts_without_the_masked_half_of_attention() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    at, shape = params(SMALL), SMALL
    x = tokens()
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        F.linear(gpt.hidden(at, x, shape, None), at["head.weight"]).sum().backward()
    masked = 3 * 4 * shape.depth * shape.width * (T - (T + 1) / 2)
    assert counter.get_total_flops() == pytest.approx(B * T * (flops_per_token(shape, C) + masked))


def stds(shape: GPTShape, num_classes: int = C) -> dict[str, float]:
    return {name: p.std().item() for name, p in gpt.init(shape, num_classes, seeded()).items() if p.ndim > 1}


def test_the_initial_scales_are_the_papers() -> None:
    def close(value: float) -> object:
        return pytest.approx(value, rel=0.05)

    s = 0.02 * math.sqrt(2)
    found = stds(replace(GPT2_SMALL, depth=1))
    assert found["embedding"] == close(s)
    assert found["head.weight"] == close(s)
    assert found["block.0.mlp.in.weight"] == close(s)
    assert found["block.0.mlp.out.weight"] == close(s / math.sqrt(2))
    assert found["block.0.attention.out.weight"] == close(s / math.sqrt(2))
    assert stds(replace(SMALL, depth=8, width=256))["block.7.attention.out.weight"] == close(s / 4)

    found, attention = stds(replace(PTB, depth=1)), torch.nn.MultiheadAttention(1000, 4)
    for name in ("embedding", "head.weight", "block.0.mlp.in.weight", "block.0.mlp.out.weight"):
        assert found[name] == close(0.02), name
    assert found["block.0.attention.in.weight"] == close(attention.in_proj_weight.std().item())
    assert found["block.0.attention.out.weight"] == close(attention.out_proj.weight.std().item())


def test_norms_start_at_the_papers_values_and_biases_at_zero() -> None:
    for shape, spread in ((SMALL, 0.0), (replace(POST, width=1000, hidden=8), 0.02)):
        for name, p in gpt.init(shape, C, seeded()).items():
            if name.endswith("bias"):
                assert not p.any(), name
            elif "norm" in name:
                assert p.mean().item() == pytest.approx(1, abs=0.003), name
                assert p.std().item() == pytest.approx(spread, rel=0.1), name


@pytest.mark.parametrize(("shape", "paper"), [(SMALL, 0.02 * math.sqrt(2 * 768)), (POST, 0.02 * math.sqrt(1000))])
def test_embedded_tokens_keep_the_papers_scale_below_its_width(shape: GPTShape, paper: float) -> None:
    for width in (64, 256):
        E = gpt.init(replace(shape, width=width), 1000, seeded())["embedding"]
        assert math.sqrt(width) * E.std().item() == pytest.approx(paper, rel=0.02)
    wider = gpt.init(replace(shape, width=1200, hidden=8), C, seeded())["embedding"]
    assert wider.std().item() == pytest.approx(0.02 * (math.sqrt(2) if shape.init == "gpt2" else 1), rel=0.05)


def test_init_depends_on_its_generator_alone() -> None:
    first, again, other = (gpt.init(SMALL, C, seeded(seed)) for seed in (0, 0, 1))
    assert list(first) == list(again)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of the 3 heads, got 16"):
        replace(SMALL, heads=3)
    with pytest.raises(ValueError, match="width must be even"):
        replace(SMALL, width=15, heads=5)
    with pytest.raises(ValueError, match=r"dropout must lie in \[0, 1\), got 1"):
        replace(SMALL, dropout=1.0)
