"""Execute what a spec describes, and return the outcome that the store keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from steepest import distributed
from steepest.errors import UsageError, say
from steepest.files import make_way
from steepest.problems.base import Task
from steepest.runs.checkpoint import Checkpoint
from steepest.runs.record import Recorder, check_classes
from steepest.runs.spec import Calculation, Runnable, Spec
from steepest.runs.store import NOT_FINITE, Outcome
from steepest.runs.train import adjust_logits, train

ANSWER = "named numbers, or (numbers, tables), or (numbers, tables, tensors), or an Outcome"
SHOWN = 60  # characters of a wrong answer


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
    return _outcome(calculation.function.__name__, answer)


def _outcome(function: str, answer: Any) -> Outcome:
    """Return what a function returned as an outcome, with Python's numbers and tensors that can be stored.

    Raises:
        UsageError: it is something else.
    """
    if isinstance(answer, Outcome):
        state, parts = answer.state, (answer.facts, answer.tables, answer.tensors)
    else:
        state, parts = "done", answer if isinstance(answer, tuple) else (answer,)
    if wrong := _wrong(state, parts):
        raise UsageError(f"{function} returned {wrong}; return {ANSWER}")
    facts, tables, tensors = (*parts, {}, {})[:3]
    tensors = {name: t.detach().cpu().clone(memory_format=torch.contiguous_format) for name, t in tensors.items()}
    return Outcome(state, {name: _number(value) for name, value in facts.items()}, tables, tensors)


def _wrong(state: Any, parts: tuple[Any, ...]) -> str | None:
    """Return what a function returned and the store cannot keep, or None."""
    if state not in ("done", "diverged"):
        return f"the state {_shown(state)}, neither 'done' nor 'diverged'"
    if not 1 <= len(parts) <= 3:
        return f"a tuple of {len(parts)}"
    for kind, part in zip(("number", "table", "tensor"), parts, strict=False):
        if not isinstance(part, Mapping):
            return f"{_shown(part)}, no {kind}s by name"
        for name, value in part.items():
            if not (isinstance(name, str) and _can_be_stored(kind, name, value)):
                return f"{_shown(value)} as the {kind} {_shown(name)}"
    return None


def _can_be_stored(kind: str, name: str, value: Any) -> bool:
    if kind == "number":
        number = _number(value)
        return (number is None or isinstance(number, int | float | str)) and number not in NOT_FINITE
    if kind == "table":  # its file is neither hidden nor elsewhere
        return isinstance(value, pa.Table) and name[:1] not in ("", ".") and "/" not in name and name.isprintable()
    return isinstance(value, Tensor) and value.layout is torch.strided


def _number(value: Any) -> Any:
    """Return a number of torch or numpy as Python's, and anything else as it is."""
    return value.item() if isinstance(value, Tensor | np.ndarray | np.generic) and value.ndim == 0 else value


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({type(value).__name__})"


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
