"""The monitor against a brute-force re-computation in float64, in every kind of loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from steepest.data.frequency import class_counts, frequency_groups
from steepest.monitor import FrequencyMonitor, windows
from steepest.monitor.reading import Reading

C, IGNORE = 12, -100
COUNTS = [64, 32, 16, 8, 8, 4, 4, 2, 2, 2, 1, 1]


def examples(n: int = 200, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Draw logits (n, c) and targets (n,), frequent classes more often."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.multinomial(torch.tensor(COUNTS, dtype=torch.float64), n, replacement=True, generator=generator)
    return 3 * torch.randn(n, C, generator=generator), y


def brute(losses: Tensor, y: Tensor, groups: int = 3, counts: Any = COUNTS) -> tuple[np.ndarray, np.ndarray]:
    """Return count and mean loss by group, example by example."""
    of_class = frequency_groups(counts, groups).of_class
    found: list[list[float]] = [[] for _ in range(groups)]
    for loss, k in zip(losses.double().tolist(), y.tolist(), strict=True):
        if k != IGNORE:
            found[of_class[k]].append(loss)
    return np.array([len(g) for g in found]), np.array([np.mean(g) if g else np.nan for g in found])


def check(reading: Reading, losses: Tensor, y: Tensor, counts: Any = COUNTS) -> None:
    n, mean = brute(losses, y, reading.groups.num_groups, counts)
    assert np.array_equal(reading.count[-1], n)
    np.testing.assert_allclose(reading.loss[-1], mean, rtol=1e-6)


def test_logits_and_losses_give_what_brute_force_gives() -> None:
    z, y = examples()
    losses = F.cross_entropy(z, y, reduction="none")
    for given_ in ({"logits": z}, {"losses": losses}, {"losses": losses, "correct": z.argmax(1) == y}):
        monitor = FrequencyMonitor(COUNTS, groups=3)
        monitor.update(**given_, targets=y)
        reading = monitor.read()
        check(reading, losses, y)
        variance = [losses[[frequency_groups(COUNTS, 3).of_class[k] == g for k in y]].double().var() for g in range(3)]
        np.testing.assert_allclose(reading.variance[-1], variance, rtol=1e-5)
        hits = brute((z.argmax(1) == y).float(), y)[1]
        np.testing.assert_allclose(reading.accuracy[-1], hits if len(given_) != 1 or "logits" in given_ else np.nan)


@pytest.mark.parametrize("counts", [COUNTS, None])
def test_sums_by_class_are_brute_forces(counts: Any) -> None:
    z, y = examples()
    monitor = FrequencyMonitor(counts, groups=3, by_class=True, window=2)
    for part in range(4):
        monitor.update(z[50 * part : 50 * part + 50], y[50 * part : 50 * part + 50])
    table = monitor.read().by_class().to_pandas()
    losses = F.cross_entropy(z, y, reduction="none")
    for k in range(C):
        mine = y == k
        assert table["count"][k] == int(mine.sum())
        if mine.any():
            assert table.loss[k] == pytest.approx(float(losses[mine].double().mean()), rel=1e-6)
            assert table.accuracy[k] == pytest.approx(float((z.argmax(1) == y)[mine].double().mean()))
    check(monitor.read(last=1), losses[100:], y[100:], counts or class_counts(y.numpy(), C))
    assert monitor.read(last=1).by_class()["count"].to_pylist() == torch.bincount(y[100:], minlength=C).tolist()
    with pytest.raises(ValueError, match="by_class=True"):
        FrequencyMonitor(COUNTS).read().by_class()


def test_learnt_counts_regroup_what_was_seen_before() -> None:
    """Class 1 is rare at first and frequent in the end; all windows are grouped by the final counts."""
    monitor = FrequencyMonitor(groups=2, window=1)
    monitor.update(losses=torch.tensor([1.0, 1.0, 5.0]), targets=torch.tensor([0, 0, 1]))
    assert monitor.read().loss.tolist() == [[1.0, 5.0]]
    monitor.update(losses=torch.full((9,), 4.0), targets=torch.ones(9, dtype=torch.int64))
    reading = monitor.read()
    assert reading.counts.tolist() == [2, 10]
    np.testing.assert_array_equal(reading.loss, [[5.0, 1.0], [4.0, np.nan]])


def test_losses_alone_find_out_the_number_of_classes() -> None:
    monitor = FrequencyMonitor(groups=2, window=1)
    for k in (3, 0, 700):
        monitor.update(losses=torch.ones(2), targets=torch.tensor([k, k]))
    reading = monitor.read()
    assert len(reading.counts) == 701
    assert reading.counts[[0, 3, 700]].tolist() == [2, 2, 2]


def test_targets_to_ignore_are_counted_and_left_out() -> None:
    z, y = examples()
    y[::7] = IGNORE
    mask = torch.arange(200) % 5 != 0
    monitor = FrequencyMonitor(COUNTS, groups=3)
    monitor.update(z.view(4, 50, C), y.view(4, 50), mask=mask.long().view(4, 50))
    kept = y.where(mask, IGNORE)
    check(monitor.read(), F.cross_entropy(z, y, reduction="none"), kept)
    assert monitor.read().skipped["ignored"] == int((kept == IGNORE).sum())


def test_an_id_may_be_the_one_to_ignore() -> None:
    z, y = examples()
    monitor = FrequencyMonitor(COUNTS, groups=3, ignore_index=0)
    monitor.update(z, y)
    check(monitor.read(), F.cross_entropy(z, y, reduction="none"), y.where(y != 0, IGNORE))


def test_the_class_axis_of_images() -> None:
    z, y = examples()
    monitor = FrequencyMonitor(COUNTS, groups=3)
    monitor.update(z.view(4, 50, C).movedim(-1, 1), y.view(4, 50), class_axis=1)
    check(monitor.read(), F.cross_entropy(z, y, reduction="none"), y)


@pytest.mark.parametrize("epsilon", [0.0, 0.2])
@pytest.mark.parametrize("road", ["logits", "losses"])
def test_class_weights_are_divided_out_and_smoothing_is_kept(road: str, epsilon: float) -> None:
    z, y = examples()
    w = torch.linspace(0, 3, C)  # class 0 does not train
    trained = F.cross_entropy(z, y, w, reduction="none", label_smoothing=epsilon)
    monitor = FrequencyMonitor(COUNTS, groups=3, class_weights=w, label_smoothing=epsilon)
    monitor.update(targets=y, **{road: z if road == "logits" else trained})
    check(monitor.read(), trained / w[y], y.where(y != 0, IGNORE))
    assert monitor.read().skipped["ignored"] == int((y == 0).sum())


def test_every_third_update_is_measured() -> None:
    z, y = examples()
    monitor = FrequencyMonitor(COUNTS, groups=3, every=3)
    for i in range(8):
        monitor.update(z[25 * i : 25 * i + 25], y[25 * i : 25 * i + 25])
    measured = torch.cat([torch.arange(25 * i, 25 * i + 25) for i in (0, 3, 6)])
    check(monitor.read(), F.cross_entropy(z, y, reduction="none")[measured], y[measured])
    assert monitor.read().updates == 8


def test_windows_hold_their_updates_and_know_their_steps() -> None:
    z, y = examples()
    monitor = FrequencyMonitor(COUNTS, groups=3, window=3)
    for i in range(8):
        monitor.update(z[25 * i : 25 * i + 25], y[25 * i : 25 * i + 25], step=10 * i)
    reading = monitor.read()
    assert reading.steps.tolist() == [[0, 20], [30, 50], [60, 70]]
    assert reading.open
    assert reading.latest == 1
    losses = F.cross_entropy(z, y, reduction="none")
    for w, part in enumerate(torch.arange(200).split(75)):
        np.testing.assert_allclose(reading.loss[w], brute(losses[part], y[part])[1], rtol=1e-6)


@pytest.mark.parametrize("counts", [COUNTS, None])
def test_merged_windows_keep_every_example(counts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MAX_WINDOWS", 4)
    z, y = examples()
    monitor = FrequencyMonitor(counts, groups=3, window=1)
    for i in range(20):
        monitor.update(z[10 * i : 10 * i + 10], y[10 * i : 10 * i + 10])
    reading = monitor.read()
    assert reading.steps.tolist() == [[1, 8], [9, 16], [17, 20]]
    losses, of = F.cross_entropy(z, y, reduction="none"), counts or class_counts(y.numpy(), C)
    for w, part in enumerate(torch.arange(200).split(80)):
        n, mean = brute(losses[part], y[part], counts=of)
        assert np.array_equal(reading.count[w], n)
        np.testing.assert_allclose(reading.loss[w], mean, rtol=1e-6)


def test_many_entries_are_merged_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MAX_ENTRIES", 30)
    monitor = FrequencyMonitor(groups=2, window=1)
    for _ in range(50):
        monitor.update(losses=torch.ones(8), targets=torch.arange(8))
    assert len(monitor.read().steps) <= 4
    assert monitor.read().count.sum() == 400


def test_the_change_is_from_the_first_window_that_has_two_examples_of_a_group() -> None:
    monitor = FrequencyMonitor([5, 1], groups=2, window=1)
    rows = [
        ([4.0, 6.0], [0, 0]),
        ([1.0, 9.0], [0, 1]),
        ([2.0, 2.5, 7.0, 8.0], [0, 0, 1, 1]),
        ([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1]),
    ]
    for losses, y in rows:
        monitor.update(losses=torch.tensor(losses), targets=torch.tensor(y))
    assert monitor.read().change().value.tolist() == [1.5 - 5.0, 3.5 - 7.5]
    assert np.isnan(monitor.read(last=1).change()).all()


def test_gradient_accumulation_is_one_large_batch() -> None:
    z, y = examples()
    whole, parts = FrequencyMonitor(COUNTS, groups=3), FrequencyMonitor(COUNTS, groups=3)
    whole.update(z, y)
    for i in range(4):
        parts.update(z[50 * i : 50 * i + 50], y[50 * i : 50 * i + 50], step=1)
    np.testing.assert_allclose(parts.read().sums, whole.read().sums, rtol=1e-12)
    assert parts.read().steps.tolist() == [[1, 1]]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_summed_in_float32(dtype: torch.dtype) -> None:
    z, y = examples()
    monitor = FrequencyMonitor(COUNTS, groups=3)
    with torch.autocast("cpu", torch.bfloat16):
        monitor.update(z.to(dtype), y)
    check(monitor.read(), F.cross_entropy(z.to(dtype).double(), y, reduction="none"), y)


def test_evaluation_in_inference_mode_may_come_first() -> None:
    z, y = examples()
    monitor = FrequencyMonitor(groups=3)
    with torch.inference_mode():
        monitor.update(z.clone(), y.clone())
    monitor.update(z, y)
    assert monitor.read().count.sum() == 400


def test_reset_forgets_but_keeps_the_given_counts() -> None:
    z, y = examples()
    monitor = FrequencyMonitor(COUNTS, groups=3)
    monitor.update(z, y)
    monitor.reset()
    assert "Nothing seen yet" in str(monitor.read())
    monitor.update(z[:50], y[:50])
    check(monitor.read(), F.cross_entropy(z, y, reduction="none")[:50], y[:50])


def test_partial_fit_takes_logged_arrays() -> None:
    z, y = examples()
    found = FrequencyMonitor(COUNTS, groups=3).partial_fit(z[:80].numpy(), y[:80].numpy()).partial_fit(z[80:], y[80:])
    check(found.read(), F.cross_entropy(z, y, reduction="none"), y)


def test_ten_million_classes_take_a_slot_for_each_group() -> None:
    c = 10**7
    monitor = FrequencyMonitor(torch.arange(1, c + 1, dtype=torch.int32), groups=2)  # class c − 1 is the most frequent
    monitor.update(losses=torch.tensor([1.0, 3.0, 5.0]), targets=torch.tensor([c - 1, 0, 1]))
    reading = monitor.read()
    assert reading.sums[:2, 0].tolist() == [[1, 2], [1, 8]]
    assert reading.groups.samples_per_group.sum() == c * (c + 1) // 2
    held = (monitor._slot_of_class, monitor._windows._open)
    assert sum(tensor.nbytes for tensor in held) < 2.1 * c


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.3), nn.Tanh(), nn.Linear(16, C))


def train(monitor: FrequencyMonitor | None, road: str = "logits", compiled: bool = False) -> list[Tensor]:
    """Return the parameters after 12 steps with dropout, weight decay and clipped gradients, and the random state."""
    torch.manual_seed(0)
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    forward = torch.compile(model, backend="eager") if compiled else model
    for _ in range(12):
        x, y = torch.randn(30, 8), torch.randint(C, (30,))
        z = forward(x)
        losses = F.cross_entropy(z, y, reduction="none")
        optimizer.zero_grad()
        if monitor is not None:
            monitor.update(targets=y, **{road: z if road == "logits" else losses})
        losses.mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return [*(p.detach() for p in model.parameters()), torch.get_rng_state()]


@pytest.mark.parametrize("road", ["logits", "losses"])
@pytest.mark.parametrize("counts", [COUNTS, None])
def test_a_watched_run_has_the_bits_of_an_unwatched_one(road: str, counts: Any) -> None:
    monitor = FrequencyMonitor(counts, groups=3, window=5)
    watched, plain = train(monitor, road), train(None)
    assert all(torch.equal(a, b) for a, b in zip(watched, plain, strict=True))
    assert monitor.read().count.sum() == 360


def test_nothing_of_the_graph_is_kept() -> None:
    z, y = examples()
    z.requires_grad_()
    monitor = FrequencyMonitor(groups=3, window=1)
    monitor.update(z * 1, y)
    monitor.update(losses=F.cross_entropy(z, y, reduction="none"), targets=y)
    assert not any(tensor.requires_grad for tensor in monitor.state_dict().values())
    assert z.grad is None


@pytest.mark.filterwarnings("ignore")
def test_a_compiled_model_is_watched_and_keeps_its_bits() -> None:
    monitor = FrequencyMonitor(COUNTS, groups=3)
    watched, plain = train(monitor, compiled=True), train(None, compiled=True)
    assert all(torch.equal(a, b) for a, b in zip(watched, plain, strict=True))
    assert monitor.read().count.sum() == 360


@pytest.mark.filterwarnings("ignore")
def test_an_update_inside_of_a_compiled_step_is_not_compiled() -> None:
    monitor, model = FrequencyMonitor(COUNTS, groups=3), nn.Linear(8, C)
    x, y = torch.randn(20, 8), torch.arange(20) % C

    @torch.compile(backend="eager")
    def step() -> Tensor:
        z = model(x)
        monitor.update(z, y)
        return F.cross_entropy(z, y)

    torch._dynamo.utils.counters.clear()
    for _ in range(10):
        step().backward()
    assert monitor.updates == 10
    assert torch._dynamo.utils.counters["frames"]["total"] < 12  # compiled once, not at each step
    monitor.reset()
    monitor.update(model(x), y)
    check(monitor.read(), F.cross_entropy(model(x), y, reduction="none").detach(), y)


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[float], list[int], list[bool], int]:
    n = draw(st.integers(0, 30))
    losses = draw(st.lists(st.floats(width=32) | st.floats(0, 20, width=32), min_size=n, max_size=n))
    y = draw(st.lists(st.integers(0, C - 1) | st.just(IGNORE), min_size=n, max_size=n))
    mask = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return losses, y, mask, draw(st.integers(1, 4))


@settings(max_examples=80, deadline=None)
@given(st.lists(batches(), min_size=1, max_size=6), st.sampled_from([True, False]), st.integers(1, 5))
def test_every_example_is_in_one_group_or_reported(data: list[Any], given_counts: bool, groups: int) -> None:
    counts = [*COUNTS[:-1], 0]  # the last class has no count
    monitor = FrequencyMonitor(counts if given_counts else None, groups, window=data[0][3], num_classes=None)
    kept: list[tuple[float, int]] = []
    left_out = {"ignored": 0, "without count": 0, "out of range": 0, "not finite": 0}
    for losses, y, mask, _ in data:
        monitor.update(losses=torch.tensor(losses), targets=torch.tensor(y, dtype=torch.int64), mask=torch.tensor(mask))
        for loss, k, on in zip(losses, y, mask, strict=True):
            if k == IGNORE or not on:
                left_out["ignored"] += 1
            elif given_counts and k == C - 1:
                left_out["without count"] += 1
            elif not np.isfinite(np.float32(loss)):
                left_out["not finite"] += 1
            else:
                kept.append((loss, k))
    reading = monitor.read()
    assert reading.skipped == left_out
    assert reading.count.sum() == len(kept)
    if kept:
        of = counts if given_counts else class_counts([k for _, k in kept], C)
        groups_of = frequency_groups(of, groups).of_class
        for g in range(groups):
            mine = [loss for loss, k in kept if groups_of[k] == g]
            assert reading.sums[1, :, g].sum() == pytest.approx(
                sum(mine), rel=1e-9, abs=1e-9 * max(map(abs, mine), default=0)
            )
    str(reading), reading._repr_html_(), reading.lag(), reading.table()
