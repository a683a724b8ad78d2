"""The tutorials run as they are written, at smoke scale."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

TUTORIALS = Path(__file__).parents[1] / "docs" / "tutorials"


@pytest.fixture
def tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    text = tmp_path / "text.txt"
    text.write_text(" ".join("x" * k for k in range(1, 120) for _ in range(240 // k)), encoding="utf-8")
    monkeypatch.setenv("TUTORIAL_TEXT", str(text))
    monkeypatch.setenv("TUTORIAL_SMOKE", "1")
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "cache"))

    def run(name: str) -> tuple[dict[str, Any], str]:
        names = runpy.run_path(str(TUTORIALS / f"{name}.py"))
        return names, capsys.readouterr().out

    return run


def test_every_tutorial_is_run() -> None:
    assert sorted(path.stem for path in TUTORIALS.glob("*.py")) == [
        "is_my_tail_heavy",
        "watch_your_trainer",
        "which_optimizer",
    ]


def test_is_my_tail_heavy(tutorial: Any) -> None:
    names, printed = tutorial("is_my_tail_heavy")
    assert sorted(names["words"].tolist()) == sorted(240 // k for k in range(1, 120))
    assert "byte pairs: exponent" in printed
    assert printed.count("of the loss: GD") == 4


def test_which_optimizer(tutorial: Any) -> None:
    names, printed = tutorial("which_optimizer")
    assert printed.strip() == names["answer"].headline


@pytest.mark.filterwarnings("ignore")  # of the Trainer
def test_watch_your_trainer(tutorial: Any) -> None:
    pytest.importorskip("transformers")
    names, printed = tutorial("watch_your_trainer")
    assert names["reading"].count.sum() == 20 * 32 * 15
    assert "group" in printed
