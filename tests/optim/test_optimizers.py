"""One suite for all optimizers but the line search: a record for each, judged by numpy in float64 and by torch."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from optim.optimizer_records import RECORDS, SIZE, cut, feed, flat, parameters, random_gradients, relative_error
from torch import Tensor, nn

from steepest.optim import AdaGrad, Adam, AdamW, GradientDescent, Muon, NormalizedGD, RescaledSignDescent, SignDescent
from steepest.optim.adam import FUSED_FROM
from steepest.optim.norms import l2_norm

every_optimizer = pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS.keys())
with_momentum = [GradientDescent, NormalizedGD, SignDescent, RescaledSignDescent]
with_betas = [Adam, AdamW, Muon]
every_class = [*with_momentum, *with_betas, AdaGrad]


# ---- the equations --------------------------------------------------------------------------------------------------


@every_optimizer
def test_agrees_with_the_equation_in_float64(record):
    params, gradients = parameters(), random_gradients(200)
    feed(record.make(params, lr=record.lr, **record.options), params, gradients)
    expected = record.reference(np.linspace(-1, 1, SIZE), gradients, record.lr, **record.options)
    assert relative_error(flat(params), expected) < 1e-12


@every_optimizer
def test_two_steps_by_hand(record):
    w = nn.Parameter(torch.tensor([1.0, 1.0], dtype=torch.float64))
    optimizer = record.make([w], lr=0.1, **record.options)
    for expected in record.by_hand:
        w.grad = torch.tensor([3.0, -4.0], dtype=torch.float64)
        optimizer.step()
        np.testing.assert_allclose(w.detach(), expected, rtol=1e-8)


@pytest.mark.parametrize("name", [name for name, record in RECORDS.items() if record.in_torch])
def test_agrees_with_torch_in_float32(name):
    record, gradients = RECORDS[name], random_gradients(200)
    ours, theirs = parameters(torch.float32), parameters(torch.float32)
    feed(record.make(ours, lr=record.lr, **record.options), ours, gradients)
    feed(record.in_torch(theirs, lr=record.lr, **record.options), theirs, gradients)
    assert relative_error(flat(ours), flat(theirs)) < 1e-6


@every_optimizer
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_runs_stepped_together_have_the_bits_of_runs_stepped_alone(record, dtype):
    runs, steps, rates = 5, 20, [0.001, 0.01, 0.1, 1.0, 3.0]
    gradients = np.stack([random_gradients(steps, seed) for seed in range(runs)], axis=1)

    def train(chosen: list[int], lr: float | Tensor) -> list[Tensor]:
        w = [p.detach().repeat(len(chosen), *[1] * p.dim()) for p in parameters(dtype)]
        state = {name: [torch.zeros_like(p) for p in w] for name in record.state}
        for t in range(1, steps + 1):
            g = [torch.stack(pieces) for pieces in zip(*(cut(gradients[t - 1, r], dtype) for r in chosen), strict=True)]
            record.rule(w, g, state, t, lr)
        return w

    together = train(list(range(runs)), torch.tensor(rates, dtype=dtype))
    for r in range(runs):
        alone = train([r], rates[r])
        assert all(torch.equal(a[0], b[r]) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_large_runs_of_a_stack_have_the_bits_of_torch_fused_adam(dtype):
    draw, runs, shape = torch.Generator().manual_seed(0), 3, (FUSED_FROM // 64, 64)
    options = {"lr": [0.1, 0.01, 1.0], "betas": [(0.9, 0.999), (0.0, 0.99), (0.5, 0.9)], "eps": [1e-8, 1e-4, 0.0]}
    w = torch.randn(runs, *shape, generator=draw, dtype=dtype)
    alone = [w[r].clone() for r in range(runs)]
    betas = tuple(torch.tensor(beta, dtype=torch.float64) for beta in zip(*options["betas"], strict=True))
    numbers = {name: torch.tensor(options[name], dtype=torch.float64) for name in ("lr", "eps")}
    stacked = Adam.stacked([w], betas=betas, **numbers)
    singles = [
        torch.optim.Adam([p], **{name: values[r] for name, values in options.items()}, fused=True)
        for r, p in enumerate(alone)
    ]
    for _ in range(4):
        w.grad = torch.randn(runs, *shape, generator=draw, dtype=dtype)
        for p, g in zip(alone, w.grad, strict=True):
            p.grad = g.clone()
        for optimizer in (stacked, *singles):
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(w, alone, strict=True))


def test_large_runs_of_a_stack_may_share_options():
    start, gradient = torch.ones(2, FUSED_FROM), torch.full((2, FUSED_FROM), 3.0)
    moved = []
    for shared in (True, False):
        w = start.clone()
        w.grad = gradient.clone()
        options = (
            {} if shared else {"betas": (torch.full((2,), 0.9), torch.full((2,), 0.999)), "eps": torch.full((2,), 1e-8)}
        )
        Adam.stacked([w], lr=torch.tensor([0.5, 0.25]), **options).step()
        moved.append(w)
    torch.testing.assert_close(moved[0][:, 0], torch.tensor([0.5, 0.75]))
    torch.testing.assert_close(moved[0], moved[1])


@every_optimizer
def test_the_class_applies_its_rule(record):
    gradients = random_gradients(30)
    params, w = parameters(), [p.detach().clone()[None] for p in parameters()]
    feed(record.make(params, lr=record.lr, **record.options), params, gradients)
    state = {name: [torch.zeros_like(p) for p in w] for name in record.state}
    for t, vector in enumerate(gradients, start=1):
        record.rule(w, [g[None] for g in cut(vector, torch.float64)], state, t, record.lr)
    assert relative_error(flat(params), flat(w)) < 1e-14


@pytest.mark.parametrize("name", ["sign", "sign+m", "signum", "normalized", "normalized+m"])
@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_scaling_the_gradient_changes_nothing(name, scale):
    record, gradients = RECORDS[name], random_gradients(10)
    plain, scaled = parameters(), parameters()
    feed(record.make(plain, lr=0.1, **record.options), plain, gradients)
    feed(record.make(scaled, lr=0.1, **record.options), scaled, scale * gradients)
    assert np.array_equal(flat(plain), flat(scaled))


def test_rescaled_sign_moves_every_coordinate_by_the_1_norm():
    params = parameters()
    before, (gradient,) = flat(params), random_gradients(1)
    feed(RescaledSignDescent(params, lr=0.5), params, [gradient])
    np.testing.assert_allclose(np.abs(flat(params) - before), 0.5 * np.abs(gradient).sum(), rtol=1e-13)


@every_optimizer
def test_a_zero_gradient_moves_nothing(record):
    params = parameters()
    before = flat(params)
    feed(record.make(params, lr=0.1, **record.options), params, np.zeros((3, SIZE)))
    assert np.array_equal(flat(params), before)


# ---- manners of torch.optim -----------------------------------------------------------------------------------------


@every_optimizer
def test_state_dict_round_trip_continues_with_the_same_bits(record):
    gradients = random_gradients(20)
    straight, resumed = parameters(torch.float32), parameters(torch.float32)
    feed(record.make(straight, lr=0.01, **record.options), straight, gradients)
    first = record.make(resumed, lr=0.01, **record.options)
    feed(first, resumed, gradients[:7])
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = record.make(resumed, lr=0.5)
    second.load_state_dict(torch.load(file, weights_only=True))
    feed(second, resumed, gradients[7:])
    assert np.array_equal(flat(straight), flat(resumed))


@every_optimizer
def test_state_is_created_at_the_first_step(record):
    params = parameters()
    optimizer = record.make(params, lr=0.1, **record.options)
    assert not optimizer.state
    feed(optimizer, params, random_gradients(1))
    kept = [(name, value.dtype == p.dtype) for p in params for name, value in optimizer.state[p].items()]
    assert {name for name, _ in kept} - {"step"} == set(record.state)
    assert all(same_dtype for name, same_dtype in kept if name != "step")


@every_optimizer
def test_the_state_is_made_of_tensors_and_numbers(record):
    params = parameters()
    optimizer = record.make(params, lr=0.1, **record.options)
    feed(optimizer, params, random_gradients(3))
    values = [value for state in optimizer.state_dict()["state"].values() for value in state.values()]
    assert all(isinstance(value, Tensor | int | float) for value in values)


@every_optimizer
def test_state_of_bare_tensors_and_numbers_continues_with_the_same_bits(record):
    gradients = random_gradients(8)
    straight, resumed = parameters(torch.float32), parameters(torch.float32)
    whole, first = (record.make(p, lr=0.01, **record.options) for p in (straight, resumed))
    feed(whole, straight, gradients)
    feed(first, resumed, gradients[:3])
    second = record.make(resumed, lr=0.01, **record.options)
    copied = {i: {k: v.clone() for k, v in state.items()} for i, state in first.state_dict()["state"].items()}
    second.load_state_dict({"state": copied, "param_groups": second.state_dict()["param_groups"]})
    feed(second, resumed, gradients[3:])
    assert np.array_equal(flat(straight), flat(resumed))


@every_optimizer
def test_parameters_with_names_step_as_those_without(record):
    plain, named = parameters(), parameters()
    feed(record.make(plain, lr=0.1, **record.options), plain, random_gradients(5))
    with_names = {f"block.{i}": p for i, p in enumerate(named)}
    optimizer = record.make(with_names.items(), lr=0.1, **record.options)
    feed(optimizer, named, random_gradients(5))
    assert np.array_equal(flat(plain), flat(named))
    names = [name for group in optimizer.param_groups for name in group["param_names"]]
    stepped = [p for group in optimizer.param_groups for p in group["params"]]
    assert all(with_names[name] is p for name, p in zip(names, stepped, strict=True))
    assert set(names) == set(with_names)


@every_optimizer
def test_groups_have_their_own_learning_rate_and_one_norm(record):
    gradients = random_gradients(10)
    alone, grouped = parameters(), parameters()
    feed(record.make(alone, lr=0.1, **record.options), alone, gradients)
    groups = [{"params": grouped[:2], "lr": 0.1}, {"params": grouped[2:], "lr": 0.2}]
    feed(record.make(groups, lr=9.0, **record.options), grouped, gradients)
    start = parameters()
    for p, q, p0, factor in zip(alone, grouped, start, [1, 1, 2, 2], strict=True):
        torch.testing.assert_close((q - p0).data, factor * (p - p0).data, rtol=1e-12, atol=1e-12)


@every_optimizer
def test_parameters_without_gradient_stay_and_get_no_state(record):
    used, unused = parameters()[0], nn.Parameter(torch.ones(4))
    optimizer = record.make([unused, used], lr=0.1, **record.options)
    optimizer.step()  # nothing has a gradient yet
    used.grad = torch.ones_like(used)
    optimizer.step()
    assert torch.equal(unused.data, torch.ones(4))
    assert unused not in optimizer.state
    assert not torch.equal(used.data, parameters()[0].data)


@every_optimizer
def test_a_closure_is_called_once_with_gradients_on_and_its_loss_returned(record):
    w = nn.Parameter(torch.tensor([3.0]))
    optimizer, calls = record.make([w], lr=0.1, **record.options), []

    def closure():
        calls.append(torch.is_grad_enabled())
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        assert optimizer.step(closure).item() == 9.0
    assert calls == [True]
    assert w.item() < 3.0


@every_optimizer
def test_sparse_gradients_are_refused_and_nothing_moves(record):
    dense, table = nn.Parameter(torch.ones(2)), nn.Embedding(4, 2, sparse=True)
    before = table.weight.detach().clone()
    optimizer = record.make([table.weight, dense], lr=0.1, **record.options)
    (table(torch.tensor([1])).sum() + dense.sum()).backward()
    name = "Adam" if isinstance(optimizer, torch.optim.Adam) else type(optimizer).__name__  # torch's words
    with pytest.raises(RuntimeError, match=rf"{name} does not support sparse.*SparseAdam"):
        optimizer.step()
    assert torch.equal(table.weight, before)
    assert torch.equal(dense.data, torch.ones(2))


@every_optimizer
def test_a_step_never_waits_for_the_device(record):
    w = nn.Parameter(torch.ones(3, device="meta"))  # reading a value of a meta tensor raises
    optimizer = record.make([w], lr=0.1, **record.options)
    for _ in range(2):
        w.grad = torch.ones(3, device="meta")
        optimizer.step()


@every_optimizer
def test_a_scheduler_changes_the_learning_rate(record):
    halved, plain = parameters(), parameters()
    gradient = random_gradients(1)
    optimizer = record.make(halved, lr=0.1, **record.options)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0 if step == 0 else 0.5)
    feed(optimizer, halved, gradient)
    after_one = flat(halved)
    scheduler.step()
    feed(optimizer, halved, gradient)
    feed(record.make(plain, lr=0.1, **record.options), plain, np.repeat(gradient, 2, axis=0))
    full_second_step = flat(plain) - after_one
    np.testing.assert_allclose(flat(halved) - after_one, 0.5 * full_second_step, rtol=1e-9)


def test_momentum_switched_on_later_starts_from_an_empty_buffer():
    params = parameters()
    gradients, before = random_gradients(2), flat(params)
    optimizer = GradientDescent(params, lr=0.1)
    feed(optimizer, params, gradients[:1])
    optimizer.param_groups[0]["momentum"] = 0.5
    feed(optimizer, params, gradients[1:])
    np.testing.assert_allclose(flat(params), before - 0.1 * gradients.sum(axis=0), rtol=1e-12)


# ---- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", every_class)
@pytest.mark.parametrize("lr", [0.0, -0.1, math.nan, math.inf])
def test_bad_learning_rate(make, lr):
    with pytest.raises(ValueError, match=f"^lr must be finite and > 0, got {lr}$"):
        make(parameters(), lr=lr)


@pytest.mark.parametrize("make", [*with_momentum, Muon])
@pytest.mark.parametrize("momentum", [-0.1, 1.0, math.nan])
def test_bad_momentum(make, momentum):
    with pytest.raises(ValueError, match=rf"^momentum must be in \[0, 1\), got {momentum}$"):
        make(parameters(), lr=0.1, momentum=momentum)


@pytest.mark.parametrize("make", [*with_betas, AdaGrad])
@pytest.mark.parametrize("eps", [-1e-8, math.nan, math.inf])
def test_bad_epsilon(make, eps):
    with pytest.raises(ValueError, match=f"^eps must be finite and >= 0, got {eps}$"):
        make(parameters(), lr=0.1, eps=eps)


@pytest.mark.parametrize("make", with_betas)
@pytest.mark.parametrize("betas", [(-0.1, 0.9), (0.9, 1.0), (math.nan, 0.9)])
def test_bad_betas(make, betas):
    with pytest.raises(ValueError, match=r"^betas must both be in \[0, 1\), got \("):
        make(parameters(), lr=0.1, betas=betas)


def test_bad_order():
    with pytest.raises(ValueError, match=r"^order must be 'sign-first' or 'signum', got 'sign'$"):
        SignDescent(parameters(), lr=0.1, order="sign")


@pytest.mark.parametrize("make", every_class)
def test_options_of_a_group_are_checked_too(make):
    first, second = parameters()[:2]
    with pytest.raises(ValueError, match=r"^lr must be finite and > 0, got -1\.0$"):
        make([{"params": [first], "lr": -1.0}], lr=0.1)
    with pytest.raises(ValueError, match=r"^lr must be finite and > 0, got nan$"):
        make([first], lr=0.1).add_param_group({"params": [second], "lr": math.nan})


@pytest.mark.parametrize("make", with_betas)
def test_adam_takes_the_fused_kernel_where_it_exists(make):
    on_cpu, on_meta = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2, device="meta"))
    assert make([on_cpu], lr=0.1).param_groups[-1]["fused"] is True
    assert make([on_meta], lr=0.1).param_groups[-1]["fused"] is None


def test_the_buffer_of_signum_is_an_average_of_gradients():
    params, (gradient,) = parameters(), random_gradients(1)
    optimizer = SignDescent(params, lr=0.1, momentum=0.75, order="signum")
    feed(optimizer, params, [gradient, gradient])
    buffers = flat(optimizer.state[p]["momentum_buffer"] for p in params)
    np.testing.assert_allclose(buffers, (1 - 0.75**2) * gradient, rtol=1e-13)


def test_normalized_step_has_the_length_of_the_learning_rate():
    params = parameters()
    before = [p.detach().clone() for p in params]
    feed(NormalizedGD(params, lr=0.25), params, random_gradients(1))
    moved = [p.detach() - q for p, q in zip(params, before, strict=True)]
    assert l2_norm(moved).item() == pytest.approx(0.25, rel=1e-13)
