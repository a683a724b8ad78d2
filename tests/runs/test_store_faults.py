"""The store when things go wrong: a failure of every n-th system call, several writers at once."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from stored import ID, dead_pid, hidden, is_whole, put

from steepest.errors import StoreError
from steepest.files import write_atomically, write_synced
from steepest.runs.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


class Crash(BaseException):
    """The process is gone: nothing that comes after it happens."""


class Faults:
    """Counts the system calls that change the disk; the n-th fails, crashes before its effect, or crashes after it."""

    def __init__(self, patch: pytest.MonkeyPatch, n: int, how: str) -> None:
        self.n, self.how, self.calls, self.dead = n, how, 0, False
        for name in ("fsync", "rename", "replace", "mkdir", "unlink", "rmdir"):
            patch.setattr(os, name, self.wrapped(getattr(os, name)))
        patch.setattr(Path, "open", self.opened(Path.open))

    def wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            strikes = self.strikes()
            if strikes and self.how == "error":
                raise OSError(errno.EIO, "input/output error")
            if self.dead and not (strikes and self.how == "after"):
                raise Crash
            done = real(*args, **options)
            if strikes:
                raise Crash
            return done

        return call

    def opened(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def open_(path: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
            if "r" in mode:
                return real(path, mode, *args, **options)
            self.wrapped(path.touch)()
            return HalfWriter(real(path, mode, *args, **options), self)

        return open_

    def strikes(self) -> bool:
        self.calls += 1
        strikes = self.calls == self.n
        self.dead = self.dead or (strikes and self.how != "error")
        return strikes


class HalfWriter:
    """A file whose write may stop half-way."""

    def __init__(self, file: Any, faults: Faults) -> None:
        self.file, self.faults = file, faults

    def write(self, data: bytes) -> None:
        whole = len(data) if self.faults.n != self.faults.calls + 1 or self.faults.how == "after" else len(data) // 2
        self.file.write(data[:whole])
        self.file.flush()
        self.faults.wrapped(lambda: None)()

    def __enter__(self) -> HalfWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def struck(patch: pytest.MonkeyPatch, n: int, how: str, act: Callable[[], object]) -> bool:
    """Act under a fault at the n-th call; tell whether there was an n-th call."""
    with patch.context() as inner:
        inner.setattr(os, "getpid", dead_pid)
        faults = Faults(inner, n, how)
        with suppress(Crash, StoreError):
            act()
    return faults.calls >= n


@pytest.mark.parametrize("how", ["error", "before", "after"])
def test_whatever_call_fails_a_run_is_whole_or_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    n, root = 0, tmp_path / "store"
    while n == 0 or struck(monkeypatch, n, how, lambda: put(Store(root))):
        reopened = Store(root)
        run = reopened.get(ID)
        assert run is None or is_whole(run)
        assert hidden(reopened) == []
        assert reopened.damaged() == {}
        assert is_whole(put(reopened))
        shutil.rmtree(root)
        n += 1
    assert n > 25  # marker: 5 calls; folders: 2; a run: folder, 4 files of 3 calls, rename, 2 folders synced


@pytest.mark.parametrize("how", ["error", "before", "after"])
def test_whatever_call_fails_while_a_damaged_run_is_healed_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    n, root = 1, tmp_path / "store"
    while True:
        put(Store(root)).folder.joinpath("curves.parquet").write_bytes(b"PAR1, but not really")
        if not struck(monkeypatch, n, how, lambda: put(Store(root))):
            break
        assert is_whole(put(Store(root)))
        damaged = [path.read_bytes() for path in root.glob("damaged-*/curves.parquet")]
        assert damaged == [b"PAR1, but not really"]
        shutil.rmtree(root)
        n += 1
    assert n > 18


@pytest.mark.parametrize("how", ["error", "before", "after"])
def test_whatever_call_fails_a_file_has_its_old_or_its_new_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    n, path = 1, tmp_path / "page.html"
    path.write_bytes(b"old")

    def write() -> None:
        with suppress(OSError):
            write_atomically(path, b"new content")

    while struck(monkeypatch, n, how, write):
        assert path.read_bytes() in (b"old", b"new content")
        path.write_bytes(b"old")
        n += 1
    assert n >= 6


@pytest.mark.parametrize("how", ["error", "before", "after"])
def test_whatever_call_fails_a_log_keeps_its_records(store: Store, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    store.append("log", {"a": 1})
    n = 1
    while struck(monkeypatch, n, how, lambda: store.append("log", {"a": 2})):
        store.append("log", {"a": 3})
        records = [record["a"] for record in store.read_log("log")]
        assert records[0] == 1
        assert records[-1] == 3
        assert records.count(3) == n
        n += 1
    assert n > 3


def test_everything_is_synced_before_the_rename_that_publishes_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    real_sync, real_rename = os.fsync, os.rename
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append(os.readlink(f"/proc/self/fd/{fd}")), real_sync(fd)))
    monkeypatch.setattr(os, "rename", lambda a, b: (events.append(f"rename {Path(b).name}"), real_rename(a, b)))
    put(store)
    before = [Path(event).name for event in events[: events.index(f"rename {ID}")]]
    assert before[:3] == ["spec.json", "curves.parquet", "tensors.safetensors"]
    assert before[3] == "result.json"
    assert before[4].startswith(f".{ID}.")
    assert events[events.index(f"rename {ID}") + 1 :] == [str(store.runs)]


def test_write_synced_returns_the_sha_256(tmp_path: Path) -> None:
    digest = write_synced(tmp_path / "file", b"abc")
    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (tmp_path / "file").read_bytes() == b"abc"


WRITER = """
import sys, time
from pathlib import Path
import numpy as np, pyarrow as pa, torch
from steepest.runs.store import Outcome, Store
root, ready, go = map(Path, sys.argv[1:])
curves = {"curves": pa.table({"loss": np.arange(1000.0)})}
ready.touch()
while not go.exists():
    pass
store = Store(root)
for i in range(40):
    assert store.put({"i": i}, Outcome("done", {"i": i}, curves), 0.0).facts == {"i": i}
"""


def test_two_processes_may_create_the_store_and_put_the_same_runs_at_once(tmp_path: Path) -> None:
    root, go = tmp_path / "store", tmp_path / "go"
    ready = [tmp_path / "ready0", tmp_path / "ready1"]
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(root), str(r), str(go)]) for r in ready]
    while not all(r.exists() for r in ready) and all(w.poll() is None for w in writers):
        time.sleep(0.01)
    go.touch()
    assert [writer.wait() for writer in writers] == [0, 0]
    store = Store(root)
    assert sorted(run.facts["i"] for run in store.all()) == list(range(40))
    assert (hidden(store), store.damaged(), list(root.glob("damaged-*"))) == ([], {}, [])


def test_many_writers_of_one_damaged_run_heal_it(store: Store) -> None:
    folder = put(store).folder
    errors: list[BaseException] = []
    for _ in range(10):
        (folder / "spec.json").write_text("{")
        start = threading.Barrier(4)

        def write(start: threading.Barrier = start) -> None:
            opened = Store(store.root)
            start.wait()
            try:
                put(opened)
            except BaseException as error:  # noqa: BLE001 - the main thread judges it
                errors.append(error)

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        healed = Store(store.root).get(ID)
        assert healed is not None
        assert is_whole(healed)
    assert errors == []


def test_a_damaged_run_may_be_moved_aside_by_another_process_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (put(store).folder / "spec.json").write_text("{")
    opened, real = Store(store.root), os.replace

    def late(source: Path, target: Path) -> None:
        real(source, f"{target}-by-another")
        real(source, target)

    monkeypatch.setattr(os, "replace", late)
    assert is_whole(put(opened))
    assert len(list(store.root.glob("damaged-*-by-another"))) == 1
