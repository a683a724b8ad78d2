"""`new`, `compare` and `eject` as they are typed: templates run unchanged, and what is printed can be typed again."""

from __future__ import annotations

import ast
import re
import shlex
import sys

import pytest

from steepest.runs.store import Store

SIZES = ["--steps", "8", "--jobs", "1", "--optimizers", "SGD", "Adam"]


@pytest.fixture
def problem(cli, tmp_path):
    cli("new", "problem", tmp_path / "mine.py")
    return tmp_path / "mine.py"


def test_the_problem_template_is_ten_lines_of_code(problem):
    code = ast.parse(problem.read_text())
    lines = {node.lineno for node in ast.walk(code) if isinstance(node, ast.stmt)}
    assert len(lines) - 1 <= 10  # the docstring aside


def test_the_problem_template_compares_unchanged_and_the_leader_can_be_run_again(cli, problem, tmp_path, monkeypatch):
    said = cli("compare", problem, *SIZES)
    assert said.code == 0, said.err
    assert re.search(r"4,000 examples, 100 classes, 7,076 params, 64 items an update", said.out)
    assert re.search(r"^(Use|Cannot tell) ", said.out, re.MULTILINE)
    assert re.search(r"^SGD +28 ", said.out, re.MULTILINE)
    assert re.search(r"^Adam +28 ", said.out, re.MULTILINE)
    told = cli("compare", problem, *SIZES, "--json").json
    (page,) = (tmp_path / "store").rglob("page.html")
    assert told["page"] == str(page)
    assert told["recommendation"] in page.read_text()
    assert {path.name for path in page.parent.iterdir()} >= {"curves.svg", "curves.csv", "rates.svg", "rates.csv"}
    typed = shlex.split(told["again"])[1:]
    leader = told["optimizers"][0]
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "fresh"))
    fresh = cli(*typed, "--json").json["optimizers"]
    assert [(row["label"], row["ids"], row["losses"]) for row in fresh] == [
        (leader["label"], leader["ids"], leader["losses"])
    ]


def test_the_same_command_trains_nothing_anew(cli, problem, tmp_path):
    cli("compare", problem, *SIZES)
    before = {run.id: run.environment["time"] for run in Store(tmp_path / "store").all()}
    cli("compare", problem, *SIZES)
    assert {run.id: run.environment["time"] for run in Store(tmp_path / "store").all()} == before


def test_a_budget_that_is_spent_too_early_says_that_the_same_command_goes_on(cli, problem):
    said = cli("compare", problem, *SIZES, "--budget", "0.001s")
    assert said.code == 2
    assert re.search(r"the budget is spent after 0 of about 56 runs, and .*; the same command goes on", said.err)


def test_the_paper_template_runs_unchanged(cli, tmp_path, monkeypatch):
    said = cli("new", "paper", tmp_path / "smith2026tails")
    assert said.code == 0
    assert f"steepest run smith2026tails --paper {tmp_path}/smith2026tails".split()[1:] == said.out.split()[-4:]
    monkeypatch.setattr(sys, "path", [*sys.path])
    ran = cli("run", "smith2026tails", "--paper", tmp_path / "smith2026tails", "--scale", "smoke", "--jobs", "1")
    assert ran.code == 0, ran.err
    assert list((tmp_path / "store" / "reports" / "smith2026tails" / "smoke").glob("fig1.svg"))
    rows = cli("check", "smith2026tails", "--paper", tmp_path / "smith2026tails", "--scale", "smoke", "--json").json
    assert {row["claim"] for row in rows} == {"fig1-gd-rare", "fig1-adam-rare", "fig1-gap"}
    assert not {row["verdict"] for row in rows} & {"not run"}


REFUSED = {
    ("problem", "mine.txt"): "is no name of a Python file; give one that ends in .py",
    ("paper", "2026-tails"): "'2026-tails' cannot be a Python package; name it author, year, keyword",
    ("paper", "class"): "'class' cannot be a Python package",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_names_that_cannot_be_are_refused(cli, tmp_path, arguments):
    kind, name = arguments
    said = cli("new", kind, tmp_path / name)
    assert said.code == 2
    assert REFUSED[arguments] in said.err
    assert not list(tmp_path.glob("*2026*"))


def test_nothing_is_overwritten(cli, problem):
    before = problem.read_bytes()
    said = cli("new", "problem", problem)
    assert (said.code, problem.read_bytes()) == (2, before)
    assert "is there already; choose another name or remove it" in said.err


def test_eject_writes_a_script_and_names_the_next_command(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli("run", "kunstner2024heavytailed/fig6", "--scale", "smoke", "--jobs", "1").code == 0
    said = cli("eject", "fig6-gd-slow", "--scale", "smoke")
    assert said.code == 0, said.err
    assert said.out.splitlines()[-1] == "Next: python fig6-gd-slow.py"
    assert (tmp_path / "fig6-gd-slow.py").read_text().startswith('"""fig6-gd-slow of Frederik Kunstner')
    again = cli("eject", "fig6-gd-slow", "--scale", "smoke")
    assert (again.code, "is there already" in again.err) == (2, True)


def test_a_claim_without_runs_names_the_command_that_makes_them(cli, tmp_path):
    said = cli("eject", "kunstner2024heavytailed/fig6-gd-slow", "--output", tmp_path / "x.py")
    assert said.code == 2
    assert "is not run: quadratic: 3 runs are missing; `steepest run kunstner2024heavytailed/fig6`" in said.err


def test_a_mistyped_claim_has_near_ones(cli):
    said = cli("eject", "fig6-gd-slo")
    assert said.code == 2
    assert "unknown claim 'fig6-gd-slo'; did you mean fig6-gd-slow" in said.err
