"""Words, notebook page and terminal say what was seen, and no more."""

from __future__ import annotations

import io
from html.parser import HTMLParser

import pytest
import torch
from rich.console import Console

from steepest.monitor import FrequencyMonitor, terminal
from steepest.monitor.terminal import live, view


def lagging(windows: int = 3, late: bool = False) -> FrequencyMonitor:
    """Return a monitor of two groups; the rare one lags by 2, if `late` from the second window on."""
    monitor = FrequencyMonitor([60, 20, 20], groups=2, window=10)
    noise = torch.linspace(-0.5, 0.5, 100)
    for step in range(1, 10 * windows + 1):
        y = torch.arange(100) % 3
        lag = 0.0 if late and step <= 10 else 2.0
        monitor.update(losses=1.0 + lag * (y > 0) + noise, targets=y, correct=y == 0, step=step)
    return monitor


def test_the_lag_is_told_with_interval_start_and_change() -> None:
    lines = str(lagging(late=True).read()).splitlines()
    assert lines[0] == "30 updates, 3,000 examples; 3 classes in 2 groups."
    assert lines[1] == "Steps 21 to 30: loss 2.32, accuracy 34.0%; most frequent group (1 class): 1.00."
    assert lines[2].startswith("Group 2 (2 classes): 3.00, lags by 2.00 [1.9")
    assert "] since step 11; it ROSE by 2.00 [1.9" in lines[2]
    assert len(lines) == 3
    (lag,) = lagging(late=True).read().lags()
    assert (lag.group, lag.since) == (2, 11)


def test_what_does_not_lag_is_not_alarmed_about() -> None:
    monitor = FrequencyMonitor([60, 20, 20], groups=2)
    monitor.update(losses=torch.linspace(0, 1, 99), targets=torch.arange(99) % 3)
    assert "No group lags behind the most frequent one, as far as seen." in str(monitor.read())
    one = FrequencyMonitor([1, 1], groups=2)
    one.update(losses=torch.tensor([0.0, 99.0]), targets=torch.tensor([1, 0]))
    assert one.read().lags() == []


def test_a_loss_that_does_not_move_is_said_to_show_no_evidence() -> None:
    assert "no evidence that it moves" in str(lagging().read())


class Cells(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, _: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


def test_the_notebook_page_holds_the_table_and_no_script() -> None:
    page = Cells(lagging()._repr_html_())
    assert page.tags == {"div", "table", "thead", "tbody", "tr", "th", "td"}
    assert page.cells[10:16] == ["1", "1", "340", "1.00", "100.0%", page.cells[15]]
    assert page.cells[16:20] == ["2", "2", "660", "3.00"]
    assert page.cells[20].startswith("2.00 [1.9")
    assert page.cells[21:23] == ["0.0%", "1"]


def test_a_log_gets_the_sentences_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds, times in ((60.0, 1), (0.0, 5)):
        monkeypatch.setattr(terminal, "SECONDS_IN_A_LOG", seconds)
        monitor, out = lagging(), io.StringIO()
        assert list(live(range(4), monitor, Console(file=out, width=60))) == [0, 1, 2, 3]
        assert out.getvalue() == f"{monitor.read()}\n" * times


def test_the_terminal_shows_a_row_for_each_group_with_its_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "SECONDS", 0.0)
    out = io.StringIO()
    console = Console(file=out, width=110, force_terminal=True, color_system=None)
    for _ in live(range(2), lagging(late=True), console):
        pass
    last = out.getvalue().split("loss so far")[-1].splitlines()
    assert last[1].split()[:5] == ["1", "1", "340", "1.00", "100.0%"]
    assert last[1].rstrip().endswith("▁▁▁")
    assert last[2].rstrip().endswith("▁██")
    assert "2.00 [1.9" in last[2]


def test_the_view_of_nothing_says_so() -> None:
    out = io.StringIO()
    Console(file=out).print(view(FrequencyMonitor().read()))
    assert out.getvalue() == "Nothing seen yet.\n"


def test_an_error_in_the_loop_stays_the_loops_own() -> None:
    def loop() -> None:
        for i in live(range(3), lagging(), Console(file=io.StringIO())):
            raise KeyError(i)

    with pytest.raises(KeyError):
        loop()
