"""Scripts: they do not use the package, and give the number of the ledger."""

from __future__ import annotations

import ast
import dataclasses
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from small_paper import HOSTILE, invent, paper

from steepest.claims import measures
from steepest.claims.claim import Claim, Measure, Measured, measure
from steepest.claims.lab import Lab
from steepest.claims.paper import Figure, Paper, Results, Settings
from steepest.data.synthetic import HeavyTailedLabels
from steepest.eject import CannotEject, eject, find_claim
from steepest.eject.script import Script
from steepest.errors import UsageError
from steepest.optim import AdaGrad, Adam, GradientDescent, Muon, NormalizedGD, RescaledSignDescent, SignDescent
from steepest.problems import SoftmaxRegression
from steepest.runs.method import Method
from steepest.runs.spec import Calculation
from steepest.runs.store import Store
from steepest.runs.stream import run
from steepest.runs.sweep import Calculations, Seeds, Sweep, untuned

PAPER = "kunstner2024heavytailed"
PLANS = ("initial", "gradient flow", "rates", "times", "prefixes")  # of the theory; the others take longer
CLAIMS = (
    *("fig6-gd-exact", "fig6-gd-slow", "fig6-sign-equal", "fig6-adam-equal"),
    *(
        "fig4-gd-rare",
        "fig4-gd-rare-momentum",
        "fig4-adam-all",
        "fig4-adam-all-momentum",
        "fig4-gap",
        "fig4-gap-momentum",
    ),
    *("fig4-gd-ordered", "fig4-adam-lag", "fig4-sign-all", "fig4-sign-adam", "fig4-norm"),
    *("prop2-initial-gradient", "thm3-gradient-limit", "lemma5-closed-form", "zipf-gradient-time", "apph-share"),
)
TEXT = re.compile(r"measured (\S+), the ledger has (\S+): (.*)")


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    made = Store(tmp_path_factory.mktemp("eject") / "store")
    for name in ("fig6", "fig4"):
        for _ in Lab.open(f"{PAPER}/{name}", scale="smoke", store=made).stream():
            pass
    theory = Lab.open(f"{PAPER}/theory", scale="smoke", store=made)
    for name in PLANS:
        run(theory.plans["theory"][name], store=made, jobs=1)
    return made


def executed(script: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a script as a program in this process; return exit code and what it printed."""
    path = folder / "script.py"
    path.write_text(script, encoding="utf-8")
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(path), run_name="__main__")
    return int(stopped.value.code or 0), capsys.readouterr().out


def imported(script: str) -> set[str]:
    nodes = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return {
        name.partition(".")[0] for name in [*names, *(str(n.module) for n in nodes if isinstance(n, ast.ImportFrom))]
    }


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_script_gives_the_number_of_the_ledger(store, claim, tmp_path, capsys):
    script = eject(f"{PAPER}/{claim}", scale="smoke", store=store)
    figure = find_claim(claim)[1]
    row = next(r for r in Lab.open(f"{PAPER}/{figure.id}", scale="smoke", store=store).ledger() if r.claim == claim)
    code, printed = executed(script, tmp_path, capsys)
    measured, expected, verdict = TEXT.match(printed).groups()
    assert (code, verdict) == (0, "the same")
    assert float(expected) == pytest.approx(row.measured, rel=1e-5)
    assert float(measured) == pytest.approx(row.measured, rel=1e-4, abs=1e-7)
    third_party = imported(script) - set(sys.stdlib_module_names)
    assert third_party <= ({"numpy", "torch", "scipy", "pyarrow"} if figure.id == "theory" else {"numpy", "torch"})


def test_a_script_runs_by_itself_without_the_package(store, tmp_path):
    (tmp_path / "steepest.py").write_text("raise ImportError('the script must not use this')")
    (tmp_path / "script.py").write_text(eject("fig4-gd-rare", scale="smoke", store=store), encoding="utf-8")
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert TEXT.match(done.stdout)[3] == "the same"


@pytest.mark.parametrize("claim", ["fig4-gap", "fig6-gd-slow"])
def test_a_script_is_one_page_or_two(store, claim):
    script = eject(claim, scale="smoke", store=store)
    assert len(script.splitlines()) < 240
    assert max(map(len, script.splitlines())) <= 120


def test_another_number_in_the_ledger_exits_with_1(store, tmp_path, capsys):
    script = eject("fig4-gd-rare", scale="smoke", store=store)
    changed = re.sub(r"^LEDGER = (.*)$", lambda found: f"LEDGER = {float(found[1]) * 1.01}", script, flags=re.MULTILINE)
    code, printed = executed(changed, tmp_path, capsys)
    assert (code, TEXT.match(printed)[3]) == (1, "DIFFERENT")


def test_a_wrong_rule_gives_another_number(store, tmp_path, capsys):
    script = eject("fig4-adam-all", scale="smoke", store=store)
    assert script.count("w.grad.square()") == 1
    assert executed(script.replace("w.grad.square()", "2 * w.grad.square()"), tmp_path, capsys)[0] == 1


METHODS = {
    "GradientDescent": Method(GradientDescent, "one", momentum=0.9),
    "NormalizedGD": Method(NormalizedGD, "one"),
    "SignDescent": Method(SignDescent, "one", momentum=0.5),
    "RescaledSignDescent": Method(RescaledSignDescent, "one", momentum=0.9),
    "AdaGrad": Method(AdaGrad, "one"),
    "Adam": Method(Adam, "one"),
}
RATES = {"NormalizedGD": 0, "RescaledSignDescent": -6}


@pytest.mark.parametrize("lockstep", ["auto", "never"])
@pytest.mark.parametrize("m", [3, 6], ids=["own data", "shared data"])
@pytest.mark.parametrize("name", METHODS)
def test_every_update_rule_ends_with_the_same_bits(name, m, lockstep, tmp_path, capsys, monkeypatch):
    """Softmax regression in stacks, with data of their own or shared, and run by run."""
    if lockstep == "never":
        monkeypatch.setattr("steepest.eject.script.stackable", lambda spec: False)
    sweep = Sweep(
        problem=SoftmaxRegression(data=HeavyTailedLabels(m=m)),
        optimizers={METHODS[name]: untuned(10.0 ** RATES.get(name, -2))},
        steps=12,
        groups=m,
    )
    claim = Claim("all", measures.least("linear", "one").at_least(0.5, fails=0.1), "Here").says("it learns")
    figure = Figure("fig", "T", "S", {"smoke": Settings()}, lambda _: {"linear": sweep}, (claim,), {}, "none")
    small, store = Paper("small", "T", "A", 2026, "", {"fig": figure}), Store(tmp_path / "store")
    run(sweep, store=store, jobs=1, lockstep=lockstep)
    results = figure.results(Settings(), store)
    (row,) = small.ledger(store, "smoke", [(figure, results)])
    code, printed = executed(Script(small, claim, row, results).text, tmp_path, capsys)
    seeds = [float(value) for value in printed.splitlines()[1].removeprefix("by seed: ").split()]
    assert code == 0
    assert seeds == pytest.approx(claim.measure(results).values, rel=1e-5, abs=1e-12)


def test_a_third_party_paper_is_ejected_and_its_texts_stay_texts(tmp_path, capsys):
    small, store = paper(), Store(tmp_path / "store")
    figure = small.figure("fig4")
    settings = figure.settings("smoke")
    for plan in figure.plans(settings).values():
        invent(store, plan)
    results = figure.results(settings, store)
    row = next(row for row in small.ledger(store, "smoke", [(figure, results)]) if row.claim == "up")
    hostile = dataclasses.replace(row, says=f'{HOSTILE} """ \\N{{BULLET}} \\')
    script = Script(small, figure.claims[0], hostile, results).text
    docstring = ast.get_docstring(ast.parse(script))
    assert docstring is not None
    assert HOSTILE.split()[0] in docstring
    code, printed = executed(script, tmp_path, capsys)
    assert (code, TEXT.match(printed)[3]) == (1, "DIFFERENT")  # the runs in the store were invented


def test_the_learning_rate_comes_with_where_it_was_found(store):
    script = eject("fig4-gap", scale="smoke", store=store)
    assert re.search(r"# learning rate 10\^(\S+), the best of \d+ from 10\^\S+ to 10\^\S+ by the worst seed", script)


def test_runs_that_are_not_written_as_a_script_are_refused(store):
    lab = Lab.open(f"{PAPER}/fig4", scale="smoke", store=store)
    script = Script(lab.paper, lab.figures[0].claims[0], lab.ledger()[0], lab.results(lab.figures[0]))
    spec = lab.plans["fig4"]["linear"].progress(lambda _: None).explored[0]
    for changes, reason in (
        ({"weighting": "inverse", "l2": 0.5}, "its runs have weighting='inverse', l2=0.5"),
        ({"method": Method(Muon)}, "it needs Muon; update rules are written for AdaGrad, Adam, GradientDescent"),
    ):
        with pytest.raises(CannotEject, match=reason):
            script._training(spec.changed(**changes))


def test_a_measure_that_reads_more_than_a_script_has_is_refused(tmp_path):
    small, store = paper(), Store(tmp_path / "store")
    figure = small.figure("fig4")
    settings = figure.settings("smoke")
    for plan in figure.plans(settings).values():
        invent(store, plan)
    results = figure.results(settings, store)
    row = small.ledger(store, "smoke", [(figure, results)])[0]
    for function, reason in (
        (lambda results: results.settings.summary(), "its measure calls summary of the figure's settings"),
        (lambda results: results.store, "its measure reads the store of the figure"),
        (lambda results: results.sweep("linear").searches, "its measure reads the searches of a whole sweep"),
    ):
        criterion = dataclasses.replace(figure.claims[0].criterion, measure=Measure("", function))
        claim = dataclasses.replace(figure.claims[0], criterion=criterion)
        with pytest.raises(CannotEject, match=reason):
            Script(small, claim, row, results)


class Sizes(Settings):
    """Sizes of a small calculation."""

    count: int = 4
    unread: Seeds = (0, 1)


def powers(count: int, seed: int) -> tuple[dict[str, float], dict[str, pa.Table]]:
    values = [float(seed + k) ** 2 for k in range(count)]
    return {"total": sum(values)}, {"curves": pa.table({"value": values})}


@measure()
def largest_share(results: Results, scales: dict[str, float]) -> Measured:
    runs = results.calculations("powers")
    shares = [run.column("value").max() / run.facts["total"] * results.settings.count for run in runs]
    return Measured([scales["two"] * float(share) for share in shares], [run.id for run in runs])


def test_a_script_has_the_settings_and_tables_that_a_measure_reads(tmp_path, capsys):
    share = largest_share({"one": 1.0, "two": 2.0})
    claim = Claim("share", share.at_least(0.5, fails=0.1), "Here").says("the largest share")
    plan = Calculations(tuple(Calculation(powers, {"count": 4}, seed) for seed in (0, 1, 2)))
    figure = Figure("fig", "T", "S", {"smoke": Sizes()}, lambda _: {"powers": plan}, (claim,), {}, "none")
    small, store = Paper("small", "T", "A", 2026, "", {"fig": figure}), Store(tmp_path / "store")
    run(plan, store=store, jobs=1)
    results = figure.results(Sizes(), store)
    (row,) = small.ledger(store, "smoke", [(figure, results)])
    script = Script(small, claim, row, results).text
    assert "settings = SimpleNamespace(count=4)" in script
    code, printed = executed(script, tmp_path, capsys)
    by_hand = [2 * 4 * (seed + 3) ** 2 / sum((seed + k) ** 2 for k in range(4)) for seed in (0, 1, 2)]
    assert code == 0
    assert [float(v) for v in printed.splitlines()[1].split()[2:]] == pytest.approx(by_hand, rel=1e-5)


def test_a_claim_without_a_number_is_refused_with_the_next_command(tmp_path):
    empty = Store(tmp_path / "store")
    with pytest.raises(UsageError, match=f"fig6-gd-slow at smoke scale is not run: .*`steepest run {PAPER}/fig6`"):
        eject("fig6-gd-slow", scale="smoke", store=empty)


def test_unknown_claims_have_near_ones():
    with pytest.raises(UsageError, match="unknown claim 'fig4-gd-rar'; did you mean fig4-gd-rare"):
        find_claim("fig4-gd-rar")
    assert find_claim(f"{PAPER}/fig4-gap")[2].id == "fig4-gap"
