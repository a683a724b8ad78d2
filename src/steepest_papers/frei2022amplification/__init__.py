"""Frei, Chatterji, Bartlett (2022), arXiv 2202.07626: gradient descent amplifies random features on XOR clusters."""

from __future__ import annotations

from steepest.claims.paper import Paper
from steepest_papers.frei2022amplification import amplification, classifiers, early_drift, label_noise, lazy, signs
from steepest_papers.frei2022amplification.notes import NOTES

PAPER = Paper(
    key="frei2022amplification",
    title="Random Feature Amplification: Feature Learning and Generalization in Neural Networks",
    authors="Spencer Frei, Niladri S. Chatterji, Peter L. Bartlett",
    year=2022,
    arxiv="2202.07626",
    figures=(
        early_drift.FIGURE,
        amplification.FIGURE,
        classifiers.FIGURE,
        lazy.FIGURE,
        label_noise.FIGURE,
        signs.FIGURE,
    ),
    notes=NOTES,
)
