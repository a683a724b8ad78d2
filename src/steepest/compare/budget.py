"""The number of updates in a run, the same for every optimizer, that a budget of time allows.

Every optimizer gets seven short probes and, in three rounds, seven rates, each of them once per seed. The number of updates
follows from the measured time of an update; it is written to the store, so that the same command continues with it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from steepest.compare.contenders import Contender, starting_exponent
from steepest.compare.problem_file import ProblemFile
from steepest.component import identity
from steepest.errors import UsageError
from steepest.runs.execute import pinned_threads
from steepest.runs.store import Store
from steepest.runs.train import evaluate, train

PROBES, PROBE_SHARE = 7, 8  # rates a decade apart, each run for an eighth of the updates
FIRST_RATES, MORE_RATES, LEAST_ROUNDS = 3, 2, 3
RATES = FIRST_RATES + (LEAST_ROUNDS - 1) * MORE_RATES
PLANNED_SHARE = 0.5  # of the budget; the rest is for further rounds and for a machine that is busy
STARTING_SECONDS = 5.0  # of worker processes
LEAST_STEPS = 20
MOST_EPOCHS, MOST_FULL_BATCH_STEPS = 200, 2_000
TIMED_SECONDS, TIMED_UPDATES = 0.3, 50
LOG = "compare"


@dataclass(frozen=True)
class Sizes:
    """How long runs are, and where the search for rates starts.

    Attributes:
        steps: updates in a run, T.
        starts: the decade around which each searched optimizer is probed, by label.
    """

    steps: int
    starts: dict[str, int]


@dataclass(frozen=True)
class Cost:
    """Measured seconds of one update, and of all else in a run: setting up and evaluating."""

    update: float
    fixed: float


def sizes_for(
    problem: ProblemFile,
    contenders: Sequence[Contender],
    seeds: Sequence[int],
    steps: int | None,
    budget: float,
    jobs: int,
    store: Store,
) -> Sizes:
    """Return the sizes that the store has for these arguments, or compute them and write them to its log.

    Args:
        problem: what is trained.
        contenders: the optimizers.
        seeds: of the runs.
        steps: updates in a run, or None where the budget decides.
        budget: seconds.
        jobs: worker processes.
        store: where they are kept.

    Raises:
        UsageError: not even the least number of updates fits into the budget.
    """
    key = _key(problem, contenders, seeds, steps, budget)
    for record in store.read_log(LOG, {"key": str, "steps": int, "starts": dict}):
        if record["key"] == key:
            return Sizes(record["steps"], {c.label: record["starts"][c.label] for c in contenders if c.rate is None})
    with pinned_threads(1):
        searched = [contender for contender in contenders if contender.rate is None]
        starts = {c.label: starting_exponent(problem, c.method, seeds[0]) for c in searched}
        sizes = Sizes(steps or _affordable(problem, contenders, len(seeds), budget, jobs), starts)
    store.append(LOG, {"key": key, "steps": sizes.steps, "starts": sizes.starts})
    return sizes


def _key(
    problem: ProblemFile, contenders: Sequence[Contender], seeds: Sequence[int], steps: int | None, budget: float
) -> str:
    described: dict[str, Any] = {
        "problem": problem,
        "contenders": list(contenders),
        "seeds": list(seeds),
        "length": {"steps": steps} if steps else {"budget": budget},
    }
    return identity(described)


def _affordable(problem: ProblemFile, contenders: Sequence[Contender], seeds: int, budget: float, jobs: int) -> int:
    """Return T such that the probes and the least number of rounds of all contenders take the planned share of the budget.

    Raises:
        UsageError: T would be too small.
    """
    costs = [measured_cost(problem, contender) for contender in contenders]
    counts = [_runs(contender, seeds) for contender in contenders]
    steps = affordable_steps(costs, counts, budget, jobs)
    if steps < LEAST_STEPS:
        per_step, fixed = _cpu_seconds(costs, counts)
        needed = ((fixed + LEAST_STEPS * per_step) / jobs + STARTING_SECONDS) / PLANNED_SHARE
        raise UsageError(
            f"--budget {budget:g}s: {LEAST_STEPS} updates for each of {len(contenders)} optimizers at {RATES} rates and "
            f"{seeds} seeds need about {needed:.0f}s; give that, or fewer --optimizers"
        )
    return min(rounded_down(steps), _most_steps(problem))


def affordable_steps(costs: Sequence[Cost], counts: Sequence[tuple[int, int]], budget: float, jobs: int) -> float:
    """Return the T at which all runs take the planned share of `jobs` times the budget, less the workers' start.

    Args:
        costs: of each contender.
        counts: its runs of full length, and its probes.
        budget: seconds.
        jobs: worker processes.

    >>> affordable_steps([Cost(update=0.01, fixed=0.5)], [(10, 8)], budget=100.0, jobs=2)  # 2 · 45 = 18 · 0.5 + 11 · 0.01 T
    736.36...
    """
    per_step, fixed = _cpu_seconds(costs, counts)
    return ((PLANNED_SHARE * budget - STARTING_SECONDS) * jobs - fixed) / per_step


def _cpu_seconds(costs: Sequence[Cost], counts: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return the seconds of all runs for every update of T, and those that do not depend on T."""
    pairs = list(zip(costs, counts, strict=True))
    per_step = sum((full + probes / PROBE_SHARE) * cost.update for cost, (full, probes) in pairs)
    return per_step, sum((full + probes) * cost.fixed for cost, (full, probes) in pairs)


def _runs(contender: Contender, seeds: int) -> tuple[int, int]:
    """Return the number of full runs in the least number of rounds, and of probes."""
    return (seeds, 0) if contender.rate is not None else (RATES * seeds, PROBES)


def _most_steps(problem: ProblemFile) -> int:
    contents = problem.contents
    if contents.batch_size is None:
        return MOST_FULL_BATCH_STEPS
    return max(LEAST_STEPS, MOST_EPOCHS * len(contents.train.inputs) // contents.batch_size)


def rounded_down(value: float) -> int:
    """Return the largest number with two digits and zeros that is not above `value`.

    >>> rounded_down(1234.5), rounded_down(99.9), rounded_down(7.2)
    (1200, 99, 7)
    """
    unit = int(10 ** max(0, len(str(int(value))) - 2))
    return int(value) // unit * unit


def measured_cost(problem: ProblemFile, contender: Contender) -> Cost:
    """Return the seconds of an update and of the rest of a run on this machine, at a rate that changes nothing."""
    began = time.perf_counter()
    task = problem.setup(0)
    evaluate(task, task.params)
    fixed = time.perf_counter() - began
    events = train(task, contender.method.build(task.params, 1e-12), steps=TIMED_UPDATES + 2)
    next(events), next(events)  # the first update also allocates
    count, began = 0, time.perf_counter()
    while count < TIMED_UPDATES and time.perf_counter() - began < TIMED_SECONDS:
        next(events)
        count += 1
    return Cost((time.perf_counter() - began) / count, 2 * fixed)


def seconds(text: str) -> float:
    """Return a duration in seconds.

    Raises:
        UsageError: not a duration above 0.

    >>> seconds("90"), seconds("90s"), seconds("10min"), seconds("1.5h")
    (90.0, 90.0, 600.0, 5400.0)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|sec|m|min|h|)", text.strip())
    value = float(match[1]) * {"s": 1, "sec": 1, "": 1, "m": 60, "min": 60, "h": 3600}[match[2]] if match else 0.0
    if value <= 0:
        raise UsageError(f"--budget {text!r}: is not a time; write 90s, 10min or 2h")
    return value
