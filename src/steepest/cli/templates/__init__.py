"""Files to start from: a problem for `steepest compare`, a third party's paper folder. They run unchanged."""

from __future__ import annotations

from importlib.resources import files
from keyword import iskeyword
from pathlib import Path

from steepest.errors import UsageError
from steepest.files import write_atomically

PAPER_FILES = ("README.md", "__init__.py", "fig1_noise.py")


def write_problem(target: Path) -> Path:
    """Write a problem file: model, data, loss.

    Args:
        target: the file, ending in .py.

    Returns:
        `target`.

    Raises:
        UsageError: it is there already, or is not a Python file.
    """
    if target.suffix != ".py":
        raise UsageError(f"{target}: is no name of a Python file; give one that ends in .py")
    _refuse_existing(target)
    write_atomically(target, _template("problem.py.txt").encode())
    return target


def write_paper(target: Path) -> Path:
    """Write a paper's folder: one figure with settings by scale, a plan, claims and a drawing.

    Args:
        target: the folder; its name is the paper's key and has to be a name of a Python package.

    Returns:
        `target`.

    Raises:
        UsageError: it is there already, or cannot be a package.
    """
    key = target.name
    if not key.isidentifier() or iskeyword(key):
        raise UsageError(f"{target}: {key!r} cannot be a Python package; name it author, year, keyword: smith2026tails")
    _refuse_existing(target)
    for name in PAPER_FILES:
        write_atomically(target / name, _template(f"paper/{name}.txt").replace("PAPER_KEY", key).encode())
    return target


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise UsageError(f"{target}: is there already; choose another name or remove it")


def _template(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
