"""Local worker processes, one thread each.

loky's workers need no `if __name__ == "__main__"` in the caller's script and accept problems defined in a notebook.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from steepest import distributed
from steepest.experiment import Runnable
from steepest.spec import identity
from steepest.store import Store


class Executor(Protocol):
    """An engine: takes runnables, gives back the ids of stored runs as they finish."""

    slots: int

    def submit(self, runnable: Runnable) -> None:
        """Start, or queue, one runnable."""

    def next_finished(self) -> str:
        """Wait for one to finish and return its id; raises what the run raised."""


class Inline:
    """Runs in this process, one at a time."""

    slots = 1

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: list[Runnable] = []

    def submit(self, runnable: Runnable) -> None:
        """Queue one runnable."""
        self._queue.append(runnable)

    def next_finished(self) -> str:
        """Execute the oldest queued runnable, together with the other processes that `torchrun` may have started."""
        runnable = self._queue.pop(0)
        return execute_into(self._store, runnable, runnable.description())


class Processes:
    """Runs in `jobs` worker processes."""

    def __init__(self, store: Store, jobs: int) -> None:
        from loky import ProcessPoolExecutor

        self.slots = jobs
        self._root = store.root
        self._pool = ProcessPoolExecutor(jobs, timeout=60, initializer=_prepare_worker, initargs=(os.getpid(),))
        self._running: set[Future[str]] = set()

    def submit(self, runnable: Runnable) -> None:
        """Hand one runnable to a free worker."""
        self._running.add(self._pool.submit(_execute, self._root, runnable, runnable.description()))

    def next_finished(self) -> str:
        """Wait for any worker."""
        done, self._running = wait(self._running, return_when=FIRST_COMPLETED)
        first, *others = done
        self._running |= set(others)
        return first.result()

    def close(self) -> None:
        """Stop the workers at once; what they had not finished was not stored."""
        self._pool.shutdown(wait=True, kill_workers=True)


@contextmanager
def executor(store: Store, jobs: int, example: Runnable) -> Iterator[Executor]:
    """Yield an engine of `jobs` slots, or of one where workers cannot be sent `example`; leave no process behind."""
    if jobs == 1 or not _can_be_sent(example):
        yield Inline(store)
        return
    pool = Processes(store, jobs)
    try:
        yield pool
    finally:
        pool.close()


def _can_be_sent(runnable: Runnable) -> bool:
    """Tell whether a runnable, which may hold classes of the user's script, can travel to another process."""
    from loky.backend.reduction import dumps  # what submitting does

    try:
        dumps(runnable)
    except Exception:  # noqa: BLE001 - the user's own objects may raise anything
        return False
    return True


def execute_into(store: Store, runnable: Runnable, description: Mapping[str, Any]) -> str:
    """Execute one runnable, store it under its description and return its id.

    The description is taken where the source of scripts is at hand. Of several processes the first stores.
    """
    name = identity(description)
    started = time.process_time()
    outcome = runnable.execute(store.checkpoint(name))
    if distributed.rank() == 0:
        store.put(name, description, outcome, time.process_time() - started)
        store.checkpoint(name).unlink(missing_ok=True)
    distributed.wait()
    return name


def _execute(root: Path, runnable: Runnable, description: Mapping[str, Any]) -> str:
    return execute_into(_opened(root), runnable, description)


@lru_cache(maxsize=1)
def _opened(root: Path) -> Store:
    return Store(root)


def _prepare_worker(parent: int) -> None:
    """Leave Ctrl-C to the parent, and leave with it."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: int) -> None:
    while True:
        time.sleep(0.5)
        if os.getppid() != parent:
            os._exit(1)
