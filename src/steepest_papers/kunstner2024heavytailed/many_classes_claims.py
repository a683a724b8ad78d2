"""Claims of Figure 3 and its kin, on the plans `uniform` and `zipf`, and their measures."""

from __future__ import annotations

from steepest.claims import measures
from steepest.claims.claim import Claim


def claims(prefix: str, where: str, network: str) -> tuple[Claim, ...]:
    """Return the claims about a network on the uniform and the heavy-tailed set."""
    return (
        Claim(
            f"{prefix}-uniform",
            measures.gap("uniform", "SGD+m", "Adam+m").absolute().at_most(0.05, fails=0.15),
            where=where,
        ).says(f"{network}, uniform set: SGD ends where Adam does, both with momentum"),
        Claim(f"{prefix}-gap", measures.gap("zipf", "SGD+m", "Adam+m").at_least(0.15, fails=0.05), where=where).says(
            f"{network}, π_k ∝ 1/k: Adam ends below SGD, both with momentum"
        ),
        Claim(f"{prefix}-sgd-rare", measures.rarest("zipf", "SGD+m").at_most(0.15, fails=0.5), where=where).says(
            f"{network}, π_k ∝ 1/k: SGD with momentum makes little progress on the rarest tenth"
        ),
        Claim(f"{prefix}-sgd-lag", measures.behind("zipf", "SGD+m").at_least(0.3, fails=0.1), where=where).says(
            f"{network}, π_k ∝ 1/k: under SGD with momentum the rarest tenth lags behind the mean"
        ),
        Claim(f"{prefix}-adam-all", measures.least("zipf", "Adam+m").at_least(0.5, fails=0.15), where=where).says(
            f"{network}, π_k ∝ 1/k: Adam with momentum makes progress on every group"
        ),
        Claim(
            f"{prefix}-held-out-rare",
            measures.held_out_lead("zipf", "SGD+m", "Adam+m").at_least(0.1, fails=0.0),
            where=f"{where}, on held-out images",
            kind="ours",
        ).says(
            f"{network}, π_k ∝ 1/k: what Adam learns of the rarest tenth carries over to images that were not trained on: "
            "ρ_10 of Adam minus ρ_10 of SGD"
        ),
    )
