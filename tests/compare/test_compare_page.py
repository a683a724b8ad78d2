"""The blocks of docs/compare.md run as printed, and the problem on the page is the template's."""

from __future__ import annotations

import ast
import re
import runpy
from importlib.resources import files
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "compare.md").read_text(encoding="utf-8")
PROBLEM, CALL = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_shows_the_template() -> None:
    template = files("steepest.cli.templates").joinpath("problem.py.txt").read_text(encoding="utf-8")
    assert ast.unparse(ast.parse(PROBLEM)) == ast.unparse(ast.parse(template).body[1:])


def test_the_blocks_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_problem.py").write_text(PROBLEM, encoding="utf-8")
    Path("call.py").write_text(CALL, encoding="utf-8")
    found = runpy.run_path("call.py")["found"]
    printed = capsys.readouterr().out
    assert printed.startswith(found.headline)
    assert {row.label for row in found.rows} == {"SGD", "Adam"}
    assert found.rows[0].runs == found.rows[1].runs
