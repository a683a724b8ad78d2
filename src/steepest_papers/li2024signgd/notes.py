"""What the page says beside the figures."""

from __future__ import annotations

NOTES = ("Scope.",)
