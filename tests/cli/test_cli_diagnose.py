"""`steepest diagnose`: the screen, the page, JSON, exit codes."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

SAMPLES = sum(600 // k for k in range(1, 120))


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Return a table of labels whose counts fall as 1/k, one of them a script tag."""
    rows = [f"{'<script>x' if k == 2 else f'class {k}'}\n" * (600 // k) for k in range(1, 120)]
    path = tmp_path / "labels.csv"
    path.write_text("label\n" + "".join(rows))
    return path


def test_the_screen_says_what_was_found_and_what_to_do(cli, labels):
    answer = cli("diagnose", labels)
    assert (answer.code, answer.err) == (0, "")
    text = " ".join(answer.out.split())
    for part in (
        "The tail is",
        f"samples {SAMPLES:,} in 119 classes",
        "rarest half holds",
        "hapaxes 0 classes",
        "p(n) ∝ n^−α",
        "KS distance",
        "Frequency groups",
        "→ labels.csv, labels",
        "Updates needed, by theory",
        "optimizer: ",
        "batch size: ",
        "not run",
        "To judge what was not run: ",
    ):
        assert part in text, part
    assert re.search(r"steepest\S* run kunstner2024heavytailed/\S+", answer.out)
    assert Path(answer.out.split("The page: ")[1].strip()).is_file()


class Tags(HTMLParser):
    """The tags of a page, and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_loads_nothing_and_shows_labels_as_text(cli, labels, tmp_path):
    page = tmp_path / "out" / "page.html"
    assert cli("diagnose", labels, "--output", page).code == 0
    tags = Tags()
    tags.feed(page.read_text())
    assert "script" not in tags.found
    assert all(address.startswith("data:") for address in tags.loads)
    assert "&lt;script&gt;x" in page.read_text()
    assert sorted(path.name for path in page.parent.iterdir()) == sorted(
        ["page.html", *(f"{name}.{end}" for name in ("tail", "prediction") for end in ("svg", "pdf", "csv"))]
    )
    assert not (tmp_path / "store").exists()


def test_json_holds_the_numbers_the_evidence_and_the_page(cli, labels):
    found = cli("diagnose", labels, "--json").json
    assert (found["classes"], found["samples"], found["kind"]) == (119, SAMPLES, "labels")
    assert {row["verdict"] for row in found["evidence"]} == {"not run"}
    assert Path(found["page"]).is_file()


def test_text_is_shown_by_vocabulary_size(cli, tmp_path):
    words = [
        "the",
        "cat",
        "sat",
        "on",
        "a",
        "mat",
        "while",
        "the",
        "other",
        "cats",
        "were",
        "sitting",
        "on",
        "other",
        "mats",
    ]
    (tmp_path / "x.txt").write_text("\n".join(" ".join(words[i % 7 :]) for i in range(200)))
    answer = cli("diagnose", tmp_path / "x.txt", "--sizes", "260", "270")
    assert answer.code == 0
    assert re.search(r"BPE 260 .*\nBPE 270 ", answer.out)


def test_no_screen_is_wider_than_the_terminal(cli, labels, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    lines = cli("diagnose", labels).out.splitlines()
    assert max(len(line) for line in lines if "/" not in line) <= 60


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("labels.csv", "--column", "lable"), 2, "unknown column of labels.csv 'lable'; did you mean label?"),
        (("labels.csv", "--sizes", "12"), 2, "--sizes 12: a byte-pair vocabulary has 257 to 1,000,000 tokens"),
        (("labels.csv", "--output", "page.pdf"), 2, "--output page.pdf: names an HTML file"),
        (("labels.csv", "--tokenizer", "wordz"), 2, "unknown tokenizer 'wordz'; did you mean words?"),
        (("./none.csv",), 3, "./none.csv does not exist; give a file, a folder, wikipedia"),
        (("one.csv",), 3, "one.csv has a single class, 'x'; a tail needs two or more"),
        (("cut.txt.gz",), 3, "cut.txt.gz is cut off or damaged"),
        (("wide.npy",), 3, "wide.npy holds float64 of shape (2, 3), not token ids"),
    ],
)
def test_what_cannot_be_done_is_one_line_with_its_exit_code(cli, labels, monkeypatch, arguments, code, says):
    import gzip

    import numpy as np

    monkeypatch.chdir(labels.parent)
    Path("one.csv").write_text("label\nx\n")
    Path("cut.txt.gz").write_bytes(gzip.compress(b"some text " * 100)[:-8])
    np.save("wide.npy", np.full((2, 3), np.nan))
    answer = cli("diagnose", *arguments)
    assert (answer.code, answer.out) == (code, "")
    assert says in answer.err
    assert answer.err.count("\n") == 1
