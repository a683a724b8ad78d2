"""The page of a paper: what goes into its template."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from steepest.claims.lab import Lab
from steepest.claims.paper import Paper, Settings
from steepest.claims.verdict import State, Verdict
from steepest.data.artefacts import cache_folder
from steepest.files import write_atomically
from steepest.glossary import symbols_in
from steepest.report.content import Chapter, environments, sources
from steepest.report.readme import as_html
from steepest.report.shell import render
from steepest.runs.store import Store, store_errors


def write_page(lab: Lab, target: Path | None = None, *, ledger: Sequence[Verdict] | None = None) -> Path:
    """Draw what is complete, write the page and return its path.

    Args:
        lab: figures of a paper in a store.
        target: the HTML file; default `report.html`, or `FIGURE.html` for one figure, in the lab's folder.
        ledger: the verdicts, where they are known already.

    Raises:
        StoreError: the lab's folder cannot be written.
    """
    drawings = {figure.id: lab.draw(figure) for figure in lab.figures}
    rows = lab.ledger() if ledger is None else ledger
    name = lab.figures[0].id if len(lab.figures) == 1 else "report"
    page = target or lab.folder / f"{name}.html"
    with store_errors(lab.folder) if target is None else nullcontext():
        return write_report(lab.paper, rows, lab.settings, lab.scale, lab.store, drawings, page)


def write_report(
    paper: Paper,
    ledger: Sequence[Verdict],
    settings: Mapping[str, Settings],
    scale: str,
    store: Store,
    figures: Mapping[str, Mapping[str, Path]],
    target: Path,
) -> Path:
    """Write the page of a paper as one HTML file that loads nothing; the same inputs give the same bytes.

    Args:
        paper: the paper.
        ledger: its verdicts.
        settings: sizes by figure id; figures without an entry are left out.
        scale: the scale of the settings.
        store: where the runs are.
        figures: figure id → drawing name → SVG file, with its CSV beside it.
        target: the file to write.

    Returns:
        `target`.
    """
    chapters = [
        Chapter(paper.figure(name), sizes, _of(name, ledger), figures.get(name, {}), store)
        for name, sizes in settings.items()
    ]
    write_atomically(target, _render(paper, ledger, chapters, scale).encode())
    return target


def _of(figure: str, ledger: Sequence[Verdict]) -> list[Verdict]:
    return [row for row in ledger if row.figure == figure]


def _render(paper: Paper, ledger: Sequence[Verdict], chapters: Sequence[Chapter], scale: str) -> str:
    script = files("steepest.report").joinpath("page.js").read_text(encoding="utf-8")
    states = Counter(row.verdict for row in ledger)
    return render(
        "steepest.report",
        "page.html.j2",
        command="steepest report",
        scripts=[_vega(), script] if any(chapter.plots for chapter in chapters) else [script],
        paper=paper,
        readme=as_html(paper.readme),
        scale=scale,
        has_symbols=bool(symbols_in(" ".join(row.says for row in ledger))),
        counts={state: states[state] for state in get_args(State)},
        chapters=chapters,
        environments=environments(chapters),
        sources=sources(chapters),
        commands=_commands(paper, chapters, scale),
    )


def _vega() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script; bundling takes seconds, so the cache folder keeps it."""
    cached = cache_folder() / f"vega-{version('vl-convert-python')}.js"
    with suppress(OSError):
        return cached.read_text(encoding="utf-8")
    import vl_convert

    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    with suppress(OSError):
        write_atomically(cached, script.encode())
    return script


def _commands(paper: Paper, chapters: Sequence[Chapter], scale: str) -> list[str]:
    """Return the commands that make this page again: for the paper as declared, else for each figure."""
    changes = {chapter.figure.id: _changes(chapter, scale) for chapter in chapters}
    if len(chapters) == len(paper.modules) and not any(changes.values()):
        return [f"steepest {verb} {paper.key} --scale {scale}" for verb in ("run", "check", "report")]
    return [shlex.join(["steepest", "run", f"{paper.key}/{name}", "--scale", scale, *c]) for name, c in changes.items()]


def _changes(chapter: Chapter, scale: str) -> list[str]:
    declared = chapter.figure.settings(scale).model_dump(mode="json")
    used: dict[str, Any] = chapter.settings.model_dump(mode="json")
    return [part for k, v in used.items() if v != declared.get(k) for part in ("--set", f"{k}={json.dumps(v)}")]
