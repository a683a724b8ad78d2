"""The README of a paper as part of its page."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup


def as_html(text: str) -> Markup:
    r"""Return Markdown as HTML without its title, headings one level lower; HTML in it stays text, images are left out.

    >>> as_html("# Title\n\n## Scope\n\n<b>All</b> of `it`.")
    Markup('<h3>Scope</h3>\n<p>&lt;b&gt;All&lt;/b&gt; of <code>it</code>.</p>\n')
    """
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = reader.parse(text)
    if tokens and tokens[0].tag == "h1":
        tokens = tokens[3:]  # its opening, its text, its end
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{int(token.tag[1]) + 1}"
    return Markup(reader.renderer.render(tokens, reader.options, {}))
