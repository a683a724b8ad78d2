"""Appendix, ours: Fashion-MNIST with a long tail. Are ten classes enough for a gap?

Gradient descent learns class k in a time ∝ 1/π_k (Theorem 3). With n_k = n_1/k and ten classes 1/π_10 = 10 H_10 = 29, so that
the 320 updates of Figure 3 are T π_10 = 11 in units of 1/π_c, where 200 classes have 0.2. There should hardly be a gap.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from steepest.claims.claim import Claim
from steepest.claims.measures import behind, gap, rarest
from steepest.claims.paper import Figure
from steepest.data.fashion import Fashion
from steepest.data.images import ImageSet, Imbalance
from steepest_papers.kunstner2024heavytailed.many_classes import RESNET18, SHOWN, ResNetSizes, drawings, plans

CLASSES, HARMONIC = 10, 2.929  # H_10


class FashionSizes(ResNetSizes):
    """Sizes of the experiment with ten classes in five groups.

    Args:
        source: `fashion`, Fashion-MNIST, a download of 31 MB; a folder with its four idx files; or `glyphs`, ten rendered
            characters that need no download.
        held_out: test images of each class.
    """

    groups: ClassVar[int] = 5

    classes: Annotated[int, Field(ge=CLASSES, le=CLASSES)] = CLASSES
    images: Annotated[int, Field(ge=100, le=17_500)] = 4_000
    size: int = 14
    source: Annotated[str, Field(min_length=1)] = "fashion"
    held_out: Annotated[int, Field(ge=1, le=1_000)] = 100

    def data(self, imbalance: Imbalance) -> ImageSet:
        """Return about n images, balanced or with n_k = ⌊n_1/k⌋."""
        if self.source == "glyphs":
            return super().data(imbalance)
        fields: dict[str, Any] = {"size": self.size, "imbalance": imbalance, "held_out_per_class": self.held_out}
        largest = self.total / (HARMONIC if imbalance == "zipf" else CLASSES)
        return Fashion(source="deb" if self.source == "fashion" else self.source, largest=round(largest), **fields)


CLAIMS = (
    Claim("fashion-uniform", gap("uniform", *SHOWN).absolute().at_most(0.05, fails=0.15)).says(
        "Balanced Fashion-MNIST: SGD ends where Adam does, both with momentum"
    ),
    Claim("fashion-gap", gap("zipf", *SHOWN).absolute().at_most(0.05, fails=0.15)).says(
        "Ten classes with n_k ∝ 1/k are too few for a gap, both with momentum"
    ),
    Claim("fashion-sgd-rare", rarest("zipf", "SGD+m").at_least(0.5, fails=0.15)).says(
        "Ten classes with n_k ∝ 1/k: SGD with momentum learns the rarest fifth"
    ),
    Claim("fashion-sgd-lag", behind("zipf", "SGD+m").at_most(0.1, fails=0.3)).says(
        "Ten classes with n_k ∝ 1/k: under SGD with momentum the rarest fifth does not lag behind the mean"
    ),
)

FIGURE = Figure(
    id="fashion",
    title="Fashion-MNIST, balanced and with a long tail",
    statement=(
        "A statement of ours, from the theory: with ten classes even the rarest is frequent enough for gradient descent, so "
        "that a long tail of ten classes makes hardly any gap."
    ),
    scales={
        "smoke": FashionSizes(source="glyphs", images=200, widths=(8,), blocks=(1,), per_update=50, steps=8),
        "laptop": FashionSizes(),
        "paper": FashionSizes(images=17_500, size=28, per_update=125, held_out=1_000, stem="small", **RESNET18),
    },
    plans=plans,
    claims=CLAIMS,
    draw=drawings("fashion", "Balanced"),
    rule=(
        "n, T, batch and network are those of Figure 3, at half the size of the published images; the largest scale has all "
        "images and as many epochs. Five groups, since the most frequent class alone holds a third of the images."
    ),
    where="Beyond the paper, Fashion-MNIST",
    kind="ours",
)
