"""Training time of the linear sweep against the plainest PyTorch loop for the same runs, and against the GEMM rate.

    python benchmarks/linear_sweep.py            m = 7 and 8, 4 optimizers, 4 rates: about 10 minutes
    python benchmarks/linear_sweep.py --quick    m = 7, 1 rate: seconds; prints, writes nothing

Times are CPU seconds of one thread. The two sides alternate run by run, so that a drift of the machine meets both, and
the GEMM rate is measured between the runs. Drawing the data is timed apart on both sides.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from statistics import harmonic_mean, median
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from machine_facts import machine_facts
from pydantic import PrivateAttr
from torch import Tensor, nn

from steepest.data.synthetic import HeavyTailedLabels
from steepest.problems import SoftmaxRegression
from steepest.problems.base import Task
from steepest.runs.execute import execute
from steepest.runs.method import Method
from steepest.runs.spec import Spec
from steepest_papers.kunstner2024heavytailed.linear import horizon
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM, ADAM_M, GD, GD_M, LINEAR_RATES, PAPER_DIMENSION

RESULT = Path(__file__).parent / "results" / "linear_sweep.json"
GEMM_SIZES = (1024, 2048, 4096)
PLAIN: dict[Method, Callable[..., torch.optim.Optimizer]] = {
    GD: torch.optim.SGD,
    GD_M: partial(torch.optim.SGD, momentum=0.9),
    ADAM: partial(torch.optim.Adam, betas=(0.0, 0.999)),
    ADAM_M: torch.optim.Adam,
}


class Timed(NamedTuple):
    """One run: CPU seconds of the data and of the training, and where it ended."""

    data_seconds: float
    seconds: float
    final_loss: float
    loss_by_class: np.ndarray


class ClockedProblem(SoftmaxRegression):
    """Softmax regression that notes how long drawing its data took."""

    _data_seconds: float = PrivateAttr(default=0.0)

    def setup(self, seed: int) -> Task:
        started = process_time()
        task = super().setup(seed)
        self._data_seconds = process_time() - started
        return task


def ours(m: int, method: Method, lr: float, steps: int) -> Timed:
    """Execute the spec; nothing is stored."""
    problem = ClockedProblem(data=HeavyTailedLabels(m=m))
    spec = Spec(problem=problem, method=method, lr=lr, steps=steps, by_class=True)
    started = process_time()
    outcome = execute(spec)
    seconds = process_time() - started
    curves, data_seconds = outcome.tables["curves"], problem._data_seconds
    final_loss, by_class = curves["loss"][-1].as_py(), np.array(curves["class"][-1].as_py())
    return Timed(data_seconds, seconds - data_seconds, final_loss, by_class)


def plain(m: int, method: Method, lr: float, steps: int) -> Timed:
    """Train as people write it: module, mean loss, torch's optimizer, a second pass for the losses by class."""
    started = process_time()
    data = HeavyTailedLabels(m=m)
    torch.manual_seed(0)
    inputs = torch.rand(data.num_samples, data.num_features)
    labels = torch.from_numpy(data.labels())
    model = nn.Linear(data.num_features, data.num_classes)
    data_seconds = process_time() - started

    started = process_time()
    optimizer = PLAIN[method](model.parameters(), lr=lr)
    history = [evaluate(model, inputs, labels)]
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        history.append(evaluate(model, inputs, labels))
    seconds = process_time() - started
    final_loss, by_class = history[-1]
    return Timed(data_seconds, seconds, final_loss, by_class.numpy())


@torch.no_grad()
def evaluate(model: nn.Module, inputs: Tensor, labels: Tensor) -> tuple[float, Tensor]:
    """Return the mean loss and the mean loss of each class."""
    logits = model(inputs)
    losses = F.cross_entropy(logits, labels, reduction="none")
    totals = torch.zeros(logits.shape[1]).index_add(0, labels, losses)
    return losses.mean().item(), totals / torch.bincount(labels, minlength=logits.shape[1])


def gemm_rates(size: int, repeats: int) -> list[float]:
    """Return the rates of float32 matrix products, warmed up, in operations per CPU second."""
    a, b = torch.rand(size, size), torch.rand(size, size)
    torch.mm(a, b)
    found = []
    for _ in range(repeats):
        started = process_time()
        torch.mm(a, b)
        found.append(2 * size**3 / (process_time() - started))
    return found


def operations(m: int, steps: int) -> float:
    """Return 4ndc for each update (logits, gradient) and 2ndc for the last evaluation."""
    data = HeavyTailedLabels(m=m)
    return (4 * steps + 2) * data.num_samples * data.num_features * data.num_classes


def rates(method: Method, m: int, count: int) -> list[float]:
    """Return `count` half-decades of learning rates, the largest the paper's moved to this size."""
    exponent, power = LINEAR_RATES[method]
    shift = power * math.log10(PAPER_DIMENSION / HeavyTailedLabels(m=m).num_features)
    best = round(2 * (exponent + shift)) / 2
    return [10 ** (best - half / 2) for half in range(count)]


def pairs(sizes: tuple[int, ...], count: int) -> Iterator[dict[str, Any]]:
    """Run both sides of every run in turn, the first side changing, and check that they end at the same losses."""
    sides = {"ours": ours, "plain": plain}
    runs = [(m, method, lr) for m, method in product(sizes, PLAIN) for lr in rates(method, m, count)]
    for index, (m, method, lr) in enumerate(runs):
        gemm = gemm_rates(2048, 3)
        found: dict[str, Timed] = {}
        for name in sorted(sides, reverse=index % 2 == 1):
            gc.collect()
            found[name] = sides[name](m, method, lr, horizon(m))
        gemm += gemm_rates(2048, 3)
        check_equal(found["ours"], found["plain"], f"m={m} {method.label} lr={lr:g}")
        yield {"m": m, "optimizer": method.label, "lr": lr, "steps": horizon(m), "gemm_rates": gemm} | {
            f"{name}_{field}": getattr(timed, field)
            for name, timed in found.items()
            for field in ("seconds", "data_seconds", "final_loss")
        }


def check_equal(a: Timed, b: Timed, where: str) -> None:
    """Raise unless both runs ended at the same losses, up to the rounding of another order of summation."""
    np.testing.assert_allclose(a.final_loss, b.final_loss, rtol=1e-4, err_msg=where)
    np.testing.assert_allclose(a.loss_by_class, b.loss_by_class, rtol=1e-2, atol=1e-4, err_msg=where)


def summary(runs: list[dict[str, Any]], best_gemm_rate: float) -> dict[str, Any]:
    """Return totals, their ratio, the median ratio of the pairs and the fractions of the best and of the mean GEMM rate."""
    ours_seconds, plain_seconds = (sum(run[f"{side}_seconds"] for run in runs) for side in ("ours", "plain"))
    rate = sum(operations(run["m"], run["steps"]) for run in runs) / ours_seconds
    mean_gemm_rate = harmonic_mean(rate for run in runs for rate in run["gemm_rates"])
    return {
        "ours_seconds": ours_seconds,
        "plain_seconds": plain_seconds,
        "ratio": ours_seconds / plain_seconds,
        "median_ratio": median(run["ours_seconds"] / run["plain_seconds"] for run in runs),
        "ours_data_seconds": sum(run["ours_data_seconds"] for run in runs),
        "plain_data_seconds": sum(run["plain_data_seconds"] for run in runs),
        "fraction_of_best_gemm_rate": rate / best_gemm_rate,
        "fraction_of_mean_gemm_rate": rate / mean_gemm_rate,
    }


def measure(sizes: tuple[int, ...], count: int) -> dict[str, Any]:
    """Return the whole result."""
    torch.set_num_threads(1)
    started = machine_facts()
    for side in (ours, plain):
        for method in PLAIN:
            side(4, method, 0.01, 5)
    gemm = {str(size): max(gemm_rates(size, 6)) for size in GEMM_SIZES}
    runs = []
    for run in pairs(sizes, count):
        runs.append(run)
        print(
            f"m={run['m']} {run['optimizer']:7s} {run['ours_seconds']:6.2f} s {run['plain_seconds']:6.2f} s", flush=True
        )
    best = max(*gemm.values(), *(rate for run in runs for rate in run["gemm_rates"]))
    by_size = {str(m): summary([run for run in runs if run["m"] == m], best) for m in sizes}
    return {
        "machine": started | {"load_average_after": machine_facts()["load_average"]},
        "gemm_rate": {"best": best, "before": gemm},
        "sweep": summary(runs, best),
        "by_size": by_size,
        "runs": runs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="m = 7, one rate; writes only where --output says so")
    parser.add_argument("--output", type=Path, help=f"result file (default: results/{RESULT.name})")
    options = parser.parse_args()
    result = measure((7,), 1) if options.quick else measure((7, 8), 4)
    print(json.dumps({key: result[key] for key in ("machine", "gemm_rate", "sweep", "by_size")}, indent=2))
    output = options.output or (None if options.quick else RESULT)
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
