"""What the ledger says of the claims that advice rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from steepest.claims.verdict import State, Verdict
from steepest.diagnose.advice import Advice, Claim


@dataclass(frozen=True)
class Evidence:
    """A claim with its verdict on this machine.

    Attributes:
        claim: which.
        says: its statement; empty if its paper is not installed.
        verdict: the ledger's, "not run" where it has none.
        measured: the number that was found.
    """

    claim: Claim
    says: str
    verdict: State
    measured: float | None


Judged = Mapping[Claim, Evidence]


def judged(advice: Iterable[Advice], ledger: Iterable[Verdict]) -> Judged:
    """Return the evidence of every claim that advice rests on.

    Args:
        advice: what is to be judged.
        ledger: verdicts of the figures concerned.
    """
    rows = {Claim(f"{row.paper}/{row.figure}", row.claim): row for row in ledger}
    claims = dict.fromkeys(claim for one in advice for claim in one.claims)
    return {claim: _evidence(claim, rows.get(claim)) for claim in claims}


def to_run(evidence: Judged) -> list[str]:
    """Return the figures that have to be run for the claims that were not, as `steepest run` takes them."""
    return list(dict.fromkeys(row.claim.figure for row in evidence.values() if row.verdict == "not run" and row.says))


def _evidence(claim: Claim, row: Verdict | None) -> Evidence:
    return Evidence(claim, "", "not run", None) if row is None else Evidence(claim, row.says, row.verdict, row.measured)
