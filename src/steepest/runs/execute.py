"""Execute what a spec describes, and return the outcome that the store keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from steepest import distributed
from steepest.errors import UsageError, say
from steepest.files import make_way
from steepest.problems.base import Task
from steepest.runs.checkpoint import Checkpoint
from steepest.runs.record import Recorder, check_classes
from steepest.runs.spec import Calculation, Runnable, Spec
from steepest.runs.store import Outcome
from steepest.runs.train import adjust_logits, train


def execute(runnable: Runnable, checkpoint: Path | None = None) -> Outcome:
    """Train a run, or call a calculation, and return what the store keeps. The same spec gives the same bytes.

    Args:
        runnable: what is run.
        checkpoint: a file that keeps the state of a run that is read in batches, or what a calculation writes there;
            a run that finds it goes on there and ends with the same bytes.
    """
    if checkpoint is not None and distributed.rank() == 0 and (aside := make_way(checkpoint)):
        say(f"checkpoint {checkpoint} is a folder, now {aside.name}; run {runnable.id} starts again from 0")
    return _called(runnable, checkpoint) if isinstance(runnable, Calculation) else _trained(runnable, checkpoint)


def _trained(spec: Spec, checkpoint: Path | None) -> Outcome:
    with pinned_threads(spec.threads):
        task = task_of(spec)
        recorder = Recorder(task, spec)
        optimizer = spec.method.build(task.params, spec.lr)
        saved = Checkpoint(checkpoint if task.batches else None, task.params, optimizer, recorder)
        start = saved.restore()
        for event in train(task, optimizer, spec.steps, spec.weighting, l2=spec.l2, start=start):
            saved.save_if_due(event.step)
            recorder.see(event)
        return recorder.outcome()


def task_of(spec: Spec) -> Task:
    """Return the task that a run trains, on the device and with the logits that its spec asks for.

    Raises:
        UsageError: a device that is not there; a spec that asks for what only tasks with classes have.
    """
    task = _on_device(spec.problem.setup(spec.seed), spec.device)
    check_classes(task, spec)
    if spec.weighting == "logit-adjusted":
        adjust_logits(task)
    return task


def _called(calculation: Calculation, checkpoint: Path | None) -> Outcome:
    _check_device(calculation.device)
    given = dict(calculation.options)
    if calculation.seed is not None:
        given["seed"] = calculation.seed
    if calculation.device != "cpu":
        given["device"] = calculation.device
    with pinned_threads(calculation.threads), TemporaryDirectory() as elsewhere:
        if calculation.accepts("checkpoint"):
            given["checkpoint"] = checkpoint or Path(elsewhere) / "checkpoint"
            given["checkpoint"].parent.mkdir(parents=True, exist_ok=True)
        answer = calculation.function(**given)
    found = (
        answer if isinstance(answer, Outcome) else Outcome("done", *(answer if isinstance(answer, tuple) else [answer]))
    )
    tensors = {name: t.detach().cpu().clone(memory_format=torch.contiguous_format) for name, t in found.tensors.items()}
    return replace(found, tensors=tensors)


@contextmanager
def pinned_threads(count: int) -> Iterator[None]:
    """Run with `count` threads of torch and of numpy's BLAS, and put the former numbers back.

    Workers whose BLAS takes every core wait for each other, up to ten times longer, and sums depend on the number of threads.
    """
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


def _on_device(task: Task, device: str) -> Task:
    """Return the task with its params on `device`; batches follow their params."""
    if device == "cpu":
        return task
    _check_device(device)
    if task.batches is None:
        raise UsageError(f"device={device}: this problem is read at once and stays on the CPU; give device=cpu")
    return replace(task, params={name: p.detach().to(device).requires_grad_() for name, p in task.params.items()})


def _check_device(device: str) -> None:
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"device={device}: no GPU is available here; give device=cpu, or --set device=cpu to a figure")
