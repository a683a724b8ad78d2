"""What can be opened, and what is refused, in one line."""

from __future__ import annotations

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from steepest.diagnose.counting import count
from steepest.diagnose.hub import stream
from steepest.diagnose.inputs import Input, open_input
from steepest.diagnose.tokenization import Tokenization
from steepest.errors import DataError, UsageError

WORDS = Tokenization("words")


def top(source: Input, how: Tokenization | None = None) -> dict[str, int]:
    *_, total = count(source, how)
    return dict(total.result()[1])


def test_a_folder_is_read_as_a_whole_and_other_files_are_counted(tmp_path):
    (tmp_path / "a.txt").write_text("one two")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "b.md").write_text("two three")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / ".hidden.txt").write_text("hidden")
    source = open_input(str(tmp_path))
    assert (source.kind, source.skipped) == ("text", {"files of another kind": 1})
    assert top(source, WORDS) == {"one": 1, "two": 2, "three": 1}


def test_a_folder_of_several_kinds_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.csv").write_text("label\nx\n")
    with pytest.raises(UsageError, match=r"holds text \(1\), CSV \(1\); give a folder or a file of one kind"):
        open_input(str(tmp_path))


def test_a_folder_without_anything_known(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"holds none of .txt, .text, "):
        open_input(str(tmp_path))


def test_a_file_of_unknown_suffix_is_text(tmp_path):
    (tmp_path / "LICENSE").write_text("as is")
    assert top(open_input(str(tmp_path / "LICENSE")), WORDS) == {"as": 1, "is": 1}


def test_nothing_there():
    with pytest.raises(DataError, match=r"\./nothing.txt does not exist; give a file, a folder, wikipedia, "):
        open_input("./nothing.txt")


def test_a_mistyped_name_asks_no_hub():
    with pytest.raises(UsageError, match=r"unknown data 'wikipeda'; did you mean wikipedia"):
        open_input("wikipeda")


def test_a_column_where_there_are_none(tmp_path):
    (tmp_path / "a.txt").write_text("one")
    with pytest.raises(UsageError, match=r"--column label: .*a.txt holds text, which has no columns"):
        open_input(str(tmp_path / "a.txt"), "label")


def test_json_lines_without_an_object(tmp_path):
    (tmp_path / "a.jsonl").write_text("[1]\nnull\n")
    with pytest.raises(DataError, match="holds no JSON object in its first lines"):
        open_input(str(tmp_path / "a.jsonl"))


def test_a_text_column_is_text_and_a_label_column_labels(tmp_path):
    pq.write_table(pa.table({"text": ["a b", "b"], "label": [1, 1]}), tmp_path / "x.parquet")
    assert open_input(str(tmp_path / "x.parquet")).kind == "text"
    assert open_input(str(tmp_path / "x.parquet"), "label").kind == "labels"
    assert top(open_input(str(tmp_path / "x.parquet"), "label")) == {"1": 2}


def test_a_dataset_that_was_saved_to_disk(tmp_path):
    datasets.Dataset.from_dict({"label": ["x", "y", "x"]}).save_to_disk(tmp_path / "saved")
    assert top(open_input(str(tmp_path / "saved"))) == {"x": 2, "y": 1}


def test_rows_of_a_streamed_dataset_keep_the_names_of_classes():
    features = datasets.Features({"label": datasets.ClassLabel(names=["no", "yes"]), "text": datasets.Value("string")})
    rows = {"label": [1, 0, 1], "text": ["a", "b", "c"]}
    streamed = datasets.Dataset.from_dict(rows, features=features).to_iterable_dataset()
    source = Input("x", "labels", "", lambda _: stream("x", streamed, "label"))
    assert top(source) == {"yes": 2, "no": 1}


def test_the_hub_out_of_reach_is_one_line(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=r"nobody/nothing is neither a file here nor a dataset that can be had"):
        open_input("nobody/nothing")


def test_a_sample_is_spread_over_a_plain_file_and_bounded(tmp_path, monkeypatch):
    from steepest.diagnose import byte_ranges, inputs

    monkeypatch.setattr(inputs, "SAMPLE", 1_600)
    monkeypatch.setattr(inputs, "RANGE_BYTES", 100)
    monkeypatch.setattr(byte_ranges.byte_ranges, "__defaults__", (100,))
    lines = [f"{i:09d}" for i in range(10_000)]
    (tmp_path / "x.txt").write_text("\n".join(lines))
    sample = open_input(str(tmp_path / "x.txt")).sample()
    numbers = [int(line) for line in sample]
    assert sum(map(len, sample)) <= 2 * 1_600
    assert numbers == sorted(numbers)
    assert numbers[0] == 0
    assert numbers[-1] > 9_000
