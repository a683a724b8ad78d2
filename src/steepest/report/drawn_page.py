"""A page that is written with its drawings: each lies beside it as SVG, PDF and CSV, and inside it as SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from steepest.claims.figures import save, style
from steepest.claims.paper import Drawing
from steepest.files import write_atomically
from steepest.report.shell import data_uri
from steepest.runs.store import store_errors


def write_with_drawings(
    target: Path, drawings: Mapping[str, Callable[[], Drawing]], footer: str, page: Callable[[Mapping[str, str]], str]
) -> Path:
    """Write a page and its drawings; return the page.

    Args:
        target: the HTML file.
        drawings: what draws each, by name.
        footer: the line below each drawing.
        page: address of each drawing by name → the page.

    Raises:
        StoreError: the disk is full, or the folder cannot be written.
    """
    pictures = {}
    with style(), store_errors(target.parent):
        for name, draw in drawings.items():
            save(draw(), target.parent, name, [footer])
            pictures[name] = data_uri("image/svg+xml", (target.parent / f"{name}.svg").read_bytes())
        write_atomically(target, page(pictures).encode(errors="replace"))
    return target
