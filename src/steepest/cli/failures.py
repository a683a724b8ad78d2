"""Expected failures in one line: what, which value, why, and the way out; with the exit codes of `steepest.errors`."""

from __future__ import annotations

import errno
import sys
from concurrent.futures.process import BrokenProcessPool

from cyclopts import CycloptsError, UnknownCommandError, UnknownOptionError, UnusedCliTokensError

from steepest.cli.screen import command
from steepest.errors import SteepestError, unknown

OUT_OF_MEMORY = (
    "out of memory, or a worker process was killed; finished runs are kept. Repeat the command with --jobs 1, or with "
    "smaller sizes (--scale, --set)"
)


def explain(error: Exception) -> tuple[str, int] | None:
    """Return message and exit code of an expected failure, None for a bug."""
    match error:
        case SteepestError():
            return str(error), error.exit_code
        case CycloptsError():
            help_page = command(*(error.command_chain or ()), "--help")
            return f"{_usage(error)} (see `{help_page}`)", 2
        case OSError():
            return _file(error), 4
        case MemoryError() | RuntimeError() if _out_of_memory(error):
            return OUT_OF_MEMORY, 5
        case ValueError() if sys.stdout.closed:
            return (
                "the output was closed by code that was imported, such as a paper's; remove sys.stdout.close() there",
                2,
            )
    return None


def _usage(error: CycloptsError) -> str:
    match error:
        case UnknownOptionError():
            known = [name for argument in error.argument_collection for name in argument.names if name[:2] == "--"]
            return str(unknown("option", error.token.keyword or error.token.value, known))
        case UnknownCommandError():
            known = [name for name in error.app or () if name[0] != "-"]
            return str(unknown("command", (error.unused_tokens or [""])[0], known))
        case UnusedCliTokensError():
            return f"unexpected argument {' '.join(error.unused_tokens or ())!r}"
    text = str(error).rstrip(".")
    return text[:1].lower() + text[1:]


def _file(error: OSError) -> str:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = "the disk is full" if full else error.strerror or str(error)
    way_out = "free some space" if full else "check the path and its permissions"
    return f"{error.filename or 'a file'} cannot be read or written: {reason}; {way_out} and repeat the command"


def _out_of_memory(error: Exception) -> bool:
    """Return whether memory ran out: here, in torch, or in a worker process that the system then killed."""
    return isinstance(error, MemoryError | BrokenProcessPool) or "can't allocate memory" in str(error)
