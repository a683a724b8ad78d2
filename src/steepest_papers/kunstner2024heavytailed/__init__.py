"""Kunstner, Yadav, Milligan, Schmidt, Bietti (2024), arXiv 2402.19449: heavy-tailed class imbalance and why Adam wins."""

from __future__ import annotations

from steepest.claims.paper import Paper

PAPER = Paper(
    key="kunstner2024heavytailed",
    title="Heavy-Tailed Class Imbalance and Why Adam Outperforms Gradient Descent on Language Models",
    authors="Frederik Kunstner, Robin Yadav, Alan Milligan, Mark Schmidt, Alberto Bietti",
    year=2024,
    arxiv="2402.19449",
    package=__name__,
    modules={
        "fig6": "fig6_quadratic",
        "theory": "theory",
        "fig7": "fig7_curvature",
        "curvature": "appendix_curvature",
        "fig4": "fig4_linear",
        "alternatives": "appendix_alternatives",
        "reweighting": "appendix_reweighting",
        "l2": "appendix_l2",
        "inputs": "appendix_inputs",
        "horizons": "appendix_horizons",
        "rates": "appendix_rates",
        "tokens": "appendix_tokens",
        "fig5": "fig5_last_layer",
        "horizon": "horizon_law",
        "fig1": "fig1_language_model",
        "fig1-classes": "fig1_classes",
        "ptb": "appendix_transformers:MINI_BATCH",
        "deterministic": "appendix_transformers:FULL_BATCH",
        "reweighting-text": "appendix_reweighting_text",
        "fig2": "fig2_barcoded",
        "barcoded-only": "appendix_barcoded:ALONE",
        "barcoded-long": "appendix_barcoded:LONGER",
        "reweighting-digits": "appendix_reweighting_digits",
        "fig3": "fig3_many_classes",
        "vit": "appendix_vision_transformer",
        "fashion": "appendix_fashion",
        "reweighting-images": "appendix_reweighting_images",
        "fig4-larger": "fig4_larger",
        "table1": "table1",
    },
)
