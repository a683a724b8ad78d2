"""Grids of 64 runs in lockstep, against the same runs one by one and against a pool of two processes.

    python benchmarks/lockstep.py            all problems, about 10 minutes on a quiet machine
    python benchmarks/lockstep.py quadratic  one of them; prints, writes nothing

The three sides take turns, `ROUNDS` times, and the best of each counts. Times are wall seconds of training, without
storing: what is stored costs every side the same, some milliseconds a run. "one by one" and "lockstep" use one process;
"pool" hands single runs, and "lockstep, two" half stacks, to two workers that were started and warmed before. Both sides
train the same specs; their final losses are compared.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from loky import ProcessPoolExecutor
from machine_facts import machine_facts

from steepest.data.synthetic import HeavyTailedLabels
from steepest.optim import Adam, GradientDescent, SignDescent
from steepest.problems import Problem, SoftmaxRegression, SoftmaxUnigram, WeightedQuadratic
from steepest.runs.execute import execute
from steepest.runs.lockstep import pays, train_together
from steepest.runs.method import Method
from steepest.runs.spec import Spec
from steepest.runs.workers import ENVIRONMENT
from steepest_papers.frei2022amplification.clusters import XORClusters
from steepest_papers.li2024signgd.signal_noise import SignalNoise

RESULT = Path(__file__).parent / "results" / "lockstep.json"
ROUNDS, RUNS = 3, 64
GRIDS: dict[str, tuple[Problem, int, dict[str, Any]]] = {
    "quadratic, c = 100": (WeightedQuadratic(num_coordinates=100), 100, {"by_class": True}),
    "linear, m = 4": (SoftmaxRegression(data=HeavyTailedLabels(m=4)), 60, {"groups": 4}),
    "linear, m = 5": (SoftmaxRegression(data=HeavyTailedLabels(m=5)), 60, {"groups": 5}),
    "linear, m = 6": (SoftmaxRegression(data=HeavyTailedLabels(m=6)), 25, {"groups": 6}),
    "linear, m = 7": (SoftmaxRegression(data=HeavyTailedLabels(m=7)), 8, {"groups": 7}),
    "unigram softmax, d = 10⁴": (SoftmaxUnigram(num_classes=10_000), 30, {}),
    "two-layer transformer": (SignalNoise(), 20, {}),
    "two-layer ReLU": (XORClusters(), 20, {}),
}
METHODS = {
    "GD": (Method(GradientDescent), 1e-3),
    "sign descent": (Method(SignDescent), 1e-4),
    "Adam": (Method(Adam), 1e-4),
}


def grid(problem: Problem, steps: int, options: dict[str, Any], method: Method, lr: float) -> list[Spec]:
    """Return 16 learning rates × 4 seeds."""
    return [
        Spec(problem=problem, method=method, lr=lr * 2 ** (i / 8), steps=steps, seed=seed, **options)
        for i, seed in product(range(RUNS // 4), range(4))
    ]


def one_by_one(specs: Sequence[Spec]) -> list[float]:
    return [float(execute(spec).facts["final_objective"] or np.nan) for spec in specs]


def lockstep(specs: Sequence[Spec]) -> list[float]:
    return [float(outcome.facts["final_objective"] or np.nan) for outcome, _ in train_together(specs)]


def sides(pool: ProcessPoolExecutor) -> dict[str, Callable[[Sequence[Spec]], list[float]]]:
    """Return the four ways to train a grid."""

    def spread(specs: Sequence[Spec]) -> list[float]:
        return [loss for losses in pool.map(one_by_one, [[spec] for spec in specs]) for loss in losses]

    def halves(specs: Sequence[Spec]) -> list[float]:
        return [loss for losses in pool.map(lockstep, [specs[: RUNS // 2], specs[RUNS // 2 :]]) for loss in losses]

    return {"one by one": one_by_one, "lockstep": lockstep, "pool of two": spread, "lockstep, two": halves}


def measure(specs: Sequence[Spec], pool: ProcessPoolExecutor) -> dict[str, Any]:
    """Return best wall seconds of every side, and how far their losses are apart."""
    times: dict[str, list[float]] = {}
    losses = {}
    for side, train in list(sides(pool).items()) * ROUNDS:
        started = perf_counter()
        losses[side] = np.array(train(specs))
        times.setdefault(side, []).append(perf_counter() - started)
    apart = {side: float(np.nanmax(np.abs(found / losses["one by one"] - 1))) for side, found in losses.items()}
    best = {side: min(seconds) for side, seconds in times.items()}
    return {
        "seconds": {side: [round(s, 4) for s in seconds] for side, seconds in times.items()},
        "gain": round(best["one by one"] / best["lockstep"], 2),
        "gain_two": round(best["pool of two"] / best["lockstep, two"], 2),
        "chosen": pays(specs[0]),
        "largest_relative_difference": apart,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("only", nargs="?", default="")
    only = parser.parse_args().only
    rows = []
    with ProcessPoolExecutor(2, env=ENVIRONMENT) as pool:
        for (name, (problem, steps, options)), (label, (method, lr)) in product(GRIDS.items(), METHODS.items()):
            if only not in name:
                continue
            row = measure(grid(problem, steps, options, method, lr), pool)
            rows.append({"problem": name, "method": label, "steps": steps} | row)
            print(
                f"{name:26} {label:13} {row['gain']:6.2f} × one by one, {row['gain_two']:6.2f} × a pool of two"
                f"{'' if row['chosen'] else '  (not chosen)'}",
                file=sys.stderr,
            )
    if not only:
        RESULT.write_text(json.dumps({"machine": machine_facts(), "runs": RUNS, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
