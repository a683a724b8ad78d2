"""The page itself: what goes into the template, and the policy under which a browser opens it."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from steepest.claims.paper import Paper, Settings
from steepest.claims.verdict import State, Verdict
from steepest.data.artefacts import cache_folder
from steepest.files import write_atomically
from steepest.report.content import Chapter, environments, sources
from steepest.report.readme import as_html
from steepest.runs.store import Store

MARKS: Mapping[str, str] = {
    "supported": "✓",
    "contradicted": "✗",
    "undecided": "?",
    "not run": "·",
    "out of reach": "∞",
}


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
    loader = PackageLoader("steepest.report", ".")
    jinja = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    jinja.filters |= {"number": number, "as_html": as_html}
    style, script = (loader.get_source(jinja, name)[0] for name in ("style.css", "page.js"))
    scripts = [_vega(), script] if any(chapter.plots for chapter in chapters) else [script]
    return jinja.get_template("template.html.j2").render(
        paper=paper,
        scale=scale,
        marks=MARKS,
        counts={state: Counter(row.verdict for row in ledger)[state] for state in get_args(State)},
        chapters=chapters,
        environments=environments(chapters),
        sources=sources(chapters),
        commands=_commands(paper, chapters, scale),
        policy=_policy(style, scripts),
        style=Markup(style),
        scripts=[Markup(script) for script in scripts],
    )


def number(value: float | None, digits: int = 3) -> str:
    """Return a number for the page, a dash where there is none.

    >>> number(0.123456), number(1e-5), number(None)
    ('0.123', '1e-05', '–')
    """
    return "–" if value is None else f"{value:.{digits}g}"


def _policy(style: str, scripts: Iterable[str]) -> str:
    """Return a content security policy: no network, no script or style but ours, named by their hashes."""
    allowed = " ".join(f"'{_hash(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


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
