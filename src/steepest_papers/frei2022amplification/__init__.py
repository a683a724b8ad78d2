"""Frei, Chatterji, Bartlett (2022), arXiv 2202.07626: gradient descent amplifies random features on XOR clusters."""

from __future__ import annotations

from steepest.claims.paper import Paper

PAPER = Paper(
    key="frei2022amplification",
    title="Random Feature Amplification: Feature Learning and Generalization in Neural Networks",
    authors="Spencer Frei, Niladri S. Chatterji, Peter L. Bartlett",
    year=2022,
    arxiv="2202.07626",
    package=__name__,
    modules={
        "drift": "early_drift",
        "amplification": "amplification",
        "classifiers": "classifiers",
        "lazy": "lazy",
        "noise": "label_noise",
        "signs": "signs",
    },
)
