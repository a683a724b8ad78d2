"""`new problem` and `new paper`: templates that run unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

EXAMPLES = """\
  steepest new problem my_problem.py    model, data and loss in ten lines
  steepest new paper smith2026tails     a paper's folder that runs"""


def new(kind: Literal["problem", "paper"], target: Path | None = None, /) -> None:
    """Write a problem file or a paper folder to start from.

    Parameters
    ----------
    kind
        problem, for `steepest compare`, or paper, for `--paper`.
    target
        The file or folder to write [default: my_problem.py, mypaper].
    """
    from steepest.cli.screen import command
    from steepest.cli.templates import write_paper, write_problem

    if kind == "problem":
        written = write_problem(target or Path("my_problem.py"))
        following = command("compare", str(written), "--budget", "1min")
    else:
        written = write_paper(target or Path("mypaper"))
        following = command("run", written.name, "--paper", str(written))
    print(f"Wrote {written}\nNext: {following}")
