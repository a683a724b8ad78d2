"""The page of a diagnosis, with its drawings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from steepest.claims.paper import Drawing
from steepest.diagnose.diagnosis import Diagnosis
from steepest.diagnose.tail_drawings import tail_drawing, vocabulary_drawing
from steepest.diagnose.verdicts import Judged
from steepest.report.drawn_page import write_with_drawings
from steepest.report.shell import number, render
from steepest.runs.store import Store
from steepest.theory.predict import draw


def page_path(diagnosis: Diagnosis, store: Store) -> Path:
    """Return where the page of a diagnosis is written unless the user says otherwise."""
    name = diagnosis.summary.name
    readable = re.sub(r"[^\w.-]+", "-", name)[:60].strip("-.")
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:6]
    return store.root / "reports" / "diagnose" / f"{readable}-{digest}" / "page.html"


def write_page(diagnosis: Diagnosis, verdicts: Judged, target: Path, again: str, missing: str = "") -> Path:
    """Write the page, and its drawings beside it; return the page.

    Args:
        diagnosis: what is shown.
        verdicts: of the claims that papers register on the topics of its advice.
        target: the HTML file.
        again: the command that makes it again.
        missing: the command that judges the claims that were not run.
    """
    summary = diagnosis.summary
    drawings: dict[str, Callable[[], Drawing]] = {"tail": lambda: tail_drawing(diagnosis)}
    if diagnosis.vocabularies:
        drawings["vocabulary"] = lambda: vocabulary_drawing(diagnosis)
    if diagnosis.predictions:
        drawings["prediction"] = lambda: draw(diagnosis.predictions)
    content: dict[str, Any] = {"diagnosis": diagnosis, "verdicts": verdicts, "again": again, "missing": missing}
    return write_with_drawings(
        target,
        drawings,
        f"{summary.name}: {summary.samples:,} samples, {summary.classes:,} classes",
        lambda pictures: render(
            "steepest.diagnose",
            "page.html.j2",
            command="steepest diagnose",
            pictures=pictures,
            rounded=_rounded,
            short=short,
            **content,
        ),
    )


def _rounded(value: float | None) -> str:
    """Return a number of the tail, in which rounding errors are 0."""
    return number(None if value is None else round(value, 9) + 0.0)


def short(value: int) -> str:
    """Return a count in at most six characters.

    >>> short(45_889), short(913_551), short(1_341_012), short(250_000_000_000)
    ('45,889', '914 k', '1.34 M', '250 G')
    """
    if value < 100_000:
        return f"{value:,}"
    size, unit = next((size, unit) for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")) if value >= size)
    return f"{value / size:.3g} {unit}"
