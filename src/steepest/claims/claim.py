"""Claims: a statement, the quantity that tests it, and two thresholds written before its runs.

    @measure("Γ")
    def gap(results, plan, worse, better): ...            # one number for each seed

    Claim("fig4-gap", gap("linear", "GD-m", "Adam-m").at_least(0.15, fails=0.05)).says("Adam ends below GD")

The symbol is the measure's, place and kind are the figure's unless a claim has its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec

import numpy as np

from steepest.errors import UsageError

Kind = Literal["paper", "erratum", "ours"]
P = ParamSpec("P")


@dataclass(frozen=True)
class Measured:
    """What a measure found.

    Attributes:
        values: one number per seed; a single number where nothing is random.
        runs: ids of the runs that the numbers come from.
        exact: nothing is random, one number suffices.
        evidence: the parts of the number, for the ledger ("GD 3.20, Adam 0.18").
    """

    values: Sequence[float]
    runs: Sequence[str]
    exact: bool = False
    evidence: str = ""


@dataclass(frozen=True)
class Criterion:
    """A measure with its two thresholds."""

    measure: Measure
    holds: float
    fails: float

    def __post_init__(self) -> None:
        """Refuse what no number could contradict."""
        if not isinstance(self.measure, Measure):
            raise UsageError(f"Criterion.measure = {self.measure!r}: give a measure")
        if self.holds == self.fails or not (math.isfinite(self.holds) and math.isfinite(self.fails)):
            raise _cannot_fail(self.measure, self.holds, self.fails)


@dataclass(frozen=True)
class Measure:
    """A quantity: its symbol, and how it is read from the results of a figure.

    Attributes:
        symbol: what the ledger calls it, such as "Γ"; empty where the claim's sentence says it.
        function: (results, *arguments, **options) → `Measured`; raises `Undecided` or `NotRun`.
        arguments: further arguments of the function.
        options: its keyword arguments.
    """

    symbol: str
    function: Callable[..., Measured]
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, results: Any) -> Measured:
        """Return what is found in the results of a figure."""
        return self.function(results, *self.arguments, **self.options)

    def named(self, symbol: str) -> Measure:
        """Return the same quantity under another symbol."""
        return replace(self, symbol=symbol)

    def absolute(self) -> Measure:
        """Return the absolute value of the quantity, seed by seed."""
        return absolute_value(self).named(f"|{self.symbol}|" if self.symbol else "")

    def at_least(self, holds: float, *, fails: float) -> Criterion:
        """Return the criterion that the quantity is `holds` or more; at `fails` or less the claim is contradicted.

        Raises:
            ValueError: `fails` is not below `holds`, or a threshold is not finite, so that no result could contradict the claim.
        """
        return self._test(holds, fails, fails < holds)

    def at_most(self, holds: float, *, fails: float) -> Criterion:
        """Return the criterion that the quantity is `holds` or less; at `fails` or more the claim is contradicted.

        Raises:
            ValueError: `fails` is not above `holds`, or a threshold is not finite, so that no result could contradict the claim.
        """
        return self._test(holds, fails, holds < fails)

    def _test(self, holds: float, fails: float, can_fail: bool) -> Criterion:
        if not can_fail:
            raise _cannot_fail(self, holds, fails)
        return Criterion(self, holds, fails)


def _cannot_fail(of: Measure, holds: float, fails: float) -> ValueError:
    name = of.symbol or of.function.__name__
    return ValueError(
        f"a claim on {name} cannot fail: it holds at {holds} and fails at {fails}; give two finite thresholds, "
        "`fails` below `holds` in at_least, above it in at_most"
    )


def measure(symbol: str = "") -> Callable[[Callable[Concatenate[Any, P], Measured]], Callable[P, Measure]]:
    """Decorate a function of results and other arguments: called with the other arguments, it returns a `Measure`.

    Args:
        symbol: what the ledger calls the quantity, such as "Γ".

    >>> @measure("2x")
    ... def double(results, name):
    ...     return Measured([2 * results[name]], [])
    >>> double("x").symbol, double("x")({"x": 3.0}).values
    ('2x', [6.0])
    """

    def decorate(function: Callable[Concatenate[Any, P], Measured]) -> Callable[P, Measure]:
        @wraps(function)
        def of(*arguments: P.args, **options: P.kwargs) -> Measure:
            return Measure(symbol, function, arguments, options)

        return of

    return decorate


@measure()
def absolute_value(results: Any, of: Measure) -> Measured:
    """Return |q|, seed by seed."""
    found = of(results)
    return Measured(np.abs(found.values).tolist(), found.runs, found.exact, found.evidence)


@dataclass(frozen=True)
class Claim:
    """A testable statement.

    Attributes:
        id: short name, unique in its paper.
        criterion: the quantity with its two thresholds: supported at `holds` or beyond, contradicted at `fails` or beyond,
            on the other side.
        where: the place in the paper; empty: the figure's place.
        kind: of the paper, an erratum of it, or a statement of ours; None: the figure's kind.
        statement: the claim in our words.
    """

    id: str
    criterion: Criterion
    where: str = ""
    kind: Kind | None = None
    statement: str = ""

    def __post_init__(self) -> None:
        """Refuse a measure without thresholds."""
        if not isinstance(self.criterion, Criterion):
            raise UsageError(f"claim {self.id} has no thresholds; give a measure's .at_least() or .at_most()")

    def says(self, statement: str) -> Claim:
        """Return the claim with its statement."""
        return replace(self, statement=statement)

    @property
    def sentence(self) -> str:
        """Return the statement with the symbol of its quantity."""
        symbol = self.criterion.measure.symbol
        return f"{self.statement}: {symbol}" if symbol else self.statement

    @property
    def measure(self) -> Measure:
        """Return the quantity."""
        return self.criterion.measure

    @property
    def holds(self) -> float:
        """Return the threshold at or beyond which the claim is supported."""
        return self.criterion.holds

    @property
    def fails(self) -> float:
        """Return the threshold at or beyond which, on the other side, the claim is contradicted."""
        return self.criterion.fails


def placed(where: str, *claims: Claim, kind: Kind | None = None) -> tuple[Claim, ...]:
    """Return claims with a place and a kind where they have none of their own."""
    return tuple(replace(claim, where=claim.where or where, kind=claim.kind or kind) for claim in claims)
