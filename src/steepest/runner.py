"""Running plans: train what the store lacks, give back what it holds.

`stream` is a generator of progress; `run` is what a notebook calls.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from steepest.experiment import Runnable
from steepest.executors.local import executor
from steepest.machine import seconds
from steepest.results import SweepResults
from steepest.store import Run, Store, default_store
from steepest.sweep import Calculations, Known, Plan, Sweep


@dataclass(frozen=True)
class Step:
    """Progress of a stream: the run that just finished (None at the start), runs done and expected, CPU seconds left."""

    finished: Run | None
    done: int
    expected: int
    seconds_left: float
    jobs: int


def stream(plans: Sequence[Plan], store: Store, jobs: int = 1) -> Iterator[Step]:
    """Execute what `plans` need and `store` lacks, in the order of the plans; yield at the start and after each run."""
    known = lookup(store)
    ratio = _Ratio()
    yield _step(plans, known, None, ratio, jobs)
    if not _pending(plans, known):
        return
    running: dict[str, Runnable] = {}
    with executor(store, jobs) as engine:
        while True:
            waiting = [item for item in _pending(plans, known) if item.id not in running]
            for item in waiting[: engine.slots - len(running)]:
                engine.submit(item)
                running[item.id] = item
            if not running:
                return
            finished = store.get(engine.next_finished())
            if finished is not None:
                ratio.learn(seconds(running.pop(finished.id).work()), finished.seconds)
            yield _step(plans, known, finished, ratio, jobs)


@overload
def run(plan: Sweep, *, store: Store | str | None = ..., jobs: int | None = ...) -> SweepResults: ...
@overload
def run(plan: Calculations, *, store: Store | str | None = ..., jobs: int | None = ...) -> list[Run]: ...
def run(plan: Plan, *, store: Store | str | None = None, jobs: int | None = None) -> SweepResults | list[Run]:
    """Train what the store lacks of `plan` and return all of it.

    Args:
        plan: a sweep, or calculations.
        store: a store or its folder; default `STEEPEST_STORE`, else the platform's data folder.
        jobs: worker processes; default one per core. The numbers do not depend on it.

    Returns:
        The sweep's results, or the calculations' runs.

    Raises:
        StoreError, DataError: see `steepest.errors`.
    """
    store = store if isinstance(store, Store) else Store(store or default_store())
    for _ in stream([plan], store, jobs or available_cores()):
        pass
    if isinstance(plan, Sweep):
        return SweepResults(plan, store)
    return [found for item in plan.calculations if (found := store.get(item.id)) is not None]


def lookup(store: Store) -> Known:
    """Return the function that finds a runnable's stored run."""
    return lambda runnable: store.get(runnable.id)


def available_cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pending(plans: Sequence[Plan], known: Known) -> list[Runnable]:
    unique = {item.id: item for plan in plans for item in plan.progress(known).pending}
    return list(unique.values())


def _step(plans: Sequence[Plan], known: Known, finished: Run | None, ratio: _Ratio, jobs: int) -> Step:
    done = expected = 0
    left = 0.0
    for plan in plans:
        progress = plan.progress(known)
        done += len(progress.explored) - len(progress.pending)
        expected += len(progress.explored) + progress.expected_later
        left += sum(seconds(item.work()) for item in progress.pending)
        if progress.pending:
            left += progress.expected_later * seconds(progress.pending[0].work())
    return Step(finished, done, expected, left * ratio.value, jobs)


class _Ratio:
    """Measured over estimated seconds of the runs of this stream."""

    def __init__(self) -> None:
        self.estimated = self.measured = 0.0

    @property
    def value(self) -> float:
        return self.measured / self.estimated if self.estimated else 1.0

    def learn(self, estimated: float, measured: float) -> None:
        self.estimated += estimated
        self.measured += measured
