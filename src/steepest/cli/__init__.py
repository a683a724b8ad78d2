"""The command line. `main` is the console script `steepest`."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from steepest.errors import say

READER_GONE = 141  # what a shell says of a command that a broken pipe has ended


def main() -> None:
    """Run the command line; expected failures print one line and exit with their documented code.

    Where nobody reads on, as after the first line of `steepest list | head -1`, the command ends without a message.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ✔ or ρ shows ?
    try:
        code = _run()
    except BrokenPipeError:
        code = READER_GONE
    except SystemExit as stop:
        if not isinstance(stop.__context__, BrokenPipeError):
            raise
        code = READER_GONE  # rich turns a broken pipe into an exit with 1
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and _is_broken(stream):
            code = READER_GONE
    sys.exit(code)


def _run() -> int:
    from steepest.cli.app import app

    try:
        code: int | None = app(sys.argv[1:], exit_on_error=False, print_error=False, result_action="return_value")
        if sys.stdout is not None:
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
    try:
        stream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return isinstance(error, BrokenPipeError)
    return False
