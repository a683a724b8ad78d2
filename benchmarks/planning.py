"""What planning costs: which runs a sweep needs, what they are called, and what is left after each.

    python benchmarks/planning.py            a minute; results/planning.json

Three questions, each in CPU seconds of one process:

- a sweep of 10,000 runs is planned for the first time, is asked again, and is asked when all of it is stored;
- planning of a whole sweep, run by run to its end, in sweeps of 500 to 10,000 runs, per run. Runs finish at once and are
  found in memory;
- the same beside real runs: quadratics of two coordinates and one update, in a real store. What executing and storing them
  takes is subtracted.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any
from unittest.mock import patch

from machine_facts import machine_facts

from steepest import Method, Store, Sweep
from steepest.optim import GradientDescent
from steepest.problems import WeightedQuadratic
from steepest.runs import executors
from steepest.runs import stream as streams
from steepest.runs.cost import gemm_rate
from steepest.runs.store import Run
from steepest.runs.stream import lookup, stream
from steepest.runs.sweep import Grid, decades

RESULT = Path(__file__).parent / "results" / "planning.json"
PROBLEM = WeightedQuadratic(num_coordinates=2)
RUNS_PER_METHOD = 9  # of a refined search whose optimum lies inside


def product(rates: int = 100) -> Sweep:
    """Return ten methods × `rates` rates × ten seeds."""
    grid = Grid(exponents=tuple(-5 + 5 * i / rates for i in range(rates)))
    methods = {Method(GradientDescent, f"{i}", momentum=i / 10): grid for i in range(10)}
    return Sweep(problem=PROBLEM, optimizers=methods, steps=1, seeds=tuple(range(10)), groups=None, refine=None)


def refined(runs: int) -> Sweep:
    """Return the search for the rates of so many methods that it takes about `runs` runs."""
    number = round(runs / RUNS_PER_METHOD)
    methods = {Method(GradientDescent, f"{i}", momentum=i / number): decades(-4, 0) for i in range(number)}
    return Sweep(problem=PROBLEM, optimizers=methods, steps=1, groups=None)


class Memory(Store):
    """A store that keeps nothing on disk."""

    def get(self, name: str) -> Run | None:
        """Return what was put."""
        return self._known.get(name)

    def invent(self, spec: Any) -> None:
        """Keep a run that is best at 10^-2."""
        facts = {"initial_objective": 9.0, "final_objective": abs(2 + math.log10(spec.lr))}
        self._known[spec.id] = Run(self.runs / spec.id, spec.id, "done", facts, {}, {}, 0.0, "alone")


class AtOnce:
    """An executor that invents runs."""

    slots, ahead = 1, 0

    def __init__(self, store: Memory) -> None:
        self.store, self.names = store, list[str]()

    def submit(self, bundle: Any) -> None:
        """Invent the runs of a bundle."""
        for spec in bundle:
            self.store.invent(spec)
        self.names = [spec.id for spec in bundle]

    def next_finished(self) -> list[str]:
        """Return their names."""
        return self.names


def first_and_again(folder: Path) -> dict[str, float]:
    """Return the CPU seconds of planning 10,000 runs, of asking again, and of asking when all are known."""
    sweep, memory, store = product(), Memory(folder / "memory"), Store(folder / "empty")
    started = process_time()
    pending = sweep.progress(lookup(store)).pending
    first = process_time() - started
    assert len({spec.id for spec in pending}) == 10_000
    again = min(_timed(lambda: sweep.progress(lookup(store))) for _ in range(5))
    for spec in pending:
        memory.invent(spec)
    stored = min(_timed(lambda: sweep.progress(lookup(memory))) for _ in range(5))
    return {"first": round(first, 4), "again, none stored": round(again, 4), "again, all stored": round(stored, 4)}


def _timed(call: Any) -> float:
    started = process_time()
    call()
    return process_time() - started


def in_memory(sweep: Sweep, folder: Path) -> dict[str, float]:
    """Return the runs of a stream whose runs finish at once, and its CPU milliseconds a run."""

    @contextmanager
    def at_once(store: Memory, *_: Any) -> Iterator[AtOnce]:
        yield AtOnce(store)

    with patch.object(streams, "executor", at_once):
        started = process_time()
        *_, last = stream([sweep], Memory(folder), lockstep="never")
        return _per_run(last.done, process_time() - started)


def beside_real_runs(sweep: Sweep, folder: Path, lockstep: Any) -> dict[str, float]:
    """Return the runs of a real stream, and its CPU milliseconds a run without those of executing and storing them."""
    executing = 0.0
    execute = executors.execute_into

    def timed(*given: Any) -> list[str]:
        nonlocal executing
        started = process_time()
        names = execute(*given)
        executing += process_time() - started
        return names

    with patch.object(executors, "execute_into", timed):
        started = process_time()
        *_, last = stream([sweep], Store(folder), lockstep=lockstep)
        return _per_run(last.done, process_time() - started - executing)


def _per_run(runs: int, seconds: float) -> dict[str, float]:
    return {"runs": runs, "milliseconds a run": round(1000 * seconds / runs, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=RESULT, help=f"result file (default: results/{RESULT.name})")
    options = parser.parse_args()
    gemm_rate()  # measured once, of no sweep
    result: dict[str, Any] = {"machine": machine_facts()}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        result["10,000 runs, CPU seconds"] = first_and_again(folder)
        for name, sweep in {"product": lambda n: product(n // 100), "refined": refined}.items():
            for runs in (500, 1000, 2000, 10_000):
                result[f"{name} of about {runs}, in memory"] = in_memory(sweep(runs), folder / f"{name} {runs}")
        for lockstep in ("never", "auto"):
            for runs in (500, 1000, 2000):
                found = beside_real_runs(refined(runs), folder / f"{lockstep} {runs}", lockstep)
                result[f"refined of about {runs}, in a store, lockstep {lockstep}"] = found
    for name, found in result.items():
        print(f"{name}: {found}")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
