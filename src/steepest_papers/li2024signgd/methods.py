"""The optimizers, the single rates at which the comparison was formed, and how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steepest.claims.figures import COLOURS
from steepest.optim import Adam, GradientDescent, SignDescent
from steepest.runs.method import Method
from steepest.runs.sweep import Grid, decades

SIGN = Method(SignDescent, "Sign")
SIGNUM = Method(SignDescent, "Signum", momentum=0.9, order="signum")
ADAM = Method(Adam, "Adam", betas=(0.9, 0.999))
ADAM_NO_MOMENTUM = Method(Adam, "Adam (0, 0.999)", betas=(0.0, 0.999))
ADAM_NO_MEMORY = Method(Adam, "Adam (0.9, 0)", betas=(0.9, 0.0))
ADAM_AS_SIGN = Method(Adam, "Adam (0, 0), ε → 0", betas=(0.0, 0.0), eps=1e-30)
GD = Method(GradientDescent, "GD")
GD_MOMENTUM = Method(GradientDescent, "GD+m", momentum=0.9)

MAIN = (SIGN, ADAM, GD)
ALL = (SIGN, SIGNUM, ADAM, ADAM_NO_MOMENTUM, ADAM_NO_MEMORY, GD, GD_MOMENTUM)
RATES = {SIGN: 1e-3, ADAM: 1e-3, GD: 0.3}

STYLES: Mapping[Method, Mapping[str, Any]] = {
    SIGN: {"color": COLOURS["Sign"]},
    SIGNUM: {"color": COLOURS["Signum"]},
    ADAM: {"color": COLOURS["Adam"]},
    ADAM_NO_MOMENTUM: {"color": COLOURS["Adam"], "linestyle": "--"},
    ADAM_NO_MEMORY: {"color": COLOURS["AdamW"], "linestyle": "-."},
    GD: {"color": COLOURS["GD"], "linestyle": "--"},
    GD_MOMENTUM: {"color": COLOURS["GD"]},
}


def grid(method: Method) -> Grid:
    """Return eight decades of rates, the same number for every optimizer, with those of `RATES` inside.

    >>> grid(GD).exponents, grid(ADAM).exponents
    ((-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0), (-5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0))
    """
    return decades(-3, 4) if method.optimizer is GradientDescent else decades(-5, 2)
