"""The page of a comparison, one HTML file that loads nothing, and the figures on it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from steepest.claims.figures import save, style
from steepest.compare import drawing
from steepest.compare.answer import Answer
from steepest.compare.problem_file import ProblemFile
from steepest.files import write_atomically
from steepest.runs.results import SweepResults
from steepest.runs.store import Store, store_errors


def write_page(problem: ProblemFile, found: Answer, store: Store, again: str) -> Path:
    """Write figures (SVG, PDF, CSV) and page into the store's reports; return the page.

    Args:
        problem: what was trained.
        found: the answer.
        store: where the runs are.
        again: the command that re-runs the leader.
    """
    folder = store.root / "reports" / "compare" / f"{Path(problem.name).stem}-{problem.source[:6]}-{found.sweep.steps}"
    results = SweepResults(found.sweep, store)
    footer = [f"{problem.name}: {problem.summary()}; {found.sweep.steps} updates, {len(found.sweep.seeds)} seeds"]
    with style(), store_errors(folder):
        drawings = {
            "curves": drawing.curves(results, [row.label for row in found.rows]),
            "rates": drawing.rates(results),
        }
        for name, drawn in drawings.items():
            save(drawn, folder, name, footer)
        pictures = {name: _data_uri((folder / f"{name}.svg").read_bytes()) for name in drawings}
        write_atomically(folder / "page.html", _render(problem, found, pictures, again).encode())
    return folder / "page.html"


def _render(problem: ProblemFile, found: Answer, pictures: dict[str, str], again: str) -> str:
    loader = PrefixLoader({name: PackageLoader(f"steepest.{name}", ".") for name in ("compare", "report")})
    jinja = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    jinja.filters["number"] = lambda value: f"{value:.3g}"
    css = loader.get_source(jinja, "report/style.css")[0]
    return jinja.get_template("compare/page.html.j2").render(
        name=problem.name,
        summary=problem.summary(),
        answer=found,
        rarest=any(row.rarest for row in found.rows),
        held_out=any(row.held_out for row in found.rows),
        pictures=pictures,
        again=again,
        style=Markup(css),
        policy=f"default-src 'none'; style-src 'sha256-{_digest(css)}'; img-src data:; base-uri 'none'; form-action 'none'",
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
