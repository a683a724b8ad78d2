"""Kunstner and Bach (2025), arXiv 2505.19227: scaling laws of gradient descent and sign descent under Zipf's law."""

from __future__ import annotations

from steepest.claims.paper import Paper

PAPER = Paper(
    key="kunstner2025zipf",
    title="Scaling Laws for Gradient Descent and Sign Descent for Linear Bigram Models under Zipf's Law",
    authors="Frederik Kunstner, Francis Bach",
    year=2025,
    arxiv="2505.19227",
    package=__name__,
    modules={
        "reductions": "reductions",
        "gradient-law": "gradient_law",
        "iterations": "iterations",
        "bounds": "bounds",
        "sign-law": "sign_law",
        "sign-model": "sign_model",
        "cross-entropy": "cross_entropy",
        "real-text": "real_text",
    },
    advice={"vocabulary: size": ("text-gd-slope",)},
)
