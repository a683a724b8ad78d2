"""Write a claim as one script that does not import the package and gives the same number: `steepest eject CLAIM`.

A script can be written for claims that are measured on calculations, or on softmax regression and weighted quadratics that
gradient, normalised, sign, rescaled sign descent, AdaGrad or Adam train. Calculations and measures are cut out of the
package with what they use; problems and update rules are written again, as on a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from steepest.claims.claim import Claim
from steepest.claims.installed import find_paper, papers
from steepest.claims.lab import Lab
from steepest.claims.paper import Figure, Paper
from steepest.eject.script import Script
from steepest.eject.slices import CannotEject
from steepest.errors import UsageError
from steepest.runs.store import Store

__all__ = ["CannotEject", "eject", "find_claim"]
CAN = "scripts are written for calculations, and for softmax regression and weighted quadratics"


def eject(
    target: str,
    *,
    scale: str = "laptop",
    changes: Mapping[str, Any] | None = None,
    store: Store | str | Path | None = None,
    paths: Iterable[str | Path] = (),
) -> str:
    """Return the script of a claim; its runs must be in the store.

    Args:
        target: `PAPER/CLAIM`, or the claim's id where one paper has it.
        scale: which sizes.
        changes: settings to replace.
        store: a store or its folder.
        paths: folders of further papers.

    Raises:
        UsageError: an unknown claim, or one without a number in the store.
        CannotEject: a claim that rests on what is not written as a script.
    """
    paths = list(paths)
    paper, figure, claim = find_claim(target, paths)
    lab = Lab.open(f"{paper.key}/{figure.id}", scale=scale, changes=changes, store=store, read_only=True, paths=paths)
    row = next(row for row in lab.ledger() if row.claim == claim.id)
    if row.measured is None:
        raise UsageError(
            f"{target} at {scale} scale is {row.verdict}: {row.reason}; `steepest run {paper.key}/{figure.id}`"
        )
    try:
        return Script(paper, claim, row, lab.results(figure)).text
    except CannotEject as reason:
        raise CannotEject(f"{target} cannot be ejected: {reason}; {CAN}") from None


def find_claim(target: str, paths: Iterable[str | Path] = ()) -> tuple[Paper, Figure, Claim]:
    """Return a claim with its paper and figure.

    Raises:
        UsageError: an unknown claim, with the nearest ones, or an id that several papers have.
    """
    key, slash, _ = target.partition("/")
    chosen = [find_paper(key, paths)] if slash else [paper for _, paper in papers(paths) if isinstance(paper, Paper)]
    known = {
        f"{paper.key}/{claim.id}": (paper, figure, claim)
        for paper in chosen
        for figure in paper.figures
        for claim in figure.claims
    }
    found = [name for name in known if target in (name, name.partition("/")[2])]
    if len(found) == 1:
        return known[found[0]]
    if found:
        raise UsageError(f"several papers have a claim {target!r}: give {' or '.join(found)}")
    ids = [*known, *(name.partition("/")[2] for name in known)]
    near = get_close_matches(target, ids, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UsageError(f"unknown claim {target!r}; {hint}`steepest check` lists those of every figure")
