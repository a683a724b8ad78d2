"""Checkpoints: the state of a run under way in one safetensors file, from which it goes on as if nothing had happened.

The file holds params, optimizer state, recorded rows and the number of updates. What is random in a run follows from its
seed and the number of the update, so nothing else is needed for the same bytes at the end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest import distributed
from steepest.files import write_atomically
from steepest.runs.record import Recorder

SECONDS_BETWEEN = 60.0


class Checkpoint:
    """The file that keeps a run's state.

    Args:
        path: the file; None keeps nothing.
        params: of the run, changed in place by `restore`.
        optimizer: over the params.
        recorder: of the run.
    """

    def __init__(
        self, path: Path | None, params: Mapping[str, Tensor], optimizer: Optimizer, recorder: Recorder
    ) -> None:
        self.path, self.params, self.optimizer, self.recorder = path, params, optimizer, recorder
        self.last = time.monotonic()

    def save_if_due(self, step: int) -> None:
        """Write the state before update `step`, at most once a minute; the first of several processes does.

        Several processes each count the losses of their own examples until the next row of the curves, so the first one
        waits until all of them have just started to count.
        """
        if self.path is None or time.monotonic() - self.last < SECONDS_BETWEEN:
            return
        if distributed.size() > 1 and not self.recorder.has_just_written:
            return
        self.last = time.monotonic()
        if distributed.rank() == 0:
            self.save(step)

    def save(self, step: int) -> None:
        """Write the state before update `step`."""
        from safetensors.torch import save

        assert self.path is not None
        tensors = {f"param.{name}": value.detach() for name, value in self.params.items()}
        tensors |= {f"record.{name}": value for name, value in self.recorder.state().items()}
        numbers: dict[str, Any] = {}
        for name, value in self._optimizer_state():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{name}"] = value
            else:
                numbers[name] = value
        metadata = {"step": str(step), "numbers": json.dumps(numbers)}
        write_atomically(self.path, save({name: t.contiguous().clone() for name, t in tensors.items()}, metadata))

    def restore(self) -> int:
        """Take the state back and return the number of updates made; 0 where there is no usable file."""
        if self.path is None or not self.path.exists():
            return 0
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        except (SafetensorError, OSError):
            return 0
        self._load(tensors, json.loads(metadata["numbers"]))
        return int(metadata["step"])

    def _load(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        with torch.no_grad():
            for name, value in self.params.items():
                value.copy_(tensors[f"param.{name}"])
        self.recorder.load(_below("record", tensors))
        state: dict[int, dict[str, Any]] = {}
        for name, value in {**_below("optimizer", tensors), **numbers}.items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = value
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})

    def _optimizer_state(self) -> Iterator[tuple[str, Any]]:
        for index, state in self.optimizer.state_dict()["state"].items():
            for key, value in state.items():
                yield f"{index}.{key}", value


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}
