"""Checkpoints: the state of a run under way in one safetensors file, from which it goes on as if nothing had happened.

The file holds params, optimizer state, recorded rows and the number of updates. What is random in a run follows from its
seed and the number of the update, so nothing else is needed for the same bytes at the end.

Its metadata name the run and the format, and the SHA-256 of the whole file, taken with zeros in the digest's own place. A
file that does not match is left aside, with a line on stderr, and the run begins anew.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest import distributed
from steepest.errors import say
from steepest.files import sha256, write_atomically
from steepest.runs.record import Recorder

SECONDS_BETWEEN = 60.0
FORMAT = "2"
DIGEST, BLANK = re.compile(rb'"digest":"([0-9a-f]{64})"'), "0" * 64


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
        self.run = recorder.spec.id if path else ""
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
        metadata = {"format": FORMAT, "run": self.run, "step": str(step), "numbers": json.dumps(numbers)}
        held = {name: t.contiguous().clone() for name, t in tensors.items()}
        data = save(held, metadata | {"digest": BLANK})
        write_atomically(self.path, _with_digest(data, sha256(data)))

    def restore(self) -> int:
        """Take the state back and return the number of updates made; 0 where there is no file, or one that does not match."""
        if self.path is None:
            return 0
        from safetensors.torch import load

        try:
            data = self.path.read_bytes()
            metadata = _metadata(data, self.run)
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            if distributed.rank() == 0:
                say(f"checkpoint {self.path} cannot be used: {error}; run {self.run} starts again from 0")
            return 0
        self._load(load(data), json.loads(metadata["numbers"]))
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


def _metadata(data: bytes, run: str) -> dict[str, str]:
    """Return the metadata of a checkpoint of `run`.

    Raises:
        ValueError: a damaged file, or one of another format or run.
    """
    found = DIGEST.search(data)
    if found is None or sha256(_with_digest(data, BLANK)) != found[1].decode():
        raise ValueError("it is damaged, or not a checkpoint of this version")
    metadata: dict[str, str] = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    if (metadata["format"], metadata["run"]) != (FORMAT, run):
        raise ValueError(f"it is of run {metadata['run']} and format {metadata['format']}")
    return metadata


def _with_digest(data: bytes, digest: str) -> bytes:
    return DIGEST.sub(f'"digest":"{digest}"'.encode(), data, count=1)


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}
