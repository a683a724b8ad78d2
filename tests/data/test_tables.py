from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from steepest.data.tables import label_counts
from steepest.errors import DataError, UsageError

LABELS = ["cat", "dog", "cat", None, "cat", "emu"]


@pytest.fixture(params=["csv", "parquet", "jsonl"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"labels.{request.param}"
    if request.param == "csv":
        path.write_text("x,label\n" + "".join(f"1,{label or ''}\n" for label in LABELS))
    elif request.param == "parquet":
        pq.write_table(pa.table({"x": [1] * 6, "label": LABELS}), path, row_group_size=2)
    else:
        path.write_text("".join(json.dumps({"x": 1, "label": label}) + "\n" for label in LABELS))
    return path


def test_labels_are_counted(table: Path) -> None:
    named = 1 if table.suffix == ".csv" else 0  # an empty cell of text is a text
    expected = sorted(Counter(label for label in LABELS if label).values(), reverse=True) + [1] * named
    assert label_counts(table, "label").tolist() == expected
    assert label_counts(table, "x").tolist() == [6]


def test_a_missing_column_is_named_with_those_there_are(table: Path) -> None:
    with pytest.raises(
        UsageError, match=r"unknown column of labels\.\w+ 'lable'; did you mean label\? \(known: label, x\)"
    ):
        label_counts(table, "lable")


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match="cannot be read as parquet"):
        label_counts(broken, "label")
    with pytest.raises(DataError, match="does not exist"):
        label_counts(tmp_path / "absent.csv", "label")
    with pytest.raises(DataError, match="not a table"):
        label_counts(tmp_path / "text.txt", "label")
    empty = tmp_path / "empty.parquet"
    pq.write_table(pa.table({"label": pa.array([None, None], pa.string())}), empty)
    with pytest.raises(DataError, match="holds no labels"):
        label_counts(empty, "label")
