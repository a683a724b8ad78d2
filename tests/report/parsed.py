"""A page as a browser's parser sees it: ids, links, scripts, text."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[tuple[dict[str, str], str]] = []
        self.styles: list[str] = []
        self.lists: list[str] = []
        self.rows: dict[str, list[str]] = {}
        self.text = ""
        self._stack: list[tuple[str, dict[str, str]]] = []
        self._row: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        self._stack.append((tag, attributes))
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag == "ul":
            self.lists.append("")
        if tag == "tr":
            self._row = attributes.get("id")
            if self._row:
                self.rows[self._row] = []
        if tag in ("td", "th") and self._row:
            self.rows[self._row].append("")

    def handle_data(self, data: str) -> None:
        tag, attributes = self._stack[-1] if self._stack else ("", {})
        if tag == "script":
            self.scripts.append((attributes, data))
        elif tag == "style":
            self.styles.append(data)
        else:
            self.text += data
            if any(name == "ul" for name, _ in self._stack):
                self.lists[-1] += data
            if self._row and self.rows[self._row]:
                self.rows[self._row][-1] += data

    def handle_endtag(self, tag: str) -> None:
        while self._stack and self._stack.pop()[0] != tag:
            pass
        if tag == "tr":
            self._row = None

    def values(self, tag: str, attribute: str) -> list[str]:
        """Return an attribute of every element of a kind that has it."""
        return [attributes[attribute] for name, attributes in self.tags if name == tag and attribute in attributes]
