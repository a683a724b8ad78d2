"""Yadav, Xie, Wang, Li (2025), arXiv 2512.00763: sign descent on the softmax unigram model with heavy-tailed classes."""

from __future__ import annotations

from steepest.claims.paper import Paper
from steepest_papers.yadav2025signdescent import (
    additive_logistic,
    bounds,
    constants,
    deciles,
    distance,
    identities,
    trajectories,
    vocabulary,
)
from steepest_papers.yadav2025signdescent.notes import NOTES

PAPER = Paper(
    key="yadav2025signdescent",
    title="Provable Benefit of Sign Descent: A Minimal Model Under Heavy-Tailed Class Imbalance",
    authors="R. Yadav, S. Xie, T. Wang, Z. Li",
    year=2025,
    arxiv="2512.00763",
    figures=(
        identities.FIGURE,
        constants.FIGURE,
        distance.FIGURE,
        bounds.FIGURE,
        deciles.FIGURE,
        trajectories.FIGURE,
        additive_logistic.FIGURE,
        vocabulary.FIGURE,
    ),
    notes=NOTES,
)
