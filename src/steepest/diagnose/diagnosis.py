"""A diagnosis: the numbers of a data set, and how they are computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from steepest.diagnose.advice import Advice, Case, advise, heaviness, ratio_text
from steepest.diagnose.counting import ExecutorName, Total, count
from steepest.diagnose.inputs import Input, open_input
from steepest.diagnose.spectrum import Groups, Spectrum
from steepest.diagnose.summary import Summary, references
from steepest.diagnose.tail import TailFit, fit_tail
from steepest.diagnose.tokenization import Tokenization, tokenization
from steepest.diagnose.vocabularies import counts_by_size
from steepest.errors import DataError, UsageError
from steepest.theory.predict import MOST_CLASSES, Row, predict

SIZES = (512, 1_024, 2_048, 4_096, 8_192, 16_384)
WORDS = "words"


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The numbers of a data set, and what to do.

    Attributes:
        source: where the classes come from, in a line.
        spectrum: how many classes have how many samples.
        summary: the numbers by which it is compared.
        top: the most frequent classes with their counts.
        tail: the fitted power law; None where there is no heavy tail.
        groups: ten frequency groups.
        vocabularies: byte-pair vocabularies of several sizes on the same text; empty for labels and ids.
        sampled: how many characters those were trained on and counted in.
        predictions: updates that gradient descent and sign descent need in two models; empty where all classes are alike.
        advice: what to do.
        bytes: how much was read.
        skipped: samples that were left out, by reason.
    """

    source: str
    spectrum: Spectrum
    summary: Summary
    top: list[tuple[str, int]]
    tail: TailFit | None
    groups: Groups
    vocabularies: list[Summary]
    sampled: int
    predictions: list[Row]
    advice: list[Advice]
    bytes: int
    skipped: Counter[str]

    @property
    def headline(self) -> str:
        """Return in a sentence how heavy the tail is."""
        ratio = ratio_text(self.summary.ratio)
        match heaviness(self.summary.ratio):
            case "heavy":
                return f"The tail is heavy: gradient descent is predicted to take {ratio} as long as sign descent."
            case "moderate":
                return f"The tail is moderate: gradient descent is predicted to take {ratio} as long as sign descent."
        return "There is no tail that would slow gradient descent down."

    @property
    def group_rows(self) -> list[tuple[int, int]]:
        """Return classes and samples of each frequency group."""
        return list(zip(self.groups.classes.tolist(), self.groups.samples.tolist(), strict=True))

    @property
    def ranking(self) -> list[Summary]:
        """Return the reference corpora and this one, the lightest tail first by the predicted ratio."""
        return sorted([*references(), self.summary], key=lambda row: (row.ratio is None, row.ratio or 0.0))

    def as_json(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        tail = None if self.tail is None else asdict(self.tail) | {"interval": self.tail.interval}
        return {
            "source": self.source,
            **self.summary.as_json(),
            "top": self.top,
            "tail": tail,
            "groups": {"classes": self.groups.classes.tolist(), "samples": self.groups.samples.tolist()},
            "vocabularies": [row.as_json() for row in self.vocabularies],
            "sampled_characters": self.sampled,
            "predictions": [asdict(row) | {"ratio": row.ratio} for row in self.predictions],
            "advice": [{"topic": row.topic} | asdict(row) for row in self.advice],
            "bytes": self.bytes,
            "skipped": dict(self.skipped),
        }


def diagnose(
    target: str,
    column: str | None = None,
    tokenizer: str | None = None,
    *,
    dtype: str = "uint16",
    sizes: Sequence[int] = SIZES,
    jobs: int = 1,
    executor: ExecutorName = "local",
) -> Diagnosis:
    """Diagnose a file, a folder, data by name or a dataset of the hub.

    Args:
        target: path or name.
        column: of a table; `text`, else `label` if None.
        tokenizer: `words`, `whitespace`, `gpt2`, `bpe:SIZE` or a tokenizer.json; text is counted in words if None.
        dtype: of the ids in `.bin` files.
        sizes: byte-pair vocabularies to compare on text.
        jobs: worker processes.
        executor: `local`, or `ray`.

    Raises:
        UsageError: an unknown column, tokenizer or type.
        DataError: what cannot be read, or holds fewer than two classes.
    """
    source = open_input(target, column, as_text=tokenizer is not None, dtype=dtype)
    how = chosen(source, tokenizer)
    *_, total = count(source, how, jobs, executor)
    return examined(source, how, total, sizes)


def chosen(source: Input, tokenizer: str | None) -> Tokenization | None:
    """Return how an input's text becomes classes; None for labels and ids.

    Raises:
        UsageError: a tokenizer for ids, or an unknown one.
    """
    if source.kind == "text":
        return tokenization(tokenizer or WORDS, source.sample)
    if tokenizer is not None:
        raise UsageError(f"--tokenizer {tokenizer}: {source.name} holds {source.kind} already; leave the option out")
    return None


def tail_of(source: Input, total: Total) -> tuple[Spectrum, list[tuple[str, int]]]:
    """Return the spectrum of an input that was counted, and its most frequent classes.

    Raises:
        DataError: fewer than two classes.
    """
    spectrum, top = total.result()
    if spectrum.num_classes < 2:
        classes = f"a single class, {top[0][0]!r}" if top else "no classes"
        left_out = ", ".join(f"{number:,} {reason}" for reason, number in total.skipped.items())
        raise DataError(
            f"{source.name} has {classes}{f' ({left_out} skipped)' * bool(left_out)}; a tail needs two or more"
        )
    return spectrum, top


def examined(source: Input, how: Tokenization | None, total: Total, sizes: Sequence[int] = SIZES) -> Diagnosis:
    """Return the diagnosis of an input that was counted.

    Raises:
        DataError: fewer than two classes.
    """
    spectrum, top = tail_of(source, total)
    unit = source.kind if how is None else how.name
    summary = Summary.of(f"{source.name}, {unit}", source.kind, spectrum)
    texts = source.sample() if how is not None and sizes else []
    vocabularies = [
        Summary.of(f"BPE {size:,}", "text", Spectrum.of(counts)) for size, counts in counts_by_size(texts, sizes)
    ]
    return Diagnosis(
        source=f"{source.how}, {'' if how is None else 'cut into '}{unit}",
        spectrum=spectrum,
        summary=summary,
        top=[(how.strings[int(name)], size) if how and how.strings else (name, size) for name, size in top],
        tail=fit_tail(spectrum),
        groups=spectrum.groups(),
        vocabularies=vocabularies,
        sampled=sum(map(len, texts)),
        predictions=list(predict(spectrum.head(MOST_CLASSES)).rows) if len(spectrum.sizes) > 1 else [],
        advice=advise(Case(spectrum, summary, vocabularies)),
        bytes=total.bytes,
        skipped=+total.skipped,
    )
