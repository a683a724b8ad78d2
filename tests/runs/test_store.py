"""The store: what goes in comes out, damage found and healed, temporaries swept."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stored import ID, LOSS, OTHER, OTHERS, OUTCOME, TENSOR, WHAT, dead_pid, hidden, is_whole, put

from steepest.errors import StoreError
from steepest.files import write_synced
from steepest.runs import store as module
from steepest.runs.store import Outcome, Store, default_store, environment


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


# What goes in comes out.


def test_a_run_comes_back_bit_for_bit(store: Store) -> None:
    put(store)
    run = Store(store.root).get(ID)
    assert run is not None
    assert is_whole(run)
    assert (run.id, run.seconds, sorted(run.files)) == (
        ID,
        1.25,
        ["curves.parquet", "spec.json", "tensors.safetensors"],
    )
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
    put(store, OTHERS)
    assert [run.id for run in store.all()] == [ID, OTHER]
    assert store.damaged() == {}


def test_the_same_run_twice_is_one_run(store: Store) -> None:
    first = put(store)
    changed = Outcome("done", {"final_loss": 0.0})
    assert store.put(WHAT, changed, seconds=0.0).facts == first.facts
    assert hidden(store) == []
    assert len(list(store.runs.iterdir())) == 1


def test_the_same_outcome_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    for name in ("curves.parquet", "spec.json", "tensors.safetensors"):
        assert put(store).folder.joinpath(name).read_bytes() == put(other).folder.joinpath(name).read_bytes()


def test_facts_that_json_cannot_hold_leave_nothing_behind(store: Store) -> None:
    with pytest.raises(TypeError):
        store.put(WHAT, Outcome("done", {"final_loss": object()}), seconds=0.0)  # type: ignore[dict-item]
    assert list(store.runs.iterdir()) == []


def test_the_default_store_is_the_variable_or_the_platforms_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEEPEST_STORE", "/somewhere")
    assert default_store() == Path("/somewhere")
    monkeypatch.setenv("STEEPEST_STORE", "")
    assert default_store().parts[-2:] == ("steepest", "store")


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
    assert [(path, name in reason) for path, reason in opened.damaged().items()] == [(folder, True)]
    assert is_whole(put(opened))
    assert opened.damaged() == {}
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


@pytest.mark.parametrize(
    "text", ["[]", "{}", "null", "3", '{"files": []}', '{"files": {"../../x": 3}}', "\xff", "nan", "[" * 100_000]
)
def test_a_result_of_another_shape_is_not_a_run(store: Store, text: str) -> None:
    folder = put(store).folder
    (folder / "result.json").write_bytes(text.encode("latin-1"))
    assert Store(store.root).get(ID) is None


@pytest.mark.parametrize("key", [*sorted(module.RESULT), "digest"])
def test_a_result_without_one_of_its_keys_is_not_a_run(store: Store, key: str) -> None:
    path = put(store).folder / "result.json"
    result = json.loads(path.read_bytes())
    del result[key]
    path.write_text(json.dumps(result, indent=1, sort_keys=True))
    assert Store(store.root).get(ID) is None


def resealed(path: Path, **changes: Any) -> None:
    """Change a result and give it the digest of what it is now."""
    result = {**json.loads(path.read_bytes()), **changes}
    del result["digest"]
    path.write_bytes(module._json(result | {"digest": module._seal(result)}))


def test_a_copy_of_another_run_is_not_a_run_and_is_healed(store: Store) -> None:
    copied, folder = put(store, OTHERS).folder, store.runs / ID
    shutil.copytree(copied, folder)
    opened = Store(store.root)
    assert opened.get(ID) is None
    assert [run.id for run in opened.all()] == [OTHER]
    assert opened.damaged() == {folder: f"it is a copy of the run {OTHER}"}
    assert is_whole(put(opened))
    resealed(shutil.copytree(copied, folder, dirs_exist_ok=True) / "result.json", id=ID)
    assert Store(store.root).damaged() == {folder: "spec.json describes another run"}


@pytest.mark.parametrize("changes", [{"format": 1}, {"format": "2"}, {"more": 1}])
def test_a_sealed_result_of_another_format_is_not_a_run(store: Store, changes: dict[str, Any]) -> None:
    folder = put(store).folder
    resealed(folder / "result.json", **changes)
    assert Store(store.root).get(ID) is None
    assert Store(store.root).damaged() == {folder: "result.json is of another format"}


def wrong_files(files: dict[str, str]) -> Iterator[Any]:
    """Yield what names too few files, or another, or too many, or none at all."""
    yield from ([], {}, {"spec.json": files["spec.json"]}, {**files, "../../store.json": files["spec.json"]})
    yield {name: digest for name, digest in files.items() if name != "spec.json"}
    yield dict.fromkeys(files, 3)


@pytest.mark.parametrize("text", ['{"a": ' + "[" * 900 + "]" * 900 + "}", '{"a": NaN}', "[" * 100_000])
def test_a_sealed_description_that_no_run_can_have_is_not_a_run(store: Store, text: str) -> None:
    path = put(store).folder / "result.json"
    files = json.loads(path.read_bytes())["files"]
    resealed(path, files=files | {"spec.json": write_synced(path.with_name("spec.json"), text.encode())})
    assert list(Store(store.root).damaged()) == [path.parent]
    assert is_whole(put(Store(store.root)))


def test_a_sealed_result_that_does_not_name_exactly_the_files_is_not_a_run(store: Store) -> None:
    path = put(store).folder / "result.json"
    files = json.loads(path.read_bytes())["files"]
    for wrong in wrong_files(files):
        resealed(path, files=wrong)
        assert list(Store(store.root).damaged()) == [path.parent]
        assert Store(store.root).get(ID) is None
    resealed(path, files=files)
    assert Store(store.root).damaged() == {}
    (path.parent / ".DS_Store").write_text("written by a file manager")
    assert Store(store.root).damaged() == {}
    (path.parent / "more.parquet").write_text("")
    assert Store(store.root).damaged() == {path.parent: "more.parquet is only in the folder, or only in result.json"}
    assert is_whole(put(Store(store.root)))


@pytest.mark.parametrize("target", ["nowhere", ID])
def test_a_link_that_leads_nowhere_is_not_a_run_and_is_healed(store: Store, target: str) -> None:
    (store.runs / ID).symlink_to(target)
    assert list(Store(store.root).damaged()) == [store.runs / ID]
    assert is_whole(put(Store(store.root)))
    assert not (store.runs / ID).is_symlink()
    assert Store(store.root).damaged() == {}


def test_a_run_is_bound_to_the_hash_of_its_description(store: Store) -> None:
    """Described by hand: the first 80 bits of the SHA-256 of the shortest JSON with sorted keys."""
    run = store.put({"b": 0.5, "a": [1, None]}, OUTCOME, seconds=0.0, lockstep="stack")
    assert run.id == hashlib.sha256(b'{"a":[1,null],"b":0.5}').hexdigest()[:20]
    result = json.loads((run.folder / "result.json").read_bytes())
    assert (result["id"], result["format"], result["lockstep"]) == (run.id, 2, "stack")


def test_foreign_folders_and_files_are_ignored_and_named(store: Store) -> None:
    put(store)
    (store.runs / "my notes").mkdir()
    (store.runs / "readme.txt").write_text("mine")
    shutil.copytree(store.runs / ID, store.runs / "copy")
    (store.runs / OTHER).write_text("a file where a run should be")
    opened = Store(store.root)
    assert [run.id for run in opened.all()] == [ID]
    assert {path.name: reason for path, reason in opened.damaged().items()} == {
        "copy": f"it is a copy of the run {ID}",
        OTHER: "result.json: Not a directory",
        "my notes": "result.json: No such file or directory",
        "readme.txt": "result.json: Not a directory",
    }
    assert opened.get(OTHER) is None
    assert is_whole(put(opened, OTHERS))
    (aside,) = store.root.glob(f"damaged-{OTHER}-*")
    assert aside.read_text() == "a file where a run should be"


def test_a_run_whose_files_go_away_later_says_what_to_do(store: Store) -> None:
    run = put(store)
    shutil.rmtree(run.folder)
    for read in (lambda: run.table("curves"), lambda: run.spec, run.tensors):
        with pytest.raises(StoreError, match=rf"run {ID}: cannot read .* \(No such file.*\); delete .* and repeat"):
            read()


def test_a_run_that_cannot_be_read_back_is_an_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_run_or_none", lambda folder, name: None)
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


@pytest.mark.parametrize("marker", ['{"format": "steepest store", "version": 1}', '{"format": "', "[]", "[" * 100_000])
def test_the_marker_of_another_version_is_refused(store: Store, marker: str) -> None:
    (store.root / "store.json").write_text(marker)
    assert "is not the marker of a store of version 2" in refused(store.root)
    assert (store.root / "store.json").read_text() == marker


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file, not a folder; choose another folder with --store" in refused(tmp_path / "file")
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
        assert text in refused(store.root, lambda: put(store, OTHERS))
    assert [run.id for run in Store(store.root).all()] == [ID]
    assert hidden(store) == []
    assert is_whole(put(store, OTHERS))


# Looking without touching.


def test_looking_creates_nothing_and_an_absent_store_holds_nothing(tmp_path: Path) -> None:
    looked = Store(tmp_path / "absent", read_only=True)
    assert (looked.get(ID), list(looked.all()), looked.damaged(), looked.read_log("thresholds")) == (None, [], {}, [])
    assert list(tmp_path.iterdir()) == []


def test_looking_finds_what_is_there_and_cleans_up_nothing(store: Store) -> None:
    put(store)
    left = temporary(store, dead_pid())
    looked = Store(store.root, read_only=True)
    assert [run.id for run in looked.all()] == [ID]
    assert left.exists()


def test_looking_refuses_what_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("do not touch")
    assert "is not empty and not a store" in refused(tmp_path, lambda: Store(tmp_path, read_only=True))


def test_a_store_that_appears_while_it_is_looked_at_is_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process creates the store after this one found the folder empty, and before it looks for the marker."""
    looks = Path.iterdir

    def iterdir(folder: Path) -> Any:
        found = list(looks(folder))
        monkeypatch.undo()
        put(Store(folder))
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert [run.id for run in Store(tmp_path).all()] == [ID]


# Temporaries.


def temporary(store: Store, pid: int, host: str | None = None, age: float = 0.0, folder: str = "runs") -> Path:
    path = store.root / folder / f".{ID}.{host or socket.gethostname()}.{pid}.0123abcd"
    path.mkdir(parents=True)
    (path / "spec.json").write_text("{}")
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_temporaries_of_dead_writers_are_swept_and_live_ones_kept(store: Store) -> None:
    dead = temporary(store, dead_pid())
    live = temporary(store, os.getpid())
    elsewhere = temporary(store, dead_pid(), host="another.host")
    old = temporary(store, dead_pid(), host="a.third.host", age=25 * 3600)
    reused = temporary(store, 1, age=25 * 3600)  # the number of a process of today
    assert Store(store.root).damaged() == {}
    assert [path.exists() for path in (dead, live, elsewhere, old, reused)] == [False, True, True, False, False]


def test_temporary_files_are_swept_in_root_and_reports_and_nothing_else_is(store: Store) -> None:
    mine = [store.root / ".gitignore", store.runs / ".DS_Store", store.root / "reports" / "a" / ".notes.7.md"]
    left = [
        store.root / f".store.json.{socket.gethostname()}.{dead_pid()}.0123abcd",
        store.root / "reports" / "a" / f".fig.svg.{socket.gethostname()}.{dead_pid()}.0123abcd",
    ]
    for path in mine + left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        os.utime(path, (0, 0))
    Store(store.root)
    assert [path.exists() for path in mine + left] == [True, True, True, False, False]


def test_a_temporary_that_vanishes_meanwhile_is_no_error(store: Store) -> None:
    gone = store.runs / f".{ID}.another.host.{dead_pid()}.0123abcd"
    assert module._is_abandoned(gone) is False


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
