"""A live view of the monitor in the terminal.

    for batch in live(loader, monitor):
        ...

In a terminal, a table that is redrawn between batches, at most twice a second. Elsewhere (a log file) the sentences of
the reading, once a minute. The view reads this process only; of several processes, the first shows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from steepest import distributed
from steepest.monitor.reading import now, overview, row

if TYPE_CHECKING:
    from steepest.data.frequency import Floats
    from steepest.monitor.reading import Reading
    from steepest.monitor.watch import FrequencyMonitor

Item = TypeVar("Item")
SECONDS = 0.5  # between two drawings in a terminal
SECONDS_IN_A_LOG = 60.0
BLOCKS = "▁▂▃▄▅▆▇█"
CURVE = 24  # windows that a curve shows


def live(items: Iterable[Item], monitor: FrequencyMonitor, console: Console | None = None) -> Iterator[Item]:
    """Yield the items, and show the monitor between them and at the end.

    Args:
        items: what the loop iterates over, such as batches.
        monitor: what is shown.
        console: where it is shown; the standard output by default.
    """
    console = console or Console()
    if distributed.rank() > 0:
        yield from items
    elif console.is_terminal:
        with Live(console=console, auto_refresh=False) as screen:
            yield from _between(items, SECONDS, lambda: screen.update(view(monitor.read(reduce=False)), refresh=True))
    else:
        yield from _between(items, SECONDS_IN_A_LOG, lambda: print(monitor.read(reduce=False), file=console.file))


def _between(items: Iterable[Item], seconds: float, show: Callable[[], None]) -> Iterator[Item]:
    """Yield the items; show the monitor after so many seconds, and at the end."""
    shown = time.monotonic()
    try:
        for item in items:
            yield item
            if time.monotonic() - shown >= seconds:
                show()
                shown = time.monotonic()
    finally:
        show()


def view(reading: Reading) -> Group:
    """Return the latest window as a table, a row for each group, with the curve of its loss."""
    if not reading.sums.any():
        return Group(Text("Nothing seen yet."))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("group", "classes", "examples", "loss", "lag behind the most frequent", "accuracy"):
        table.add_column(name, justify="right", header_style="dim")
    table.add_column("loss so far", header_style="dim", no_wrap=True)
    lagging = {lag.group for lag in reading.lags()}
    loss = reading.loss
    scale = (np.nanmin(loss), np.nanmax(loss))
    for g in reading.present:
        style = "yellow" if int(g) + 1 in lagging else None
        table.add_row(*row(reading, int(g)), curve(loss[-CURVE:, g], scale), style=style)
    return Group(Text(overview(reading)), Text(now(reading)), table)


def curve(losses: Floats, scale: tuple[float, float]) -> str:
    """Return a line of blocks, from the smallest to the largest loss of all groups; blank where nothing is known.

    >>> curve(np.array([4.0, 2.0, float("nan"), 0.5]), (0.5, 4.0))
    '█▄ ▁'
    """
    low, high = scale
    levels = (losses - low) / (high - low) if high > low else np.where(np.isnan(losses), np.nan, 0.0)
    return "".join(" " if np.isnan(x) else BLOCKS[min(int(x * len(BLOCKS)), len(BLOCKS) - 1)] for x in levels)
