"""Labels in a column of a table: CSV, Parquet or JSON Lines, counted in batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from steepest.errors import DataError, unknown

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = {".csv": "csv", ".parquet": "parquet", ".jsonl": "json", ".json": "json"}


def label_counts(path: Path, column: str) -> NDArray[np.int64]:
    """Return how often each label of a column occurs, most frequent first; rows without a label are left out.

    Args:
        path: a .csv, .parquet or .jsonl file.
        column: its column.

    Raises:
        DataError: a file that is missing, of another kind or damaged, or a column without labels.
        UsageError: no such column.
    """
    counts: Counter[object] = Counter()
    for batch in _batches(path, column):
        for pair in batch.value_counts().to_pylist():
            counts[pair["values"]] += pair["counts"]
    counts.pop(None, None)
    if not counts:
        raise DataError(f"{path}: the column {column} holds no labels; choose another --column")
    return np.array(sorted(counts.values(), reverse=True), dtype=np.int64)


def _batches(path: Path, column: str) -> Iterator[pa.Array]:
    import pyarrow as pa
    import pyarrow.dataset as ds

    if path.suffix not in FORMATS:
        raise DataError(f"{path}: not a table; --column needs a {', '.join(FORMATS)} file")
    if not path.is_file():
        raise DataError(f"{path} does not exist; give a table's file")
    try:
        data = ds.dataset(path, format=FORMATS[path.suffix])
        if column not in data.schema.names:
            raise unknown(f"column of {path.name}", column, data.schema.names)
        for batch in data.to_batches(columns=[column]):
            yield batch.column(0)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as {FORMATS[path.suffix]}: {str(error).splitlines()[0]}") from None
