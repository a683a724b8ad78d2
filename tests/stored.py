"""A run to put into stores, and ways to look at what came of it."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from steepest.component import identity
from steepest.runs.store import Outcome, Run, Store

WHAT, OTHERS = {"what": "a test"}, {"what": "another test"}
ID, OTHER = identity(WHAT), identity(OTHERS)
LOSS = np.array([2.0, 1.0 / 3.0, float("nan"), 1e-310])
GROUP = np.arange(8.0).reshape(4, 2) / 3
TENSOR = torch.tensor([[1.0, -0.0], [float("inf"), 1 / 3]], dtype=torch.float64)
OUTCOME = Outcome(
    "done",
    {"final_loss": 1 / 3, "last_step": 3, "note": "é", "none": None},
    {"curves": pa.table({"loss": LOSS, "group": pa.FixedSizeListArray.from_arrays(GROUP.ravel(), 2)})},
    {"W": TENSOR},
)


def put(store: Store, what: dict[str, str] = WHAT) -> Run:
    return store.put(what, OUTCOME, seconds=1.25)


def is_whole(run: Run) -> bool:
    same = np.array_equal(run.column("loss"), LOSS, equal_nan=True) and np.array_equal(run.column("group"), GROUP)
    return same and run.facts == dict(OUTCOME.facts) and run.spec in (WHAT, OTHERS) and run.state == "done"


def hidden(store: Store) -> list[Path]:
    return list(store.root.rglob(".*"))


@cache
def dead_pid() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
