"""Probes: what is measured along a run beside its losses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steepest.component import Component
from steepest.problems.base import Params, Task


class Probe(Component):
    """Something measured along a run at chosen steps; its rows become the run's table `name`.

    Args:
        at: steps at which it measures.
    """

    at: tuple[int, ...]

    @property
    def name(self) -> str:
        """Return the name of the table."""
        return type(self).__name__.lower()

    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return columns of equal length, measured at `params`."""
        raise NotImplementedError(f"{type(self).__name__} must implement measure(task, params)")


def probe_rows(probe: Probe, step: int, task: Task, params: Params) -> Mapping[str, np.ndarray]:
    """Return what a probe measures at `params` after `step` updates, with the step as first column."""
    columns = probe.measure(task, params)
    rows = len(next(iter(columns.values())))
    return {"step": np.full(rows, step, np.int32), **columns}
