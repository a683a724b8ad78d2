"""The laboratory: what the command line does, as calls, on a paper of calculations that costs nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from steepest.claims import lab as module
from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.figures import canvas, table
from steepest.claims.lab import Lab, parse_changes, train
from steepest.claims.paper import Drawing, Figure, Paper, Results, Settings
from steepest.errors import UsageError
from steepest.problems.base import Work
from steepest.report.page import write_page
from steepest.runs.spec import Calculation
from steepest.runs.store import Store
from steepest.runs.sweep import Calculations, Plan

drawn: list[str] = []


class Sizes(Settings):
    n: int = 3


class Other(Settings):
    width: int = 8


POWER = 2


def square(x: int) -> dict[str, float]:
    return {"square": float(x**POWER)}


class Endless(Calculation):
    def work(self) -> Work:
        return Work(flops=1e19, logits=0.0)


def plans(sizes: Sizes) -> Mapping[str, Plan]:
    return {"squares": Calculations(tuple(Calculation(square, {"x": x}) for x in range(sizes.n)))}


def endless(sizes: Other) -> Mapping[str, Plan]:
    return {"endless": Calculations((Endless(square, {"x": sizes.width}),))}


@measure()
def largest(results: Results) -> Measured:
    (plan,) = results.plans
    runs = results.calculations(plan)
    return Measured([max(run.facts["square"] for run in runs)], [runs[-1].id], exact=True)


def draw(results: Results) -> Drawing:
    drawn.append("one")
    figure, axes = canvas(1, 1)
    values = [run.facts["square"] for run in results.calculations("squares")]
    axes[0, 0].plot(values)
    return Drawing(figure, table([{"square": value} for value in values]))


def claim(name: str) -> Claim:
    return Claim(name, largest().at_least(4.0, fails=1.0), "Figure 1").says("squares are large")


ONE = Figure("one", "t", "s", {"smoke": Sizes(), "paper": Sizes(n=2)}, plans, (claim("a"),), {"squares": draw}, "r")
TWO = Figure("two", "t", "s", {"smoke": Other(), "paper": Other(width=9)}, endless, (claim("b"),), {}, "r")
PAPER = Paper("doe2026squares", "Squares", "J. Doe", 2026, "2601.00001", {"one": ONE, "two": TWO})


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_paper", lambda name, paths: PAPER)
    drawn.clear()


def opened(tmp_path: Path, target: str = "doe2026squares/one", scale: str = "smoke", **options: Any) -> Lab:
    return Lab.open(target, scale=scale, store=tmp_path / "store", **options)


def finish(lab: Lab) -> Lab:
    list(lab.stream())
    return lab


def test_a_target_is_a_paper_or_one_of_its_figures(tmp_path: Path) -> None:
    assert opened(tmp_path).figures == (ONE,)
    whole = opened(tmp_path, "doe2026squares")
    assert whole.figures == (ONE, TWO)
    assert whole.settings == {"one": Sizes(), "two": Other()}
    assert Lab.open("doe2026squares", scale="paper", store=whole.store).settings["one"] == Sizes(n=2)
    with pytest.raises(UsageError, match="unknown figure of doe2026squares 'onee'; did you mean one"):
        opened(tmp_path, "doe2026squares/onee")


def test_changes_go_to_every_figure_that_has_the_field(tmp_path: Path) -> None:
    lab = opened(tmp_path, "doe2026squares", changes={"n": 5, "width": 1})
    assert lab.settings == {"one": Sizes(n=5), "two": Other(width=1)}
    assert lab.variant == "n=5-width=1"
    with pytest.raises(UsageError, match="unknown setting 'widht'; did you mean width"):
        opened(tmp_path, "doe2026squares", changes={"widht": 5})
    with pytest.raises(UsageError, match="unknown field of Sizes 'width'"):
        opened(tmp_path, changes={"width": 5})


def test_every_scale_and_variant_has_its_own_folder_inside_the_store(tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [{}, {"n": 5}, {"n": 6}, {"width": 2}, {"width": 3}]
    folders = [opened(tmp_path, "doe2026squares", changes=c).folder for c in changes]
    folders.append(opened(tmp_path, scale="paper").folder)
    assert len(set(folders)) == len(folders)
    home = tmp_path / "store" / "reports" / "doe2026squares"
    assert {folder.parent for folder in folders} == {home}
    assert folders[0] == home / "smoke"


def test_code_that_is_edited_while_a_lab_is_open_gives_new_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = finish(opened(tmp_path))
    assert (lab.results(ONE).complete, lab.ledger()[0].measured) == (True, 4.0)
    monkeypatch.setitem(square.__globals__, "POWER", 3)
    assert (lab.cost(ONE).done, lab.results(ONE).complete) == (0, False)
    assert finish(lab).ledger()[0].measured == 8.0
    monkeypatch.setitem(square.__globals__, "POWER", 2)
    assert lab.ledger()[0].measured == 4.0


def test_the_cost_shrinks_to_nothing_as_runs_finish(tmp_path: Path) -> None:
    lab = opened(tmp_path)
    costs = [lab.cost(ONE) for _ in lab.stream()]
    assert [(cost.figure, cost.done, cost.expected) for cost in costs] == [("one", i, 3) for i in range(4)]
    assert costs[0].seconds_left == pytest.approx(3 * costs[2].seconds_left)
    assert costs[3].seconds_left == 0.0


def test_figures_are_complete_when_their_own_runs_are(tmp_path: Path) -> None:
    lab = opened(tmp_path, "doe2026squares")
    complete = [[figure.id for _, figure in done] for _, done in train([lab])]
    assert complete == [[], [], [], ["one"], ["one", "two"]]


def test_papers_of_one_store_train_together(tmp_path: Path) -> None:
    whole = opened(tmp_path, "doe2026squares")
    other = opened(tmp_path, changes={"n": 5})
    done, complete = list(train([other, whole]))[-1]
    assert [(lab is other, figure.id) for lab, figure in complete] == [(True, "one"), (False, "one"), (False, "two")]
    assert done.done == done.expected == len(list(whole.store.all())) == 6


def test_the_ledger_judges_every_claim(tmp_path: Path) -> None:
    lab = opened(tmp_path, "doe2026squares")
    assert [row.verdict for row in lab.ledger()] == ["not run", "not run"]
    one, two = finish(lab).ledger()
    assert (one.claim, one.verdict, one.measured, one.scale, one.setting) == ("a", "supported", 4.0, "smoke", "n=3")
    assert (two.claim, two.verdict, two.measured, two.figure) == ("b", "supported", 64.0, "two")
    assert one.runs == (lab.results(ONE).calculations("squares")[-1].id,)


def test_only_at_paper_scale_a_cost_of_more_than_a_day_is_out_of_reach(tmp_path: Path) -> None:
    rows = opened(tmp_path, "doe2026squares", "paper").ledger()
    assert [row.verdict for row in rows] == ["not run", "out of reach"]
    assert "CPU hours on this machine" in rows[1].reason
    assert opened(tmp_path, "doe2026squares").ledger()[1].verdict == "not run"


def test_a_figure_is_drawn_when_complete_and_again_only_when_something_changed(tmp_path: Path) -> None:
    lab = opened(tmp_path)
    assert lab.draw(ONE) == {}
    paths = finish(lab).draw(ONE)
    assert paths == {"squares": lab.folder / "squares.svg"}
    assert (lab.folder / "squares.csv").read_text().split() == ['"square"', "0", "1", "4"]
    first = paths["squares"].read_bytes()
    assert lab.draw(ONE) == opened(tmp_path).draw(ONE) == paths
    assert drawn == ["one"]
    lab.draw(ONE, again=True)
    assert (drawn, paths["squares"].read_bytes()) == (["one", "one"], first)
    paths["squares"].unlink()
    lab.draw(ONE)
    for damaged in ("{", "[" * 100_000, '{"names": 3}'):
        (lab.folder / "one.json").write_text(damaged)
        lab.draw(ONE)
    (lab.folder / "one.json").write_text(json.dumps({"digest": "another", "names": ["squares"]}))
    lab.draw(ONE)
    assert len(drawn) == 7
    assert paths["squares"].exists()


def test_a_drawing_depends_on_every_file_of_its_paper_and_of_what_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, file in (("tails", "tails/__init__.py"), ("plots", "plots.py")):
        package = ModuleType(name)
        package.__file__ = str(tmp_path / file)
        monkeypatch.setitem(sys.modules, name, package)
    monkeypatch.setattr(plans, "__module__", "tails.fig1")
    monkeypatch.setattr(draw, "__module__", "plots")
    (tmp_path / "tails" / "parts").mkdir(parents=True)
    results = opened(tmp_path).results(ONE)
    digests = set()
    for number, file in enumerate(("plots.py", "tails/fig2.py", "tails/parts/axes.py", "tails/parts/axes.py")):
        (tmp_path / file).write_text(f"RATE = {number}")
        digests |= {module._digest(results, ONE, package) for package in ("", "tails")}
    assert len(digests) == 4


def test_the_drawing_says_which_scale_it_shows_and_which_the_paper_has(tmp_path: Path, monkeypatch: Any) -> None:
    footers: list[list[str]] = []
    monkeypatch.setattr(
        "steepest.claims.figures.save", lambda drawing, folder, name, footer: footers.append(list(footer))
    )
    finish(opened(tmp_path)).draw(ONE)
    finish(opened(tmp_path, scale="paper")).draw(ONE)
    assert "smoke scale: n=3" in footers[0][0]
    assert "n=2" in footers[0][1]
    assert len(footers[1]) == 1


def test_the_report_is_a_page_in_the_folder_or_where_it_is_asked_for(tmp_path: Path) -> None:
    lab = finish(opened(tmp_path))
    assert write_page(lab).parent == lab.folder
    page = write_page(lab, tmp_path / "elsewhere.html")
    assert page == tmp_path / "elsewhere.html"
    assert "doe2026squares" in page.read_text(encoding="utf-8")


def test_a_lab_opens_the_default_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "mine"))
    assert Lab.open("doe2026squares", scale="smoke").store.root == tmp_path / "mine"
    store = Store(tmp_path / "given")
    assert Lab.open("doe2026squares", scale="smoke", store=store).store is store


def test_assignments_are_json_where_they_parse() -> None:
    assert parse_changes(["m=8", "rate=-1.5", "seeds=[0, 1]", "name=a=b", "empty=", "flag=true"]) == {
        "m": 8,
        "rate": -1.5,
        "seeds": [0, 1],
        "name": "a=b",
        "empty": "",
        "flag": True,
    }
    for wrong in ("m", "=3", ""):
        with pytest.raises(UsageError, match="expected key=value, as in --set m=8"):
            parse_changes([wrong])
