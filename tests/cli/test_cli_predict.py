"""`steepest predict` on the screen and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_a_law_is_predicted(cli: Callable[..., Any]) -> None:
    done = cli("predict", "--alpha", "1", "--classes", "1000", "--epsilon", "0.1", "--json")
    rows = {row["model"]: row for row in json.loads(done.out)["rows"]}
    assert (rows["bigram"]["gd"], rows["bigram"]["sign"]) == (187, 36)
    assert rows["bigram"]["ratio"] == pytest.approx(187 / 36)


def test_labels_of_a_table_are_predicted_and_drawn(cli: Callable[..., Any], tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("label\n" + "a\n" * 40 + "b\n" * 9 + "c\n")
    done = cli("predict", str(table), "--column", "label", "--output", str(tmp_path / "drawn.svg"))
    assert "3 classes" in done.out
    assert "GD / sign" in done.out
    assert (tmp_path / "drawn.svg").read_text().startswith("<?xml")
    assert (tmp_path / "drawn.csv").is_file()


def test_a_tokenizer_counts_a_text(cli: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("a A b a\nb c a\n")
    assert ": 3 classes" in " ".join(cli("predict", str(tmp_path / "corpus.txt")).out.split())
    assert ": 4 classes" in " ".join(
        cli("predict", str(tmp_path / "corpus.txt"), "--tokenizer", "whitespace").out.split()
    )
    (tmp_path / "one.txt").write_text("a a a")
    assert "has a single class" in cli("predict", str(tmp_path / "one.txt")).err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "predict needs class counts"),
        (["--alpha", "1"], 2, "predict needs class counts"),
        (["--alpha", "0", "--classes", "10"], 2, "--alpha 0.0: must be a number above 0"),
        (["--alpha", "1", "--classes", "1"], 2, "--classes 1: give 2 to 10000000"),
        (["--alpha", "1", "--classes", "9", "--epsilon", "1.5"], 2, "--epsilon 1.5: a share of the initial loss"),
        (["--alpha", "1", "--classes", "9", "--output", "x.png"], 2, "--output x.png: names an SVG file"),
        (["absent.csv", "--column", "x"], 3, "absent.csv does not exist"),
    ],
)
def test_bad_input_is_one_line(cli: Callable[..., Any], arguments: list[str], code: int, says: str) -> None:
    done = cli("predict", *arguments)
    assert done.code == code
    assert says in done.err
    assert len(done.err.strip().splitlines()) == 1
