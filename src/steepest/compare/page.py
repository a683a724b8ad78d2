"""The page of a comparison, with its drawings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from steepest.compare.answer import Answer
from steepest.compare.loss_drawings import curves, rates
from steepest.compare.problem_file import ProblemFile
from steepest.report.drawn_page import write_with_drawings
from steepest.report.shell import render
from steepest.runs.results import SweepResults
from steepest.runs.store import Store


def write_page(problem: ProblemFile, answer: Answer, store: Store, again: str) -> Path:
    """Write page and drawings into the store's reports; return the page.

    Args:
        problem: what was trained.
        answer: what was found.
        store: where the runs are.
        again: the command that trains the leader again.
    """
    folder = store.root / "reports" / "compare" / f"{Path(problem.name).stem}-{problem.source[:6]}-{answer.sweep.steps}"
    results = SweepResults(answer.sweep, store)
    footer = f"{problem.name}: {problem.summary()}; {answer.sweep.steps} updates, {len(answer.sweep.seeds)} seeds"
    drawings = {
        "curves": lambda: curves(results, [row.label for row in answer.rows]),
        "rates": lambda: rates(results),
    }
    content: dict[str, Any] = {
        "name": problem.name,
        "summary": problem.summary(),
        "answer": answer,
        "rarest": any(row.rarest for row in answer.rows),
        "held_out": any(row.held_out for row in answer.rows),
        "again": again,
    }
    return write_with_drawings(
        folder / "page.html",
        drawings,
        footer,
        lambda pictures: render(
            "steepest.compare", "page.html.j2", command="steepest compare", pictures=pictures, **content
        ),
    )
