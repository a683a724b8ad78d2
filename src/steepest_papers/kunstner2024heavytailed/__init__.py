"""Kunstner, Yadav, Milligan, Schmidt, Bietti (2024), arXiv 2402.19449: heavy-tailed class imbalance and why Adam wins."""

from __future__ import annotations

from steepest.paper import Paper
from steepest_papers.kunstner2024heavytailed import (
    appendix_alternatives,
    appendix_curvature,
    fig4_larger,
    fig4_linear,
    fig5_last_layer,
    fig6_quadratic,
    fig7_curvature,
    theory,
)

PAPER = Paper(
    key="kunstner2024heavytailed",
    title="Heavy-Tailed Class Imbalance and Why Adam Outperforms Gradient Descent on Language Models",
    authors="Frederik Kunstner, Robin Yadav, Alan Milligan, Mark Schmidt, Alberto Bietti",
    year=2024,
    arxiv="2402.19449",
    figures=(
        fig6_quadratic.FIGURE,
        theory.FIGURE,
        fig7_curvature.FIGURE,
        appendix_curvature.FIGURE,
        fig4_linear.FIGURE,
        appendix_alternatives.FIGURE,
        fig5_last_layer.FIGURE,
        fig4_larger.FIGURE,
    ),
)
