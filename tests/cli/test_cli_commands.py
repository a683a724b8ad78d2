"""What each command prints, as text and as JSON."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

NUMBERS = "textpaper/numbers"
VERDICT = [
    "paper",
    "claim",
    "where",
    "says",
    "scale",
    "verdict",
    "measured",
    "interval",
    "holds",
    "fails",
    "seeds",
    "runs",
]


def runs(store: Path) -> list[Path]:
    return sorted(path for path in (store / "runs").iterdir() if path.name[0] != ".")


def test_run_trains_judges_draws_and_names_the_page(cli, tmp_path):
    answer = cli("run", NUMBERS, "--jobs", "1")
    assert (answer.code, answer.err) == (0, "")
    assert re.search(r"numbers +0/3 .*left", answer.out)
    assert "1 supported, 1 contradicted" in answer.out
    page = re.search(r"The page: (.*)\n", answer.out)
    assert page is not None
    assert Path(page[1]).read_text().startswith("<!doctype html>")
    assert f"numbers: {tmp_path}/store/reports/textpaper/laptop/numbers.svg" in answer.out
    assert len(runs(tmp_path / "store")) == 3
    assert f"steepest check {NUMBERS}" in answer.out


def test_a_second_run_shows_no_cost_and_trains_nothing(cli, tmp_path):
    cli("run", NUMBERS, "--jobs", "1")
    before = {path: path.stat().st_mtime_ns for path in runs(tmp_path / "store")}
    answer = cli("run", NUMBERS, "--jobs", "1")
    assert "left" not in answer.out
    assert {path: path.stat().st_mtime_ns for path in runs(tmp_path / "store")} == before


def test_check_judges_what_is_there_and_says_what_is_missing(cli):
    empty = cli("check", NUMBERS)
    assert (empty.code, empty.out.count("not run")) == (0, 3)
    assert f"steepest run {NUMBERS}" in empty.out
    cli("run", NUMBERS, "--jobs", "1")
    full = cli("check", NUMBERS)
    assert full.code == 1
    assert "11 [8.52, 13.5], 3 seeds · holds ≤ 0.5, fails ≥ 0.9" in full.out.replace("\n", " ")


def test_check_json_has_every_field(cli, tmp_path):
    cli("run", NUMBERS, "--jobs", "1")
    answer = cli("check", "textpaper/numbers", "--json")
    no, yes = answer.json
    assert set(VERDICT) <= set(no)
    assert (no["paper"], no["claim"], no["verdict"], no["scale"]) == ("textpaper", "no", "contradicted", "laptop")
    assert (no["measured"], no["seeds"], no["holds"], no["fails"]) == (11.0, 3, 0.5, 0.9)
    assert no["interval"] == pytest.approx([11 - 4.30265 / 3**0.5, 11 + 4.30265 / 3**0.5], rel=1e-5)
    assert sorted(no["runs"]) == [path.name for path in runs(tmp_path / "store")]
    assert yes["verdict"] == "supported"


def test_dry_run_shows_the_cost_and_starts_nothing(cli, tmp_path):
    text = cli("run", NUMBERS, "--dry-run")
    assert re.search(r"numbers +0/3 .*left", text.out)
    (cost,) = cli("run", NUMBERS, "--dry-run", "--json").json
    assert (cost["paper"], cost["figure"], cost["done"], cost["expected"]) == ("textpaper", "numbers", 0, 3)
    assert cost["seconds_left"] > 0
    assert not (tmp_path / "store").exists()


def test_paper_scale_costs_too_much_and_says_so(cli):
    arguments = ("check", "kunstner2024heavytailed/fig4-larger", "--scale", "paper")
    rows = cli(*arguments, "--json").json
    assert {row["verdict"] for row in rows} == {"out of reach"}
    assert all(re.fullmatch(r"about [\d,]+ CPU hours on this machine", row["reason"]) for row in rows)
    assert cli(*arguments).out.count("∞ out of reach") == len(rows)


def test_status_counts_runs_and_names_damage(cli, tmp_path):
    cli("run", NUMBERS, "--jobs", "1")
    (run, *_) = runs(tmp_path / "store")
    (run / "spec.json").write_bytes(b"{}")
    answer = cli("status", NUMBERS)
    assert re.search(r"numbers +2/3", answer.out)
    assert f"{run} is damaged: spec.json does not match its digest" in answer.out
    (row,) = cli("status", NUMBERS, "--json").json
    assert (row["done"], row["expected"]) == (2, 3)
    shown = cli("show", run.name)
    assert shown.code == 4
    assert f"run {run.name} in {tmp_path}/store is damaged" in shown.err
    assert f"{run} is damaged: spec.json does not" in cli("doctor").out
    assert cli("run", NUMBERS, "--jobs", "1").code == 0
    assert cli("show", run.name[:8]).code == 0


def test_copies_of_other_runs_are_not_believed_and_are_trained_again(cli, tmp_path):
    """A number under the id of another number and of a training run, and the training run under the id of a number."""
    (tmp_path / "text.txt").write_text("a b a c. " * 20)
    everything = ("textpaper", "--set", f"path={tmp_path / 'text.txt'}")
    cli("run", *everything, "--jobs", "1")
    before = {run: (run / "spec.json").read_bytes() for run in runs(tmp_path / "store")}
    numbers = [run for run in before if not (run / "curves.parquet").exists()]
    trained = next(run for run in before if (run / "curves.parquet").exists())
    aside = shutil.copytree(trained, tmp_path / "aside")
    copies = [(numbers[0], numbers[1]), (numbers[0], trained), (aside, numbers[2])]
    for source, target in copies:
        shutil.rmtree(target)
        shutil.copytree(source, target)
    assert {row["verdict"] for row in cli("check", *everything, "--json").json} == {"not run"}
    for command in (("status", *everything), ("doctor",)):
        said = cli(*command).out.splitlines()
        for source, target in copies:
            name = trained.name if source == aside else source.name
            assert sum(line.endswith(f"{target} is damaged: it is a copy of the run {name}") for line in said) == 1
    assert cli("report", *everything).code == 0
    assert cli("run", *everything, "--jobs", "1").code == 0
    assert {run: (run / "spec.json").read_bytes() for run in runs(tmp_path / "store")} == before
    assert "damaged" not in cli("status", *everything).out
    assert {row["verdict"] for row in cli("check", *everything, "--json").json} == {"supported", "contradicted"}


def test_show_run_gives_facts_spec_and_environment(cli, tmp_path):
    cli("run", NUMBERS, "--jobs", "1")
    run = runs(tmp_path / "store")[0]
    shown = cli("show", run.name[:7], "--json").json
    assert shown["run"] == run.name
    assert shown["spec"] == json.loads((run / "spec.json").read_bytes())
    assert shown["environment"]["torch"]
    text = cli("show", run.name[:7]).out
    assert all(name in text for name in ("value", "state", "environment", '"seed"'))


def test_show_figure_and_list(cli):
    figure = cli("show", NUMBERS)
    assert "It says [red]so." in figure.out
    assert "0 of 3 calculations done" in figure.out
    assert cli("show", NUMBERS, "--json").json["scales"]["paper"]["count"] == 3
    assert cli("show", "textpaper").out in cli("list").out
    papers = {paper["paper"]: paper for paper in cli("list", "--json").json}
    assert {"kunstner2024heavytailed", "textpaper"} <= set(papers)
    assert [figure["figure"] for figure in papers["textpaper"]["figures"]] == ["text", "numbers"]
    assert "Title [link=x] of a paper" in cli("list").out


def test_show_sweep_gives_grid_and_selected_rate(cli, tmp_path):
    (tmp_path / "t.txt").write_text("a b a c. " * 20)
    setting = ("--set", f"path={tmp_path / 't.txt'}")
    assert cli("run", "textpaper/text", "--jobs", "1", *setting).code == 0
    assert re.search(r"SignDescent +no tuning +10\^-1 +3 done", cli("show", "textpaper/text", *setting).out)


def test_report_goes_where_it_is_told(cli, tmp_path):
    page = tmp_path / "page.html"
    assert cli("report", NUMBERS, "--output", page).out == f"{page}\n"
    assert page.read_text().startswith("<!doctype html>")
    (inside,) = cli("report", NUMBERS, "--json").json
    assert Path(inside).is_file()


def test_doctor_reports_versions_store_and_cache(cli, tmp_path):
    facts = cli("doctor", "--json").json
    assert (facts["store"], facts["runs"], facts["damaged"]) == (str(tmp_path / "store"), 0, [])
    assert facts["cache"] == str(tmp_path / "cache")
    assert facts["torch"] in cli("doctor").out


def test_run_prints_one_json_document_for_several_targets(cli):
    rows = cli("run", NUMBERS, NUMBERS, "textpaper/numbers", "--jobs", "1", "--json").json
    assert [row["claim"] for row in rows] == ["no", "yes"]


@pytest.mark.parametrize("width", [60, 80, 140])
def test_no_screen_is_wider_than_the_terminal_or_cut_off(cli, monkeypatch, width, tmp_path):
    monkeypatch.setenv("COLUMNS", str(width))
    cli("run", NUMBERS, "--jobs", "1")
    run = runs(tmp_path / "store")[0].name
    screens = [("list",), ("show", NUMBERS), ("show", run), ("check", NUMBERS), ("status", NUMBERS), ("doctor",)]
    screens += [("run", NUMBERS, "--dry-run"), ("show", "kunstner2024heavytailed/fig4", "--scale", "smoke")]
    for screen in screens:
        out = cli(*screen).out
        lines = [line for line in out.splitlines() if "/" not in line]  # a path or command is never broken
        assert max(map(len, lines)) <= width
        assert "…" not in out
        assert "\x1b" not in out
