"""The command line. `main` is the console script `steepest`."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import NoReturn, TextIO

from steepest.errors import say

READER_GONE = 141  # what a shell says of a command that a broken pipe has ended


def main() -> None:
    """Run the command line; expected failures print one line and exit with their documented code.

    Where nobody reads on, as after the first line of `steepest list | head -1`, the command ends without a message.
    """
    ended(_run)


def ended(run: Callable[[], int]) -> NoReturn:
    """Exit with the code that `run` returns, or as where nobody reads its output; without outputs it writes to nowhere."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, "w", encoding="utf-8"))  # noqa: SIM115 - until the process ends
        elif isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ✔ or ρ shows ?
    try:
        code = run()
    except BrokenPipeError:
        code = READER_GONE
    except SystemExit as stop:
        if not isinstance(stop.__context__, BrokenPipeError):
            raise
        code = READER_GONE  # rich turns a broken pipe into an exit with 1
    for stream in (sys.stdout, sys.stderr):
        if _is_broken(stream):
            code = READER_GONE
    sys.exit(code)


def _run() -> int:
    from steepest.cli.app import app

    try:
        code: int | None = app(sys.argv[1:], exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        say(f"interrupted; finished runs are kept. Continue with: {_called()}")
        return 130
    except Exception as error:
        from steepest.cli.failures import explain

        explained = explain(error)
        if explained is None:
            raise
        say(explained[0])
        return explained[1]
    return code or 0


def _called() -> str:
    from steepest.cli.screen import command

    return command(*sys.argv[1:])


def _is_broken(stream: TextIO) -> bool:
    """Flush an output and return whether nobody reads it; drop what it refuses, of which Python would complain at its end."""
    if stream.closed:  # by the code of a paper
        return False
    try:
        stream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return isinstance(error, BrokenPipeError)
    return False
