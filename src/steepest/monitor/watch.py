"""The monitor of a training loop.

It reads, adds up and keeps nothing else: no gradient graph, no random numbers, no change to a tensor that it is given. A
monitored run has the same bits as one without a monitor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from steepest import distributed
from steepest.data.frequency import frequency_groups
from steepest.monitor.batch import Batch, check_ids, checked
from steepest.monitor.counts import MAX_CLASSES, counts_of
from steepest.monitor.logits import losses_and_hits
from steepest.monitor.state import State, checked_state, reduced, state_of, windows_of
from steepest.monitor.windows import SKIPS, Windows

if TYPE_CHECKING:
    from steepest.data.tokens import Vocabulary
    from steepest.monitor.reading import Reading

MAX_GROUPS = 32_000
MAX_UPDATES = 2**40  # of a window, which may double 20 times
IGNORED, UNCOUNTED, OUTSIDE, _ = (-1 - reason for reason in range(len(SKIPS)))


class FrequencyMonitor:
    """Loss, accuracy and number of examples by frequency group, along training.

    Classes are sorted by frequency and cut into G groups of ≈ 1/G of the samples each (`steepest.data.frequency`). A
    window is so many updates; its numbers are sums over the examples of these updates.

    Args:
        counts: class counts (c,), or a corpus or dataset whose classes are counted, see `steepest.monitor.counts`;
            None learns the counts from the targets.
        groups: G.
        vocabulary: how a corpus becomes tokens; its words if None.
        num_classes: c; needed only where it cannot be known: losses on an accelerator without counts.
        by_class: keep sums by class too. Where counts are learnt they always are.
        ignore_index: targets that are no examples, as in torch.
        class_weights: w (c,), that the losses of training are multiplied by; divided out again, so that the loss of a
            group does not depend on them. Classes of weight 0 are ignored.
        label_smoothing: ε of the training loss, in [0, 1); for losses from logits, see `steepest.monitor.logits`.
        every: measure each k-th update only; the others cost nothing.
        window: updates of a window, at first: when there are 64, neighbours are merged.

    Memory on the device of the targets: 40 bytes per slot, and at most 64 windows of as much. Slots are groups where
    counts are given (with 2 bytes per class for the map: 20 MB for 10⁷ classes), and classes with `by_class` or learnt
    counts: 2 MB for 50,257 classes and 48 bytes for each class that occurs in a window, 0.8 GB at most.

    Raises:
        ValueError: an argument out of its range.
        DataError: a dataset without class ids, or with one out of range.

    >>> monitor = FrequencyMonitor([60, 30, 10], groups=2)
    >>> monitor.update(losses=torch.tensor([0.5, 1.5, 2.5]), targets=torch.tensor([0, 1, 2]))
    >>> monitor.read().loss[-1]
    array([0.5, 2. ])

    Source: grouping by frequency, Kunstner et al. (2024, Figure 1).
    """

    def __init__(
        self,
        counts: Any = None,
        groups: int = 10,
        *,
        vocabulary: Vocabulary | None = None,
        num_classes: int | None = None,
        by_class: bool = False,
        ignore_index: int = -100,
        class_weights: Tensor | None = None,
        label_smoothing: float = 0.0,
        every: int = 1,
        window: int = 100,
    ) -> None:
        for name, value, most in (
            ("groups", groups, MAX_GROUPS),
            ("every", every, MAX_UPDATES),
            ("window", window, MAX_UPDATES),
            ("num_classes", num_classes, MAX_CLASSES),
        ):
            if value is not None and not 1 <= value <= most:
                raise ValueError(f"{name} must be at least 1 and at most {most}, got {value}")
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must lie in [0, 1), got {label_smoothing}")
        self.counts = torch.zeros(0, dtype=torch.int64)
        if counts is not None:
            self.counts = counts_of(counts, vocabulary, num_classes, ignore_index)
        self.groups, self.every, self.window = groups, every, window
        self.by_class, self.ignore_index = by_class or counts is None, ignore_index
        self.class_weights, self.label_smoothing = class_weights, label_smoothing
        self.num_classes = len(self.counts) or num_classes or (None if class_weights is None else len(class_weights))
        if class_weights is not None:
            _check_weights(class_weights, self.num_classes)
        self.updates = 0
        self._windows: Windows | None = None
        self._slot_of_class = None if self.by_class else _slots(self.counts, groups)

    def update(
        self,
        logits: Tensor | None = None,
        targets: Tensor | None = None,
        *,
        losses: Tensor | None = None,
        correct: Tensor | None = None,
        mask: Tensor | None = None,
        class_axis: int = -1,
        step: int | None = None,
    ) -> None:
        """Add the examples of one (micro-)batch, without waiting for the device.

        Args:
            logits: shape (…, c), or c in the axis `class_axis`; of any floating type.
            targets: class ids, shape (…).
            losses: in place of logits: the losses by example that the loop has (`reduction="none"`), shape (…).
            correct: with losses: where the prediction is right, shape (…); without it there is no accuracy.
            mask: shape (…); examples where it is 0 are ignored, such as padding.
            class_axis: 1 for torch's layout (n, c, …) of images and sequences.
            step: of the loop, for the record; by default the number of updates.

        Raises:
            ValueError: shapes, types or (on a CPU) class ids that do not fit. On an accelerator, where looking would
                mean waiting, examples with such ids are left out, counted and reported.
        """
        given = logits, targets, losses, correct, mask, class_axis
        if torch.compiler.is_compiling():  # called from a compiled function: not a part of its graph
            torch.compiler.disable(self._update)(given, step)  # type: ignore[no-untyped-call]
        else:
            self._update(given, step)

    @torch.no_grad()
    def _update(self, given: tuple[Any, Any, Any, Any, Any, int], step: int | None) -> None:
        if self._windows is None or self.updates % self.every == 0:
            examples = checked(*given, self.ignore_index)
            self._windows = self._ready(examples)
            self._add(examples, self._windows)
        self.updates += 1
        self._windows.advance(self.updates if step is None else step)

    def _ready(self, examples: Batch) -> Windows:
        """Return the windows with room for the targets, on an accelerator if any examples are; refused targets change nothing."""
        y, logits = examples.targets, examples.logits
        c = self.num_classes or (None if logits is None else logits.shape[-1])
        if logits is not None and logits.shape[-1] < (c or 0):
            raise ValueError(f"logits have {logits.shape[-1]} classes, the monitor has {c}")
        if y.device.type == "cpu":
            highest = check_ids(y[y != self.ignore_index], c or MAX_CLASSES)
        elif c is None:
            raise ValueError("without counts and logits the number of classes is not known here; give num_classes")
        self.num_classes = c
        device = torch.device("cpu") if y.device.type == "mps" else y.device  # mps has no float64
        windows = self._windows or Windows(0 if self.by_class else self.groups, self.by_class, self.window, device)
        if self.by_class:
            windows.grow(c or highest)
        return windows.to(device) if windows.device.type == "cpu" else windows

    def _add(self, examples: Batch, windows: Windows) -> None:
        """Add examples to the sums; copies within and to an accelerator are not waited for."""
        there: Callable[[Tensor], Tensor] = partial(
            Tensor.to, device=windows.device, non_blocking=windows.device.type != "cpu"
        )
        targets, logits, losses, hits = examples
        w = None if self.class_weights is None else there(self.class_weights).double()
        y = there(targets)
        if logits is not None:
            losses, hits = self._from_logits(logits, targets.to(logits.device))
        elif w is not None and losses is not None:
            losses = there(losses) / w[y.clamp(0, len(w) - 1)]
        assert losses is not None
        windows.add(self._slots(y, w), there(losses), None if hits is None else there(hits))

    def _from_logits(self, logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return losses and hits; the class weights, which are divided out again, matter to the smoothing alone."""
        w = self.class_weights
        if not self.label_smoothing or w is None:
            return losses_and_hits(logits, y, None, self.label_smoothing)
        if len(w) != logits.shape[-1]:
            raise ValueError(f"class_weights must have shape ({logits.shape[-1]},), got ({len(w)},)")
        return losses_and_hits(logits, y, w.to(logits.device), self.label_smoothing)

    def _slots(self, y: Tensor, w: Tensor | None) -> Tensor:
        """Return the slot of each example, or why it has none, as −reason − 1."""
        c = self.num_classes or MAX_CLASSES
        slots, inside = y, y.clamp(0, c - 1)
        if self._slot_of_class is not None:
            self._slot_of_class = self._slot_of_class.to(y.device)
            slots = self._slot_of_class[inside].long()
        slots = torch.where(y == inside, slots, OUTSIDE)
        ignored = y == self.ignore_index
        if w is not None:
            ignored |= w[inside] == 0
        return torch.where(ignored, IGNORED, slots)

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Add logged logits X (n, c) and targets y (n,), arrays or tensors, as scikit-learn names it."""
        self.update(torch.as_tensor(X), torch.as_tensor(y))
        return self

    def read(self, last: int | None = None, *, reduce: bool = True) -> Reading:
        """Return what was seen: numbers by window and group, what lags, in words.

        Args:
            last: only so many windows, the open one included; all if None.
            reduce: over all processes of `torch.distributed`, where it runs: each of them must call this. False reads
                this process alone.
        """
        from steepest.monitor.reading import Reading

        return Reading.of(self._state(reduce), last)

    def reset(self) -> None:
        """Forget what was seen, as before an evaluation; counts that were given stay."""
        self._windows, self.updates = None, 0

    def state_dict(self, *, reduce: bool = True) -> dict[str, Tensor]:
        """Return everything as tensors, safe to load with `weights_only=True`; `reduce` as in `read`."""
        return self._state(reduce)._asdict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a state. Of several processes that load the same one, the first takes what was seen.

        Raises:
            ValueError: a state of a monitor with other settings or counts, or not a state.
        """
        given, own = checked_state(state), self._state(reduce=False)
        for name in ("groups", "ignore_index", "every", "by_class"):
            if own.setting(name) != given.setting(name):
                raise ValueError(
                    f"the state is of a monitor with {name}={given.setting(name)}, not {own.setting(name)}"
                )
        for name in ("counts", "weights", "smoothing"):
            if not torch.equal(getattr(own, name), getattr(given, name)):
                raise ValueError(f"the state is of a monitor with other {name}")
        self._take(given)

    def save(self, path: str | Path, *, reduce: bool = True) -> None:
        """Write a Parquet file in one step: a row for each window and group, see `steepest.monitor.storage`.

        Of several processes the first writes; `reduce` as in `read`.

        Raises:
            StoreError: a path that cannot be written.
        """
        from steepest.monitor.storage import write

        state = self._state(reduce)
        if distributed.rank() == 0 or not reduce:
            write(state, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the monitor that was saved; it can be read and trained on.

        Raises:
            DataError: a file that is missing, damaged or of another kind.
        """
        from steepest.monitor.storage import read

        state = read(Path(path))
        monitor = cls(
            state.counts if len(state.counts) else None,
            state.setting("groups"),
            num_classes=state.setting("classes") or None,
            by_class=bool(state.setting("by_class")),
            ignore_index=state.setting("ignore_index"),
            class_weights=state.weights if len(state.weights) else None,
            label_smoothing=float(state.smoothing),
            every=state.setting("every"),
        )
        monitor._take(state)
        return monitor

    def _state(self, reduce: bool) -> State:
        settings = {
            "groups": self.groups,
            "ignore_index": self.ignore_index,
            "every": self.every,
            "window": self.window,
            "by_class": self.by_class,
            "classes": self.num_classes or 0,
            "open": 0,
            "updates": self.updates,
        }
        weights = torch.zeros(0) if self.class_weights is None else self.class_weights
        state = state_of(self._windows, settings, self.counts, weights, self.label_smoothing)
        return reduced(state) if reduce else state

    def _take(self, state: State) -> None:
        self.updates, self.num_classes = state.setting("updates"), state.setting("classes") or None
        self._windows = windows_of(state if distributed.rank() == 0 else state.emptied())

    def __repr__(self) -> str:
        """Return the settings in short."""
        of = f"{self.num_classes} classes" if self.num_classes else "classes to be learnt"
        return f"FrequencyMonitor({of}, groups={self.groups}, updates={self.updates})"

    def _repr_html_(self) -> str:
        """Return the reading for a notebook."""
        return self.read(reduce=False)._repr_html_()


def _slots(counts: Tensor, groups: int) -> Tensor:
    """Return the group of each class, or that it has no count, in as few bytes as 32,767 groups need."""
    of_class = torch.from_numpy(frequency_groups(counts.numpy(), groups).of_class)
    return torch.where(of_class < 0, UNCOUNTED, of_class).to(torch.int16)


def _check_weights(w: Tensor, num_classes: int | None) -> None:
    if w.shape != (num_classes,) or not (w >= 0).all() or not w.isfinite().all():
        least = f" with minimum {float(w.min())}" if w.numel() else ""
        raise ValueError(f"class_weights must be {num_classes} non-negative numbers, got shape {tuple(w.shape)}{least}")
