"""The worked examples run, and what they print is about their own numbers."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("monitor_*.py"))
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)

pytestmark = pytest.mark.filterwarnings("ignore")  # other people's libraries


def run(script: Path, folder: Path, *arguments: str) -> str:
    """Return what a script prints that runs in this process, in a folder of its own."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.chdir(folder)
        patch.setattr(sys, "argv", [str(script), *arguments])
        runpy.run_path(str(script), run_name="__main__")
    return said.getvalue()


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_a_worked_example_runs(script: Path, tmp_path: Path) -> None:
    said = run(script, tmp_path, "12")
    found = re.search(r"(\d+) updates, ([\d,]+) examples; [\d,]+ classes in (\d+) groups", said)
    assert found
    expected = {"monitor_accelerate": 24, "monitor_logged": 20}
    assert int(found[1]) == expected.get(script.stem, 12)
    assert "Group " in said or "No group lags" in said


def test_there_is_an_example_for_each_integration() -> None:
    names = {path.stem.removeprefix("monitor_") for path in EXAMPLES}
    assert names == {"plain", "chunked", "huggingface", "lightning", "accelerate", "logged"}


def test_the_blocks_of_the_page_run_one_after_the_other(tmp_path: Path) -> None:
    blocks = BLOCK.findall((ROOT / "docs" / "monitor.md").read_text(encoding="utf-8"))
    (tmp_path / "page.py").write_text("\n".join(blocks), encoding="utf-8")
    said = run(tmp_path / "page.py", tmp_path)
    assert "lags by" in said
    assert (tmp_path / "run.parquet").exists()
