"""The README's experiment runs as printed."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).parents[1] / "README.md"


def test_the_experiment_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "store"))
    (code, *_) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.strip().splitlines()) <= 16
    (tmp_path / "experiment.py").write_text(code, encoding="utf-8")
    names = runpy.run_path(str(tmp_path / "experiment.py"))
    rows = names["results"].to_arrow().to_pylist()
    for label in ("GradientDescent", "SignDescent, momentum=0.9"):
        best = names["results"].best(label)
        selected = [row for row in rows if row["method"] == label and row["selected"]]
        assert [row["run"] for row in selected] == [run.id for run in best.runs]
        assert best.curves("group").shape == (3, 41, 10)
        assert np.allclose(best.curves()[:, -1], [row["final_loss"] for row in selected])
