"""Claims of Figure 3 and its kin, on the plans `uniform` and `zipf`, and their measures."""

from __future__ import annotations

from steepest.claims.verdict import Claim
from steepest_papers.kunstner2024heavytailed import measures


def claims(prefix: str, where: str, network: str) -> tuple[Claim, ...]:
    """Return the claims about a network on the uniform and the heavy-tailed set."""
    return (
        Claim(
            f"{prefix}-uniform",
            where,
            f"{network}, uniform set: SGD ends where Adam does, both with momentum: |Γ|",
            measures.gap("uniform", "SGD+m", "Adam+m", absolute=True),
            holds=0.05,
            fails=0.15,
        ),
        Claim(
            f"{prefix}-gap",
            where,
            f"{network}, π_k ∝ 1/k: Adam ends below SGD, both with momentum: Γ",
            measures.gap("zipf", "SGD+m", "Adam+m"),
            holds=0.15,
            fails=0.05,
        ),
        Claim(
            f"{prefix}-sgd-rare",
            where,
            f"{network}, π_k ∝ 1/k: SGD with momentum makes little progress on the rarest tenth: ρ_10",
            measures.rarest("zipf", "SGD+m"),
            holds=0.15,
            fails=0.5,
        ),
        Claim(
            f"{prefix}-sgd-lag",
            where,
            f"{network}, π_k ∝ 1/k: under SGD with momentum the rarest tenth lags behind the mean: 1 − ρ_10/ρ",
            measures.behind("zipf", "SGD+m"),
            holds=0.3,
            fails=0.1,
        ),
        Claim(
            f"{prefix}-adam-all",
            where,
            f"{network}, π_k ∝ 1/k: Adam with momentum makes progress on every group: min_g ρ_g",
            measures.least("zipf", "Adam+m"),
            holds=0.5,
            fails=0.15,
        ),
        Claim(
            f"{prefix}-held-out-rare",
            f"{where}, on held-out images",
            f"{network}, π_k ∝ 1/k: what Adam learns of the rarest tenth carries over to images that were not trained on: "
            "ρ_10 of Adam minus ρ_10 of SGD",
            measures.held_out_lead("zipf", "SGD+m", "Adam+m"),
            holds=0.1,
            fails=0.0,
            kind="ours",
        ),
    )
