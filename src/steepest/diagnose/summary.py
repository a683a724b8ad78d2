"""A data set in a row of numbers: the diagnosed one, a vocabulary of it, or a reference corpus."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from steepest.diagnose.spectrum import Spectrum
from steepest.diagnose.tail import rank_slope
from steepest.theory.predict import MOST_CLASSES, predicted_ratio

POINTS = 60


@dataclass(frozen=True)
class Summary:
    """The numbers by which data sets are compared.

    Attributes:
        name: of the data and of what its classes are.
        kind: text or labels.
        samples: n.
        classes: c, those that occur.
        hapaxes: classes that occur once.
        largest: share of the samples in the most frequent class.
        rarest_half: share of the samples in the rarest half of the classes.
        exponent: a of n_(r) ∝ r^−a by least squares on the ranks 1 … 10,000; None for a single class.
        ratio: predicted updates of gradient descent over those of sign descent, to 10 % of the excess loss.
        ranks: 60 ranks, evenly spaced in logarithm.
        shares: the share of the samples in the class at each of them.
    """

    name: str
    kind: str
    samples: int
    classes: int
    hapaxes: int
    largest: float
    rarest_half: float
    exponent: float | None
    ratio: float | None
    ranks: tuple[int, ...]
    shares: tuple[float, ...]

    @classmethod
    def of(cls, name: str, kind: str, spectrum: Spectrum) -> Summary:
        """Return the summary of a spectrum."""
        ranks = np.unique(np.rint(np.geomspace(1, spectrum.num_classes, POINTS)).astype(np.int64))
        return cls(
            name=name,
            kind=kind,
            samples=spectrum.num_samples,
            classes=spectrum.num_classes,
            hapaxes=spectrum.hapaxes,
            largest=spectrum.largest_share,
            rarest_half=spectrum.share_of_rarest(),
            exponent=rank_slope(spectrum),
            ratio=predicted_ratio(spectrum.head(MOST_CLASSES)),
            ranks=tuple(ranks.tolist()),
            shares=tuple((spectrum.at_ranks(ranks) / spectrum.num_samples).tolist()),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the numbers, floats to six digits."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


@cache
def references() -> tuple[Summary, ...]:
    """Return the reference corpora: summaries of their counts, made by `benchmarks/make_reference.py`."""
    rows = json.loads(files("steepest.diagnose").joinpath("reference.json").read_text(encoding="utf-8"))
    return tuple(Summary(**row | {"ranks": tuple(row["ranks"]), "shares": tuple(row["shares"])}) for row in rows)
