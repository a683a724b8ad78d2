"""Figure 3: a residual network on images of many classes, equally frequent or π_k ∝ 1/k."""

from __future__ import annotations

from steepest.claims.paper import Figure
from steepest_papers.kunstner2024heavytailed.many_classes import RESNET, RULE, claims, drawings, plans

FIGURE = Figure(
    id="fig3",
    title="ResNet on images of many classes, uniform and heavy-tailed",
    statement=(
        "With equally frequent classes SGD and Adam train a residual network alike. When the classes follow π_k ∝ 1/k, SGD is "
        "slow on the rare ones and Adam is not: the gap is not about language."
    ),
    scales=RESNET,
    plans=plans,
    claims=claims("fig3", "Figure 3", "ResNet"),
    draw=drawings("fig3"),
    rule=RULE,
)
