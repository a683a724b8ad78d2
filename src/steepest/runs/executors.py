"""Runs in this process, or in local worker processes of one thread each."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

from steepest import distributed
from steepest.component import describe, identity
from steepest.owner import owner_named
from steepest.runs.execute import execute
from steepest.runs.lockstep import Lockstep, stackable, train_together
from steepest.runs.spec import Runnable, Spec
from steepest.runs.store import Outcome, Store
from steepest.runs.workers import Workers

Bundle = tuple[Runnable, ...]


class Executor(Protocol):
    """An engine: takes bundles of runnables, gives back the ids of stored runs as bundles finish.

    Attributes:
        slots: how many bundles it works on at once.
        ahead: how many more it holds ready, so that no worker waits while the caller draws.
    """

    slots: int
    ahead: int

    def submit(self, bundle: Bundle) -> None:
        """Start, or queue, a runnable, or several that train together."""

    def next_finished(self) -> list[str]:
        """Wait for one bundle to finish and return its ids; raises what a run raised."""


class Inline:
    """Runs in this process, one at a time."""

    slots, ahead = 1, 0

    def __init__(self, store: Store, lockstep: Lockstep) -> None:
        self._store, self._lockstep = store, lockstep
        self._queue: list[Bundle] = []

    def submit(self, bundle: Bundle) -> None:
        """Queue a bundle."""
        self._queue.append(bundle)

    def next_finished(self) -> list[str]:
        """Execute the oldest queued bundle, together with the other processes that `torchrun` may have started."""
        bundle = self._queue.pop(0)
        return execute_into(self._store, bundle, [describe(item) for item in bundle], self._lockstep)


class Processes:
    """Runs in `jobs` worker processes."""

    def __init__(self, store: Store, jobs: int, lockstep: Lockstep) -> None:
        self.slots = self.ahead = jobs
        self._root, self._lockstep = store.root, lockstep
        self._workers = Workers(jobs, _prepare_worker, os.getpid())

    def submit(self, bundle: Bundle) -> None:
        """Hand a bundle to the next free worker."""
        descriptions = [describe(item) for item in bundle]
        self._workers.submit(_execute, self._root, bundle, descriptions, self._lockstep)

    def next_finished(self) -> list[str]:
        """Wait for any worker."""
        names: list[str] = self._workers.next_answer()
        return names

    def close(self) -> None:
        """Stop the workers at once; what they had not finished was not stored."""
        self._workers.close()


@contextmanager
def executor(store: Store, jobs: int, example: Runnable, lockstep: Lockstep = "auto") -> Iterator[Executor]:
    """Yield an engine of `jobs` slots, or of one where workers cannot be sent `example`; leave no process behind."""
    if jobs > 1:
        send_code_by_value()
    if jobs == 1 or not _can_be_sent(example):
        yield Inline(store, lockstep)
        return
    pool = Processes(store, jobs, lockstep)
    try:
        yield pool
    finally:
        pool.close()


def send_code_by_value() -> None:
    """Let workers get the code of the user's modules as it is in memory, which identifies its runs.

    They would import the files, which may have been edited since, and miss what was set after the import.
    """
    import cloudpickle

    papers = {entry.module.partition(".")[0] for entry in entry_points(group="steepest.papers")}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        installed = file is not None and "site-packages" in file and name.partition(".")[0] not in papers
        if name != "__main__" and file is not None and not installed and owner_named(name) == "":
            cloudpickle.register_pickle_by_value(module)


def _can_be_sent(runnable: Runnable) -> bool:
    """Return whether a runnable, which may hold classes of the user's script, can travel to another process."""
    from loky.backend.reduction import dumps  # what submitting does

    try:
        dumps(runnable)
    except Exception:  # noqa: BLE001 - the user's own objects may raise anything
        return False
    return True


def execute_into(
    store: Store, bundle: Bundle, descriptions: Sequence[Mapping[str, Any]], lockstep: Lockstep = "auto"
) -> list[str]:
    """Execute a bundle, store each run under its description and return the ids.

    The descriptions are taken where the source of scripts is at hand. Of several processes the first stores.
    """
    names = [identity(description) for description in descriptions]
    stacked = stackable(bundle[0], lockstep)
    outcomes = _together(bundle) if stacked else _one_by_one(bundle, [store.checkpoint(name) for name in names])
    for description, (outcome, seconds) in zip(descriptions, outcomes, strict=True):
        if distributed.rank() == 0:
            store.put(description, outcome, seconds, "stack" if stacked else "alone")
        distributed.wait()
    return names


def _together(bundle: Bundle) -> Iterable[tuple[Outcome, float]]:
    return train_together([spec for spec in bundle if isinstance(spec, Spec)])


def _one_by_one(bundle: Bundle, checkpoints: Sequence[Path]) -> Iterator[tuple[Outcome, float]]:
    """Yield outcome and CPU seconds of each run as it ends."""
    for item, path in zip(bundle, checkpoints, strict=True):
        started = time.process_time()
        outcome = execute(item, path)
        yield outcome, time.process_time() - started


def _execute(root: Path, bundle: Bundle, descriptions: Sequence[Mapping[str, Any]], lockstep: Lockstep) -> list[str]:
    return execute_into(_opened(root), bundle, descriptions, lockstep)


@lru_cache(maxsize=1)
def _opened(root: Path) -> Store:
    return Store(root)


def _prepare_worker(parent: int) -> None:
    """Compute with one thread, and leave with the parent."""
    import torch

    torch.set_num_threads(1)
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: int) -> None:
    while True:
        time.sleep(0.5)
        if os.getppid() != parent:
            os._exit(1)
