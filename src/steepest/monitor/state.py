"""Everything that a monitor has seen, as a few tensors: what is reduced over processes, saved, and read.

Sums are kept as entries (window, slot) → (5,), in the order of `windows.SUMS`, and only where something was counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from steepest import distributed
from steepest.monitor.counts import MAX_CLASSES
from steepest.monitor.windows import SKIPS, SUMS, Windows

CPU = torch.device("cpu")
VERSION = 1
SETTINGS = ("version", "groups", "ignore_index", "every", "window", "by_class", "classes", "open", "updates")


class State(NamedTuple):
    """A monitor's knowledge; W windows, k entries, c classes. All on the CPU.

    Attributes:
        settings: int64, in the order of `SETTINGS`; `classes` is 0 where c is not known, `window` the length that a
            window has now, `open` the updates of the last window, 0 if it is closed.
        counts: (c,) int64 class counts, or (0,) where they are learnt.
        weights: (c,) float64 class weights, or (0,).
        smoothing: () float64, the label smoothing.
        steps: (2, W) int64, first and last step of each window.
        entries: (2, k) int64, window and slot.
        sums: (5, k) float64.
        skipped: (4,) int64, examples left out, in the order of `windows.SKIPS`.
    """

    settings: Tensor
    counts: Tensor
    weights: Tensor
    smoothing: Tensor
    steps: Tensor
    entries: Tensor
    sums: Tensor
    skipped: Tensor

    def setting(self, name: str) -> int:
        """Return one of `SETTINGS`."""
        return int(self.settings[SETTINGS.index(name)])

    def emptied(self) -> State:
        """Return the state with the same windows, in which nothing was seen."""
        return self._replace(entries=self.entries[:, :0], sums=self.sums[:, :0], skipped=torch.zeros_like(self.skipped))


def state_of(
    windows: Windows | None, settings: Mapping[str, int], counts: Tensor, weights: Tensor, smoothing: float
) -> State:
    """Return the state of one process; without windows nothing has been seen."""
    parts = windows.all() if windows else []
    now = {"window": windows.length, "open": windows.updates} if windows else {}
    numbers = {"version": VERSION, **settings, **now}
    steps = [[part.first for part in parts], [part.last for part in parts]]
    cells = [torch.stack([torch.full_like(part.slots, i), part.slots]).cpu() for i, part in enumerate(parts)]
    entries = torch.cat([torch.zeros(2, 0, dtype=torch.int64), *cells], dim=1)
    sums = torch.cat([torch.zeros(len(SUMS), 0, dtype=torch.float64), *(part.sums.cpu() for part in parts)], dim=1)
    occurred = sums[0] > 0
    return State(
        torch.tensor([int(numbers[name]) for name in SETTINGS]),
        counts,
        weights.to("cpu", torch.float64),
        torch.tensor(smoothing, dtype=torch.float64),
        torch.tensor(steps, dtype=torch.int64),
        entries[:, occurred],
        sums[:, occurred],
        windows.skipped.cpu().clone() if windows else torch.zeros(len(SKIPS), dtype=torch.int64),
    )


def windows_of(state: State) -> Windows:
    """Return the windows that have this state, on the CPU."""
    by_class = state.setting("by_class")
    classes = max(state.setting("classes"), highest(state.entries[1]))
    slots = classes if by_class else state.setting("groups")
    windows = Windows(slots, bool(by_class), state.setting("window"), CPU)
    windows.restore(state.steps, state.entries, state.sums, state.setting("open"))
    windows.skipped.copy_(state.skipped)
    return windows


def checked_state(tensors: Mapping[str, Tensor]) -> State:
    """Return the state that these tensors hold, after checking that they fit together.

    Raises:
        ValueError: tensors that are missing or do not fit.
    """
    try:
        state = State(**{name: tensors[name].cpu() for name in State._fields})
    except (KeyError, AttributeError, TypeError):
        raise ValueError(f"a monitor's state has the tensors {', '.join(State._fields)}") from None
    fits = (
        state.settings.shape == (len(SETTINGS),)
        and state.setting("version") == VERSION
        and state.counts.ndim == state.weights.ndim == 1
        and state.smoothing.ndim == 0
        and state.steps.ndim == 2
        and len(state.steps) == len(state.entries) == 2
        and state.sums.shape == (len(SUMS), state.entries.shape[1])
        and state.skipped.shape == (len(SKIPS),)
        and _inside(state.entries[0], state.steps.shape[1])
        and _inside(state.entries[1], MAX_CLASSES if state.setting("by_class") else state.setting("groups"))
    )
    if not fits:
        raise ValueError("the tensors are not a monitor's state of this version, or do not fit together")
    return state


def highest(ids: Tensor) -> int:
    """Return the largest id + 1, 0 if there is none."""
    return int(ids.max()) + 1 if len(ids) else 0


def _inside(ids: Tensor, limit: int) -> bool:
    return bool(((ids >= 0) & (ids < limit)).all())


def reduced(state: State) -> State:
    """Return the state of all processes together; each of them must call it. With one process, the same.

    Windows are matched by the number of updates before them, so that processes that merged theirs earlier agree.
    """
    if distributed.size() == 1:
        return state
    settings = _gathered(state.settings[:, None])
    lengths = [int(part[SETTINGS.index("window")]) for part in settings]
    factors = [max(lengths) // length for length in lengths]
    steps = _gathered(torch.cat([torch.arange(state.steps.shape[1])[None], state.steps]))
    cells = _gathered(torch.cat([state.entries, state.sums.contiguous().view(torch.int64)]))
    rows = torch.cat([_coarse(part, factor) for part, factor in zip(cells, factors, strict=True)], dim=1)
    entries, sums = coalesced(rows[:2], rows[2:].contiguous().view(torch.float64))
    return State(
        torch.cat(settings, dim=1).amax(1),
        state.counts,
        state.weights,
        state.smoothing,
        _first_and_last(torch.cat([_coarse(part, factor) for part, factor in zip(steps, factors, strict=True)], dim=1)),
        entries,
        sums,
        distributed.total(state.skipped.clone()),
    )


def _coarse(rows: Tensor, factor: int) -> Tensor:
    """Return rows whose first row, the number of a window, counts windows that are longer by a factor."""
    return torch.cat([rows[:1] // factor, rows[1:]])


def _first_and_last(steps: Tensor) -> Tensor:
    """Return first and last step (2, W) of each window from (window, first, last), shape (3, m)."""
    ends = torch.zeros(2, highest(steps[0]), dtype=torch.int64)
    ends[0].scatter_reduce_(0, steps[0], steps[1], "amin", include_self=False)
    ends[1].scatter_reduce_(0, steps[0], steps[2], "amax", include_self=False)
    return ends


def coalesced(entries: Tensor, sums: Tensor) -> tuple[Tensor, Tensor]:
    """Return each entry once, in order, with the sum of its sums."""
    distinct, where = torch.unique(entries, dim=1, return_inverse=True)
    return distinct, sums.new_zeros(len(sums), distinct.shape[1]).index_add_(1, where, sums)


def _gathered(own: Tensor) -> list[Tensor]:
    """Return the int64 tensors (r, k) of all processes; k may differ."""
    widths = torch.zeros(distributed.size(), dtype=torch.int64)
    widths[distributed.rank()] = own.shape[1]
    widths = distributed.total(widths)
    everything = torch.zeros(len(own), int(widths.sum()), dtype=torch.int64)
    parts = torch.split(everything, widths.tolist(), dim=1)
    parts[distributed.rank()].copy_(own)
    return list(torch.split(distributed.total(everything), widths.tolist(), dim=1))
