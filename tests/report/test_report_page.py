from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from parsed import Page
from small_paper import CSV, HOSTILE, SVG, Report

from steepest.claims.paper import Paper
from steepest.report.content import Chapter, environments


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    return Page(report.html)


def policy(page: Page) -> str:
    return next(a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a)


def chapter(report: Report, name: str) -> Chapter:
    rows = [row for row in report.ledger if row.figure == name]
    return Chapter(report.paper.figure(name), report.settings[name], rows, report.drawings.get(name, {}), report.store)


def test_ids_are_unique_and_every_inner_link_leads_somewhere(page: Page) -> None:
    assert [name for name, count in Counter(page.ids).items() if count > 1] == []
    inner = {link[1:] for link in page.values("a", "href") if link.startswith("#")}
    plots = [json.loads(text) for a, text in page.scripts if a.get("type") == "application/json"]
    inner |= {point["href"][1:] for plot in plots for point in plot["data"]["values"] if "href" in point}
    assert len(inner) > 40
    assert inner <= set(page.ids)


def test_nothing_is_loaded(page: Page) -> None:
    assert not {tag for tag, _ in page.tags} & {"link", "iframe", "object", "embed", "base", "form", "video", "audio"}
    assert all(source.startswith("data:") for source in page.values("img", "src"))
    assert not page.values("script", "src")
    outer = [link for link in page.values("a", "href") if not link.startswith(("#", "data:"))]
    assert outer == ["https://arxiv.org/abs/2601.00001"]
    assert "url(" not in page.styles[0]
    assert "@import" not in page.styles[0]


def test_the_policy_names_exactly_the_scripts_and_the_style_of_the_page(page: Page) -> None:
    def digests(texts: list[str]) -> set[str]:
        return {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts}

    rules = {rule.split()[0]: set(rule.split()[1:]) for rule in policy(page).split("; ")}
    run = [text for attributes, text in page.scripts if "type" not in attributes]
    assert len(run) == 2
    assert rules["default-src"] == {"'none'"}
    assert rules["script-src"] == digests(run)
    assert rules["style-src"] == digests(page.styles)
    assert rules["img-src"] == {"data:"}
    assert set(rules) == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}


def test_hostile_text_is_text(report: Report, page: Page) -> None:
    for where in ("Tails", "The paper's statement", "Note", "evidence", "reason", "up says"):
        assert f"{where} {HOSTILE}" in page.text
    assert Counter(tag for tag, _ in page.tags)["script"] == 4
    assert not page.values("img", "onerror")
    assert HOSTILE not in report.html
    plot = next(text for attributes, text in page.scripts if attributes.get("type") == "application/json")
    assert f"Sign {HOSTILE}" in json.loads(plot)["encoding"]["color"]["scale"]["domain"]


def test_the_summary_counts_the_ledger(report: Report, page: Page) -> None:
    summary = page.lists[0]
    counts = {state.strip(): int(count) for count, state in re.findall(r"(\d+)\s+\S ([a-z ]+)", summary)}
    assert counts == {"supported": 2, "contradicted": 2, "undecided": 1, "not run": 0, "out of reach": 0}
    assert Counter(row.verdict for row in report.ledger) == {state: n for state, n in counts.items() if n}


def test_each_row_of_the_ledger_tells_everything(report: Report, page: Page) -> None:
    for row in report.ledger:
        state, says, measured, limits, evidence = page.rows[f"claim-{row.claim}"]
        assert row.verdict in state
        assert (row.kind == "paper") != (row.kind in state)
        assert row.says in says
        assert row.where in says
        up = row.holds > row.fails
        assert f"holds {'≥' if up else '≤'} {row.holds:.3g}" in limits
        assert f"fails {'≤' if up else '≥'} {row.fails:.3g}" in limits
        assert row.evidence in evidence
        assert row.reason in evidence
        if row.measured is not None and row.interval is not None:
            assert f"{row.measured:.3g}" in measured
            assert row.seeds == 0 or f"[{row.interval[0]:.3g}, {row.interval[1]:.3g}]" in measured
        for run in row.runs:
            assert f"#run-{row.figure}-{run}" in page.values("a", "href")
    assert "3 seeds, 6 runs" in page.rows["claim-up"][4]


def test_an_edited_threshold_is_shown(report: Report, tmp_path: Path) -> None:
    edited = [replace(row, edited=f"before: holds 7 {HOSTILE}") for row in report.ledger]
    shown = Page(replace(report, ledger=edited).write(tmp_path / "page.html"))
    assert f"before: holds 7 {HOSTILE}" in shown.rows["claim-up"][1]


def test_drawings_and_their_numbers_are_inside(page: Page) -> None:
    (svg,), (csv,) = page.values("img", "src"), [h for h in page.values("a", "href") if h.startswith("data:")]
    assert base64.b64decode(svg.removeprefix("data:image/svg+xml;base64,")).decode() == SVG
    assert gzip.decompress(base64.b64decode(csv.removeprefix("data:application/gzip;base64,"))).decode() == CSV
    assert page.values("a", "download") == ["groups.csv.gz"]
    assert all(page.values("img", "alt"))


def test_the_same_inputs_give_the_same_bytes_and_no_path_of_this_machine(report: Report, tmp_path: Path) -> None:
    again = report.write(tmp_path / "elsewhere" / "page.html")
    assert again == report.html
    assert str(report.store.root) not in again
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["page.html"]


def test_runs_are_listed_once_with_their_facts(report: Report, page: Page) -> None:
    listed = [name for name in page.rows if name.startswith("run-fig4-")]
    assert len(listed) == sum(1 for run in report.store.all() if "lr" in run.spec)
    for name in listed:
        run = report.store.get(name.removeprefix("run-fig4-"))
        assert run is not None
        folder, method, lr, seed, state, final, seconds = page.rows[name]
        assert (report.store.root / folder).is_dir()
        assert run.spec["method"]["kind"].endswith(("GradientDescent", "Adam", "SignDescent"))
        assert method.split(" ")[0] in ("GD+m", "Adam-m", "Sign")
        assert float(lr) == pytest.approx(run.spec["lr"], rel=0.01)
        assert (int(seed), state, float(seconds)) == (run.spec["seed"], run.state, 0.5)
        assert (
            final == "–"
            if run.state == "diverged"
            else float(final) == pytest.approx(run.facts["final_loss"], rel=1e-3)
        )
    calculations = [cells for name, cells in page.rows.items() if name.startswith("run-theory-")]
    assert [cells[1] for cells in calculations] == ["identity_error", "identity_error"]


def test_the_tuning_budget_shows_grids_that_grew(report: Report) -> None:
    gd, adam, sign = chapter(report, "fig4").budgets
    assert gd.declared == (0.01, 0.1, 1.0)
    assert gd.beyond == pytest.approx((10**0.5, 10.0, 10**1.5, 100.0))
    assert adam.beyond == sign.beyond == ()
    assert gd.selected == pytest.approx(10**1.5)
    assert adam.selected == pytest.approx(10**-1.5)
    for budget in (gd, adam, sign):
        assert budget.seconds == budget.runs * 0.5
    assert gd.runs + adam.runs + sign.runs == len(chapter(report, "fig4").runs)


def test_a_figure_without_runs_says_so(report: Report, page: Page) -> None:
    assert chapter(report, "fig5").plots == {}
    assert "steepest run doe2026tails/fig5 --scale smoke" in page.text
    assert "Licence: CC BY-SA 4.0." in page.text


def test_environments_are_counted(report: Report, page: Page) -> None:
    chapters = [chapter(report, figure.id) for figure in report.paper.figures]
    ((facts, count, first, last),) = environments(chapters)
    runs = list(report.store.all())
    assert count == len(runs)
    assert (first, last) == (min(r.environment["time"] for r in runs), max(r.environment["time"] for r in runs))
    assert facts == {k: v for k, v in runs[0].environment.items() if k != "time"}
    assert str(facts["torch"]) in page.text


def test_the_commands_repeat_changed_settings_and_chosen_figures(report: Report, page: Page, tmp_path: Path) -> None:
    assert "steepest run doe2026tails --scale smoke\nsteepest check doe2026tails --scale smoke\n" in page.text
    settings = {"fig4": report.paper.figure("fig4").settings("smoke", {"m": 5, "seeds": (0, 1)})}
    changed = Page(report.write(tmp_path / "page.html", settings=settings))
    assert "steepest run doe2026tails/fig4 --scale smoke --set m=5 --set 'seeds=[0, 1]'" in changed.text
    assert "doe2026tails/fig5" not in changed.text


def test_a_paper_without_notes_or_plots_needs_no_vega(report: Report, tmp_path: Path) -> None:
    bare = Paper("bare", "Bare", "A. B.", 2026, "", dict(list(report.paper.modules.items())[:1]))
    settings = {"theory": report.settings["theory"]}
    small = Page(report.write(tmp_path / "page.html", paper=bare, settings=settings))
    assert [attributes for attributes, _ in small.scripts] == [{}]
    assert len(small.scripts[0][1]) < 3000
