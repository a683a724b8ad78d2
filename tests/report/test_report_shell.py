"""The shell of a page: a package of its own puts a template into it, without store, sweep or claim."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from parsed import Page

from steepest.report.shell import data_uri, percent, render, whole

TEMPLATE = """{% extends "shell.html.j2" %}
{% block title %}{{ name }}{% endblock %}
{% block header %}<h1>{{ name }}</h1>{% endblock %}
{% block main %}<p id="verdict">{{ "not run" | badge }} {{ text }}</p>{% endblock %}
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "pagekit"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "page.html.j2").write_text(TEMPLATE)
    monkeypatch.syspath_prepend(tmp_path)
    return "pagekit"


def policy(page: Page) -> dict[str, str]:
    content = next(a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a)
    return dict(rule.partition(" ")[::2] for rule in content.split("; "))


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_a_page_without_scripts_allows_none(package: str) -> None:
    page = Page(render(package, "page.html.j2", command="steepest kit", name="<script>x", text="a"))
    assert policy(page) == {
        "default-src": "'none'",
        "style-src": digest(page.styles[0]),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert page.scripts == []
    assert page.text.count("<script>x") == 2  # title and heading, as text
    assert "Written by steepest kit" in page.text
    assert "symbols" not in page.ids


def test_scripts_are_allowed_by_their_hashes(package: str) -> None:
    scripts = ["let a = 1 < 2;", "let b;"]
    page = Page(render(package, "page.html.j2", command="x", scripts=scripts, name="n", text=""))
    assert [text for _, text in page.scripts] == scripts
    assert policy(page)["script-src"] == " ".join(map(digest, scripts))


def test_symbols_are_explained_where_they_are_used(package: str) -> None:
    page = Page(render(package, "page.html.j2", command="x", name="n", text="Adam ends below GD: Γ"))
    assert "Γ = (L_worse(T) − L_better(T)) / L(0)" in page.text
    assert "π_k" not in page.text
    assert "· not run" in page.text


def test_what_a_template_lacks_is_an_error(package: str) -> None:
    with pytest.raises(UndefinedError, match="'text' is undefined"):
        render(package, "page.html.j2", command="x", name="n")


def test_numbers_and_files() -> None:
    assert (whole(None), whole(1234567), percent(0.5)) == ("many", "1,234,567", "50 %")
    assert base64.b64decode(data_uri("text/plain", b"\x00\xff").partition(",")[2]) == b"\x00\xff"
