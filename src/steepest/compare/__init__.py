"""Compare optimizers on a problem of your own, given as a Python file: `steepest compare my_problem.py`, or

from steepest.compare import compare
print(compare("my_problem.py", budget=120).headline)
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from steepest.claims.verdict import MIN_SEEDS
from steepest.compare.answer import Answer, answer
from steepest.compare.budget import sizes_for
from steepest.compare.contenders import DEFAULT, contenders
from steepest.compare.problem_file import ProblemFile
from steepest.compare.rate_search import Comparison
from steepest.errors import UsageError
from steepest.runs.store import Store, default_store
from steepest.runs.stream import available_cores

__all__ = ["Answer", "Comparison", "ProblemFile", "answer", "compare", "prepared"]


def compare(
    path: str | Path,
    *,
    optimizers: Sequence[str] = DEFAULT,
    budget: float = 600.0,
    steps: int | None = None,
    seeds: int = 3,
    store: Store | str | None = None,
    jobs: int | None = None,
) -> Answer:
    """Search a learning rate for every optimizer with the same number of runs, and return which ends lowest.

    Args:
        path: the file that defines the problem (`steepest.compare.problem_file`); it is run.
        optimizers: names of `steepest.compare.contenders.KNOWN`, or import paths of classes; `Adam@10^-2.5` fixes a rate.
        budget: seconds of this call; the same call continues where it stopped.
        steps: updates in a run; default what the file says, else what the budget allows.
        seeds: number of seeds, at least three.
        store: a store or its folder.
        jobs: worker processes; default one per core.

    Returns:
        The answer of the rounds that are complete.

    Raises:
        UsageError, DataError: see `steepest.errors`.
        NotRun: the budget was spent before the first round was complete.
    """
    deadline = time.monotonic() + budget
    store = store if isinstance(store, Store) else Store(store or default_store())
    jobs = jobs or available_cores()
    comparison = prepared(ProblemFile.open(path), optimizers, budget, steps, seeds, jobs, store)
    deque(comparison.train(store, jobs, deadline), maxlen=0)
    return answer(comparison.complete(store), store)


def prepared(
    problem: ProblemFile,
    optimizers: Sequence[str],
    budget: float,
    steps: int | None,
    seeds: int,
    jobs: int,
    store: Store,
) -> Comparison:
    """Return the comparison that these arguments describe, with the sizes that the store has for it or new ones.

    Raises:
        UsageError: fewer than three seeds, an unknown optimizer, or a budget that is too small.
    """
    if seeds < MIN_SEEDS:
        raise UsageError(f"--seeds {seeds}: an interval needs at least {MIN_SEEDS}")
    named, numbers = contenders(optimizers), tuple(range(seeds))
    sizes = sizes_for(problem, named, numbers, steps or problem.steps, budget, jobs, store)
    return Comparison(problem, named, sizes, numbers)
