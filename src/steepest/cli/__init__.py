"""The command line. `main` is the console script `steepest`."""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn


def main() -> None:
    """Run the command line; expected failures print one line and exit with their documented code."""
    from steepest.cli.app import app

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ✔ or ρ shows ?
    try:
        code = app(sys.argv[1:], exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except KeyboardInterrupt:
        _fail(f"interrupted; finished runs are kept. Continue with: {_called()}", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `steepest list | head -1`
        code = 0
    except Exception as error:
        from steepest.cli.failures import explain

        explained = explain(error)
        if explained is None:
            raise
        _fail(*explained)
    sys.exit(code or 0)


def _called() -> str:
    from steepest.cli.screen import command

    return command(*sys.argv[1:])


def _fail(message: str, code: int) -> NoReturn:
    line = " ".join(message.split())
    print("steepest: " + "".join(c if c.isprintable() else "?" for c in line), file=sys.stderr)
    sys.exit(code)
