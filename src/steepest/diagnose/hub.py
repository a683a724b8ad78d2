"""A column of a dataset of the Hugging Face hub, streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from steepest.diagnose.columns import Values, choose
from steepest.errors import DataError

ROWS = 2**12


def hub_values(name: str, column: str | None) -> tuple[Callable[[], Iterator[Values]], str]:
    """Open the training split of a dataset; return what yields its column, and the column's name.

    Raises:
        DataError: the library or the network is missing, or there is no such dataset.
        UsageError: no such column.
    """
    try:
        import datasets
    except ImportError:
        raise DataError(f"{name} is no file; to ask the hub, pip install 'steepest[hub]'") from None
    try:
        rows = datasets.load_dataset(name, split="train", streaming=True)
        columns = list(rows.features or next(iter(rows)))
    except Exception as error:  # noqa: BLE001 - the hub raises whatever its transports raise
        raise _unavailable(name, error) from None
    chosen = choose(column, columns, name)
    return lambda: stream(name, rows, chosen), chosen


def stream(name: str, rows: Any, column: str) -> Iterator[Values]:
    """Yield a column of an iterable dataset; class ids are given their names."""
    named = getattr((rows.features or {}).get(column), "names", None)
    try:
        for batch in rows.select_columns([column]).iter(ROWS):
            array = pa.array(batch[column])
            if named:
                array = pa.array([named[i] if i is not None and i >= 0 else None for i in array.to_pylist()])
            yield Values(name, array, array.nbytes)
    except (OSError, ConnectionError) as error:
        raise _unavailable(name, error) from None


def _unavailable(name: str, error: Exception) -> DataError:
    reason = str(error).partition("\n")[0][:200]
    return DataError(f"{name} is neither a file here nor a dataset that can be had ({reason}); check the name")
