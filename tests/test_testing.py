"""Papers from elsewhere: a good one passes, and each fault is one line that names it, with the others unharmed."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from steepest.claims.installed import find_paper, papers
from steepest.cli.templates import write_paper
from steepest.errors import UsageError
from steepest.testing import check_paper, equal_functions


@pytest.fixture
def paper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """Return the folder of a paper that runs, under a name that no other test uses."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    return write_paper(tmp_path / f"paper{zlib.crc32(request.node.name.encode())}")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_template_is_a_good_paper(paper: Path) -> None:
    assert check_paper(paper) == []


FIG, README, INIT = "fig1_noise.py", "README.md", "__init__.py"
STOLEN = "from steepest.component import declared\n\n\n@declared('other2026.noise')\ndef noise(): ...\n"
SPEECHLESS = """
class Speechless(Exception):
    def __str__(self):
        raise ValueError

raise Speechless
"""


def direct(criterion: str) -> tuple[str, str]:
    """Return the edit that gives the first claim another criterion."""
    imports = "__import__('steepest.claims.claim', fromlist=['x'])"
    for name in ("Criterion", "Measure"):
        criterion = criterion.replace(f"{name}(", f"{imports}.{name}(")
    return 'rarest("noise", "GD").at_most(0.2, fails=0.5)', criterion


FAULTS = {
    "two claims of one id": (FIG, '"fig1-gap"', '"fig1-gd-rare"', "several claims are called fig1-gd-rare"),
    "a claim that README lacks": (README, ", `fig1-gap`", "", "README.md does not name claim `fig1-gap`"),
    "a claim that only README has": (README, "`fig1-gap`", "`fig1-gap`, `fig1-gapp`", "names claim `fig1-gapp`, which"),
    "a claim that cannot fail": (FIG, "fails=0.05", "fails=0.15", "ValueError: a claim on Γ cannot fail"),
    "a claim without a sentence": (FIG, '.says("Adam ends below GD")', "", "claim fig1-gap has no statement"),
    "a module that fails": (FIG, "from steepest.optim", "from steepest.opt", "fig1 cannot be imported: ModuleNotFound"),
    "another figure's id": (FIG, 'id="fig1"', 'id="fig2"', "fig1_noise defines no figure with this id"),
    "no smoke scale": (FIG, '"smoke"', '"smokes"', "has no sizes for scale smoke"),
    "a measure that fails": (FIG, 'rarest("noise", "GD")', 'rarest("nose", "GD")', "KeyError: 'nose'"),
    "thresholds that are equal": (
        FIG,
        *direct("Criterion(rarest('noise', 'GD'), 0.5, 0.5)"),
        "cannot fail: it holds at",
    ),
    "a name of another's": (
        FIG,
        "CLAIMS =",
        f"{STOLEN}\nCLAIMS =",
        "kind = 'other2026.noise' does not begin with the paper",
    ),
    "no thresholds": (FIG, *direct("rarest('noise', 'GD')"), "claim fig1-gd-rare has no thresholds; give a measure's"),
    "settings that are none": (FIG, '"smoke": Sizes(m=3, steps=5)', '"smoke": {"m": 3}', "Figure.scales = {'smoke': {"),
    "no drawings": (FIG, "draw={", "draw=None and {", "Figure.draw = None: give a mapping"),
    "a drawing elsewhere": (FIG, '"fig1-rates"', '"../rates"', "Figure.draw: '../rates' is no name of a file"),
    "claims that are none": (FIG, "claims=CLAIMS", "claims=[1]", "Figure.claims = [1]: give a tuple of claims"),
    "plans that fail": (
        FIG,
        "    optimizers =",
        "    1 / 0\n    optimizers =",
        "its plans cannot be made: ZeroDivisionError",
    ),
    "plans that are none": (
        FIG,
        '{"noise": Sweep',
        '{"noise": 3} or {"": Sweep',
        "TypeError: {'noise': 3} is no mapping",
    ),
    "a drawing that fails": (
        FIG,
        'learning_rates("noise")',
        "lambda r: 1 / 0",
        "fig1-rates cannot be drawn: ZeroDivision",
    ),
    "a drawing that is none": (
        FIG,
        'learning_rates("noise")',
        "lambda r: 3",
        "fig1-rates cannot be drawn: TypeError: 3 is",
    ),
    "a measure that exits": (
        FIG,
        *direct("Measure('x', exit).at_most(0.2, fails=0.5)"),
        "cannot be measured: SystemExit",
    ),
    "a figure that exits": (
        FIG,
        "CLAIMS =",
        "raise SystemExit('bye')\nCLAIMS =",
        "fig1 cannot be imported: SystemExit: bye",
    ),
    "a figure that ends oddly": (FIG, "CLAIMS =", "raise GeneratorExit\nCLAIMS =", "cannot be imported: GeneratorExit"),
    "a package that exits": (INIT, "PAPER =", "raise SystemExit(0)\nPAPER =", "cannot be imported: SystemExit: 0"),
    "an error without text": (INIT, "PAPER =", f"{SPEECHLESS}\nPAPER =", "cannot be imported: Speechless"),
    "modules that are a list": (INIT, '{"fig1": "fig1_noise"}', '["fig1"]', "Paper.modules = ['fig1']: give a mapping"),
    "modules that are numbers": (INIT, '"fig1_noise"', "3", "Paper.modules = {'fig1': 3}: give a mapping"),
    "no modules": (INIT, '"fig1": "fig1_noise"', "", "cannot be imported: Paper.modules is empty"),
    "no such package": (INIT, "__name__", '"nosuch"', "README.md cannot be read: ModuleNotFoundError"),
    "a package that fails": (INIT, "year=2026", "year=1 // 0", "cannot be imported: ZeroDivisionError"),
    "another key": (INIT, 'key="', 'key="x', "its PAPER.key is"),
    "no PAPER": (INIT, "PAPER =", "PAPERS =", "defines no PAPER"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_and_harms_no_other_paper(paper: Path, fault: str) -> None:
    name, old, new, expected = FAULTS[fault]
    edit(paper / name, old, new)
    problems = check_paper(paper)
    assert any(expected in problem for problem in problems), problems
    assert all("\n" not in problem for problem in problems)
    usable = {name for name, found in papers([paper]) if not isinstance(found, UsageError)}
    assert "kunstner2024heavytailed" in usable


def test_a_readme_that_is_missing_or_unreadable_is_said(paper: Path) -> None:
    (paper / README).write_bytes(b"caf\xe9")
    assert any("README.md cannot be read: UnicodeDecodeError" in problem for problem in check_paper(paper))
    (paper / README).unlink()
    assert any("README.md is missing beside __init__.py" in problem for problem in check_paper(paper))


@pytest.mark.parametrize("output", ["unread", "closed"])
def test_the_module_ends_as_the_command_line_does_where_nobody_reads(output: str) -> None:
    command = f"{sys.executable} -m steepest.testing nosuch"
    ends = {"unread": f"({command}; echo $? >&2) | true", "closed": f"{command} >&-; echo $? >&2"}[output]
    done = subprocess.run(["bash", "-c", ends], capture_output=True, text=True, check=False)
    assert done.stderr.split() == [{"unread": "141", "closed": "1"}[output]]


def test_a_name_that_another_paper_has_is_refused_and_harms_no_third(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    twin = write_paper(tmp_path / "frei2022amplification")
    with pytest.raises(UsageError, match="paper frei2022amplification: several have this name"):
        find_paper("frei2022amplification", [twin])
    assert find_paper("li2024signgd", [twin]).key == "li2024signgd"


def test_an_unknown_paper_is_one_line_with_the_nearest() -> None:
    (problem,) = check_paper("kunstner2024heavytaild")
    assert "did you mean kunstner2024heavytailed" in problem


def test_one_figure_imports_no_other_paper_and_no_other_figure() -> None:
    code = (
        "import sys; from steepest.claims.installed import find_paper; "
        "find_paper('kunstner2024heavytailed').figure('fig4'); "
        "print(*sorted(name for name in sys.modules if name.startswith('steepest_papers.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.removeprefix("steepest_papers.kunstner2024heavytailed").strip(".") for name in done.stdout.split()}
    assert loaded <= {"", "fig4_linear", "linear", "optimizers"}


def test_equal_functions_of_two_packages_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "def {name}(x):\n    {first}\n    y = x + 1\n    z = y * 2\n    return z\n"
    for package, name, first in (("a", "one", "'''One.'''"), ("b", "two", "'''Two.'''"), ("c", "three", "x = 0")):
        (tmp_path / f"equal{package}").mkdir()
        (tmp_path / f"equal{package}" / INIT).write_text(body.format(name=name, first=first))
    monkeypatch.syspath_prepend(str(tmp_path))
    (problem,) = equal_functions(["equala", "equalb", "equalc"])
    assert problem == "equalb.__init__.two repeats equala.__init__.one; move it to the core"


def test_the_module_is_a_command(paper: Path) -> None:
    command = [sys.executable, "-m", "steepest.testing"]
    usage = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (usage.returncode, usage.stdout) == (2, "")
    assert usage.stderr.startswith("usage: python -m steepest.testing PAPER")
    (paper / README).unlink()
    edit(paper / FIG, '"smoke"', '"smokes"')
    done = subprocess.run([*command, str(paper)], capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 2)
