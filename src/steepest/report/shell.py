"""The shell of every page: one HTML file that loads nothing, with one style, under a policy that allows only its own scripts.

A page's template holds its content alone: it begins with `{% extends "shell.html.j2" %}` and fills the blocks `title`,
`header` and `main`. Nothing here knows stores, sweeps or claims.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from steepest.glossary import symbols_in

MARKS: Mapping[str, str] = {
    "supported": "✓",
    "contradicted": "✗",
    "undecided": "?",
    "not run": "·",
    "out of reach": "∞",
}


def render(package: str, template: str, *, command: str, scripts: Sequence[str] = (), **content: Any) -> str:
    """Return a page.

    Args:
        package: where its template lies.
        template: name of the template, which extends `shell.html.j2`.
        command: what writes the page, such as `steepest compare`.
        scripts: the scripts that it runs.
        content: what the template reads.
    """
    shell = PackageLoader("steepest.report", ".")
    loader = ChoiceLoader([PackageLoader(package, "."), shell])
    jinja = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    jinja.filters |= {"badge": badge, "number": number, "percent": percent, "whole": whole, "symbols_in": symbols_in}
    style = shell.get_source(jinja, "style.css")[0]
    return jinja.get_template(template).render(
        command=command,
        style=Markup(style),
        scripts=[Markup(script) for script in scripts],
        policy=_policy(style, scripts),
        marks=MARKS,
        **content,
    )


def badge(state: str) -> Markup:
    """Return a verdict with its mark and colour.

    >>> str(badge("not run"))
    '<span class="badge not-run"><span aria-hidden="true">·</span> not run</span>'
    """
    mark = '<span class="badge {}"><span aria-hidden="true">{}</span> {}</span>'
    return Markup(mark).format(state.replace(" ", "-"), MARKS[state], state)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number for a page, a dash where there is none.

    >>> number(0.123456), number(1e-5), number(None)
    ('0.123', '1e-05', '–')
    """
    return "–" if value is None else f"{value:.{digits}g}"


def whole(value: int | None) -> str:
    """Return a whole number with commas between thousands, `many` where the count was given up."""
    return "many" if value is None else f"{value:,}"


def percent(value: float) -> str:
    """Return a share in percent.

    >>> percent(0.0354)
    '3.54 %'
    """
    return f"{100 * value:.3g} %"


def data_uri(media_type: str, data: bytes) -> str:
    """Return a file as a `data:` URI, an address that holds the content itself."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _policy(style: str, scripts: Sequence[str]) -> str:
    """Return a content security policy: no network, no script or style but ours, named by their hashes."""
    run = f"script-src {' '.join(map(_hash, scripts))}; " if scripts else ""
    return f"default-src 'none'; {run}style-src {_hash(style)}; img-src data:; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
