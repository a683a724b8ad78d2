"""Appendix: Figure 3 with a vision transformer."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from steepest.claims.paper import Figure
from steepest.problems.image_models import ViT
from steepest.runs.method import Method
from steepest.runs.sweep import Grid
from steepest_papers.kunstner2024heavytailed.language import SGD, three_decades
from steepest_papers.kunstner2024heavytailed.many_classes import (
    IMAGENET_SIZES,
    RULE,
    ManyClasses,
    claims,
    drawings,
    plans,
)
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M

GPT2_WIDTH = 768


class ViTSizes(ManyClasses):
    """Sizes with a vision transformer. Grids start from the paper's rates for GPT-2, as those of Figure 1 do.

    Args:
        patch: side of a patch.
        width: D.
        depth: blocks.
        heads: attention heads.
    """

    patch: Annotated[int, Field(ge=1)] = 5
    width: Annotated[int, Field(ge=1)] = 32
    depth: Annotated[int, Field(ge=1)] = 2
    heads: Annotated[int, Field(ge=1)] = 2

    @property
    def model(self) -> ViT:
        """Return the network."""
        return ViT(patch=self.patch, width=self.width, depth=self.depth, heads=self.heads)

    @property
    def optimizers(self) -> dict[Method, Grid]:
        """Return the three decades around 10^-2, and around 10^-4.5 moved by 768/D."""
        return {SGD: three_decades(-2.0, self.width), ADAM_M: three_decades(-4.5, self.width, GPT2_WIDTH)}


FIGURE = Figure(
    id="vit",
    title="Vision transformer on images of many classes, uniform and heavy-tailed",
    statement="A vision transformer shows what the residual network shows: no gap on balanced classes, a gap on π_k ∝ 1/k.",
    scales={
        "smoke": ViTSizes(classes=20, size=12, patch=6, width=8, depth=1, per_update=100, steps=8),
        "laptop": ViTSizes(),
        "paper": ViTSizes(
            patch=16, width=384, depth=12, heads=6, precision="bfloat16", device="cuda", **IMAGENET_SIZES
        ),
    },
    plans=plans,
    claims=claims("vit", "Appendix, vision transformers", "Vision transformer"),
    draw=drawings("vit"),
    rule=f"{RULE} Adam's move by 1/width, as in Figure 1. At the paper's scale the model is ViT-S/16, which is assumed.",
)
