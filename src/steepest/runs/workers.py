"""Worker processes, for runs and for counting.

loky's need no `if __name__ == "__main__"` in the caller's script and accept problems defined in a notebook.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import TracebackType
from typing import Any

IDLE_SECONDS = 60
FEEDER, PATIENCE_SECONDS = "QueueFeederThread", 1.0
POLL_SECONDS = 0.1  # how long Ctrl-C may wait for a pause between two looks at the workers
ENVIRONMENT = {
    "LOKY_MAX_MEMORY_LEAK_SIZE": "1e15",  # bytes; no restarts: what a worker keeps are texts and images, read once
    # What an update frees serves the next one, up to 256 MiB. Given back to the system and fetched again at every update,
    # it costs small steps a quarter of their time.
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
}


class Workers:
    """`jobs` processes that answer calls in any order, each after `initializer(*given)`; leaving the block ends them.

    Ctrl-C is raised between two uses, never inside one: it would leave a lock of the pool held, and ending the pool would
    wait for that lock forever.
    """

    def __init__(self, jobs: int, initializer: Callable[..., None], *given: Any) -> None:
        from loky import ProcessPoolExecutor

        self._others = set(threading.enumerate())
        resource_tracker.ensure_running()  # starting it unblocks SIGINT, so it starts before a call that blocks it
        with uninterrupted():
            self._pool = ProcessPoolExecutor(
                jobs, timeout=IDLE_SECONDS, initializer=initializer, initargs=given, env=ENVIRONMENT
            )
        self._calls: set[Future[Any]] = set()

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __bool__(self) -> bool:
        """Return whether calls are running."""
        return bool(self._calls)

    def submit(self, call: Callable[..., Any], *given: Any) -> None:
        """Hand a call to the next free worker."""
        with uninterrupted():
            self._calls.add(self._pool.submit(call, *given))

    def next_answer(self) -> Any:
        """Wait for any call to end; return what it returned, or raise what it raised."""
        done: set[Future[Any]] = set()
        while not done:
            with uninterrupted():
                done, _ = wait(self._calls, POLL_SECONDS, FIRST_COMPLETED)
        first = done.pop()
        self._calls.remove(first)
        return first.result()

    def close(self) -> None:
        """End the workers at once, in the middle of whatever they do."""
        with uninterrupted():
            self._pool.shutdown(wait=True, kill_workers=True)
            for thread in set(threading.enumerate()) - self._others:
                if thread.name == FEEDER:  # loky leaves it; cut off by our end it would report a leaked semaphore
                    thread.join(PATIENCE_SECONDS)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the end of the block; processes that start inside never see it."""
    if threading.current_thread() is not threading.main_thread():  # which alone is interrupted
        yield
        return
    held: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: held.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else set()
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if held:
            signal.raise_signal(signal.SIGINT)
