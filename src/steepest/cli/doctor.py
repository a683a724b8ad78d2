"""`doctor`: what this installation and machine look like, and what is wrong with them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from rich.console import Console
from rich.table import Table

from steepest.data.artefacts import cache_folder
from steepest.machine import gemm_rate
from steepest.runner import available_cores
from steepest.store import Store, default_store, environment


def examine(root: Path | None, *, as_json: bool) -> None:
    """Print versions, processor, store and cache; unreadable store entries are named."""
    store = Store(root or default_store())
    runs = sum(1 for _ in store.all())
    free = shutil.disk_usage(store.root).free
    facts = environment() | {
        "cores": available_cores(),
        "float32 GEMM, one thread": f"{gemm_rate() / 1e9:.0f} GFLOP/s",
        "store": str(store.root),
        "runs": runs,
        "free disk": f"{free / 2**30:.1f} GiB",
        "cache": str(cache_folder()),
        "not readable": [str(path) for path in store.foreign()],
    }
    if as_json:
        print(json.dumps(facts, indent=1))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts.items():
        table.add_row(name, "\n".join(value) or "none" if isinstance(value, list) else str(value))
    Console().print(table)
