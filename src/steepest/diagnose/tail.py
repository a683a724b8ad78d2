"""The exponent of the tail, by maximum likelihood, with its goodness of fit.

A class has n_k samples. If n_(r) ∝ r^−a, where n_(r) is the count of the r-th most frequent class, then class sizes follow

    p(n) ∝ n^−α   for n ≥ n_min,   α = 1 + 1/a

and Zipf's law, a = 1, is α = 2. The fit is that of Clauset, Shalizi and Newman (2009), *Power-law distributions in empirical
data*, Sections 3 and 5, by the library powerlaw (Alstott, Bullmore and Plenz 2014).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from steepest.data.frequency import tail_exponent
from steepest.diagnose.spectrum import Ints, Spectrum

MOST_CLASSES = 100_000
FEWEST_CLASSES, FEWEST_SIZES = 10, 5
STEEPEST = 2.99  # the library searches α up to 3; a fit that ends there has not found one
RELIABLE = 50  # classes above n_min that Clauset et al. ask for
LEVEL = 0.95


@dataclass(frozen=True)
class TailFit:
    """A power law fitted to class sizes.

    Attributes:
        alpha: α of p(n) ∝ n^−α.
        standard_error: of α; asymptotic, with n_min taken as given.
        n_min: the size from which the law is fitted; the one with the smallest distance.
        classes: number of classes of that size or more.
        distance: Kolmogorov–Smirnov distance of the sizes from the law.
        log_ratio: log likelihood of the power law minus that of a log-normal on the same sizes; above 0 favours the power law.
        p_value: of the sign of `log_ratio` (Vuong 1989); above 0.1 the data do not tell the two apart.
    """

    alpha: float
    standard_error: float
    n_min: int
    classes: int
    distance: float
    log_ratio: float
    p_value: float

    @property
    def interval(self) -> tuple[float, float]:
        """Return the asymptotic 95 % interval of α, α ± 1.96 (α − 1)/√classes to leading order."""
        half = float(ndtri(0.5 + LEVEL / 2)) * self.standard_error
        return self.alpha - half, self.alpha + half

    @property
    def rank_exponent(self) -> float:
        """Return the exponent of the ranks, a = 1/(α − 1)."""
        return 1 / (self.alpha - 1)

    @property
    def rank_interval(self) -> tuple[float, float]:
        """Return the interval of a that belongs to that of α; unbounded above where α may be 1."""
        low, high = self.interval
        return 1 / (high - 1), 1 / (low - 1) if low > 1 else float("inf")

    @property
    def reliable(self) -> bool:
        """Return whether there are the 50 classes above n_min that Clauset et al. ask for."""
        return self.classes >= RELIABLE

    @property
    def better_law(self) -> str:
        """Return which of the two laws describes the sizes better."""
        if self.p_value > 0.1:
            return "a power law and a log-normal fit equally well"
        return "a power law fits better than a log-normal" if self.log_ratio > 0 else "a log-normal fits better"


def fit_tail(spectrum: Spectrum) -> TailFit | None:
    """Fit a power law to the sizes of the classes, those of the 100,000 most frequent ones.

    A size that only some of those classes have is left out with all its classes, so that the cut is one of size.

    Returns:
        The fit, or None where there is no heavy tail to fit: fewer than 10 classes, fewer than 5 different sizes, or
        sizes that fall off faster than α = 3 allows.
    """
    counts = _largest(spectrum)
    if len(counts) < FEWEST_CLASSES or len(np.unique(counts)) < FEWEST_SIZES:
        return None
    import powerlaw

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of sizes n_min that are tried and dropped
        fit = powerlaw.Fit(counts, discrete=True, verbose=0)
        law = fit.power_law
        log_ratio, p_value = fit.distribution_compare("power_law", "lognormal")
        numbers = float(law.alpha), float(law.standard_err), float(law.D), float(log_ratio), float(p_value)
    if not np.isfinite(numbers[:3]).all() or not 1 < numbers[0] < STEEPEST:
        return None
    alpha, error, distance, log_ratio, p_value = numbers
    above = int((counts >= fit.xmin).sum())
    return TailFit(alpha, error, int(fit.xmin), above, distance, log_ratio, p_value)


def _largest(spectrum: Spectrum) -> Ints:
    whole = int(np.searchsorted(np.cumsum(spectrum.classes), MOST_CLASSES, side="right"))
    return np.repeat(spectrum.sizes[:whole], spectrum.classes[:whole])


def rank_slope(spectrum: Spectrum) -> float | None:
    """Return a of n_(r) ∝ r^−a by least squares on the ranks 1 … 10,000; None for a single class."""
    return tail_exponent(spectrum.head(10_000)) if spectrum.num_classes > 1 else None
