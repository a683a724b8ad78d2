"""What the page says beside the figures."""

from __future__ import annotations

NOTES = (
    "Scope. The abstract's statements, and what this project derived around them. Assumptions, theorems and figures of the "
    "paper could not be read: cluster geometry, output layer, initial scale and all constants are ours, and so are all "
    "thresholds. Claims marked 'abstract' test the abstract's words; the others are not the paper's.",
)
