"""Papers that can be found: those of installed distributions (entry points `steepest.papers`) and in folders (`--paper`).

A paper is looked up by its name alone: importing one imports no other, and one that cannot be imported does not stop the others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from steepest.claims.paper import Paper
from steepest.errors import UsageError, foreign, unknown

Paths = Iterable[str | Path]


def names(paths: Paths = ()) -> list[str]:
    """Return the names of installed papers and of those in the folders `paths`; nothing is imported."""
    return list(dict.fromkeys([*sorted(entry.name for entry in _entries()), *(_folder(path).name for path in paths)]))


def find_paper(name: str, paths: Paths = ()) -> Paper:
    """Return the paper `name`.

    Raises:
        UsageError: an unknown paper, with the nearest names; two of this name; or one that cannot be imported.
    """
    folders = [folder for path in paths if (folder := _folder(path)).name == name]
    entries = [entry for entry in _entries() if entry.name == name]
    if not folders and not entries:
        raise unknown("paper", name, names(paths))
    places = dict.fromkeys([*(entry.value for entry in entries), *map(str, folders)])
    if len(places) > 1:
        raise UsageError(
            f"paper {name}: several have this name, {' and '.join(places)}; rename or uninstall all but one"
        )
    load = partial(_from_folder, folders[0]) if folders else entries[0].load
    paper = foreign(f"paper {name} cannot be imported", load, passed=())
    return _checked(paper, name, next(iter(places)))


def papers(paths: Paths = ()) -> Iterator[tuple[str, Paper | UsageError]]:
    """Yield every paper by name, or why it cannot be used."""
    paths = list(paths)
    for name in names(paths):
        try:
            yield name, find_paper(name, paths)
        except UsageError as error:
            yield name, error


def _entries() -> Iterable[EntryPoint]:
    return entry_points(group="steepest.papers")


def _folder(path: str | Path) -> Path:
    folder = Path(path).expanduser().resolve()
    if not (folder / "__init__.py").is_file():
        raise UsageError(f"--paper {folder}: no __init__.py there; give a folder that defines PAPER")
    return folder


def _from_folder(folder: Path) -> Any:
    if str(folder.parent) not in sys.path:
        sys.path.append(str(folder.parent))  # worker processes inherit it and find the paper by name
    module = import_module(folder.name)
    if Path(module.__file__ or "").resolve().parent != folder:
        raise UsageError(f"--paper {folder}: another module is called {folder.name}; rename the folder")
    return getattr(module, "PAPER", None)


def _checked(paper: Any, name: str, place: str) -> Paper:
    if not isinstance(paper, Paper):
        raise UsageError(f"paper {name}: {place} defines no PAPER = steepest.claims.paper.Paper(...)")
    if paper.key != name:
        raise UsageError(f"paper {name}: its PAPER.key is {paper.key!r}; both must be the same")
    return paper
