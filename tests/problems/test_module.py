"""Modules as tasks: losses, gradients and runs against plain torch loops over the module itself."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from steepest.errors import UsageError
from steepest.problems.base import Problem, Task, Work
from steepest.problems.module import Examples, cross_entropy, module_task
from steepest.runs.execute import execute
from steepest.runs.train import evaluate, loss_by_class, train

N, D, C = 30, 5, 4


def examples(seed: int = 0) -> Examples:
    generator = torch.Generator().manual_seed(seed)
    return Examples(torch.randn(N, D, generator=generator), torch.randint(C, (N,), generator=generator))


def network(*middle: nn.Module) -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(D, 6), *middle, nn.Tanh(), nn.Linear(6, C))


def grads(task: Task) -> dict[str, torch.Tensor]:
    return {name: p.grad for name, p in task.params.items() if p.grad is not None}


def test_losses_and_gradients_are_those_of_the_module():
    module, data = network(), examples()
    task = module_task(copy.deepcopy(module), data, per_chunk=7)
    expected = F.cross_entropy(module(data.inputs), data.targets, reduction="none")
    assert torch.allclose(evaluate(task, task.params), expected)
    next(train(task, torch.optim.SGD(task.params.values(), lr=1.0), steps=1))
    expected.mean().backward()
    for name, p in module.named_parameters():
        assert torch.allclose(grads(task)[name], p.grad, atol=1e-7)


def test_a_run_in_mini_batches_is_the_loop_that_people_write():
    module, data = network(), examples()
    task = module_task(copy.deepcopy(module), data, per_update=8, seed=3)
    for _ in train(task, torch.optim.Adam(task.params.values(), lr=0.1), steps=9):
        pass
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    for step in range(9):
        items = task.batches.items(step)
        optimizer.zero_grad()
        F.cross_entropy(module(data.inputs[items]), data.targets[items]).backward()
        optimizer.step()
    for name, p in module.named_parameters():
        assert torch.allclose(task.params[name], p, atol=1e-6)


def test_the_module_given_keeps_its_params():
    module = network()
    before = copy.deepcopy(module.state_dict())
    task = module_task(module, examples())
    for _ in train(task, torch.optim.SGD(task.params.values(), lr=1.0), steps=2):
        pass
    assert all(torch.equal(before[name], p) for name, p in module.state_dict().items())


def test_every_position_of_a_sequence_is_an_example():
    tokens = torch.randint(C, (6, 4), generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    module = nn.Sequential(nn.Embedding(C, 3), nn.Linear(3, C))
    task = module_task(module, Examples(tokens, tokens.roll(1, 1)))
    expected = F.cross_entropy(module(tokens).transpose(1, 2), tokens.roll(1, 1), reduction="none")
    assert torch.allclose(evaluate(task, task.params), expected.flatten())
    by_class = [expected[tokens.roll(1, 1) == k].mean() for k in range(C)]
    assert torch.allclose(loss_by_class(task, expected.flatten().detach()), torch.stack(by_class).double())


def test_batch_norm_takes_its_moments_from_what_is_read_together():
    module, data = network(nn.BatchNorm1d(6)), examples()
    reference = copy.deepcopy(module).train()
    task = module_task(module, data, per_chunk=10)
    chunks = [reference(data.inputs[start : start + 10]) for start in (0, 10, 20)]
    expected = F.cross_entropy(torch.cat(chunks), data.targets, reduction="none")
    assert torch.allclose(evaluate(task, task.params), expected, atol=1e-6)
    assert not task.batches.noisy


def test_dropout_follows_the_key_and_is_off_in_evaluation():
    module, data = network(nn.Dropout(0.5)), examples()
    task = module_task(module, data)
    batches, items, weights = task.batches, torch.arange(N), torch.full((N,), 1 / N)
    first, again, other = (batches.objective(task.params, items, weights, key)[1] for key in (1, 1, 2))
    assert batches.noisy
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    module.eval()
    expected = F.cross_entropy(module(data.inputs), data.targets, reduction="none")
    assert torch.allclose(batches.losses(task.params, items), expected)


def test_dropout_does_not_touch_the_global_generator():
    task = module_task(network(nn.Dropout(0.5)), examples())
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    task.batches.objective(task.params, torch.arange(N), torch.full((N,), 1 / N), 5)
    assert torch.equal(torch.rand(1), expected)


def test_frozen_params_are_not_trained():
    module = network()
    module[0].requires_grad_(False)
    assert set(module_task(module, examples()).params) == {"2.weight", "2.bias"}
    with pytest.raises(UsageError, match="Linear has no parameter that requires a gradient"):
        module_task(module[0], examples())


class Counting(nn.Module):
    """A module that remembers how often it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(D, C)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.inner(x)


def test_a_module_that_changes_a_buffer_is_refused():
    with pytest.raises(UsageError, match="Counting changes its buffer calls"):
        module_task(Counting(), examples())


def test_a_loss_of_another_shape_is_refused():
    with pytest.raises(UsageError, match=r"one number per example, 30 here, got shape \(\); reduction='none'"):
        module_task(network(), examples(), F.cross_entropy)


def test_ignored_targets_are_refused():
    data = examples()
    data.targets[0] = -100
    with pytest.raises(UsageError, match="class ids from 0, one is -100"):
        module_task(network(), data)


def test_regression_has_one_class():
    data = Examples(torch.randn(N, D), torch.randn(N, C))
    task = module_task(network(), data, lambda z, y: ((z - y) ** 2).sum(1))
    assert task.class_counts.tolist() == [N]
    assert data.num_classes == 1


def test_held_out_data_is_evaluated_with_the_same_params():
    module, other = network(), examples(seed=9)
    task = module_task(module, examples(), held_out=other)
    expected = F.cross_entropy(module(other.inputs), other.targets, reduction="none")
    assert torch.allclose(evaluate(task.held_out, task.params), expected)


def test_cross_entropy_has_the_shape_of_its_targets():
    z, y = torch.randn(2, 3, C), torch.randint(C, (2, 3))
    expected = -z.log_softmax(-1).gather(-1, y[..., None])[..., 0]
    assert torch.allclose(cross_entropy(z, y), expected)


class Wrapped(Problem):
    """A module as a problem of the user's own."""

    def setup(self, seed: int) -> Task:
        torch.manual_seed(seed)
        return module_task(nn.Linear(D, C), examples(), per_update=8, seed=seed)

    def work(self) -> Work:
        return Work(1.0, 1.0)


def test_a_checkpointed_run_of_a_module_ends_with_the_same_bytes(tmp_path):
    from steepest.runs.method import Method
    from steepest.runs.spec import Spec

    spec = Spec(problem=Wrapped(), method=Method(torch.optim.Adam), lr=0.1, steps=6, groups=2)
    first, second = execute(spec), execute(spec, tmp_path / "state.safetensors")
    assert first.tables["curves"].equals(second.tables["curves"])
