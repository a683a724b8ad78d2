"""The README's experiment and the blocks of docs/python.md run as printed."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_the_experiment_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "store"))
    blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    (code,) = [block for block in blocks if "Sweep(" in block]
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


def test_the_monitor_of_the_readme_watches(tmp_path: Path) -> None:
    blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    (code,) = [block for block in blocks if "FrequencyMonitor(" in block]
    (tmp_path / "watched.py").write_text(code.replace("groups=10", "groups=2"), encoding="utf-8")
    given = {"class_counts": [60, 30, 10], "losses": torch.tensor([0.5, 1.5]), "targets": torch.tensor([0, 2])}
    names = runpy.run_path(str(tmp_path / "watched.py"), init_globals=given)
    assert names["monitor"].read().loss[-1].tolist() == [0.5, 1.5]


REPORT = """
import json

best = results.best("Adam")
rows = run(own, store=store).to_arrow().to_pylist()
told = {
    "measured": finding.measured,
    "groups": [r.column("group")[[0, -1], -1].tolist() for r in best.runs],
    "verdicts": [row.verdict for row in lab.ledger()],
    "plotted": sorted(set(drawing.data.column("run").to_pylist())),
    "runs": sorted(r.id for r in lab.results(figure).calculations("quadratic")),
    "own": [[row["seed"], row["lr"], row["initial_loss"], row["final_loss"]] for row in rows],
}
print(json.dumps(told))
"""


def test_the_blocks_of_the_python_page_run_one_after_the_other(tmp_path: Path) -> None:
    blocks = BLOCK.findall((ROOT / "docs" / "python.md").read_text(encoding="utf-8"))
    (tmp_path / "page.py").write_text("\n".join([*blocks, REPORT]), encoding="utf-8")
    done = subprocess.run([sys.executable, "page.py"], cwd=tmp_path, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["measured"] == pytest.approx(np.mean([1 - last / first for first, last in told["groups"]]))
    assert set(told["verdicts"]) <= {"supported", "undecided", "contradicted"}
    assert told["plotted"] == told["runs"]
    assert {seed for seed, *_ in told["own"]} == {0, 1, 2}
    assert all(last < first for _, lr, first, last in told["own"] if lr == pytest.approx(1.0))
