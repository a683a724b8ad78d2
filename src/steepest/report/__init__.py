"""The page of a paper: one HTML file that opens offline, with the ledger, the figures and every run behind them."""

from __future__ import annotations

from steepest.report.page import write_report

__all__ = ["write_report"]
