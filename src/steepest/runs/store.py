"""The store: one folder per run, named by the run's identity, complete or absent.

    STORE/store.json                 says that this folder is a store
    STORE/runs/ID/spec.json          the full description, whose hash is ID
    STORE/runs/ID/*.parquet          curves and tables
    STORE/runs/ID/*.safetensors      tensors, where a run keeps any
    STORE/runs/ID/result.json        id, format, state, facts, environment, digest of every file and of itself; written last
    STORE/checkpoints/ID.safetensors a long run under way, from which it goes on

A folder whose content is not whole, or does not belong to its name, is damaged: it counts as absent, and the run is trained
again.

A run is written under a temporary name, synced, and renamed, so a reader sees all of it or nothing. Several processes
and machines may write at once: the first rename wins, and the loser's copy, which holds the same numbers, is dropped.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from steepest.component import Described, describe, identity
from steepest.errors import StoreError, unknown
from steepest.files import make_way, sha256, sync_folder, temporary_name, write_atomically, write_synced

FORMAT = 2
MARKER = {"format": "steepest store", "version": FORMAT}
TEMPORARY_NAME = re.compile(r"(\..+)\.(\d+)\.[0-9a-f]{8}")
RESULT = {
    "format": int,
    "id": str,
    "state": str,
    "facts": dict,
    "files": dict,
    "environment": dict,
    "seconds": (int, float),
    "lockstep": str,
}
NOT_FINITE = ("nan", "inf", "-inf")  # how facts are written that JSON has no numbers for
STALE_SECONDS = 24 * 3600
ATTEMPTS, PAUSE = 50, 0.02  # seconds; to publish a run that others heal at the same time


@dataclass(frozen=True)
class Outcome:
    """What executing a spec gives, before it is stored.

    Attributes:
        state: `done`, or `diverged` where a loss was not finite.
        facts: small numbers by name.
        tables: Arrow tables by file name.
        tensors: tensors by name.
    """

    state: str
    facts: Mapping[str, float | int | str | None]
    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    tensors: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A stored run, its files checked against their digests when it was loaded; tables are read when asked for.

    Attributes:
        folder: where it lies.
        id: its identity.
        state: `done` or `diverged`.
        facts: small numbers by name.
        files: digests by file name.
        environment: what it ran on.
        seconds: of the CPU.
        lockstep: `stack` where it trained in a stack, else `alone`.
    """

    folder: Path
    id: str
    state: str
    facts: dict[str, Any]
    files: dict[str, str]
    environment: dict[str, Any]
    seconds: float
    lockstep: str
    _tables: dict[str, pa.Table] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def spec(self) -> dict[str, Any]:
        """Return the stored description."""
        described: dict[str, Any] = json.loads(self._read("spec.json"))
        return described

    def table(self, name: str) -> pa.Table:
        """Return the table `name`.

        Raises:
            UsageError: the run has no such table.
            StoreError: the file has gone since the run was loaded.
        """
        if name not in self._tables:
            if f"{name}.parquet" not in self.files:
                raise unknown("table", name, [file[:-8] for file in self.files if file.endswith(".parquet")])
            file = pq.ParquetFile(io.BytesIO(self._read(f"{name}.parquet")))
            self._tables[name] = file.read(use_threads=False)
        return self._tables[name]

    def column(self, name: str, table: str = "curves") -> np.ndarray:
        """Return one column as an array; a list column as a matrix (rows, list length).

        Raises:
            UsageError: the run has no such table, or the table no such column.
        """
        found = self.table(table)
        if name not in found.column_names:
            raise unknown(f"column of {table}", name, found.column_names)
        column = found.column(name).combine_chunks()
        if pa.types.is_fixed_size_list(column.type):
            return np.asarray(column.flatten()).reshape(len(column), column.type.list_size)
        return np.asarray(column)

    def tensors(self) -> dict[str, Any]:
        """Return the stored tensors by name; none where the run keeps none."""
        if "tensors.safetensors" not in self.files:
            return {}
        from safetensors.torch import load

        return dict(load(self._read("tensors.safetensors")))

    def _read(self, name: str) -> bytes:
        try:
            data = (self.folder / name).read_bytes()
        except OSError as error:
            raise StoreError(f"run {self.id}: cannot read {name} ({error.strerror}); {_mend(self.folder)}") from None
        return data


class Damaged(Exception):  # noqa: N818 - a state of a folder
    """A folder is not a run; its text says why."""


def read_run(folder: Path, name: str) -> Run:
    """Return the run `name` from a folder, every file checked.

    Raises:
        Damaged: the folder is not whole, or holds something else.
    """
    try:
        result = parsed((folder / "result.json").read_bytes()) or {}
        if result.pop("digest", None) != _seal(result):
            raise Damaged("result.json does not match its digest")
        if result.keys() != RESULT.keys() or not _fits(result, RESULT) or result.pop("format") != FORMAT:
            raise Damaged("result.json is of another format")
        if result["id"] != name:
            raise Damaged(f"it is a copy of the run {result['id']}")
        present = {file for file in os.listdir(folder) if file[0] != "."} - {"result.json"}
        if differing := sorted(present ^ result["files"].keys()):
            raise Damaged(f"{differing[0]} is only in the folder, or only in result.json")
        for file, digest in result["files"].items():
            if sha256((folder / file).read_bytes()) != digest:
                raise Damaged(f"{file} does not match its digest")
        if identity(parsed((folder / "spec.json").read_bytes()) or {}) != name:
            raise Damaged("spec.json describes another run")
    except OSError as error:
        raise Damaged(f"{Path(error.filename or folder).name}: {error.strerror}") from None
    except RecursionError:
        raise Damaged("result.json or spec.json is nested too deeply") from None
    facts = {fact: float(value) if value in NOT_FINITE else value for fact, value in result["facts"].items()}
    return Run(folder, **result | {"facts": facts})


def _run_or_none(folder: Path, name: str) -> Run | None:
    try:
        return read_run(folder, name)
    except Damaged:
        return None


def _rename_where_free(folder: Path, target: Path) -> bool:
    """Rename a folder, unless there is something at the target; return whether it was renamed."""
    try:
        os.rename(folder, target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def _mend(folder: Path) -> str:
    return f"delete {folder} and repeat the command to train it again"


class Store:
    """A folder of runs.

    Args:
        root: the folder.
        read_only: only look: create nothing, clean up nothing; a folder that is absent holds no runs.

    Raises:
        StoreError: the folder cannot be written, or holds something else.
    """

    def __init__(self, root: str | os.PathLike[str], *, read_only: bool = False) -> None:
        self.root = Path(root).expanduser().absolute()
        self.runs = self.root / "runs"
        self._known: dict[str, Run] = {}
        with store_errors(self.root):
            self._check_folder()
            if not read_only:
                self._claim_folder()
                self._sweep_up()

    def get(self, name: str) -> Run | None:
        """Return the finished run of an identity, or None where it is absent or damaged, and is to be trained again."""
        if name not in self._known:
            run = _run_or_none(self.runs / name, name)
            if run is None:
                return None
            self._known[name] = run
        return self._known[name]

    def all(self) -> Iterator[Run]:
        """Yield every readable run in order of identity."""
        for folder in self._entries():
            if run := self.get(folder.name):
                yield run

    def damaged(self) -> dict[Path, str]:
        """Return what lies in the runs folder and is not a readable run, with the reason."""
        found: dict[Path, str] = {}
        for path in self._entries():
            try:
                if path.name not in self._known:
                    read_run(path, path.name)
            except Damaged as reason:
                found[path] = str(reason)
        return found

    def _entries(self) -> list[Path]:
        return sorted(path for path in self.runs.glob("*") if path.name[0] != ".")

    def put(
        self, what: Described | Mapping[str, Any], outcome: Outcome, seconds: float, lockstep: str = "alone"
    ) -> Run:
        """Write a run so that it is there whole or not at all, remove its checkpoint, and return it.

        Args:
            what: what was run, or its description; it gives the run its identity.
            outcome: what came of it.
            seconds: of the CPU.
            lockstep: `stack` where it trained in a stack, else `alone`.

        Raises:
            StoreError: the disk is full or the folder cannot be written.
        """
        description = describe(what)
        name = identity(description)
        temporary = temporary_name(self.runs / name)
        with store_errors(self.root):
            try:
                temporary.mkdir()
                files = {file: write_synced(temporary / file, data) for file, data in _contents(description, outcome)}
                result = {
                    "format": FORMAT,
                    "id": name,
                    "state": outcome.state,
                    "facts": {fact: _written(value) for fact, value in outcome.facts.items()},
                    "files": files,
                    "environment": environment(),
                    "seconds": round(seconds, 4),
                    "lockstep": lockstep,
                }
                write_synced(temporary / "result.json", _json(result | {"digest": _seal(result)}))
                run = self._published(temporary, self.runs / name)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            self._drop_checkpoint(name)
        return run

    def checkpoint(self, name: str) -> Path:
        """Return the file that keeps the state of a run under way."""
        return self.root / "checkpoints" / f"{name}.safetensors"

    def _drop_checkpoint(self, name: str) -> None:
        if make_way(self.checkpoint(name)) is None:
            self.checkpoint(name).unlink(missing_ok=True)

    def append(self, name: str, record: Mapping[str, Any]) -> None:
        """Append one record to the log `name` of the store; a half-written last line is ignored by `read_log`."""
        with store_errors(self.root), (self.root / f"{name}.jsonl").open("ab") as log:
            log.write(b"\n" + json.dumps(dict(record), sort_keys=True).encode())
            log.flush()
            os.fsync(log.fileno())

    def read_log(self, name: str, shape: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the records of a log in the order written, without what is no record of this shape: types by key."""
        path = self.root / f"{name}.jsonl"
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        records = [record for line in lines if (record := parsed(line)) is not None]
        return [record for record in records if _fits(record, shape or {})]

    def _published(self, temporary: Path, target: Path) -> Run:
        """Move a written run to its place, and read it back; among many writers of one run the first that is whole stays."""
        sync_folder(temporary)
        for _ in range(ATTEMPTS):
            if os.path.lexists(target) and _run_or_none(target, target.name) is None:
                self._set_aside(target)
            if temporary.exists():  # else it is published, and another writer may have it in hand
                _rename_where_free(temporary, target)
            sync_folder(self.runs)
            if run := self.get(target.name):
                return run
            time.sleep(PAUSE)  # another writer is about to replace what it took for damaged
        raise StoreError(f"run {target.name} cannot be read back; {_mend(target)}")

    def _set_aside(self, target: Path) -> None:
        """Move a damaged run out of the way; put it back if another writer has healed it meanwhile."""
        aside = self.root / f"damaged-{target.name}-{uuid.uuid4().hex[:8]}"
        with suppress(FileNotFoundError):  # another writer was faster
            os.replace(target, aside)
            if _run_or_none(aside, target.name) is not None and not _rename_where_free(aside, target):
                shutil.rmtree(aside, ignore_errors=True)

    def _check_folder(self) -> None:
        """Look for content before looking for the marker, which another process may be writing and writes first."""
        marker = self.root / "store.json"
        used = self.root.is_dir() and any(path.name[0] != "." for path in self.root.iterdir())
        if marker.exists():
            if parsed(marker.read_bytes()) != MARKER:
                raise StoreError(
                    f"{marker} is not the marker of a store of version {FORMAT}, which this package writes; choose "
                    "another folder with --store"
                )
        elif used:
            raise StoreError(f"{self.root} is not empty and not a store; choose another folder with --store")
        present = next(path for path in (self.root, *self.root.parents) if path.exists())
        if not present.is_dir():
            raise StoreError(
                f"cannot use {self.root}: {present} is a file, not a folder; choose another folder with --store"
            )

    def _claim_folder(self) -> None:
        """Write the marker before anything else, so that a folder with content and no marker is not a store."""
        marker = self.root / "store.json"
        if not marker.exists():
            write_atomically(marker, _json(MARKER))
        self.runs.mkdir(exist_ok=True)
        sync_folder(self.root)
        if not os.access(self.runs, os.W_OK):
            raise PermissionError(errno.EACCES, "permission denied")

    def _sweep_up(self) -> None:
        """Remove what dead writers left: temporary files, and checkpoints of runs that are stored."""
        hidden = (self.root.glob(".*"), self.runs.glob(".*"), (self.root / "reports").rglob(".*"))
        checkpoints = self.root / "checkpoints"
        for path in filter(_is_abandoned, chain(*hidden, checkpoints.glob(".*"))):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        for path in checkpoints.glob("*.safetensors"):
            if self.get(path.stem):
                self._drop_checkpoint(path.stem)


def default_store() -> Path:
    """Return `STEEPEST_STORE`, else the platform's folder for application data."""
    from platformdirs import user_data_dir

    return Path(os.environ.get("STEEPEST_STORE") or Path(user_data_dir("steepest")) / "store")


def environment() -> dict[str, Any]:
    """Return what the numbers may depend on beyond the spec: versions and processor."""
    import platform
    from importlib.metadata import version

    import torch

    return {
        "steepest": version("steepest"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _contents(description: Any, outcome: Outcome) -> Iterator[tuple[str, bytes]]:
    yield "spec.json", _json(description)
    for name, table in outcome.tables.items():
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        yield f"{name}.parquet", buffer.getvalue()
    if outcome.tensors:
        from safetensors.torch import save

        yield "tensors.safetensors", save(dict(outcome.tensors))


def _seal(result: Mapping[str, Any]) -> str:
    return sha256(_json(result))


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode()


def _written(fact: Any) -> Any:
    return str(float(fact)) if isinstance(fact, float) and not math.isfinite(fact) else fact


def parsed(data: bytes) -> dict[str, Any] | None:
    """Return a JSON object, or None where the bytes are none, or are nested too deeply."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _fits(record: Mapping[str, Any], shape: Mapping[str, Any]) -> bool:
    return all(isinstance(record.get(name), kind) for name, kind in shape.items())


def _is_abandoned(path: Path) -> bool:
    """Return whether a path is a temporary whose writer is gone: its process on this host, or a day without a change."""
    named = TEMPORARY_NAME.fullmatch(path.name)
    if named is None:
        return False
    if named[1].endswith(f".{socket.gethostname()}") and not _is_alive(int(named[2])):
        return True
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime > STALE_SECONDS
    return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def store_errors(root: Path) -> Iterator[None]:
    """Turn what the disk refuses into one line with the way out.

    Raises:
        StoreError: the disk is full, or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            why, way_out = "the disk is full", "free some space and repeat the command; finished runs are kept"
        else:
            why, way_out = str(error.strerror or error), "choose another folder with --store or STEEPEST_STORE"
        raise StoreError(f"cannot write to the store {root}: {why}; {way_out}") from None
