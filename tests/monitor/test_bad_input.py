"""Bad input is one clear line, or a skip that is counted and reported."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from steepest.monitor import FrequencyMonitor
from steepest.monitor.windows import Windows

COUNTS = [5, 3, 2]
Z, Y = torch.zeros(4, 3), torch.tensor([0, 1, 2, 0])


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"logits": Z}, "update takes targets and either logits or losses"),
        ({"targets": Y}, "update takes targets and either"),
        ({"logits": Z, "losses": Z[:, 0], "targets": Y}, "update takes targets and either"),
        ({"logits": Z, "targets": Y.float()}, r"targets must be class ids, got torch.float32; for soft targets"),
        ({"logits": Z, "targets": Z.softmax(1)}, "for soft targets"),
        ({"logits": Z, "targets": Y.bool()}, "targets must be class ids, got torch.bool"),
        ({"logits": Z.long(), "targets": Y}, "logits must be floating-point"),
        ({"logits": Z, "targets": Y, "class_axis": 2}, "in axis 2"),
        ({"logits": Z, "targets": Y[:3]}, r"logits \(4, 3\) and targets \(3,\) do not fit"),
        ({"logits": Z.view(2, 3, 2), "targets": Y.view(2, 2)}, "class_axis=1 is torch's layout"),
        ({"logits": Z[:, :2], "targets": Y}, "logits have 2 classes, the monitor has 3"),
        (
            {"losses": torch.tensor(1.0), "targets": Y},
            r"losses must have the shape of targets \(4,\).*reduction='none'",
        ),
        ({"losses": Y, "targets": Y}, "losses must be floating-point numbers, got torch.int64"),
        ({"losses": Z[:, 0], "targets": Y, "correct": Y[:2] > 0}, "correct must have the shape of targets"),
        ({"losses": Z[:, 0], "targets": Y, "mask": Y[None]}, "mask must have the shape of targets"),
        (
            {"losses": Z[:, 0], "targets": torch.tensor([0, 1, 2, 3])},
            r"0 … 2, as the counts or num_classes say, or be ignored; got 3",
        ),
        ({"losses": Z[:, 0], "targets": torch.tensor([0, 1, 2, -1])}, "got -1"),
        ({"losses": Z[:, 0], "targets": torch.tensor([0, 1, 2, 2**62])}, "got 4611686018427387904"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(update: dict[str, Any], message: str) -> None:
    monitor = FrequencyMonitor(COUNTS, groups=2)
    monitor.update(Z, Y)
    before = str(monitor.read())
    with pytest.raises(ValueError, match=message) as raised:
        monitor.update(**update)
    assert "\n" not in str(raised.value)
    assert str(monitor.read()) == before


def test_a_first_update_that_is_refused_leaves_a_fresh_monitor() -> None:
    monitor = FrequencyMonitor(groups=2)
    with pytest.raises(ValueError, match="got 3"):
        monitor.update(Z, torch.tensor([0, 1, 2, 3]))
    assert (monitor.num_classes, monitor.updates) == (None, 0)
    monitor.update(torch.zeros(4, 5), torch.tensor([0, 1, 2, 3]))
    assert len(monitor.read().counts) == 5


def test_a_huge_id_does_not_take_the_memory() -> None:
    with pytest.raises(ValueError, match="got 1000000000000"):
        FrequencyMonitor().update(losses=torch.ones(1), targets=torch.tensor([10**12]))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_examples_without_a_finite_loss_are_left_out_and_reported(bad: float) -> None:
    z = Z.clone()
    z[1] = bad
    z[3, 2] = float("nan")
    monitor = FrequencyMonitor(COUNTS, groups=2)
    monitor.update(z, Y)
    reading = monitor.read()
    assert reading.skipped["not finite"] == 2
    assert reading.count.sum() == 2
    assert reading.loss[-1].tolist() == pytest.approx([torch.tensor(3.0).log().item()] * 2)
    assert "Examples left out: 2 not finite." in str(reading)


def test_classes_without_count_are_left_out_and_reported() -> None:
    for by_class in (False, True):
        monitor = FrequencyMonitor([5, 0, 2], groups=2, by_class=by_class)
        monitor.update(Z, Y)
        assert monitor.read().count.sum() == 3
        assert "1 without count" in str(monitor.read())


def test_ids_out_of_range_on_an_accelerator_are_left_out_and_counted() -> None:
    """There is no accelerator here: what the monitor hands to its sums there is handed to them directly."""
    sums = Windows(2, sparse=False, length=10, device=torch.device("cpu"))
    sums.add(torch.tensor([0, -3, 1, -1, -2]), torch.tensor([1.0, 9.0, 2.0, 9.0, 9.0]))
    sums.advance(1)
    assert sums.skipped.tolist() == [1, 1, 1, 0]
    assert sums.all()[0].sums[:2].tolist() == [[1, 1], [1, 2]]
    monitor = FrequencyMonitor(COUNTS, groups=2)
    assert monitor._slots(torch.tensor([-5, 3, 10**15, -100, 0]), None).tolist() == [-3, -3, -3, -1, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": 0}, "groups must be at least 1 and at most 32000, got 0"),
        ({"every": 0}, "every must be at least 1 and at most"),
        ({"window": -1}, "window must be at least 1 and .* got -1"),
        ({"num_classes": 0}, "num_classes must be at least 1"),
        ({"num_classes": 10**9}, "at most 100000000, got 1000000000"),
        ({"label_smoothing": 1.0}, r"label_smoothing must lie in \[0, 1\), got 1.0"),
        (
            {"counts": COUNTS, "class_weights": torch.ones(4)},
            r"class_weights must be 3 non-negative numbers, got shape \(4,\)",
        ),
        ({"counts": COUNTS, "class_weights": torch.tensor([1.0, -1.0, 1.0])}, "non-negative"),
        ({"counts": COUNTS, "class_weights": torch.tensor([1.0, float("nan"), 1.0])}, "non-negative"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FrequencyMonitor(**options)
    with pytest.raises(ValueError, match="last must be at least 1"):
        FrequencyMonitor(COUNTS).read(last=0)


def test_no_batch_and_empty_batches_are_no_evidence() -> None:
    monitor = FrequencyMonitor()
    assert "Nothing seen yet" in monitor._repr_html_()
    monitor.update(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))
    monitor.update(Z, torch.full((4,), -100))
    assert str(monitor.read()) == "Nothing seen yet.\nExamples left out: 4 ignored."
    assert monitor.read().lags() == []


def test_more_logits_than_classes_are_padding() -> None:
    monitor = FrequencyMonitor(COUNTS, groups=2)
    monitor.update(torch.zeros(4, 64), Y)
    assert monitor.read().count.sum() == 4
    with pytest.raises(ValueError, match="got 7"):
        monitor.update(torch.zeros(1, 64), torch.tensor([7]))
