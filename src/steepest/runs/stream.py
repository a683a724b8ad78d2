"""Running plans: train what the store lacks, give back what it holds.

`stream` is a generator of progress; `run` is what a notebook calls.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from steepest.errors import StoreError
from steepest.runs.cost import seconds
from steepest.runs.executors import executor
from steepest.runs.lockstep import Lockstep, Queue
from steepest.runs.results import SweepResults
from steepest.runs.spec import Runnable
from steepest.runs.store import Run, Store, default_store
from steepest.runs.sweep import Calculations, Known, Lookup, Plan, Sweep, Trainable, at_once


@dataclass(frozen=True)
class Step:
    """Progress of a stream. A run that several plans share counts once.

    Attributes:
        finished: the run that just finished, the last of those that trained together, None at the start.
        done: number of runs in the store.
        expected: number of runs when all is done, if no grid has to grow.
        seconds_left: estimated CPU seconds, corrected by what finished runs of this stream took.
        lacking: places of the plans that need further runs.
    """

    finished: Run | None
    done: int
    expected: int
    seconds_left: float
    lacking: frozenset[int]


class Agenda:
    """What plans still need, kept up to date as runs finish; each run is looked at once, and each part of a plan as seldom.

    Args:
        plans: in the order in which they are run.
        known: finds runs.

    Attributes:
        pending: the runs needed next, by id.
        arrivals: those that are new among them, with the number of the part that needs them.
        seconds: estimated for what is pending.
    """

    def __init__(self, plans: Sequence[Trainable], known: Known) -> None:
        self.pending: dict[str, Runnable] = {}
        self.arrivals: list[tuple[Runnable, int]] = []
        self.seconds = 0.0
        self._parts = [(place, part) for place, plan in enumerate(plans) for part in plan.parts()]
        self._explored: set[str] = set()
        self._waiting: dict[str, list[int]] = {}  # the parts that wait for a run
        self._missing = [0] * len(self._parts)  # how many runs each part waits for
        self._later: dict[str, tuple[int, float]] = {}  # runs and seconds expected later, by the first run of a search
        self._searches: dict[int, list[str]] = {}  # those first runs, by part
        self._runs_later, self._seconds_later = 0, 0.0
        self._unfinished = Counter(place for place, _ in self._parts)
        self._known = known
        now = at_once(known)
        for part in range(len(self._parts)):
            self._ask(part, now)

    def finish(self, names: Iterable[str]) -> None:
        """Take note of runs that are in the store now."""
        ready = []
        for name in names:
            if name in self.pending:
                self.seconds -= seconds(self.pending.pop(name).work())
            for part in self._waiting.pop(name, ()):
                self._missing[part] -= 1
                if not self._missing[part]:
                    ready.append(part)
        for part in ready:
            self._ask(part, self._known)

    def _ask(self, number: int, known: Known) -> None:
        """Ask a part anew what it needs."""
        place, part = self._parts[number]
        progress = part(known)
        self._explored.update(item.id for item in progress.explored)
        self._expect(number, progress.later)
        self._missing[number] = len(progress.pending)
        if not progress.pending:
            self._unfinished[place] -= 1
        for item in progress.pending:
            self._waiting.setdefault(item.id, []).append(number)
            if item.id not in self.pending:
                self.pending[item.id] = item
                self.seconds += seconds(item.work())
            self.arrivals.append((item, number))

    def step(self, finished: Run | None = None, correction: float = 1.0) -> Step:
        """Return how far the plans have come."""
        return Step(
            finished,
            done=len(self._explored) - len(self.pending),
            expected=len(self._explored) + self._runs_later,
            seconds_left=(self.seconds + self._seconds_later) * correction if self.pending else 0.0,
            lacking=frozenset(place for place, parts in self._unfinished.items() if parts),
        )

    def _expect(self, number: int, later: Sequence[tuple[Runnable, int]]) -> None:
        """Replace what a part expects later; a search that several plans share counts once."""
        new = {item.id: (count, count * seconds(item.work())) for item, count in later}
        old = [self._later.pop(name, (0, 0.0)) for name in {*self._searches.get(number, ()), *new}]
        self._later |= new
        self._searches[number] = list(new)
        self._runs_later += sum(count for count, _ in new.values()) - sum(count for count, _ in old)
        self._seconds_later += sum(cost for _, cost in new.values()) - sum(cost for _, cost in old)


def stream(
    plans: Sequence[Trainable], store: Store, jobs: int = 1, lockstep: Lockstep = "auto"
) -> Generator[Step, None, None]:
    """Execute what `plans` need and `store` lacks, in the order of the plans; yield at the start and as runs finish."""
    agenda = Agenda(plans, lookup(store))
    estimated = measured = 1.0  # a second of trust in the estimate
    yield (step := agenda.step())
    if not agenda.pending:
        return
    with executor(store, jobs, next(iter(agenda.pending.values())), lockstep) as engine:
        queue, free = Queue(engine.slots, lockstep), engine.slots + engine.ahead
        running = 0
        while True:
            for bundle in _handed_out(agenda, queue, store, free - running):
                engine.submit(bundle)
                running += 1
            if not running:
                break
            finished = [_stored(store, name) for name in engine.next_finished()]
            running -= 1
            estimated += sum(seconds(agenda.pending[run.id].work()) for run in finished)
            measured += sum(run.seconds for run in finished)
            agenda.finish([run.id for run in finished])
            yield (step := agenda.step(finished[-1], measured / estimated))
    if step.lacking and not agenda.pending:  # the last runs came from others
        yield agenda.step(step.finished)


def _handed_out(agenda: Agenda, queue: Queue, store: Store, most: int) -> Iterator[tuple[Runnable, ...]]:
    """Yield up to `most` bundles for workers, without the runs that others have stored meanwhile."""
    while most:
        for item, part in agenda.arrivals:
            queue.add(item, part)
        agenda.arrivals.clear()
        bundle = queue.next(agenda.seconds)
        if bundle is None:
            return
        there = {item.id for item in bundle if store.get(item.id) is not None}
        agenda.finish(there)
        if absent := tuple(item for item in bundle if item.id not in there):
            most -= 1
            yield absent


def _stored(store: Store, name: str) -> Run:
    found = store.get(name)
    if found is None:
        raise StoreError(f"run {name} has gone from {store.root} since it was stored; repeat the command")
    return found


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
    plan, store = plan.fresh(), store if isinstance(store, Store) else Store(store or default_store())
    for _ in stream([plan], store, jobs or available_cores(), lockstep):
        pass
    if isinstance(plan, Sweep):
        return SweepResults(plan, store)
    return [found for item in plan.calculations if (found := store.get(item.id)) is not None]


def lookup(store: Store) -> Lookup:
    """Return what finds a runnable's stored run."""
    return Lookup(store)


def available_cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
