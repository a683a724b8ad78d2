"""What installed papers say on the topics of a diagnosis: the claims that they register, with their verdicts on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from steepest.claims.paper import Paper
from steepest.claims.verdict import Verdict
from steepest.errors import SteepestError
from steepest.runs.store import Store

SCALE = "laptop"
Judged = Mapping[str, list[Verdict]]


def judged(topics: Iterable[str], papers: Iterable[Paper], store: Store) -> Judged:
    """Return the verdicts at laptop scale of the claims that papers register on some topics (`Paper.advice`), by topic.

    A paper that cannot be read, and a figure without these sizes, is left out.

    Args:
        topics: of `steepest.diagnose.advice.TOPICS`.
        papers: whose claims are looked up.
        store: where the runs are.
    """
    verdicts: dict[str, list[Verdict]] = {topic: [] for topic in topics}
    for paper in papers:
        registered = {topic: paper.advice[topic] for topic in verdicts if topic in paper.advice}
        try:
            rows = _ledger(paper, {claim for claims in registered.values() for claim in claims}, store)
        except SteepestError:
            continue
        for topic, claims in registered.items():
            verdicts[topic] += [rows[claim] for claim in claims if claim in rows]
    return verdicts


def _ledger(paper: Paper, claims: set[str], store: Store) -> dict[str, Verdict]:
    """Return the verdicts of the figures that have some of these claims, by claim id."""
    if not claims:
        return {}
    figures = [f for f in paper.figures if SCALE in f.scales and any(claim.id in claims for claim in f.claims)]
    results = [(figure, figure.results(figure.settings(SCALE), store)) for figure in figures]
    return {row.claim: row for row in paper.ledger(store, SCALE, results)}


def to_run(verdicts: Judged) -> list[str]:
    """Return the figures whose runs the claims that were not run need, as `steepest run` takes them."""
    rows = [row for rows in verdicts.values() for row in rows if row.verdict == "not run"]
    return list(dict.fromkeys(f"{row.paper}/{row.figure}" for row in rows))
