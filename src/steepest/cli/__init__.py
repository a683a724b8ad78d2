"""The command line. `main` is the console script `steepest`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; expected failures print one line and exit with their documented code."""
    from steepest.cli.app import app, recover
    from steepest.errors import SteepestError

    try:
        code = app(sys.argv[1:], exit_on_error=False, print_error=False, result_action="return_value")
    except SteepestError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail(f"interrupted; everything that was finished is kept. Continue with: {recover(sys.argv[1:])}", 130)
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    except app_errors() as error:
        _fail(one_line(error), 2)
    sys.exit(code or 0)


def app_errors() -> type[Exception]:
    """Return the parser's own error class."""
    from cyclopts import CycloptsError

    return CycloptsError


def one_line(error: Exception) -> str:
    """Return a parser error as one line, with the way out."""
    text = " ".join(str(error).split())
    return f"{text} (see `steepest --help`)"


def _fail(message: str, code: int) -> None:
    print(f"steepest: {message}", file=sys.stderr)
    sys.exit(code)
