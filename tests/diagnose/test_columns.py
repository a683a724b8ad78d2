"""Columns of CSV, JSON Lines, Parquet and Arrow: one answer, and what is malformed is counted or refused."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.diagnose.columns import choose, count_values, json_column
from steepest.diagnose.counting import count
from steepest.diagnose.inputs import open_input
from steepest.diagnose.tokenization import Tokenization
from steepest.errors import DataError, UsageError

LABELS = ["cat", "dog", "cat", "a, b", "naïve", "cat", "x\ty", "dog"]


def counted(
    path: Path, column: str | None = None, how: Tokenization | None = None
) -> tuple[Counter[str], Counter[str]]:
    """Return counts and skips of a file."""
    found: Counter[str] = Counter()
    *_, total = count(open_input(str(path), column, as_text=how is not None), how)
    for table in total._names.partitions():
        found.update(dict(zip(*table.to_pydict().values(), strict=True)))
    return found, +total.skipped


def written(folder: Path, form: str, values: list[object]) -> Path:
    path, rows = folder / f"x.{form}", [{"id": i, "label": value} for i, value in enumerate(values)]
    table = pa.Table.from_pylist(rows)
    match form:
        case "csv":
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, ["id", "label"])
                writer.writeheader()
                writer.writerows(rows)
        case "jsonl" | "jsonl.gz":
            data = "".join(json.dumps(row) + "\n" for row in rows).encode()
            path.write_bytes(gzip.compress(data) if form.endswith("gz") else data)
        case "parquet":
            pq.write_table(table, path, row_group_size=3)
        case "arrow":
            with pa.ipc.new_stream(str(path), table.schema) as writer:
                writer.write_table(table, max_chunksize=3)
    return path


@pytest.mark.parametrize("form", ["csv", "jsonl", "jsonl.gz", "parquet", "arrow"])
def test_every_format_gives_the_same_counts(tmp_path, form):
    assert counted(written(tmp_path, form, LABELS)) == (Counter(LABELS), Counter())
    assert counted(written(tmp_path, form, [3, 1, 3, 7, 3]), "label")[0] == {"3": 3, "1": 1, "7": 1}


@pytest.mark.parametrize("form", ["jsonl", "parquet", "arrow"])
def test_missing_and_negative_labels_are_skipped_and_counted(tmp_path, form):
    counts, skipped = counted(written(tmp_path, form, [3, -100, None, 3, -1]))
    assert counts == {"3": 2}
    assert skipped == {"rows without a value": 1, "negative labels": 2}


@pytest.mark.parametrize("form", ["jsonl", "parquet", "arrow"])
def test_lists_of_ids_are_counted_id_by_id(tmp_path, form):
    assert counted(written(tmp_path, form, [[1, 2], [], [2, 2, 5]]))[0] == {"1": 1, "2": 3, "5": 1}


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "arrow"])
def test_texts_are_cut_into_words(tmp_path, form):
    path = written(tmp_path, form, ["The cat", "the dog."])
    assert counted(path, "label", Tokenization("words"))[0] == {"the": 2, "cat": 1, "dog": 1, ".": 1}


def test_csv_with_rows_of_another_width_another_encoding_and_gaps(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"id,label\n1,cat\n2\n3,dog,extra\n4,caf\xe9\n5,\n6,cat\n")
    counts, skipped = counted(path)
    assert counts == {"cat": 2}
    assert skipped == {"malformed rows": 2, "rows that are not UTF-8": 1, "rows without a value": 1}


def test_tsv_keeps_quotes_and_quoted_csv_keeps_line_ends(tmp_path):
    (tmp_path / "x.tsv").write_text('id\tlabel\n1\t"a\n2\tb\n')
    assert counted(tmp_path / "x.tsv")[0] == {'"a': 1, "b": 1}
    (tmp_path / "x.csv").write_text('id,label\n1,"two\nlines"\n2,b\n')
    assert counted(tmp_path / "x.csv")[0] == {"two\nlines": 1, "b": 1}


def test_json_lines_that_are_none_are_skipped_and_counted(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"label": "a"}\nnot json\n[1]\n\n{"other": 1}\n{"label": "caf\xe9"}\n{"label": "a"}\n')
    counts, skipped = counted(path)
    assert counts == {"a": 2}
    assert skipped == {"malformed rows": 3, "rows without a value": 1}


def test_mixed_types_in_json_are_refused():
    with pytest.raises(DataError, match="'k' mixes int, str; labels are all texts or all integers"):
        count_values(json_column(b'{"k": 1}\n{"k": "a"}\n', "k", "x.jsonl")[0], None, "x.jsonl")


@settings(deadline=None)
@given(st.lists(st.none() | st.integers(-3, 5) | st.sampled_from(["a", "b", ""]), max_size=8))
def test_json_gives_the_counts_of_plain_python_or_one_line(values):
    data = b"".join(json.dumps({"k": value}).encode() + b"\n" for value in values)
    kinds = {type(value) for value in values if value is not None}
    try:
        counted = count_values(json_column(data, "k", "x.jsonl")[0], None, "x.jsonl")
    except DataError:
        assert len(kinds) == 2
        return
    expected = Counter(str(v) for v in values if v not in (None, "") and not (isinstance(v, int) and v < 0))
    assert dict(zip(*counted.counts.to_pydict().values(), strict=True)) == expected
    assert sum(counted.skipped.values()) == len(values) - expected.total()


@pytest.mark.parametrize("values", [[0.5, 1.5], [1.0, float("nan")], [{"a": 1}]])
def test_real_numbers_and_records_are_no_labels(values):
    with pytest.raises(DataError, match="not labels"):
        count_values(pa.array(values), None, "logits.parquet")


def test_integers_stored_as_floats_are_labels():
    assert count_values(pa.array([1.0, 2.0, None, 1.0]), None, "x").counts.to_pydict()["count"] == [2, 1]


def test_labels_have_no_words():
    with pytest.raises(DataError, match="are not text; leave --tokenizer out"):
        count_values(pa.array([1, 2]), Tokenization("words"), "x")


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_corrupt_parquet_is_refused(tmp_path, keep):
    path = written(tmp_path, "parquet", LABELS)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"x.parquet is cut off or damaged"):
        counted(path)


def test_a_damaged_page_of_parquet_is_refused(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"label": [f"label {i}" for i in range(5000)]}), path, use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[200:4000] = bytes(3800)
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"x.parquet is cut off or damaged"):
        counted(path)


def test_columns_are_chosen_or_asked_for():
    assert choose("id", ["id", "text"], "x") == "id"
    assert choose(None, ["label", "text"], "x") == "text"
    with pytest.raises(UsageError, match=r"x.csv has the columns a, b; say with --column which"):
        choose(None, ["a", "b"], "x.csv")
    with pytest.raises(UsageError, match=r"unknown column of x.csv 'lable'; did you mean label\?"):
        choose("lable", ["id", "label"], "x.csv")
