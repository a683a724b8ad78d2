"""The page of a diagnosis, one HTML file that loads nothing, and the figures on it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from steepest.claims.figures import save, style
from steepest.claims.paper import Drawing
from steepest.diagnose import drawing
from steepest.diagnose.advice import ratio_text
from steepest.diagnose.diagnosis import Diagnosis
from steepest.diagnose.evidence import Judged
from steepest.files import write_atomically
from steepest.runs.store import Store, store_errors

MARKS = {"supported": "✓", "contradicted": "✗", "undecided": "?", "not run": "·", "out of reach": "∞"}


def page_path(found: Diagnosis, store: Store) -> Path:
    """Return where the page of a diagnosis is written unless the user says otherwise."""
    readable = re.sub(r"[^\w.-]+", "-", found.summary.name)[:60].strip("-.")
    digest = hashlib.sha256(found.summary.name.encode(errors="surrogateescape")).hexdigest()[:6]
    return store.root / "reports" / "diagnose" / f"{readable}-{digest}" / "page.html"


def write_page(found: Diagnosis, judged: Judged, target: Path, again: str, missing: str = "") -> Path:
    """Write the page, and its figures (SVG, PDF, CSV) beside it; return the page.

    Args:
        found: the diagnosis.
        judged: the evidence of its advice.
        target: the HTML file.
        again: the command that makes it again.
        missing: the command that judges the claims that were not run.
    """
    footer = [f"{found.summary.name}: {found.summary.samples:,} samples, {found.summary.classes:,} classes"]
    with style(), store_errors(target.parent):
        drawings = _drawings(found)
        for name, drawn in drawings.items():
            save(drawn, target.parent, name, footer)
        pictures = {name: _data_uri((target.parent / f"{name}.svg").read_bytes()) for name in drawings}
        write_atomically(target, _render(found, judged, pictures, again, missing).encode(errors="replace"))
    return target


def _drawings(found: Diagnosis) -> dict[str, Drawing]:
    drawings = {"tail": drawing.tail_drawing(found)}
    if found.vocabularies:
        drawings["vocabulary"] = drawing.vocabulary_drawing(found)
    if found.predictions:
        drawings["prediction"] = drawing.prediction_drawing(found)
    return drawings


def _render(found: Diagnosis, judged: Judged, pictures: dict[str, str], again: str, missing: str) -> str:
    loader = PrefixLoader({name: PackageLoader(f"steepest.{name}", ".") for name in ("diagnose", "report")})
    jinja = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    jinja.filters |= {"number": _number, "whole": _whole, "short": short, "percent": _percent, "times": ratio_text}
    css = loader.get_source(jinja, "report/style.css")[0]
    return jinja.get_template("diagnose/page.html.j2").render(
        found=found,
        judged=judged,
        marks=MARKS,
        pictures=pictures,
        again=again,
        missing=missing,
        style=Markup(css),
        policy=f"default-src 'none'; style-src 'sha256-{_digest(css)}'; img-src data:; base-uri 'none'; form-action 'none'",
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{round(value, 9) + 0.0:.3g}"


def _whole(value: int | None) -> str:
    return "many" if value is None else f"{value:,}"


def short(value: int) -> str:
    """Return a count in at most six characters.

    >>> short(45_889), short(913_551), short(1_341_012), short(250_000_000_000)
    ('45,889', '914 k', '1.34 M', '250 G')
    """
    if value < 100_000:
        return f"{value:,}"
    size, unit = next((size, unit) for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")) if value >= size)
    return f"{value / size:.3g} {unit}"


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
