"""Papers: thresholds registered before runs, edits shown, figures and folders found or refused in one line."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.installed import find_paper, papers
from steepest.claims.lab import Lab
from steepest.claims.paper import Figure, Paper, Results, Settings
from steepest.errors import UsageError
from steepest.optim import SignDescent
from steepest.problems import WeightedQuadratic
from steepest.runs.method import Method
from steepest.runs.results import NotRun, SweepResults
from steepest.runs.spec import Calculation
from steepest.runs.store import Store
from steepest.runs.sweep import Calculations, Plan, Sweep, decades


class Sizes(Settings):
    n: int = 3
    seeds: tuple[int, ...] = (0, 1)


def cube(x: int) -> dict[str, float]:
    return {"cube": float(x**3)}


def plans(sizes: Sizes) -> Mapping[str, Plan]:
    return {"cubes": Calculations(tuple(Calculation(cube, {"x": x}) for x in range(sizes.n)))}


@measure()
def cubes(results: Results) -> Measured:
    runs = results.calculations("cubes")
    return Measured([run.facts["cube"] for run in runs], [run.id for run in runs])


CLAIM = Claim("grows", cubes().at_least(1.0, fails=0.0), "Figure 1").says("cubes grow")
SCALES = {"smoke": Sizes(), "laptop": Sizes(n=4), "paper": Sizes(n=9)}
FIGURE = Figure("one", "Cubes", "They grow.", SCALES, plans, (CLAIM,), {}, "n is the paper's")
PAPER = Paper(
    "doe2026cubes", "Cubes", "J. Doe", 2026, "2601.00001", {"one": FIGURE, "two": replace(FIGURE, id="two", claims=())}
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def with_thresholds(holds: float, fails: float) -> Paper:
    claim = replace(CLAIM, criterion=cubes().at_least(holds, fails=fails))
    return replace(PAPER, modules={"one": replace(FIGURE, claims=(claim,))})


def register(store: Store, paper: Paper) -> None:
    paper.register(store, paper.figures)


def edited(store: Store, paper: Paper) -> str:
    (row,) = paper.ledger(store, "smoke", [(paper.figures[0], paper.figures[0].results(Sizes(), store))])
    return row.edited


def test_thresholds_are_written_once(store: Store) -> None:
    for _ in range(3):
        register(store, PAPER)
    (record,) = store.read_log("thresholds")
    expected = {"paper": "doe2026cubes", "claim": "grows", "holds": 1.0, "fails": 0.0}
    assert expected.items() <= record.items()
    assert record["time"].endswith("Z")
    assert edited(store, PAPER) == ""


def test_thresholds_are_written_before_the_first_run(store: Store) -> None:
    lab = Lab(PAPER, PAPER.figures, {"one": Sizes(), "two": Sizes()}, "smoke", "", store)
    stream = lab.stream()
    next(stream)
    assert (len(store.read_log("thresholds")), list(store.all())) == (1, [])
    stream.close()


def test_edited_thresholds_show_in_the_ledger_with_what_they_were(store: Store) -> None:
    for holds, fails in ((1.0, 0.0), (2.0, 0.0), (2.0, 0.5), (1.0, 0.0)):
        register(store, with_thresholds(holds, fails))
    times = [record["time"] for record in store.read_log("thresholds")]
    assert edited(store, PAPER) == (
        f"thresholds were edited; before: holds 1, fails 0 until {times[1]}; holds 2, fails 0 until {times[2]}; "
        f"holds 2, fails 0.5 until {times[3]}"
    )


def test_the_same_thresholds_written_by_two_processes_are_no_edit(store: Store) -> None:
    register(store, PAPER)
    (record,) = store.read_log("thresholds")
    store.append("thresholds", record)
    assert edited(store, PAPER) == ""


@pytest.mark.parametrize(
    "line",
    [
        '{"paper": 1}',
        '{"paper": "doe2026cubes", "claim": "grows"}',
        '{"paper": "doe2026cubes", "claim": "grows", "holds": "1", "fails": 0.0, "time": "2026"}',
        '{"paper": [], "claim": {}, "holds": 1.0, "fails": 0.0, "time": "2026"}',
        "[" * 100_000,
    ],
)
def test_a_line_that_states_no_thresholds_is_ignored(store: Store, line: str) -> None:
    register(store, PAPER)
    with (store.root / "thresholds.jsonl").open("a") as log:
        log.write(f"\n{line}")
    register(store, PAPER)
    assert (store.root / "thresholds.jsonl").read_text().endswith(line)
    assert edited(store, PAPER) == ""


def test_thresholds_of_another_paper_are_no_edit(store: Store) -> None:
    register(store, PAPER)
    register(store, replace(with_thresholds(7.0, 3.0), key="roe2026cubes"))
    assert edited(store, PAPER) == ""


def test_results_of_a_figure_are_a_mapping_by_plan(store: Store) -> None:
    problem = WeightedQuadratic(num_coordinates=2)
    sweep = Sweep(problem=problem, optimizers={Method(SignDescent): decades(-1, 0)}, steps=1)
    results = Results({"cubes": plans(Sizes())["cubes"], "sweep": sweep}, Sizes(), store)
    assert (list(results), len(results), results.complete) == (["cubes", "sweep"], 2, False)
    assert isinstance(results["sweep"], SweepResults)
    assert results["sweep"] is results.sweep("sweep")
    with pytest.raises(NotRun, match="cubes: 3 runs are missing"):
        results["cubes"]
    with pytest.raises(TypeError, match="sweep is a sweep"):
        results.calculations("sweep")


def test_settings_by_scale_can_be_changed() -> None:
    assert FIGURE.settings("laptop") == Sizes(n=4)
    assert FIGURE.settings("paper", {"seeds": [5]}) == Sizes(n=9, seeds=(5,))
    assert Sizes(n=4).summary() == "n=4, seeds=(0, 1)"


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: FIGURE.settings("labtop"), "unknown scale of one 'labtop'; did you mean laptop"),
        (lambda: FIGURE.settings("smoke", {"m": 3}), "unknown field of Sizes 'm'"),
        (lambda: FIGURE.settings("smoke", {"n": "many"}), "Sizes.n = 'many'"),
        (lambda: PAPER.figure("oen"), "unknown figure of doe2026cubes 'oen'; did you mean one"),
        (
            lambda: find_paper("kunstner2024heavytaile"),
            "unknown paper 'kunstner2024heavytaile'; did you mean kunstner2024heavytailed",
        ),
    ],
)
def test_unknown_names_are_one_line_with_the_nearest(act: Any, text: str) -> None:
    with pytest.raises(UsageError) as refused:
        act()
    assert text in str(refused.value)
    assert "\n" not in str(refused.value)


def test_installed_papers_are_found() -> None:
    assert dict(papers())["kunstner2024heavytailed"] is find_paper("kunstner2024heavytailed")
    assert PAPER.figure("two").id == "two"


OWN = """
from own{name}.numbers import double
from steepest.runs.spec import Calculation
from steepest.claims.paper import Figure, Paper, Settings
from steepest.runs.sweep import Calculations

class Sizes(Settings):
    n: int = 2

def plans(sizes):
    return {{"doubles": Calculations(tuple(Calculation(double, {{"x": x}}) for x in range(sizes.n)))}}

FIGURE = Figure("one", "t", "s", {{"smoke": Sizes()}}, plans, (), {{}}, "r")
PAPER = Paper("own{name}", "t", "a", 2026, "x", {{"one": FIGURE}})
"""


def own_paper(folder: Path, name: str) -> Path:
    paper = folder / f"own{name}"
    paper.mkdir()
    (paper / "__init__.py").write_text(OWN.format(name=name))
    (paper / "numbers.py").write_text("def double(x):\n    return {'double': 2.0 * x}\n")
    return paper


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.mark.usefixtures("paths")
def test_a_paper_in_a_folder_is_found_and_its_functions_run_in_worker_processes(tmp_path: Path) -> None:
    folder = own_paper(tmp_path, "first")
    lab = Lab.open("ownfirst", scale="smoke", store=tmp_path / "store", paths=[folder])
    assert [step.finished and step.finished.facts["double"] in (0.0, 2.0) for step in lab.stream(jobs=2)] == [
        None,
        True,
        True,
    ]
    assert find_paper("ownfirst", [folder]) is lab.paper


@pytest.mark.usefixtures("paths")
def test_folders_that_are_no_paper_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--paper .*empty: no __init__.py there; give a folder that defines PAPER"):
        find_paper("empty", [tmp_path / "empty"])
    (tmp_path / "ownnothing").mkdir()
    (tmp_path / "ownnothing" / "__init__.py").write_text("")
    with pytest.raises(UsageError, match=r"ownnothing defines no PAPER = steepest.claims.paper.Paper"):
        find_paper("ownnothing", [tmp_path / "ownnothing"])
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "__init__.py").write_text("")
    with pytest.raises(UsageError, match="another module is called json; rename the folder"):
        find_paper("json", [tmp_path / "json"])
