"""How many updates gradient descent and sign descent need on data with these class frequencies, by theory."""

from __future__ import annotations

from steepest.diagnose.spectrum import Spectrum
from steepest.theory.bigram import gd_updates, sign_updates, sorted_law
from steepest.theory.predict import Row
from steepest.theory.predict import predict as predict_updates

MOST_CLASSES = 2**20
EPSILON = 0.1


def predictions(spectrum: Spectrum) -> list[Row]:
    """Return the updates in both models of `steepest.theory.predict`, from the million most frequent classes.

    Where all classes are equally frequent nothing lags behind, and there are no rows.
    """
    if len(spectrum.sizes) == 1:
        return []
    return list(predict_updates(spectrum.head(MOST_CLASSES)).rows)


def predicted_ratio(spectrum: Spectrum) -> float | None:
    """Return how many times longer gradient descent takes than sign descent to 10 % of the loss in the bigram model.

    >>> predicted_ratio(Spectrum.of([5, 5, 5]))
    1.0
    """
    pi = sorted_law(spectrum.head(MOST_CLASSES))
    return Row("bigram", EPSILON, gd_updates(pi, EPSILON), sign_updates(pi, EPSILON)).ratio
