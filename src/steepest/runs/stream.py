"""Running plans: train what the store lacks, give back what it holds.

`stream` is a generator of progress; `run` is what a notebook calls.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import overload

from steepest.errors import StoreError
from steepest.runs.cost import seconds
from steepest.runs.executors import executor
from steepest.runs.lockstep import Lockstep, bundles
from steepest.runs.results import SweepResults
from steepest.runs.spec import Runnable
from steepest.runs.store import Run, Store, default_store
from steepest.runs.sweep import Calculations, Known, Plan, Progress, Sweep, Trainable


@dataclass(frozen=True)
class Step:
    """Progress of a stream. A run that several plans share counts once.

    Attributes:
        finished: the run that just finished, the last of those that trained together, None at the start.
        progress: how far each plan has come, in the order of the plans.
        seconds_left: estimated CPU seconds, corrected by what finished runs of this stream took.
    """

    finished: Run | None
    progress: tuple[Progress, ...]
    seconds_left: float

    @property
    def done(self) -> int:
        """Return the number of runs in the store."""
        pending = {item.id for part in self.progress for item in part.pending}
        return len(_explored(self.progress) - pending)

    @property
    def expected(self) -> int:
        """Return the number of runs when all is done, if no grid has to grow."""
        return len(_explored(self.progress)) + sum(count for _, count in _later(self.progress))


def stream(
    plans: Sequence[Trainable], store: Store, jobs: int = 1, lockstep: Lockstep = "auto"
) -> Generator[Step, None, None]:
    """Execute what `plans` need and `store` lacks, in the order of the plans; yield at the start and as runs finish."""
    known = lookup(store)
    parts = tuple(plan.progress(known) for plan in plans)
    estimated = measured = 1.0  # a second of trust in the estimate
    yield Step(None, parts, cpu_seconds_left(parts))
    first = next((item for part in parts for item in part.pending), None)
    if first is None:
        return
    running: dict[str, Runnable] = {}
    with executor(store, jobs, first, lockstep) as engine:
        free = engine.slots + engine.ahead
        while True:
            waiting = {item.id: item for part in parts for item in part.pending if item.id not in running}
            for bundle in bundles(waiting.values(), engine.slots, lockstep)[:free]:
                engine.submit(bundle)
                running |= {item.id: item for item in bundle}
                free -= 1
            if not running:
                return
            finished = [_stored(store, name) for name in engine.next_finished()]
            free += 1
            estimated += sum(seconds(running.pop(run.id).work()) for run in finished)
            measured += sum(run.seconds for run in finished)
            parts = _refreshed(plans, parts, known, {run.id for run in finished})
            yield Step(finished[-1], parts, cpu_seconds_left(parts) * measured / estimated)


def _refreshed(
    plans: Sequence[Trainable], parts: Sequence[Progress], known: Known, finished: set[str]
) -> tuple[Progress, ...]:
    """Ask those plans again that waited for finished runs, and the first that waits at all: others may fill the store too."""
    first = next((place for place, part in enumerate(parts) if part.pending), None)
    stale = {place for place, part in enumerate(parts) if any(item.id in finished for item in part.pending)} | {first}
    pairs = zip(plans, parts, strict=True)
    return tuple(plan.progress(known) if place in stale else part for place, (plan, part) in enumerate(pairs))


def _stored(store: Store, name: str) -> Run:
    found = store.get(name)
    if found is None:
        raise StoreError(f"run {name} has gone from {store.root} since it was stored; repeat the command")
    return found


def cpu_seconds_left(parts: Sequence[Progress]) -> float:
    """Return the estimated CPU seconds of what is pending and expected; shared runs count once."""
    pending = {item.id: item for part in parts for item in part.pending}
    now = sum(seconds(item.work()) for item in pending.values())
    return now + sum(count * seconds(item.work()) for item, count in _later(parts))


def _explored(parts: Iterable[Progress]) -> set[str]:
    return {item.id for part in parts for item in part.explored}


def _later(parts: Iterable[Progress]) -> Iterable[tuple[Runnable, int]]:
    """Return (first spec, runs expected later) of each search, shared ones once."""
    return {item.id: (item, count) for part in parts for item, count in part.later}.values()


@overload
def run(
    plan: Sweep, *, store: Store | str | None = ..., jobs: int | None = ..., lockstep: Lockstep = ...
) -> SweepResults: ...
@overload
def run(
    plan: Calculations, *, store: Store | str | None = ..., jobs: int | None = ..., lockstep: Lockstep = ...
) -> list[Run]: ...
def run(
    plan: Plan, *, store: Store | str | None = None, jobs: int | None = None, lockstep: Lockstep = "auto"
) -> SweepResults | list[Run]:
    """Train what the store lacks of `plan` and return all of it.

    Args:
        plan: a sweep, or calculations.
        store: a store or its folder; default `STEEPEST_STORE`, else the platform's data folder.
        jobs: worker processes; default one per core. The numbers do not depend on it. A problem of yours that cannot be
            sent to another process is trained in this one.
        lockstep: train runs of small steps as one stacked computation where that pays ("auto"), all runs that can be
            stacked ("always"), or none ("never").

    Returns:
        The sweep's results, or the calculations' runs.

    Raises:
        StoreError, DataError: see `steepest.errors`.
    """
    store = store if isinstance(store, Store) else Store(store or default_store())
    for _ in stream([plan], store, jobs or available_cores(), lockstep):
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
