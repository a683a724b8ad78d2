"""What to do about a tail, each piece of advice with its reason and the claims of the ledger that it rests on.

Advice follows from one number, how many times longer gradient descent takes than sign descent to 10 % of the loss in the
bigram model (`steepest.diagnose.prediction`): 4 or more is a heavy tail, less than 1.5 none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from steepest.diagnose.spectrum import Spectrum
from steepest.diagnose.summary import Summary

Tail = Literal["heavy", "moderate", "none"]
HEAVY, MODERATE = 4.0, 1.5
FEW_SAMPLES = 10
LARGE_BATCH = 1024
A, B = "kunstner2024heavytailed", "kunstner2025zipf"


class Claim(NamedTuple):
    """A claim of the ledger: `PAPER/FIGURE` and its id."""

    figure: str
    id: str


@dataclass(frozen=True)
class Advice:
    """What to do.

    Attributes:
        topic: optimizer, weighting, vocabulary or batch size.
        says: what to do.
        because: why, in numbers of this data.
        claims: the claims it rests on.
    """

    topic: str
    says: str
    because: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Case:
    """What advice is given on.

    Attributes:
        spectrum: of the data.
        summary: of the data.
        vocabularies: summaries of sub-word vocabularies, the smallest first; empty for labels and ids.
    """

    spectrum: Spectrum
    summary: Summary
    vocabularies: Sequence[Summary]

    @property
    def tail(self) -> Tail:
        """Return how heavy the tail is, for training."""
        return heaviness(self.summary.ratio)


def heaviness(ratio: float | None) -> Tail:
    """Return how heavy a tail with this predicted ratio is; gradient descent that never gets there is heavy.

    >>> heaviness(13.5), heaviness(2), heaviness(1)
    ('heavy', 'moderate', 'none')
    """
    if ratio is None or ratio >= HEAVY:
        return "heavy"
    return "moderate" if ratio >= MODERATE else "none"


def advise(case: Case) -> list[Advice]:
    """Return the advice on optimizer, weighting, vocabulary and batch size."""
    return [_optimizer(case), _weighting(case), _vocabulary(case), _batch(case)]


OPTIMIZER: Mapping[Tail, tuple[str, tuple[Claim, ...]]] = {
    "heavy": (
        "Use Adam, or sign descent with momentum. SGD would learn the frequent classes and leave the rare ones.",
        (
            Claim(f"{A}/fig4-larger", "larger-gap-momentum"),
            Claim(f"{A}/deterministic", "deterministic-gap"),
            Claim(f"{A}/fig1", "fig1-gap"),
            Claim(f"{A}/fig5", "fig5-sign-adam"),
        ),
    ),
    "moderate": (
        "Adam is the safe choice; SGD with a tuned rate and momentum loses little.",
        (Claim(f"{A}/fig1-classes", "classes-gap"), Claim(f"{A}/fig1", "fig1-gap")),
    ),
    "none": (
        "SGD with momentum will do: nothing in these frequencies asks for Adam.",
        (
            Claim(f"{A}/fashion", "fashion-gap"),
            Claim(f"{A}/fig3", "fig3-uniform"),
            Claim(f"{A}/fig2", "fig2-balanced"),
        ),
    ),
}


def _optimizer(case: Case) -> Advice:
    says, claims = OPTIMIZER[case.tail]
    because = (
        f"To 10 % of the loss, gradient descent is predicted to take {ratio_text(case.summary.ratio)} as many updates as "
        "sign descent in the bigram model."
    )
    return Advice("optimizer", says, because, claims)


def _weighting(case: Case) -> Advice:
    where = f"{A}/reweighting-text" if case.summary.kind != "labels" else f"{A}/reweighting-images"
    prefix = "rew-text" if case.summary.kind != "labels" else "rew-images"
    range_ = int(case.spectrum.sizes[0]) / int(case.spectrum.sizes[-1])
    if case.tail == "none":
        says = "Leave the loss unweighted."
        because = f"Few classes, or frequencies that are alike, do not need it; 1/π_k would span 1 … {range_:,.0f}."
        return Advice("weighting", says, because, (Claim(f"{A}/theory", "reweighting-inverse"),))
    says = "With Adam leave the loss unweighted. If it has to be SGD, weigh class k by 1/√π_k rather than 1/π_k."
    because = (
        f"1/π_k would span 1 … {range_:,.0f}, so that single samples of rare classes rule the step; 1/√π_k 1 … "
        f"{range_**0.5:,.0f}."
    )
    return Advice("weighting", says, because, (Claim(where, f"{prefix}-root"), Claim(where, f"{prefix}-safer")))


def _vocabulary(case: Case) -> Advice:
    grows = (Claim(f"{A}/fig1-classes", "classes-gap"), Claim(f"{B}/real-text", "text-gd-slope"))
    if case.summary.kind == "labels":
        return _classes(case, (Claim(f"{A}/theory", "zipf-gradient-time"),))
    if len(case.vocabularies) < 2:
        return _classes(case, grows)
    small, large = case.vocabularies[0], case.vocabularies[-1]
    says = "Take the smallest vocabulary whose longer sequences you can afford: its tail is lighter."
    because = (
        f"The predicted ratio is {ratio_text(small.ratio)} with {small.name} and {ratio_text(large.ratio)} with {large.name}, "
        f"for {small.samples / large.samples:.2f} times as many tokens; every size keeps a tail."
    )
    return Advice("vocabulary", says, because, (*grows, Claim(f"{A}/tokens", "tokens-exponent")))


def _classes(case: Case, claims: tuple[Claim, ...]) -> Advice:
    rare = case.spectrum.sizes < FEW_SAMPLES
    classes = int(case.spectrum.classes[rare].sum())
    if not classes:
        says = "Keep the classes as they are."
        because = f"Each has at least {int(case.spectrum.sizes[-1]):,} samples."
        return Advice("vocabulary", says, because, claims)
    samples = int(case.spectrum.classes[rare] @ case.spectrum.sizes[rare])
    share = samples / case.summary.samples
    says = f"Merge or drop the {classes:,} classes with fewer than {FEW_SAMPLES} samples, if the task allows it."
    because = f"They are {classes / case.summary.classes:.0%} of the classes and hold {share:.2%} of the samples."
    return Advice("vocabulary", says, because, claims)


def _batch(case: Case) -> Advice:
    rarest = case.summary.samples / int(case.spectrum.sizes[-1])
    if case.tail == "none" and rarest <= LARGE_BATCH:
        says = f"Any: a batch of {LARGE_BATCH:,} holds samples of every class."
        because = f"The rarest class comes up once in {rarest:,.0f} samples."
        return Advice("batch size", says, because, (Claim(f"{A}/fashion", "fashion-gap"),))
    groups = case.spectrum.groups()
    needed = case.summary.samples / (int(groups.samples[-1]) / int(groups.classes[-1]))
    says = (
        "A larger batch does not replace Adam: the gap is there in full batch too. Choose the size by cost and noise."
    )
    because = f"A class of the rarest tenth of the samples comes up once in {needed:,.0f} samples on average."
    return Advice(
        "batch size",
        says,
        because,
        (Claim(f"{A}/deterministic", "deterministic-gap"), Claim(f"{A}/horizon", "horizon-gd")),
    )


def ratio_text(ratio: float | None) -> str:
    """Return a ratio as people say it.

    >>> ratio_text(13.46), ratio_text(1.0), ratio_text(None)
    ('13 times', '1.0 times', 'more than a million times')
    """
    if ratio is None:
        return "more than a million times"
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.1f} times"
