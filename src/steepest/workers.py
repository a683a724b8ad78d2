"""Worker processes, for runs and for counting.

loky's need no `if __name__ == "__main__"` in the caller's script and accept problems defined in a notebook.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loky import ProcessPoolExecutor

IDLE_SECONDS = 60
NO_RESTARTS = {"LOKY_MAX_MEMORY_LEAK_SIZE": "1e15"}  # bytes; what a worker keeps are texts and images, read once


def worker_pool(jobs: int, initializer: Callable[..., None], *given: Any) -> ProcessPoolExecutor:
    """Return a pool of `jobs` processes; each first calls `initializer(*given)`, and lives until the pool is closed or idle."""
    from loky import ProcessPoolExecutor

    return ProcessPoolExecutor(jobs, timeout=IDLE_SECONDS, initializer=initializer, initargs=given, env=NO_RESTARTS)
