"""Claims of Figure 3 and its kin, on the plans `uniform` and `zipf`, and their measures."""

from __future__ import annotations

from steepest.measure.progress import group_progress, progress
from steepest.paper import Results
from steepest.verdict import Claim, Measured
from steepest_papers.kunstner2024heavytailed import measures


def behind(plan: str, label: str) -> measures.Measure:
    """Return the measure 1 − ρ_G/ρ: by how much the rarest group lags behind the mean of all samples."""

    def measure(results: Results) -> Measured:
        best = results.sweep(plan).best(label)
        rare, losses = group_progress(best.curves("group"))[:, -1], best.curves()
        mean = progress(losses[:, 0], losses[:, -1])
        evidence = f"ρ_G {rare.mean():.2f}, ρ {mean.mean():.2f}"
        return Measured((1 - rare / mean).tolist(), measures.run_ids(best), evidence=evidence)

    return measure


def held_out_lead(plan: str, worse: str, better: str) -> measures.Measure:
    """Return the measure ρ_G of `better` minus ρ_G of `worse`, on held-out images."""

    def measure(results: Results) -> Measured:
        bests = [results.sweep(plan).best(label) for label in (worse, better)]
        rho = [group_progress(best.curves("held_out_group"))[:, -1] for best in bests]
        evidence = f"held out, ρ_G: {worse} {rho[0].mean():.2f}, {better} {rho[1].mean():.2f}"
        return Measured((rho[1] - rho[0]).tolist(), measures.run_ids(*bests), evidence=evidence)

    return measure


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
            behind("zipf", "SGD+m"),
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
            held_out_lead("zipf", "SGD+m", "Adam+m"),
            holds=0.1,
            fails=0.0,
            kind="ours",
        ),
    )
