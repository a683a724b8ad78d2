"""Outputs that nobody reads: a command ends with 141 and says nothing; one without outputs ends as it would with them."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

NUMBERS = "textpaper/numbers"
LABELS = "label\n" + "cat\ndog\n" * 40
PROBLEM = """
import torch

batch_size = 4


def model():
    return torch.nn.Linear(2, 3)


def data():
    return torch.ones(12, 2), torch.arange(12) % 3
"""
COMMANDS = {
    "list": ["list"],
    "run": ["run", NUMBERS, "--jobs", "1"],
    "check": ["check", NUMBERS],
    "JSON": ["list", "--json"],
    "diagnose": ["diagnose", "labels.csv"],
    "compare": ["compare", "problem.py", "--optimizers", "SGD", "--budget", "20s", "--jobs", "1"],
    "help": ["--help"],
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object]]:
    """Return exit code and stderr of every command in every case, each in a process of its own with real pipes."""
    folder = tmp_path_factory.mktemp("pipes")
    (folder / "labels.csv").write_text(LABELS)
    (folder / "problem.py").write_text(PROBLEM)
    environment = os.environ | {
        "STEEPEST_STORE": str(folder / "store"),
        "STEEPEST_PAPER": str(Path(__file__).with_name("textpaper")),
        "PYTHONUNBUFFERED": "",
    }
    done = subprocess.run(
        [sys.executable, __file__], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    answers: dict[str, list[object]] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("name", COMMANDS)
def test_a_broken_pipe_ends_a_command_with_141_and_no_message(found: dict[str, list[object]], name: str) -> None:
    assert found[f"{name}, broken"] == [141, ""]


def test_what_fails_before_it_prints_fails_as_ever_unless_nobody_reads_the_message(
    found: dict[str, list[object]],
) -> None:
    code, says = found["mistyped, broken"]
    assert code == 2
    assert str(says).startswith("steepest: unknown command 'rnu'")
    assert found["mistyped, both broken"] == [141, ""]
    assert found["check, both broken"] == [141, ""]


def test_closed_outputs_change_no_exit_code(found: dict[str, list[object]]) -> None:
    assert found["check, both closed"] == [1, ""]
    assert found["mistyped, both closed"] == [2, ""]
    assert found["run, both closed"] == [0, ""]


def answer(command: Sequence[str], outputs: dict[int, str]) -> list[object]:
    """Run a command in a fork, with some outputs that are closed or pipes without a reader; return its code and stderr."""
    from steepest.cli import main

    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        os.dup2(write, 2)
        for number, how in outputs.items():
            if how == "closed":
                os.close(number)
                setattr(sys, {1: "stdout", 2: "stderr"}[number], None)  # as Python starts without them
            else:
                reader, writer = os.pipe() if how == "broken" else (os.dup(number), os.open(os.devnull, os.O_WRONLY))
                os.close(reader)
                os.dup2(writer, number)
        sys.argv = ["steepest", *command]
        main()
    os.close(write)
    with os.fdopen(read) as pipe:
        says = pipe.read()
    return [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), says]


def answers() -> dict[str, list[object]]:
    """Return the answers of every command in every case; the first run fills the store, in which a claim is contradicted."""
    cases = {"run, unread": answer(COMMANDS["run"], {1: "unread"})}
    cases |= {f"{name}, broken": answer(command, {1: "broken"}) for name, command in COMMANDS.items()}
    for name, command in {"check": COMMANDS["check"], "mistyped": ["rnu"]}.items():
        cases |= {f"{name}, both {how}": answer(command, {1: how, 2: how}) for how in ("broken", "closed")}
    more = [*COMMANDS["run"][:-1], "2", "--set", "count=4"]
    cases["run, both closed"] = answer(more, {1: "closed", 2: "closed"})
    return cases | {"mistyped, broken": answer(["rnu"], {1: "broken"})}


if __name__ == "__main__":
    import textpaper  # noqa: F401 - what papers need, forks find loaded

    gc.freeze()  # forks end sooner
    print(json.dumps(answers()))
