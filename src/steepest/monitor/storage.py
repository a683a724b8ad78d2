"""A monitor as a Parquet file.

| column | of a row for a window and a group (or class) | of a row for a class |
|---|---|---|
| window | number of the window, from 0 | null |
| first_step, last_step | of the window | null |
| group | 1 the most frequent; null for a class without a count | the same |
| class | null, or the class where sums are kept by class | class id |
| count | examples n | training samples n_k, as given |
| loss, accuracy | means | null |
| loss_sum, loss_squares, judged, hits | Σ ℓ, Σ ℓ², examples with a known prediction, right ones | null |
| weight | null | class weight, if any |

Settings and what was left out are JSON in the file's metadata, under `steepest.monitor`. Nothing in a file is executed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from torch import Tensor

from steepest.errors import DataError, StoreError
from steepest.files import write_atomically
from steepest.monitor.group_losses import GroupLosses
from steepest.monitor.state import SETTINGS, State, checked_state
from steepest.monitor.windows import SKIPS

KEY = b"steepest.monitor"
SUM_COLUMNS = ("loss_sum", "loss_squares", "judged", "hits")


def write(state: State, path: Path) -> None:
    """Write a state in one step.

    Raises:
        StoreError: a path that cannot be written.
    """
    metadata = {
        "settings": dict(zip(SETTINGS, state.settings.tolist(), strict=True)),
        "label_smoothing": float(state.smoothing),
        "skipped": dict(zip(SKIPS, state.skipped.tolist(), strict=True)),
        "steps": state.steps.tolist(),
    }
    table = pa.concat_tables([_windows(state), _classes(state)], promote_options="default")
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({KEY: json.dumps(metadata)}), sink, compression="zstd")
    try:
        write_atomically(path, sink.getvalue().to_pybytes())
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}; choose another path") from None


def _windows(state: State) -> pa.Table:
    window, slot = state.entries.numpy()
    n, total, squares, judged, hits = state.sums.numpy()
    by_class = bool(state.setting("by_class"))
    group = GroupLosses.of(state).groups.of_class[slot] if by_class else slot
    return pa.table(
        {
            "window": pa.array(window, pa.int32()),
            "first_step": state.steps[0].numpy()[window],
            "last_step": state.steps[1].numpy()[window],
            "group": pa.array(group + 1, pa.int32(), mask=group < 0),
            "class": slot if by_class else pa.nulls(len(slot), pa.int64()),
            "count": n.astype(np.int64),
            "loss": total / n,
            "accuracy": pa.array(hits / np.maximum(judged, 1), mask=judged == 0),
            "loss_sum": total,
            "loss_squares": squares,
            "judged": judged.astype(np.int64),
            "hits": hits.astype(np.int64),
        }
    )


def _classes(state: State) -> pa.Table:
    c = max(len(state.counts), len(state.weights))
    of_class = GroupLosses.of(state).groups.of_class[:c] if len(state.counts) else np.full(c, -1)
    return pa.table(
        {
            "group": pa.array(of_class + 1, pa.int32(), mask=of_class < 0),
            "class": np.arange(c),
            "count": state.counts.numpy() if len(state.counts) else pa.nulls(c, pa.int64()),
            "weight": state.weights.numpy() if len(state.weights) else pa.nulls(c, pa.float64()),
        }
    )


def read(path: Path) -> State:
    """Return the state in a file.

    Raises:
        DataError: a file that is missing, damaged or of another kind.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; give a file that a monitor saved") from None
    try:
        table = pq.read_table(pa.BufferReader(data))
        return checked_state(_tensors(table, json.loads((table.schema.metadata or {})[KEY])))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, pa.ArrowException):
        raise DataError(f"{path} is not a monitor's file, or is damaged; give one that a monitor saved") from None


def _tensors(table: pa.Table, metadata: dict[str, Any]) -> dict[str, Tensor]:
    is_class = table["window"].is_null()
    seen, classes = table.filter(pc.invert(is_class)), table.filter(is_class)
    slot = "class" if metadata["settings"]["by_class"] else "group"
    slots = _column(seen, slot, torch.int64) - int(slot == "group")
    return {
        "settings": torch.tensor([int(metadata["settings"][name]) for name in SETTINGS]),
        "counts": _column(classes, "count", torch.int64),
        "weights": _column(classes, "weight", torch.float64),
        "smoothing": torch.tensor(float(metadata["label_smoothing"]), dtype=torch.float64),
        "steps": torch.tensor(metadata["steps"], dtype=torch.int64),
        "entries": torch.stack([_column(seen, "window", torch.int64), slots]),
        "sums": torch.stack([_column(seen, name, torch.float64) for name in ("count", *SUM_COLUMNS)]),
        "skipped": torch.tensor([int(metadata["skipped"][name]) for name in SKIPS]),
    }


def _column(table: pa.Table, name: str, dtype: torch.dtype) -> Tensor:
    """Return the numbers of a column that are there."""
    values = table[name].drop_null().to_numpy()
    return torch.tensor(values, dtype=dtype)
