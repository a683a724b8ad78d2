"""The surface that users learn: commands, options, help, environment variables, program names."""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from steepest.cli import work
from steepest.cli.app import app
from steepest.cli.screen import screen
from steepest.runs.stream import Step

WHERE = {"--store", "--cache", "--paper", "--json"}
SIZES = {"--scale", "--set"}
SURFACE = {
    "list": WHERE,
    "show": WHERE | SIZES,
    "run": WHERE | SIZES | {"--jobs", "--lockstep", "--dry-run"},
    "status": WHERE | SIZES,
    "check": WHERE | SIZES,
    "report": WHERE | SIZES | {"--output"},
    "doctor": WHERE,
    "predict": WHERE | {"--alpha", "--classes", "--column", "--epsilon", "--output", "--tokenizer"},
    "diagnose": WHERE | {"--column", "--dtype", "--executor", "--jobs", "--output", "--sizes", "--tokenizer"},
    "compare": WHERE | {"--budget", "--jobs", "--optimizers", "--seeds", "--steps"},
    "new": set(),  # its commands are `problem` and `paper`
    "eject": WHERE | SIZES | {"--output"},
}
EXAMPLES = {"steepest": app.help_prologue} | {name: app[name].help_prologue for name in SURFACE}
NUMBERS = "textpaper/numbers"
PYTHON = [sys.executable, "-m", "steepest"]


def options(command: str) -> set[str]:
    arguments = app[command].assemble_argument_collection()
    return {name for argument in arguments for name in argument.names if name.startswith("-") and argument.parse}


def test_commands_and_options_are_frozen():
    """A new knob is a setting of a figure, not an option; whoever changes this table has a reason."""
    assert {name: options(name) for name in app if not name.startswith("-")} == SURFACE


@pytest.mark.parametrize("command", ["steepest", *SURFACE])
def test_help_begins_with_worked_commands_in_80_columns(cli, command):
    out = cli(*([] if command == "steepest" else [command]), "--help").out
    assert out.startswith(EXAMPLES[command] + "\n\nUsage: steepest")
    assert max(map(len, out.splitlines())) <= 80
    assert all(name in out for name in (SURFACE if command == "steepest" else SURFACE[command]))


@pytest.mark.parametrize("line", [line for text in EXAMPLES.values() for line in text.splitlines()])
def test_worked_commands_are_commands(line):
    typed = re.split(r"\s{2,}", line.strip())[0]
    program, *arguments = shlex.split(typed)
    assert program == "steepest"
    app.parse_args(arguments, exit_on_error=False, print_error=False)


def test_help_imports_nothing_heavy():
    code = "import sys; from steepest.cli import main; sys.argv = ['steepest', '-h']\ntry: main()\nfinally: print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"torch", "numpy", "pydantic", "pyarrow", "matplotlib"} & set(printed.split())


def test_environment_variables_are_options(cli, monkeypatch, tmp_path):
    for name, value in {"SCALE": "smoke", "STORE": tmp_path / "s", "CACHE": tmp_path / "c", "JOBS": 1}.items():
        monkeypatch.setenv(f"STEEPEST_{name}", str(value))
    monkeypatch.setenv("STEEPEST_XYZ", "stray")
    assert "at smoke scale, 1 at once" in cli("run", NUMBERS, "--dry-run").out
    facts = cli("doctor", "--json").json
    assert (facts["store"], facts["cache"]) == (str(tmp_path / "s"), str(tmp_path / "c"))
    monkeypatch.setenv("STEEPEST_JSON", "1")
    assert cli("run", NUMBERS, "--dry-run", "--scale", "laptop").json[0]["scale"] == "laptop"


def test_cache_option_wins_over_its_variable(cli, tmp_path):
    assert cli("doctor", "--json", "--cache", tmp_path / "other").json["cache"] == str(tmp_path / "other")


def test_python_m_steepest_names_itself():
    answer = subprocess.run([*PYTHON, "rnu"], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "`python -m steepest --help`" in answer.stderr


def test_a_closed_pipe_and_a_poor_encoding_leave_no_message(tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "STEEPEST_STORE": str(tmp_path)}
    process = subprocess.Popen(
        [*PYTHON, "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


def test_completion_is_installed_for_the_shell(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cli("--install-completion", "--shell", "bash").code == 0
    (script,) = tmp_path.rglob("completions/steepest")
    assert "complete -F _steepest steepest" in script.read_text()
    assert all(option in script.read_text() for option in SURFACE["run"])


def read_all(terminal: int, chunks: list[bytes]) -> None:
    with suppress(OSError):  # raised when the other side has closed
        while chunk := os.read(terminal, 65_536):
            chunks.append(chunk)
    os.close(terminal)


def test_a_terminal_shows_a_bar_and_ctrl_c_leaves_one_line(tmp_path):
    paper = str(Path(__file__).with_name("textpaper"))
    store = {"STEEPEST_STORE": str(tmp_path), "STEEPEST_PAPER": paper, "TERM": "xterm", "COLUMNS": "80"}
    arguments = ["run", NUMBERS, "--jobs", "2", "--set", "seconds=0.5", "--set", "count=40"]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PYTHON, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | store
    )
    os.close(theirs)
    chunks: list[bytes] = []
    reader = threading.Thread(target=read_all, args=(ours, chunks))
    reader.start()
    while process.poll() is None and len(list(tmp_path.glob("runs/[0-9a-f]*"))) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    reader.join()
    shown = b"".join(chunks).decode()
    assert re.search(r"training .*━.*\d+/40.*runs.*left", shown)
    assert shown.rstrip().endswith(f"Continue with: python -m steepest {shlex.join(arguments)}")
    assert "Traceback" not in shown


def test_without_a_terminal_a_line_a_minute(capsys, monkeypatch):
    clock = iter([0.0, 59.0, 61.0, 100.0, 122.0])
    monkeypatch.setattr(work, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    display = work.Display(screen(), jobs=2)
    for _ in range(4):
        display.update(Step(None, 3, 9, seconds_left=240.0, lacking=frozenset()))
    assert capsys.readouterr().out == "3/9 runs, 2 min left\n" * 2
