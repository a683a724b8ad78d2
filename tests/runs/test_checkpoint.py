"""A run that was stopped goes on from its checkpoint, if that is whole and its own, and ends with the same bytes."""

from __future__ import annotations

import math
import random
import socket
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import torch
from batched import Noise
from stored import OTHER, dead_pid, put

from steepest.optim import AdaGrad, Adam, GradientDescent, LineSearchGD, NormalizedGD, RescaledSignDescent, SignDescent
from steepest.runs import checkpoint
from steepest.runs.execute import execute
from steepest.runs.method import Method
from steepest.runs.record import Recorder
from steepest.runs.spec import Spec
from steepest.runs.store import Outcome, Store
from steepest.runs.stream import run
from steepest.runs.sweep import Sweep, decades
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


SPEC = Spec(problem=Noise(per_update=5), method=Method(Adam), lr=0.05, steps=4, groups=2, every=2)


def stopped_at(spec: Spec, step: int, file: Path, stop_at: list[int]) -> bytes:
    """Return the checkpoint of a run that was stopped."""
    stop_at.append(step)
    with pytest.raises(Stopped):
        execute(spec, file)
    data = file.read_bytes()
    file.unlink()
    return data


def damages(data: bytes, draw: random.Random) -> Iterator[bytes]:
    """Yield a file with one wrong bit, cut off, one with a hole, one with an end that was written twice."""
    while True:
        at, length = draw.randrange(len(data)), draw.randrange(1, 40)
        yield data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]
        yield data[:at]
        yield data[:at] + bytes(length) + data[at + length :] + b"\1"
        yield data + data[at:]


def test_no_damaged_checkpoint_changes_a_number(
    tmp_path: Path, stop_at: list[int], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file, whole = tmp_path / "run", execute(SPEC)
    data = stopped_at(SPEC, 3, file, stop_at)
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", math.inf)
    for damaged in islice(damages(data, random.Random(0)), 320):
        file.write_bytes(damaged)
        assert same(execute(SPEC, file), whole)
        says = capfd.readouterr().err
        assert says.count("\n") == 1
        assert says == (
            f"steepest: checkpoint {file} cannot be used: it is damaged, or not a checkpoint of this version; "
            f"run {SPEC.id} starts again from 0\n"
        )
    file.write_bytes(data)
    assert same(execute(SPEC, file), whole)
    assert capfd.readouterr().err == ""


def test_a_checkpoint_of_another_run_or_format_is_left_aside(
    tmp_path: Path, stop_at: list[int], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file, whole = tmp_path / "run", execute(SPEC)
    others = [SPEC.changed(seed=1), SPEC.changed(lr=0.06), SPEC.changed(method=Method(GradientDescent))]
    wrong = [stopped_at(spec, 3, file, stop_at) for spec in others]
    with monkeypatch.context() as later:
        later.setattr(checkpoint, "FORMAT", "3")
        wrong.append(stopped_at(SPEC, 3, file, stop_at))
    for data, reason in zip(
        wrong, [f"it is of run {spec.id}" for spec in others] + [f"{SPEC.id} and format 3"], strict=True
    ):
        file.write_bytes(data)
        assert same(execute(SPEC, file), whole)
        assert reason in capfd.readouterr().err


def test_workers_say_that_a_run_begins_anew_and_its_checkpoint_goes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path / "store")
    sweep = Sweep(problem=Noise(per_update=5), optimizers={Method(Adam): decades(-2, -1)}, steps=9, seeds=(0, 1, 2))
    names = [spec.id for spec in sweep.progress(lambda _: None).pending]
    for name in names:
        store.checkpoint(name).parent.mkdir(exist_ok=True)
        store.checkpoint(name).write_bytes(b"no checkpoint")
    run(sweep, store=store, jobs=2)
    says = capfd.readouterr().err
    assert all(says.count(f"run {name} starts again from 0\n") == 1 for name in names)
    assert list((store.root / "checkpoints").iterdir()) == []
    assert {found.lockstep for found in store.all()} == {"alone"}


def test_a_folder_in_place_of_a_checkpoint_is_moved_aside(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "store")
    rates = {Method(Adam): decades(-2, -2)}
    sweep = Sweep(problem=Noise(per_update=5), optimizers=rates, steps=9, seeds=(0,), refine=None, extend=0)
    (name,) = {spec.id for spec in sweep.progress(lambda _: None).pending}
    (store.checkpoint(name) / "kept").mkdir(parents=True)
    (found,) = run(sweep, store=store, jobs=1).runs()
    (aside,) = (store.root / "checkpoints").iterdir()
    assert (found.id, [path.name for path in aside.iterdir()]) == (name, ["kept"])
    assert capfd.readouterr().err.count(f"is a folder, now {aside.name}; run {name} starts again from 0\n") == 1
    store.checkpoint(name).mkdir()
    assert Store(store.root).get(name) == found  # opening moves it aside too
    assert not store.checkpoint(name).exists()
    assert len(list((store.root / "checkpoints").iterdir())) == 2


def test_what_checkpoints_leave_behind_is_swept_up(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    stored, folder = put(store).id, store.root / "checkpoints"
    folder.mkdir()
    left = [f"{stored}.safetensors", f".{OTHER}.safetensors.{socket.gethostname()}.{dead_pid()}.0123abcd"]
    kept = [f"{OTHER}.safetensors", "my notes"]
    for name in left + kept:
        (folder / name).write_text("")
    Store(store.root, read_only=True)
    assert len(list(folder.iterdir())) == 4
    Store(store.root)
    assert sorted(path.name for path in folder.iterdir()) == sorted(kept)
