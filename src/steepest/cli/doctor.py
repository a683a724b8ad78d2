"""`doctor`: what this installation and machine look like, and what is wrong with them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from steepest.cli.screen import print_json, screen
from steepest.data.artefacts import cache_folder
from steepest.errors import StoreError
from steepest.runs.cost import gemm_rate
from steepest.runs.store import Store, default_store, environment
from steepest.runs.stream import available_cores

SHOWN_ENTRIES = 5


def examine(root: Path | None, *, as_json: bool) -> None:
    """Print versions, processor, store and cache; entries of the store that are not runs are named.

    Raises:
        StoreError: the store cannot be used; after everything else is printed.
    """
    place = root or default_store()
    facts, problem = _machine() | {"cache": str(cache_folder()), "texts": _texts(), "store": str(place)}, None
    try:
        facts |= _store(Store(place, read_only=True))
    except StoreError as error:
        problem = error
    if as_json:
        print_json(facts)
    else:
        _show(facts)
    if problem:
        raise problem


def _machine() -> dict[str, Any]:
    facts = {name: value for name, value in environment().items() if name not in ("time", "threads")}
    return facts | {"cores": available_cores(), "float32 GEMM, one thread": f"{gemm_rate() / 1e9:.0f} GFLOP/s"}


def _texts() -> list[str]:
    return sorted(path.name for path in (cache_folder() / "artefacts").glob("*"))


def _store(store: Store) -> dict[str, Any]:
    present = next(folder for folder in (store.root, *store.root.parents) if folder.exists())
    return {
        "free disk": f"{shutil.disk_usage(present).free / 2**30:.1f} GiB",
        "runs": sum(1 for _ in store.all()),
        "not readable": [str(path) for path in store.foreign()],
    }


def _show(facts: dict[str, Any]) -> None:
    width = max(map(len, facts))
    for name, value in facts.items():
        lines = _lines(value) if isinstance(value, list) else [str(value)]
        for title, line in zip([name] + [""] * len(lines), lines, strict=False):
            screen().print(f"[bold]{title:<{width}}[/]  {escape(line)}", soft_wrap=True)


def _lines(entries: Sequence[str]) -> list[str]:
    """Return a few entries, and how many more there are.

    >>> _lines([]), _lines(["a"]), _lines(list("abcdefg"))[-2:]
    (['none'], ['a'], ['e', 'and 2 more'])
    """
    more = len(entries) - SHOWN_ENTRIES
    return [*entries[:SHOWN_ENTRIES], *([f"and {more} more"] if more > 0 else [])] or ["none"]
