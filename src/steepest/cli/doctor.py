"""`doctor`: what this installation and machine look like, and what is wrong with them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from rich.markup import escape

from steepest.cli.screen import few, print_json, screen
from steepest.data.artefacts import cache_folder
from steepest.errors import StoreError
from steepest.runs.cost import gemm_rate
from steepest.runs.store import Store, default_store, environment
from steepest.runs.stream import available_cores


def examine(root: Path | None, *, as_json: bool) -> None:
    """Print versions, processor, store and cache; entries of the store that are not readable runs are named.

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
        "damaged": damage(store),
    }


def damage(store: Store) -> list[str]:
    """Return a line for each entry of a store that is not a readable run: where it lies, and the reason."""
    return [f"{path} is damaged: {reason}" for path, reason in store.damaged().items()]


def _show(facts: dict[str, Any]) -> None:
    width = max(map(len, facts))
    for name, value in facts.items():
        lines = few(value) or ["none"] if isinstance(value, list) else [str(value)]
        for title, line in zip([name] + [""] * len(lines), lines, strict=False):
            screen().print(f"[bold]{title:<{width}}[/]  {escape(line)}", soft_wrap=True)
