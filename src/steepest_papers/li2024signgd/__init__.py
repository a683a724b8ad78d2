"""Li, Huang, Han, Zhou, Suzuki, Zhu, Chen (2024), arXiv 2410.04870: two-layer transformers with sign gradient descent."""

from __future__ import annotations

from steepest.claims.paper import Paper

PAPER = Paper(
    key="li2024signgd",
    title="On the Optimization and Generalization of Two-layer Transformers with Sign Gradient Descent",
    authors="B. Li, W. Huang, A. Han, Z. Zhou, T. Suzuki, J. Zhu, J. Chen",
    year=2024,
    arxiv="2410.04870",
    package=__name__,
    modules={"stages": "stages", "rates": "rates", "noise": "noise", "digits": "digits"},
)
