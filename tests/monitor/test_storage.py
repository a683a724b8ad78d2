"""What is saved comes back, and what is damaged is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor

from steepest.errors import DataError, StoreError
from steepest.monitor import FrequencyMonitor

COUNTS = [40, 20, 10, 5, 0]
OPTIONS: list[dict[str, Any]] = [
    {"counts": COUNTS, "groups": 3},
    {"counts": COUNTS, "groups": 3, "by_class": True, "every": 2},
    {"groups": 3, "ignore_index": 1},
    {"counts": COUNTS, "groups": 3, "class_weights": torch.tensor([1.0, 2.0, 0.0, 1.0, 0.5]), "label_smoothing": 0.1},
]


def batch(i: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(i)
    y = torch.randint(5, (30,), generator=generator)
    return torch.randn(30, 5, generator=generator), y


def watched(options: dict[str, Any], updates: range) -> FrequencyMonitor:
    monitor = FrequencyMonitor(**options, window=4)
    for i in updates:
        feed(monitor, i)
    return monitor


def feed(monitor: FrequencyMonitor, i: int) -> None:
    z, y = batch(i)
    monitor.update(z, y, mask=torch.arange(30) > 0, step=2 * i)


def same(a: FrequencyMonitor, b: FrequencyMonitor) -> None:
    first, second = a.state_dict(), b.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert str(a.read()) == str(b.read())


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("cut", [0, 3, 8, 11])
def test_a_saved_monitor_goes_on_as_if_it_had_not_stopped(options: dict[str, Any], cut: int, tmp_path: Path) -> None:
    whole = watched(options, range(19))
    before = watched(options, range(cut))
    before.save(tmp_path / "run.parquet")
    loaded, resumed = FrequencyMonitor.load(tmp_path / "run.parquet"), FrequencyMonitor(**options)
    same(loaded, before)
    buffer = io.BytesIO()
    torch.save(before.state_dict(), buffer)
    buffer.seek(0)
    resumed.load_state_dict(torch.load(buffer, weights_only=True))
    for monitor in (loaded, resumed):
        for i in range(cut, 19):
            feed(monitor, i)
        monitor.window = whole.window  # the length at the start, which matters to an empty monitor alone
        same(monitor, whole)


def test_the_file_is_a_table_that_others_can_read(tmp_path: Path) -> None:
    monitor = watched(OPTIONS[0], range(8))
    monitor.save(tmp_path / "new" / "run.parquet")
    frame = pq.read_table(tmp_path / "new" / "run.parquet").to_pandas()
    rows, classes = frame[frame.window.notna()], frame[frame.window.isna()]
    reading = monitor.read()
    assert rows.groupby("window")["count"].sum().tolist() == reading.count.sum(1).tolist()
    assert rows.loss.to_numpy() == pytest.approx(reading.loss[reading.count > 0])
    assert rows.group.tolist() == [1, 2, 3, 1, 2, 3]
    assert classes["count"].tolist() == COUNTS
    assert classes.group.fillna(0).tolist() == [1, 2, 3, 3, 0]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["run.parquet"]


@pytest.mark.parametrize("options", [{"counts": COUNTS}, {"groups": 4}, {"counts": [1, 2, 3, 4, 5], "groups": 3}])
def test_a_state_of_another_monitor_is_refused(options: dict[str, Any]) -> None:
    state = watched(OPTIONS[0], range(3)).state_dict()
    with pytest.raises(ValueError, match="the state is of a monitor with"):
        FrequencyMonitor(**options).load_state_dict(state)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("settings", torch.zeros(9, dtype=torch.int64)),
        ("settings", torch.zeros(2, dtype=torch.int64)),
        ("entries", torch.full((2, 6), -1)),
        ("entries", torch.full((2, 6), 10**9)),
        ("sums", torch.zeros(5, 1)),
        ("skipped", torch.zeros(1)),
        ("steps", torch.zeros(3)),
        ("counts", 7),
    ],
)
def test_a_damaged_state_is_refused(name: str, value: Any) -> None:
    monitor = watched(OPTIONS[0], range(8))
    state = monitor.state_dict()
    assert state["entries"].shape == (2, 6)
    with pytest.raises(ValueError, match="monitor's state"):
        monitor.load_state_dict(state | {name: value})
    with pytest.raises(ValueError, match="monitor's state"):
        monitor.load_state_dict({"weight": torch.zeros(1)})


def test_files_that_are_not_a_monitors_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.parquet"
    with pytest.raises(DataError, match=r"run.parquet cannot be read: No such file"):
        FrequencyMonitor.load(file)
    pq.write_table(pa.table({"a": [1]}), file)
    with pytest.raises(DataError, match="is not a monitor's file"):
        FrequencyMonitor.load(file)
    watched(OPTIONS[0], range(3)).save(file)
    whole = file.read_bytes()
    for content in (b"", whole[:100], whole[: len(whole) // 2], b"PAR1" + bytes(200) + b"PAR1"):
        file.write_bytes(content)
        with pytest.raises(DataError, match="is not a monitor's file, or is damaged"):
            FrequencyMonitor.load(file)


def test_a_path_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        watched(OPTIONS[0], range(3)).save(tmp_path / "file" / "run.parquet")
