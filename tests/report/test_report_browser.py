from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from headless import Tab, browser, tab
from small_paper import Report

DRAWN = "document.querySelectorAll('[data-plot] svg.marks').length === 2"
POINT = """(() => {
  const point = [...document.querySelectorAll('[data-plot] .mark-symbol.role-mark path')].at(-1);
  point.scrollIntoView({behavior: 'instant', block: 'center'});
  const box = point.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2 - 2];
})()"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    executable = browser()
    if executable is None:
        pytest.skip("no Chromium on PATH (chromium, chromium-browser or google-chrome): the page is not rendered")
    with tab(executable, tmp_path_factory.mktemp("browser") / "profile") as opened:
        yield opened


def complaints(chromium: Tab) -> list[object]:
    return chromium.named("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")


@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_draws_its_plot_asks_for_nothing_and_fits(chromium: Tab, report: Report, width: int) -> None:
    chromium.open(report.page, width)
    chromium.wait_for(DRAWN)
    asked = [event["request"]["url"] for event in chromium.named("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [report.page.as_uri()]
    assert complaints(chromium) == []
    assert chromium.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert chromium.evaluate("document.querySelector('.plot svg').getBoundingClientRect().width <= innerWidth")
    assert chromium.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert chromium.evaluate("window.hacked === undefined")
    assert chromium.evaluate("document.title").startswith("Tails </script>")


def test_hover_names_the_run_and_a_click_finds_it_in_the_list(chromium: Tab, report: Report) -> None:
    chromium.open(report.page, 1280)
    chromium.wait_for(DRAWN)
    x, y = chromium.evaluate(POINT)
    chromium.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    chromium.wait_for("document.querySelector('#vg-tooltip-element.visible') !== null")
    shown = chromium.evaluate("document.querySelector('#vg-tooltip-element').innerText")
    facts = dict(line.split("\t") for line in shown.splitlines())
    run = report.store.get(facts["run"])
    assert run is not None
    assert float(facts["learning rate"]) == pytest.approx(run.spec["lr"], rel=1e-3)
    assert (int(facts["seed"]), facts["state"]) == (run.spec["seed"], run.state)
    for kind in ("mousePressed", "mouseReleased"):
        chromium.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    chromium.wait_for(f"location.hash === '#run-fig4-{run.id}'")
    chromium.wait_for("document.querySelector('#runs-fig4').open")
    assert complaints(chromium) == []


def test_the_stepped_view_moves_when_played_and_by_its_slider(chromium: Tab, report: Report) -> None:
    chromium.open(report.page, 1280)
    chromium.wait_for(DRAWN)
    title = "document.querySelector('[data-frames] .role-title-text').textContent"
    assert chromium.evaluate(title) == "after 10 updates"
    chromium.evaluate("document.querySelector('.play').click()")  # at the end: from the start again
    chromium.wait_for(f"{title} === 'after 0 updates'")
    chromium.wait_for(f"{title} === 'after 10 updates'")
    chromium.wait_for("document.querySelector('.play').textContent === 'play'")
    slider = "document.querySelector('[data-frames] input')"
    chromium.evaluate(f"{slider}.value = 0, {slider}.dispatchEvent(new Event('input'))")
    chromium.wait_for(f"{title} === 'after 0 updates'")
    assert complaints(chromium) == []


def test_the_browser_would_report_what_the_policy_forbids(chromium: Tab, report: Report, tmp_path: Path) -> None:
    infected = tmp_path / "infected.html"
    harm = "<script>window.hacked = 1</script><img src='http://a.invalid/b'>"
    infected.write_text(report.html.replace("<main>", f"<main>{harm}"))
    chromium.open(infected, 800)
    chromium.wait_for(DRAWN)
    assert chromium.evaluate("window.hacked === undefined")
    assert len(complaints(chromium)) == 2
