"""A run that was stopped goes on from its checkpoint and ends with the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from batched import Noise

from steepest.optim import AdaGrad, Adam, GradientDescent, LineSearchGD, NormalizedGD, RescaledSignDescent, SignDescent
from steepest.runs import checkpoint
from steepest.runs.execute import execute
from steepest.runs.method import Method
from steepest.runs.record import Recorder
from steepest.runs.spec import Spec
from steepest.runs.store import Outcome
from steepest.runs.train import Event

METHODS = [
    Method(GradientDescent),
    Method(GradientDescent, momentum=0.9),
    Method(Adam),
    Method(AdaGrad),
    Method(NormalizedGD, momentum=0.9),
    Method(SignDescent, momentum=0.9),
    Method(RescaledSignDescent, momentum=0.9),
    Method(LineSearchGD),
    Method(torch.optim.AdamW),
    Method(torch.optim.SGD, momentum=0.9, nesterov=True),
]


class Stopped(Exception):  # noqa: N818
    """The machine went down."""


@pytest.fixture(autouse=True)
def at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Stop a run when it has seen one of these steps."""
    steps: list[int] = []
    see = Recorder.see

    def seen(self: Recorder, event: Event) -> None:
        see(self, event)
        if event.step in steps:
            steps.remove(event.step)
            raise Stopped

    monkeypatch.setattr(Recorder, "see", seen)
    return steps


def same(one: Outcome, other: Outcome) -> bool:
    return one.facts == other.facts and str(one.tables["curves"].to_pydict()) == str(other.tables["curves"].to_pydict())


@pytest.mark.parametrize("method", METHODS, ids=repr)
@pytest.mark.parametrize("problem", [Noise(per_update=5, dropout=0.3), Noise(per_update=5), Noise()], ids=repr)
def test_a_stopped_run_ends_with_the_same_bytes(
    method: Method, problem: Noise, tmp_path: Path, stop_at: list[int]
) -> None:
    spec = Spec(problem=problem, method=method, lr=0.05, steps=14, groups=2, every=4, by_class=True)
    whole = execute(spec)
    file = tmp_path / "run.safetensors"
    stop_at += [3, 10]
    for _ in range(2):
        with pytest.raises(Stopped):
            execute(spec, file)
    assert same(execute(spec, file), whole)
    assert stop_at == []


def test_it_does_not_begin_anew(tmp_path: Path, stop_at: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    spec = Spec(problem=Noise(per_update=5), method=Method(Adam), lr=0.05, steps=14)
    stop_at += [10]
    with pytest.raises(Stopped):
        execute(spec, tmp_path / "run")
    steps: list[int] = []
    monkeypatch.setattr(checkpoint.Checkpoint, "save_if_due", lambda _, step: steps.append(step))
    execute(spec, tmp_path / "run")
    assert steps == [10, 11, 12, 13, 14]


def test_a_damaged_checkpoint_is_left_aside(tmp_path: Path, stop_at: list[int]) -> None:
    spec = Spec(problem=Noise(per_update=5), method=Method(Adam), lr=0.05, steps=14)
    whole = execute(spec)
    stop_at += [10]
    with pytest.raises(Stopped):
        execute(spec, tmp_path / "run")
    data = (tmp_path / "run").read_bytes()
    for damaged in (data[: len(data) // 2], b"", b"\xff" * 100):
        (tmp_path / "run").write_bytes(damaged)
        assert same(execute(spec, tmp_path / "run"), whole)
