"""Kunstner and Bach (2025), arXiv 2505.19227: scaling laws of gradient descent and sign descent under Zipf's law."""

from __future__ import annotations

from steepest.claims.paper import Paper
from steepest_papers.kunstner2025zipf import (
    bounds,
    cross_entropy,
    gradient_law,
    iterations,
    real_text,
    reductions,
    sign_law,
    sign_model,
)
from steepest_papers.kunstner2025zipf.notes import NOTES

PAPER = Paper(
    key="kunstner2025zipf",
    title="Scaling Laws for Gradient Descent and Sign Descent for Linear Bigram Models under Zipf's Law",
    authors="Frederik Kunstner, Francis Bach",
    year=2025,
    arxiv="2505.19227",
    figures=(
        reductions.FIGURE,
        gradient_law.FIGURE,
        iterations.FIGURE,
        bounds.FIGURE,
        sign_law.FIGURE,
        sign_model.FIGURE,
        cross_entropy.FIGURE,
        real_text.FIGURE,
    ),
    notes=NOTES,
    advice={"vocabulary: size": ("text-gd-slope",)},
)
