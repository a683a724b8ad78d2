"""The machine's measured rate and the costs that follow from it."""

from __future__ import annotations

import pytest
import torch

from steepest.problems.base import Work
from steepest.runs import cost as machine


def test_the_rate_counts_two_operations_per_product_and_the_best_of_the_repeats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = iter([0.0, 4.0, 10.0, 12.0, 20.0, 28.0])
    products: list[tuple[int, ...]] = []
    monkeypatch.setattr(machine.time, "process_time", lambda: next(ticks))
    monkeypatch.setattr(torch, "mm", lambda a, b: products.append((*a.shape, *b.shape, torch.get_num_threads())))
    before = torch.get_num_threads()
    assert machine.gemm_rate.__wrapped__(100, 3) == 2 * 100**3 / 2.0
    assert products == [(100, 100, 100, 100, 1)] * 3
    assert torch.get_num_threads() == before


def test_the_rate_is_measured_once_and_is_of_this_world() -> None:
    assert 1e8 < machine.gemm_rate() < 1e13
    assert machine.gemm_rate() == machine.gemm_rate()


def test_seconds_add_products_logits_and_an_overhead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "gemm_rate", lambda: 1e9)
    nothing = machine.seconds(Work(0.0, 0.0))
    assert nothing == machine.SECONDS_PER_RUN
    assert machine.seconds(Work(3e9 * machine.SHARE_OF_GEMM_RATE, 0.0)) == pytest.approx(nothing + 3.0)
    assert machine.seconds(Work(0.0, 1e9)) == pytest.approx(nothing + 1e9 * machine.SECONDS_PER_LOGIT)
