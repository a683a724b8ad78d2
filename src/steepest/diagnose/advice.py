"""What to do about a tail: each piece of advice with its reason and the topics on which papers register claims.

Advice follows from one number, how many times longer gradient descent takes than sign descent to 10 % of the loss in the
bigram model (`steepest.theory.predict`): 4 or more is a heavy tail, less than 1.5 none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from steepest.diagnose.spectrum import Spectrum
from steepest.diagnose.summary import Summary

Tail = Literal["heavy", "moderate", "none"]
HEAVY, MODERATE = 4.0, 1.5
FEW_SAMPLES = 10
LARGE_BATCH = 1024
TOPICS = (  # that a paper may name in `Paper.advice`
    "optimizer: heavy tail",
    "optimizer: moderate tail",
    "optimizer: no tail",
    "weighting: text",
    "weighting: labels",
    "weighting: no tail",
    "vocabulary: size",
    "vocabulary: byte pairs",
    "vocabulary: labels",
    "batch size: tail",
    "batch size: no tail",
)


@dataclass(frozen=True)
class Advice:
    """What to do.

    Attributes:
        topics: some of `TOPICS`; the claims that papers register on them support or contradict the advice.
        says: what to do.
        because: why, in numbers of this data.
    """

    topics: tuple[str, ...]
    says: str
    because: str

    @property
    def topic(self) -> str:
        """Return what it is about: optimizer, weighting, vocabulary or batch size."""
        return self.topics[0].partition(":")[0]


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


OPTIMIZER: Mapping[Tail, str] = {
    "heavy": "Use Adam, or sign descent with momentum. SGD would learn the frequent classes and leave the rare ones.",
    "moderate": "Adam is the safe choice; SGD with a tuned rate and momentum loses little.",
    "none": "SGD with momentum will do: nothing in these frequencies needs Adam.",
}


def _optimizer(case: Case) -> Advice:
    because = (
        f"To 10 % of the loss, gradient descent is predicted to take {ratio_text(case.summary.ratio)} as many updates as "
        "sign descent in the bigram model."
    )
    topic = f"optimizer: {'no' if case.tail == 'none' else case.tail} tail"
    return Advice((topic,), OPTIMIZER[case.tail], because)


def _weighting(case: Case) -> Advice:
    range_ = int(case.spectrum.sizes[0]) / int(case.spectrum.sizes[-1])
    if case.tail == "none":
        because = f"Few classes, or frequencies that are alike, do not need it; 1/π_k would span 1 … {range_:,.0f}."
        return Advice(("weighting: no tail",), "Leave the loss unweighted.", because)
    says = "With Adam leave the loss unweighted. If it has to be SGD, weigh class k by 1/√π_k rather than 1/π_k."
    because = (
        f"1/π_k would span 1 … {range_:,.0f}, so that single samples of rare classes dominate the step; 1/√π_k 1 … "
        f"{range_**0.5:,.0f}."
    )
    return Advice((f"weighting: {'labels' if case.summary.kind == 'labels' else 'text'}",), says, because)


def _vocabulary(case: Case) -> Advice:
    if case.summary.kind == "labels" or len(case.vocabularies) < 2:
        return _classes(case)
    small, large = case.vocabularies[0], case.vocabularies[-1]
    says = "Take the smallest vocabulary whose longer sequences you can afford: its tail is lighter."
    because = (
        f"The predicted ratio is {ratio_text(small.ratio)} with {small.name} and {ratio_text(large.ratio)} with {large.name}, "
        f"for {small.samples / large.samples:.2f} times as many tokens; every size keeps a tail."
    )
    return Advice(("vocabulary: size", "vocabulary: byte pairs"), says, because)


def _classes(case: Case) -> Advice:
    topics = ("vocabulary: labels" if case.summary.kind == "labels" else "vocabulary: size",)
    rare = case.spectrum.sizes < FEW_SAMPLES
    classes = int(case.spectrum.classes[rare].sum())
    if not classes:
        because = f"Each has at least {int(case.spectrum.sizes[-1]):,} samples."
        return Advice(topics, "Keep the classes as they are.", because)
    samples = int(case.spectrum.classes[rare] @ case.spectrum.sizes[rare])
    share = samples / case.summary.samples
    says = f"Merge or drop the {classes:,} classes with fewer than {FEW_SAMPLES} samples, if the task allows it."
    because = f"They are {classes / case.summary.classes:.0%} of the classes and hold {share:.2%} of the samples."
    return Advice(topics, says, because)


def _batch(case: Case) -> Advice:
    rarest = case.summary.samples / int(case.spectrum.sizes[-1])
    if case.tail == "none" and rarest <= LARGE_BATCH:
        says = f"Any: a batch of {LARGE_BATCH:,} holds samples of every class."
        return Advice(("batch size: no tail",), says, f"The rarest class comes up once in {rarest:,.0f} samples.")
    groups = case.spectrum.groups()
    needed = case.summary.samples / (int(groups.samples[-1]) / int(groups.classes[-1]))
    says = (
        "A larger batch does not replace Adam: the gap is there in full batch too. Choose the size by cost and noise."
    )
    because = f"A class of the rarest tenth of the samples comes up once in {needed:,.0f} samples on average."
    return Advice(("batch size: tail",), says, because)


def ratio_text(ratio: float | None) -> str:
    """Return a ratio in words.

    >>> ratio_text(13.46), ratio_text(1.0), ratio_text(None)
    ('13 times', '1.0 times', 'more than a million times')
    """
    if ratio is None:
        return "more than a million times"
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.1f} times"
