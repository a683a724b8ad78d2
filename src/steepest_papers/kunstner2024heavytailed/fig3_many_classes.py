"""Figure 3: a residual network on images of many classes, equally frequent or π_k ∝ 1/k."""

from __future__ import annotations

from steepest.claims.paper import Figure
from steepest_papers.kunstner2024heavytailed.many_classes import (
    IMAGENET_SIZES,
    RESNET18,
    RULE,
    ResNetSizes,
    plans,
)
from steepest_papers.kunstner2024heavytailed.many_classes_claims import claims
from steepest_papers.kunstner2024heavytailed.many_classes_drawing import drawer

TITLES = {"uniform": "Uniform: images of a class", "zipf": "π ∝ 1/k: images of a class"}

FIGURE = Figure(
    id="fig3",
    title="ResNet on images of many classes, uniform and heavy-tailed",
    statement=(
        "With equally frequent classes SGD and Adam train a residual network alike. When the classes follow π_k ∝ 1/k, SGD is "
        "slow on the rare ones and Adam is not: the gap is not about language."
    ),
    scales={
        "smoke": ResNetSizes(classes=20, size=12, widths=(8,), blocks=(1,), per_update=100, steps=8),
        "laptop": ResNetSizes(),
        "paper": ResNetSizes(stem="imagenet", **RESNET18, **IMAGENET_SIZES),
    },
    plans=plans,
    claims=claims("fig3", "Figure 3", "ResNet"),
    draw=drawer("fig3", TITLES),
    rule=RULE,
)
