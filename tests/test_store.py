"""The store: whole or absent after a failure of any system call, damage found and healed, several writers at once."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steepest import store as module
from steepest.errors import StoreError
from steepest.store import Outcome, Run, Store, default_store, environment, write_atomically, write_synced

ID, OTHER = "0" * 19 + "1", "0" * 19 + "2"
LOSS = np.array([2.0, 1.0 / 3.0, float("nan"), 1e-310])
GROUP = np.arange(8.0).reshape(4, 2) / 3
TENSOR = torch.tensor([[1.0, -0.0], [float("inf"), 1 / 3]], dtype=torch.float64)
OUTCOME = Outcome(
    "done",
    {"final_loss": 1 / 3, "last_step": 3, "note": "é", "none": None},
    {"curves": pa.table({"loss": LOSS, "group": pa.FixedSizeListArray.from_arrays(GROUP.ravel(), 2)})},
    {"W": TENSOR},
)


def put(store: Store, name: str = ID) -> Run:
    return store.put(name, {"what": "a test"}, OUTCOME, seconds=1.25)


def is_whole(run: Run) -> bool:
    same = np.array_equal(run.column("loss"), LOSS, equal_nan=True) and np.array_equal(run.column("group"), GROUP)
    return same and run.facts == dict(OUTCOME.facts) and run.spec == {"what": "a test"} and run.state == "done"


def hidden(store: Store) -> list[Path]:
    return list(store.root.rglob(".*"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(scope="module")
def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


# What goes in comes out.


def test_a_run_comes_back_bit_for_bit(store: Store) -> None:
    put(store)
    run = Store(store.root).get(ID)
    assert run is not None
    assert is_whole(run)
    assert (run.id, run.seconds, sorted(run.files)) == (ID, 1.25, ["curves.parquet", "spec.json", "tensors.safetensors"])
    assert run.column("loss").tobytes() == LOSS.tobytes()
    assert run.column("group").shape == (4, 2)
    assert run.tensors()["W"].numpy().tobytes() == TENSOR.numpy().tobytes()
    assert run.environment.keys() == environment().keys()
    assert run.environment["torch"] == torch.__version__


@given(st.lists(st.floats(width=64), min_size=1, max_size=9))
def test_any_float64_is_stored_exactly(values: list[float]) -> None:
    data = dict(module._contents({}, Outcome("done", {}, {"t": pa.table({"x": np.array(values)})})))
    back = pa.parquet.read_table(io.BytesIO(data["t.parquet"])).column("x").to_numpy()
    assert back.tobytes() == np.array(values).tobytes()


def test_a_run_is_absent_until_it_is_put(store: Store) -> None:
    assert store.get(ID) is None
    assert list(store.all()) == []
    put(store)
    put(store, OTHER)
    assert [run.id for run in store.all()] == [ID, OTHER]
    assert store.foreign() == []


def test_the_same_run_twice_is_one_run(store: Store) -> None:
    first = put(store)
    changed = Outcome("done", {"final_loss": 0.0})
    assert store.put(ID, {}, changed, seconds=0.0).facts == first.facts
    assert hidden(store) == []
    assert len(list(store.runs.iterdir())) == 1


def test_the_same_outcome_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    for name in ("curves.parquet", "spec.json", "tensors.safetensors"):
        assert put(store).folder.joinpath(name).read_bytes() == put(other).folder.joinpath(name).read_bytes()


def test_facts_that_json_cannot_hold_leave_nothing_behind(store: Store) -> None:
    with pytest.raises(TypeError):
        store.put(ID, {}, Outcome("done", {"final_loss": object()}), seconds=0.0)  # type: ignore[dict-item]
    assert list(store.runs.iterdir()) == []


def test_the_default_store_is_the_variable_or_the_platforms_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEEPEST_STORE", "/somewhere")
    assert default_store() == Path("/somewhere")
    monkeypatch.setenv("STEEPEST_STORE", "")
    assert default_store().parts[-2:] == ("steepest", "store")


# A failure of every n-th system call.


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


def struck(patch: pytest.MonkeyPatch, n: int, how: str, dead_pid: int, act: Callable[[], object]) -> bool:
    """Act under a fault at the n-th call; tell whether there was an n-th call."""
    with patch.context() as inner:
        inner.setattr(os, "getpid", lambda: dead_pid)
        faults = Faults(inner, n, how)
        with suppress(Crash, StoreError):
            act()
    return faults.calls >= n


@pytest.mark.parametrize("how", ["error", "before", "after"])
def test_whatever_call_fails_a_run_is_whole_or_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead_pid: int, how: str
) -> None:
    n, root = 0, tmp_path / "store"
    while n == 0 or struck(monkeypatch, n, how, dead_pid, lambda: put(Store(root))):
        reopened = Store(root)
        run = reopened.get(ID)
        assert run is None or is_whole(run)
        assert hidden(reopened) == []
        assert reopened.foreign() == []
        assert is_whole(put(reopened))
        shutil.rmtree(root)
        n += 1
    assert n > 25  # marker: 5 calls; folders: 2; a run: folder, 4 files of 3 calls, rename, 2 folders synced


@pytest.mark.parametrize("how", ["error", "before", "after"])
def test_whatever_call_fails_while_a_damaged_run_is_healed_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead_pid: int, how: str
) -> None:
    n, root = 1, tmp_path / "store"
    while True:
        put(Store(root)).folder.joinpath("curves.parquet").write_bytes(b"PAR1, but not really")
        if not struck(monkeypatch, n, how, dead_pid, lambda: put(Store(root))):
            break
        assert is_whole(put(Store(root)))
        damaged = [path.read_bytes() for path in root.glob("damaged-*/curves.parquet")]
        assert damaged == [b"PAR1, but not really"]
        shutil.rmtree(root)
        n += 1
    assert n > 18


@pytest.mark.parametrize("how", ["error", "before", "after"])
def test_whatever_call_fails_a_file_has_its_old_or_its_new_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead_pid: int, how: str
) -> None:
    n, path = 1, tmp_path / "page.html"
    path.write_bytes(b"old")

    def write() -> None:
        with suppress(OSError):
            write_atomically(path, b"new content")

    while struck(monkeypatch, n, how, dead_pid, write):
        assert path.read_bytes() in (b"old", b"new content")
        path.write_bytes(b"old")
        n += 1
    assert n >= 6


@pytest.mark.parametrize("how", ["error", "before", "after"])
def test_whatever_call_fails_a_log_keeps_its_records(
    store: Store, monkeypatch: pytest.MonkeyPatch, dead_pid: int, how: str
) -> None:
    store.append("log", {"a": 1})
    n = 1
    while struck(monkeypatch, n, how, dead_pid, lambda: store.append("log", {"a": 2})):
        store.append("log", {"a": 3})
        records = [record["a"] for record in store.read_log("log")]
        assert records[0] == 1
        assert records[-1] == 3
        assert records.count(3) == n
        n += 1
    assert n > 3


def test_everything_is_synced_before_the_rename_that_publishes_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
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


# Damage.


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def empty(path: Path) -> None:
    path.write_bytes(b"")


FILES = ("curves.parquet", "spec.json", "tensors.safetensors", "result.json")


@pytest.mark.parametrize("damage", [cut, flip, empty, Path.unlink])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_run_is_not_a_run_and_is_healed(store: Store, name: str, damage: Callable[[Path], None]) -> None:
    folder = put(store).folder
    damage(folder / name)
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    opened = Store(store.root)
    assert opened.get(ID) is None
    assert list(opened.all()) == []
    assert opened.foreign() == [folder]
    assert is_whole(put(opened))
    assert opened.foreign() == []
    (aside,) = store.root.glob(f"damaged-{ID}-*")
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == kept


def test_every_flipped_byte_of_the_result_is_noticed(store: Store) -> None:
    path = put(store).folder / "result.json"
    data = path.read_bytes()
    for i in range(0, len(data), 7):
        path.write_bytes(data[:i] + bytes([data[i] ^ 2]) + data[i + 1 :])
        run = Store(store.root).get(ID)
        assert run is None or run.facts == dict(OUTCOME.facts)  # white space may change
    path.write_bytes(data.replace(b'"last_step": 3', b'"last_step": 4'))
    assert Store(store.root).get(ID) is None


@pytest.mark.parametrize("text", ["[]", "{}", "null", "3", '{"files": []}', '{"files": {"../../x": 3}}', "\xff", "nan"])
def test_a_result_of_another_shape_is_not_a_run(store: Store, text: str) -> None:
    folder = put(store).folder
    (folder / "result.json").write_bytes(text.encode("latin-1"))
    assert Store(store.root).get(ID) is None


@pytest.mark.parametrize("key", ["state", "facts", "files", "environment", "seconds", "digest"])
def test_a_result_without_one_of_its_keys_is_not_a_run(store: Store, key: str) -> None:
    path = put(store).folder / "result.json"
    result = json.loads(path.read_bytes())
    del result[key]
    path.write_text(json.dumps(result, indent=1, sort_keys=True))
    assert Store(store.root).get(ID) is None


def test_foreign_folders_and_files_are_ignored_and_named(store: Store) -> None:
    put(store)
    (store.runs / "my notes").mkdir()
    (store.runs / "readme.txt").write_text("mine")
    shutil.copytree(store.runs / ID, store.runs / "copy")
    (store.runs / OTHER).write_text("a file where a run should be")
    opened = Store(store.root)
    assert [run.id for run in opened.all()] == [ID]
    assert [path.name for path in opened.foreign()] == [OTHER, "copy", "my notes", "readme.txt"]
    assert opened.get(OTHER) is None
    assert is_whole(put(opened, OTHER))
    (aside,) = store.root.glob(f"damaged-{OTHER}-*")
    assert aside.read_text() == "a file where a run should be"


def test_a_run_whose_files_go_away_later_says_what_to_do(store: Store) -> None:
    run = put(store)
    shutil.rmtree(run.folder)
    for read in (lambda: run.table("curves"), lambda: run.spec, run.tensors):
        with pytest.raises(StoreError, match=rf"run {ID}: cannot read .* \(No such file.*\); delete .* and repeat"):
            read()


def test_a_run_that_cannot_be_read_back_is_an_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "_load", lambda self, folder: None)
    with pytest.raises(StoreError, match=f"run {ID} cannot be read back; delete"):
        put(store)


# Folders that cannot be a store.


def refused(root: Path, act: Callable[[], object] | None = None) -> str:
    with pytest.raises(StoreError) as error:
        (act or (lambda: Store(root)))()
    assert "\n" not in str(error.value)
    assert str(root) in str(error.value)
    assert error.value.exit_code == 4
    return str(error.value)


def test_a_folder_with_other_things_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("do not touch")
    assert "is not empty and not a store; choose another folder with --store" in refused(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_empty_folder_and_hidden_files_are_fine(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*")
    assert is_whole(put(Store(tmp_path)))


@pytest.mark.parametrize("marker", ['{"format": "steepest store", "version": 2}', '{"format": "', "[]"])
def test_the_marker_of_another_version_is_refused(store: Store, marker: str) -> None:
    (store.root / "store.json").write_text(marker)
    assert "is not the marker of a store of this version" in refused(store.root)
    assert (store.root / "store.json").read_text() == marker


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "choose another folder with --store or STEEPEST_STORE" in refused(tmp_path / "file")
    refused(tmp_path / "file" / "below")


def test_a_folder_that_cannot_be_written_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "permission denied; choose another folder with --store" in refused(store.root)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "the disk is full; free some space and repeat the command; finished runs are kept"),
        (errno.EDQUOT, "the disk is full; free some space"),
        (errno.EACCES, "Permission denied; choose another folder with --store or STEEPEST_STORE"),
        (errno.EROFS, "Read-only file system; choose another folder"),
    ],
)
def test_a_disk_that_refuses_is_one_line_and_loses_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int, text: str
) -> None:
    put(store)

    def refuse(path: Path, data: bytes) -> str:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_synced", refuse)
        assert text in refused(store.root, lambda: put(store, OTHER))
    assert [run.id for run in Store(store.root).all()] == [ID]
    assert hidden(store) == []
    assert is_whole(put(store, OTHER))


# Temporaries and several writers.


def temporary(store: Store, pid: int, host: str | None = None, age: float = 0.0, folder: str = "runs") -> Path:
    path = store.root / folder / f".{ID}.{host or socket.gethostname()}.{pid}.0123abcd"
    path.mkdir(parents=True)
    (path / "spec.json").write_text("{}")
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_temporaries_of_dead_writers_are_swept_and_live_ones_kept(store: Store, dead_pid: int) -> None:
    dead = temporary(store, dead_pid)
    live = temporary(store, os.getpid())
    elsewhere = temporary(store, dead_pid, host="another.host")
    old = temporary(store, dead_pid, host="a.third.host", age=25 * 3600)
    reused = temporary(store, 1, age=25 * 3600)  # the number of a process of today
    assert Store(store.root).foreign() == []
    assert [path.exists() for path in (dead, live, elsewhere, old, reused)] == [False, True, True, False, False]


def test_temporary_files_are_swept_in_root_and_reports_and_nothing_else_is(store: Store, dead_pid: int) -> None:
    mine = [store.root / ".gitignore", store.runs / ".DS_Store", store.root / "reports" / "a" / ".notes.7.md"]
    left = [
        store.root / f".store.json.{socket.gethostname()}.{dead_pid}.0123abcd",
        store.root / "reports" / "a" / f".fig.svg.{socket.gethostname()}.{dead_pid}.0123abcd",
    ]
    for path in mine + left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        os.utime(path, (0, 0))
    Store(store.root)
    assert [path.exists() for path in mine + left] == [True, True, True, False, False]


def test_a_temporary_that_vanishes_meanwhile_is_no_error(store: Store, dead_pid: int) -> None:
    gone = store.runs / f".{ID}.another.host.{dead_pid}.0123abcd"
    assert module._is_abandoned(gone) is False


WRITER = """
import sys, time
from pathlib import Path
import numpy as np, pyarrow as pa, torch
from steepest.store import Outcome, Store
root, ready, go = map(Path, sys.argv[1:])
curves = {"curves": pa.table({"loss": np.arange(1000.0)})}
ready.touch()
while not go.exists():
    pass
store = Store(root)
for i in range(40):
    assert store.put(f"{i:020x}", {"i": i}, Outcome("done", {"i": i}, curves), 0.0).facts == {"i": i}
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
    assert [run.facts["i"] for run in store.all()] == list(range(40))
    assert (hidden(store), store.foreign(), list(root.glob("damaged-*"))) == ([], [], [])


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


# Logs.


def test_a_log_gives_back_its_records_in_order(store: Store) -> None:
    assert store.read_log("thresholds") == []
    for i in range(3):
        store.append("thresholds", {"i": i, "x": 1 / 3})
    assert store.read_log("thresholds") == [{"i": i, "x": 1 / 3} for i in range(3)]
    assert store.read_log("other") == []


@given(st.integers(1, 60), st.booleans())
def test_a_torn_last_line_is_ignored_and_the_next_record_is_whole(size: int, first: bool) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        kept: list[dict[str, Any]] = []
        if not first:
            kept = [{"kept": 1}]
            store.append("log", kept[0])
        before = (store.root / "log.jsonl").read_bytes() if kept else b""
        store.append("log", {"torn": "a record of some length, with an é in it"})
        data = (store.root / "log.jsonl").read_bytes()
        (store.root / "log.jsonl").write_bytes(data[: min(len(before) + size, len(data) - 1)])
        assert store.read_log("log") == kept
        store.append("log", {"next": 2})
        assert store.read_log("log") == [*kept, {"next": 2}]


