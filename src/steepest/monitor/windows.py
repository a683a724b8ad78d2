"""Sums by slot and by window of updates, on the device of the tensors.

A slot is a frequency group where the groups are known beforehand, else a class. A window holds, for each slot,

    n, Σ ℓ, Σ ℓ²,   and, of the m examples whose prediction is known, m and the hits

in float64, which holds counts exactly. Adding to the open window never waits for the device; closing it does where slots
are classes, since only those that occurred are kept. With many windows, neighbours are merged and the length of a window
doubles, so that memory is bounded however long training lasts.

Shapes: S slots, n examples, k slots that occurred.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor

SUMS = ("n", "loss", "squares", "judged", "hits")
SKIPS = ("ignored", "without count", "out of range", "not finite")  # why an example is in no slot
MAX_WINDOWS = 64
MAX_ENTRIES = 1 << 24  # slots kept in all windows, of 48 bytes each


class Window(NamedTuple):
    """A closed window: its first and last step, the slots that occurred (k,), and their sums (5, k)."""

    first: int
    last: int
    slots: Tensor
    sums: Tensor


class Windows:
    """The windows of one process: closed ones, and the open one that examples are added to.

    Attributes:
        sparse: whether slots are classes, of which a window keeps those that occurred.
        length: updates of a window.
        closed: the closed windows, oldest first.
        updates: of the open window so far.
        first, last: steps of the open window.
        skipped: examples left out, by reason.
    """

    def __init__(self, num_slots: int, sparse: bool, length: int, device: torch.device) -> None:
        self.sparse, self.length = sparse, length
        self.closed: list[Window] = []
        self.updates = self.first = self.last = 0  # of the open window
        with torch.inference_mode(False):  # else tensors made in an evaluation could not be used in training
            self._open = torch.zeros(len(SUMS), num_slots, dtype=torch.float64, device=device)
            self.skipped = torch.zeros(len(SKIPS), dtype=torch.int64, device=device)

    @property
    def num_slots(self) -> int:
        """S."""
        return self._open.shape[1]

    @property
    def device(self) -> torch.device:
        """Return where the sums are."""
        return self._open.device

    def grow(self, num_slots: int) -> None:
        """Make room for at least this many slots, and for twice as many as now, so that this is rare."""
        if num_slots > self.num_slots:
            with torch.inference_mode(False):
                wider = self._open.new_zeros(len(SUMS), max(num_slots, 2 * self.num_slots))
                wider[:, : self.num_slots] = self._open
            self._open = wider

    def to(self, device: torch.device) -> Self:
        """Move to a device."""
        if self.device != device:
            self._open, self.skipped = self._open.to(device), self.skipped.to(device)
            self.closed = [Window(w.first, w.last, w.slots.to(device), w.sums.to(device)) for w in self.closed]
        return self

    def add(self, slots: Tensor, losses: Tensor, hits: Tensor | None = None) -> None:
        """Add examples to the open window.

        Args:
            slots: shape (n,), int64; −r − 1 is an example skipped for reason r of `SKIPS`.
            losses: shape (n,); those that are not finite are skipped.
            hits: shape (n,), or None where predictions are not known.
        """
        slots = torch.where(losses.isfinite() | (slots < 0), slots, -1 - SKIPS.index("not finite"))
        kept = slots >= 0
        values = torch.zeros(len(SUMS), len(slots), dtype=torch.float64, device=self.device)
        values[0] = kept
        values[1] = torch.where(kept, losses, 0)
        values[2] = values[1].square()
        if hits is not None:
            values[3], values[4] = kept, kept & hits
        self._open.index_add_(1, slots.clamp(min=0), values)
        self.skipped.index_add_(0, torch.where(kept, 0, -1 - slots), (~kept).long())

    def advance(self, step: int) -> None:
        """Count an update made at a step of the training loop, measured or not; close the window after its last."""
        self.first = self.first if self.updates else step
        self.last = step
        self.updates += 1
        if self.updates >= self.length:
            self.closed.append(self.opened())
            self._open.zero_()
            self.updates = 0
            full = len(self.closed) >= MAX_WINDOWS or self._entries() > MAX_ENTRIES
            if full and len(self.closed) % 2 == 0:
                self.coarsen()

    def opened(self) -> Window:
        """Return the open window as it stands."""
        if not self.sparse:
            slots = torch.arange(self.num_slots, device=self.device)
            return Window(self.first, self.last, slots, self._open.clone())
        slots = self._open[0].nonzero().squeeze(1)
        return Window(self.first, self.last, slots, self._open[:, slots])

    def all(self) -> list[Window]:
        """Return the windows, the open one last if it has begun."""
        return [*self.closed, self.opened()] if self.updates else list(self.closed)

    def coarsen(self) -> None:
        """Merge neighbours in pairs; windows are twice as long from now on."""
        pairs = [self.closed[i : i + 2] for i in range(0, len(self.closed), 2)]
        self.closed = [merged(pair) for pair in pairs]
        self.length *= 2

    def restore(self, steps: Tensor, entries: Tensor, sums: Tensor, opened: int) -> None:
        """Take the windows of a saved state; the last one is open if it has seen updates."""
        for i, (first, last) in enumerate(steps.T.tolist()):
            mine = entries[0] == i
            self.closed.append(Window(first, last, entries[1, mine], sums[:, mine]))
        if opened:
            window = self.closed.pop()
            self._open[:, window.slots] = window.sums
            self.first, self.last, self.updates = window.first, window.last, opened

    def _entries(self) -> int:
        return sum(len(window.slots) for window in self.closed)


def merged(windows: list[Window]) -> Window:
    """Return one window with the examples of all, whose slots are in order."""
    slots, where = torch.unique(torch.cat([window.slots for window in windows]), return_inverse=True)
    together = torch.cat([window.sums for window in windows], dim=1)
    sums = together.new_zeros(len(SUMS), len(slots)).index_add_(1, where, together)
    return Window(windows[0].first, windows[-1].last, slots, sums)
