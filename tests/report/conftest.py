from __future__ import annotations

from collections.abc import Iterator

import pytest
from small_paper import CSV, SVG, Report, invent, paper

from steepest.runs.store import Store


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    root = tmp_path_factory.mktemp("report")
    store, small = Store(root / "store"), paper()
    settings = {figure.id: figure.settings("smoke") for figure in small.figures}
    for name in ("theory", "fig4"):
        for plan in small.figure(name).plans(settings[name]).values():
            invent(store, plan)
    svg = root / "drawn_groups.svg"
    svg.write_text(SVG)
    svg.with_suffix(".csv").write_text(CSV)
    small.register(store, small.figures)
    results = [(figure, figure.results(settings[figure.id], store)) for figure in small.figures]
    ledger = small.ledger(store, "smoke", results)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEEPEST_CACHE", str(root / "cache"))
        made = Report(root / "page.html", small, ledger, settings, store, {"fig4": {"groups": svg}})
        made.write(made.page)
        yield made
