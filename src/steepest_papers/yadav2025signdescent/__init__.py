"""Yadav, Xie, Wang, Li (2025), arXiv 2512.00763: sign descent on the softmax unigram model with heavy-tailed classes."""

from __future__ import annotations

from steepest.claims.paper import Paper

PAPER = Paper(
    key="yadav2025signdescent",
    title="Provable Benefit of Sign Descent: A Minimal Model Under Heavy-Tailed Class Imbalance",
    authors="R. Yadav, S. Xie, T. Wang, Z. Li",
    year=2025,
    arxiv="2512.00763",
    package=__name__,
    modules={
        "identities": "identities",
        "constants": "constants",
        "distance": "distance",
        "bounds": "bounds",
        "deciles": "deciles",
        "trajectories": "trajectories",
        "logistic": "additive_logistic",
        "vocabulary": "vocabulary",
    },
)
