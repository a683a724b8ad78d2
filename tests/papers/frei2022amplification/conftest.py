"""Figures on tiny sizes, trained once for each file of tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from steepest.claims.paper import Results
from steepest.runs.store import Store
from steepest.runs.stream import stream
from steepest_papers.frei2022amplification import PAPER

SIZES: dict[str, Any] = {"samples": 40, "width": 8, "seeds": (0, 1, 2)}
ONE_DIMENSION: dict[str, Any] = {"dimension": 8, "noise": 8**-0.5}
SPECIAL: dict[str, dict[str, Any]] = {
    "noise": ONE_DIMENSION | {"rates": (0.0, 0.2)},
    "signs": {"dimensions": (4, 6, 8), "specified_width": 8},
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Results]:
    """Results of a figure by its id; runs that figures share are trained once."""
    store = Store(tmp_path_factory.mktemp("store"))

    @cache
    def results(name: str) -> Results:
        figure = PAPER.figure(name)
        found = figure.results(figure.settings("smoke", SIZES | SPECIAL.get(name, ONE_DIMENSION)), store)
        for _ in stream(list(found.plans.values()), store):
            pass
        return found

    return results
