"""Muon on matrices: its singular values and vectors, its size, which parameters are hidden matrices."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from optim.optimizer_records import newton_schulz
from torch import Tensor, nn

from steepest.optim import Adam, Muon
from steepest.optim.muon import muon_, orthogonalized

SHAPES = [(16, 16), (16, 48), (48, 16), (1, 7), (7, 1)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
MODEL = {
    "embedding.weight": (6, 4),
    "blocks.0.linear1.weight": (8, 4),
    "blocks.0.linear1.bias": (8,),
    "blocks.0.conv.weight": (4, 4, 3, 3),
    "blocks.0.linear2.weight": (4, 8),
    "head.weight": (6, 4),
    "head.bias": (6,),
}
HIDDEN = {"blocks.0.linear1.weight", "blocks.0.linear2.weight"}


def random_matrix(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def model() -> dict[str, nn.Parameter]:
    return {name: nn.Parameter(random_matrix(*shape, seed=1).float()) for name, shape in MODEL.items()}


def feed(optimizer, params: dict[str, nn.Parameter], seeds) -> None:
    for seed in seeds:
        for p in params.values():
            p.grad = random_matrix(*p.shape, seed=seed).to(p.dtype)
        optimizer.step()


# ---- the orthogonal matrix ------------------------------------------------------------------------------------------


@every_shape
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_the_iteration_maps_the_singular_values_and_keeps_the_vectors(shape, dtype, tolerance):
    U = random_matrix(*shape)
    found, expected = orthogonalized(U.to(dtype)).double().numpy(), newton_schulz(U.numpy())
    assert np.linalg.norm(found - expected) < tolerance * np.linalg.norm(expected)


@every_shape
def test_the_singular_values_are_near_one(shape):
    U = random_matrix(*shape)
    assert (torch.linalg.svdvals(U / U.norm()) > 0.01).all()  # else five rounds are too few
    values = torch.linalg.svdvals(orthogonalized(U))
    assert values.min() > 0.68
    assert values.max() < 1.14


def test_a_gradient_of_rank_one_keeps_its_direction():
    u, v = random_matrix(5, 1), random_matrix(1, 9, seed=1)
    factor = 1.0
    for _ in range(5):
        factor = 3.4445 * factor - 4.7750 * factor**3 + 2.0315 * factor**5
    expected = factor * u @ v / (u.norm() * v.norm())
    torch.testing.assert_close(orthogonalized(u @ v), expected, rtol=1e-12, atol=1e-12)


def test_the_step_is_dual_to_the_spectral_norm():
    G = random_matrix(12, 20)
    D = orthogonalized(G)
    dual = torch.linalg.svdvals(G).sum()  # the nuclear norm, the largest <G, D> with ||D|| <= 1
    assert 0.68 * dual < (G * D).sum() < 1.14 * dual


@pytest.mark.parametrize("scale", [2.0**-60, 2.0**-20, 2.0**20])
def test_the_scale_of_the_gradient_changes_nothing(scale):
    G = random_matrix(8, 6).float()
    assert torch.equal(orthogonalized(scale * G), orthogonalized(G))


def test_zero_among_many_gives_zero():
    U = torch.stack([random_matrix(3, 4), torch.zeros(3, 4, dtype=torch.float64)])
    torch.testing.assert_close(orthogonalized(U)[0], orthogonalized(U[0]), rtol=1e-12, atol=1e-12)
    assert torch.equal(orthogonalized(U)[1], U[1])


# ---- the step -------------------------------------------------------------------------------------------------------


def test_one_step_by_hand():
    w = nn.Parameter(torch.zeros(2, 2, dtype=torch.float64))
    optimizer = Muon([w], lr=0.1)
    w.grad = torch.diag(torch.tensor([3.0, 4.0], dtype=torch.float64))  # σ / ‖σ‖ = 0.6 and 0.8
    optimizer.step()
    expected = torch.diag(torch.tensor([0.722876168617117, 1.119203929916044], dtype=torch.float64))
    torch.testing.assert_close(w.data, -0.1 * 0.2 * math.sqrt(2) * expected, rtol=1e-12, atol=1e-15)


@every_shape
def test_the_root_mean_square_of_a_step_is_a_fifth_of_the_learning_rate(shape):
    w = nn.Parameter(torch.zeros(shape, dtype=torch.float64))
    optimizer = Muon([w], lr=0.5)
    w.grad = random_matrix(*shape)
    optimizer.step()
    assert 0.68 * 0.1 < w.detach().square().mean().sqrt() < 1.14 * 0.1


@every_shape
@pytest.mark.parametrize("nesterov", [True, False])
def test_agrees_with_torch_up_to_its_bfloat16(shape, nesterov):
    ours, theirs = ({"w": nn.Parameter(torch.zeros(shape))} for _ in range(2))
    options = {"lr": 0.1, "momentum": 0.9, "nesterov": nesterov}
    feed(Muon(ours.values(), **options), ours, range(4))
    same_size = {"weight_decay": 0.0, "adjust_lr_fn": "match_rms_adamw"}
    feed(torch.optim.Muon(theirs.values(), **options, **same_size), theirs, range(4))
    assert (ours["w"] - theirs["w"]).norm() < 0.03 * theirs["w"].norm()


def test_momentum_looks_ahead_only_if_asked():
    gradients = [random_matrix(4, 6, seed=s) for s in (0, 1)]
    for nesterov, U in ((True, gradients[1] + 0.5 * (gradients[1] + 0.5 * gradients[0])),
                        (False, gradients[1] + 0.5 * gradients[0])):  # fmt: skip
        w, b = torch.zeros_like(U), torch.zeros_like(U)
        muon_([w], gradients[:1], [b], 0.0, momentum=0.5, nesterov=nesterov)
        muon_([w], gradients[1:], [b], 1.0, momentum=0.5, nesterov=nesterov)
        expected = -0.2 * math.sqrt(6) * newton_schulz(U.numpy())
        np.testing.assert_allclose(w.numpy(), expected, rtol=0, atol=1e-12)


def test_fewer_rounds_where_asked():
    w, G = torch.zeros(4, 6, dtype=torch.float64), random_matrix(4, 6)
    muon_([w], [G], [None], 1.0, ns_steps=2)
    np.testing.assert_allclose(w.numpy(), -0.2 * math.sqrt(6) * newton_schulz(G.numpy(), 2), rtol=0, atol=1e-12)


@every_shape
def test_runs_stepped_together_are_runs_stepped_alone(shape):
    rates = [0.001, 0.1, 3.0]
    w, b = torch.ones(3, *shape, dtype=torch.float64), torch.zeros(3, *shape, dtype=torch.float64)
    alone = [nn.Parameter(torch.ones(shape, dtype=torch.float64)) for _ in rates]
    optimizers = [Muon([p], lr=lr) for p, lr in zip(alone, rates, strict=True)]
    for seed in range(5):
        G = random_matrix(3, *shape, seed=seed)
        muon_([w], [G], [b], torch.tensor(rates))
        for p, g, optimizer in zip(alone, G, optimizers, strict=True):
            p.grad = g
            optimizer.step()
    torch.testing.assert_close(w, torch.stack([p.data for p in alone]), rtol=1e-6, atol=1e-9)


# ---- which parameters -----------------------------------------------------------------------------------------------


def test_hidden_matrices_take_muon_and_all_others_the_bits_of_adam():
    ours, adams = model(), model()
    optimizer = Muon(ours.items(), lr=0.01)
    feed(optimizer, ours, range(5))
    feed(Adam(adams.values(), lr=0.01, betas=(0.9, 0.95)), adams, range(5))
    assert {name for name in MODEL if not torch.equal(ours[name], adams[name])} == HIDDEN
    assert {name for name in MODEL if "momentum_buffer" in optimizer.state[ours[name]]} == HIDDEN


def test_without_names_every_matrix_is_hidden():
    params = model()
    optimizer = Muon(params.values(), lr=0.01)
    matrices = {name for name, shape in MODEL.items() if len(shape) == 2}
    assert {name for name in MODEL if any(params[name] is p for p in optimizer.param_groups[0]["params"])} == matrices


def test_a_zero_gradient_moves_nothing():
    params, before = model(), model()
    for p in params.values():
        p.grad = torch.zeros_like(p)
    Muon(params.items(), lr=0.1).step()
    assert all(torch.equal(params[name], before[name]) for name in MODEL)


def test_a_model_with_names_continues_from_its_state_with_the_same_bits():
    straight, resumed = model(), model()
    feed(Muon(straight.items(), lr=0.01), straight, range(6))
    first = Muon(resumed.items(), lr=0.01)
    feed(first, resumed, range(3))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = Muon(resumed.items(), lr=0.5, momentum=0.1)
    second.load_state_dict(torch.load(file, weights_only=True))
    feed(second, resumed, range(3, 6))
    assert all(torch.equal(straight[name], resumed[name]) for name in MODEL)


def test_groups_have_their_own_options():
    w, v = (nn.Parameter(torch.zeros(3, 3, dtype=torch.float64)) for _ in range(2))
    optimizer = Muon([{"params": [w]}, {"params": [v], "lr": 0.3}], lr=0.1)
    w.grad = v.grad = random_matrix(3, 3)
    optimizer.step()
    torch.testing.assert_close(v.data, 3 * w.data, rtol=1e-12, atol=0)


@pytest.mark.parametrize("ns_steps", [0, -1, math.nan])
def test_bad_rounds(ns_steps):
    with pytest.raises(ValueError, match=f"^ns_steps must be >= 1, got {ns_steps}$"):
        Muon(model().items(), lr=0.1, ns_steps=ns_steps)
