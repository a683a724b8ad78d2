"""The paper's optimizers by the names used in its figures, and learning-rate grids at reduced sizes.

The paper selected its rates for d = 24 576 inputs (m = 11). A step of size α changes a logit by about α·d^p, where p says
how the method's step meets d inputs of mean ½ (derived by us):

    GD       Δz = α π_k ‖x̄‖²            ∝ α d        p = 1
    Adam, Sign, AdaGrad   Δz = α ‖x̄‖₁    ∝ α d        p = 1
    NormGD   Δz = α ‖x̄‖₂                 ∝ α √d       p = ½
    RescaledSign  Δz = α ‖g‖₁ ‖x̄‖₁       ∝ α d²       p = 2

so the rates with the paper's effect at d inputs are 10^e · (24 576/d)^p. A grid is the five decades around that rate; the
sweep extends it where its best lies at an edge. Every optimizer gets as many rates, by the same rule.
"""

from __future__ import annotations

import math

from steepest.optim import (
    AdaGrad,
    Adam,
    GradientDescent,
    LineSearchGD,
    NormalizedGD,
    RescaledSignDescent,
    SignDescent,
)
from steepest.runs.method import Method
from steepest.runs.sweep import Grid, decades, untuned

GD = Method(GradientDescent, "GD-m")
GD_M = Method(GradientDescent, "GD+m", momentum=0.9)
ADAM = Method(Adam, "Adam-m", betas=(0.0, 0.999))
ADAM_M = Method(Adam, "Adam+m", betas=(0.9, 0.999))
NORM = Method(NormalizedGD, "NormGD-m")
NORM_M = Method(NormalizedGD, "NormGD+m", momentum=0.9)
SIGN = Method(SignDescent, "Sign-m")
SIGN_M = Method(SignDescent, "Sign+m", momentum=0.9)
ADAGRAD = Method(AdaGrad, "AdaGrad")
RESCALED = Method(RescaledSignDescent, "RescaledSign-m")
RESCALED_M = Method(RescaledSignDescent, "RescaledSign+m", momentum=0.9)
LINE_SEARCH = Method(LineSearchGD, "LineSearch")

MAIN = (GD, GD_M, ADAM, ADAM_M, NORM, NORM_M, SIGN, SIGN_M)
GD_AND_ADAM = (GD, GD_M, ADAM, ADAM_M)
APPENDIX = (ADAGRAD, RESCALED, RESCALED_M, LINE_SEARCH)

PAPER_DIMENSION = 24_576
# Exponents selected in the paper for the linear model at m = 11, and p of the rule above.
LINEAR_RATES: dict[Method, tuple[float, float]] = {
    GD: (-2.5, 1),
    GD_M: (-3.0, 1),
    ADAM: (-4.0, 1),
    ADAM_M: (-3.5, 1),
    NORM: (-1.0, 0.5),
    NORM_M: (-1.5, 0.5),
    SIGN: (-5.0, 1),
    SIGN_M: (-5.0, 1),
    ADAGRAD: (-3.5, 1),
    RESCALED: (-8.0, 2),
    RESCALED_M: (-8.0, 2),
}
# Exponents selected in the paper for the frozen transformer's last layer (width 1200).
LAST_LAYER_RATES: dict[Method, float] = {
    GD: -1.0,
    GD_M: -1.5,
    ADAM: -3.0,
    ADAM_M: -2.5,
    NORM: -1.0,
    NORM_M: -2.0,
    SIGN: -4.0,
    SIGN_M: -3.5,
}


def linear_grid(method: Method, dimension: int) -> Grid:
    """Return the five decades around the paper's rate for the linear model, moved to `dimension` inputs."""
    if method == LINE_SEARCH:
        return untuned(1.0)
    exponent, power = LINEAR_RATES[method]
    return around(exponent + power * math.log10(PAPER_DIMENSION / dimension))


def around(exponent: float) -> Grid:
    """Return the grid of the five whole decades centred next to `exponent`.

    >>> around(-2.6).exponents
    (-5.0, -4.0, -3.0, -2.0, -1.0)
    """
    centre = round(exponent)
    return decades(centre - 2, centre + 2)


def renamed(method: Method, label: str) -> Method:
    """Return the same method under another name, such as SGD for gradient descent on mini-batches."""
    return Method(method.optimizer, label, **method.options)
