"""Count the parts of an input and add them up: in this process, in worker processes, or on Ray, with the same result.

Few parts are counted at once, so that memory does not grow with the input.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

import pyarrow as pa

from steepest.diagnose.class_counts import IdCounts, NameCounts, PartCounts
from steepest.diagnose.inputs import BLANKS, LINE_END, Input, Part
from steepest.diagnose.spectrum import Spectrum
from steepest.diagnose.tokenization import Tokenization
from steepest.errors import UsageError
from steepest.runs.workers import Workers

ExecutorName = Literal["local", "ray"]
WORTH_A_PROCESS = 2**27  # bytes below which starting processes takes longer than counting


@dataclass
class Total:
    """The sum of the parts so far.

    Attributes:
        bytes: how much was read.
        skipped: what was left out, by reason.
    """

    bytes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    _names: NameCounts = field(default_factory=NameCounts)
    _ids: IdCounts = field(default_factory=IdCounts)
    _by_name: bool = False

    def add(self, part: PartCounts) -> None:
        """Add a part."""
        self.bytes += part.bytes
        self.skipped += part.skipped
        if isinstance(part.counts, pa.Table):
            self._by_name = True
            self._names.add(part.counts)
        else:
            self._ids.add(part.counts)

    def result(self) -> tuple[Spectrum, list[tuple[str, int]]]:
        """Return the spectrum and the most frequent classes; ends the counting."""
        return (self._names if self._by_name else self._ids).result()


def count(source: Input, how: Tokenization | None, jobs: int = 1, executor: ExecutorName = "local") -> Iterator[Total]:
    """Count an input; yield the total so far after each part.

    Args:
        source: what to count.
        how: how its text becomes classes; None for labels and ids.
        jobs: worker processes; small inputs are counted in this one.
        executor: `ray` for a cluster, which reads the same paths.

    Raises:
        DataError: what a part raised.
    """
    words = how is not None and how.encode is None
    parts = source.parts(BLANKS if words else LINE_END)
    total = Total(skipped=Counter(source.skipped))
    for counts in _engine(source, jobs, executor)(parts, how):
        total.add(counts)
        yield total
    if not total.bytes:
        yield total


def _engine(source: Input, jobs: int, executor: ExecutorName) -> Callable[..., Iterator[PartCounts]]:
    if executor == "ray":
        return _on_ray
    if jobs == 1 or source.bytes < WORTH_A_PROCESS:
        return _here
    return lambda parts, how: _in_processes(parts, how, jobs)


def _here(parts: Iterator[Part], how: Tokenization | None) -> Iterator[PartCounts]:
    return (part.count(how) for part in parts)


def _in_processes(parts: Iterator[Part], how: Tokenization | None, jobs: int) -> Iterator[PartCounts]:
    with Workers(jobs, _prepare_worker) as workers:
        for part in islice(parts, 2 * jobs):
            workers.submit(_count, part, how)
        while workers:
            counts = workers.next_answer()
            for part in islice(parts, 1):
                workers.submit(_count, part, how)
            yield counts


def _prepare_worker() -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    pa.set_cpu_count(1)


def _count(part: Part, how: Tokenization | None) -> PartCounts:
    return part.count(how)


def _on_ray(parts: Iterator[Part], how: Tokenization | None) -> Iterator[PartCounts]:
    try:
        import ray
    except ImportError:
        raise UsageError("--executor ray needs the library ray; pip install 'steepest[ray]'") from None
    started = not ray.is_initialized()
    if started:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        yield from _ray_counts(ray, parts, how)
    finally:
        if started:
            ray.shutdown()


def _ray_counts(ray: Any, parts: Iterator[Part], how: Tokenization | None) -> Iterator[PartCounts]:
    task, shared = ray.remote(_count), ray.put(how)
    window = 2 * int(ray.cluster_resources().get("CPU", 1))
    running = [task.remote(part, shared) for part in islice(parts, window)]
    while running:
        (done,), running = ray.wait(running)
        running += [task.remote(part, shared) for part in islice(parts, 1)]
        try:
            yield ray.get(done)
        except ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from None
