"""Appendix: Figure 4 at 150, 200 and 500 of the paper's 1000 updates, each with rates selected there, linear model."""

from __future__ import annotations

from steepest.claims.claim import Claim, Measure
from steepest.claims.drawings import grid_of_cases, overall_by_case
from steepest.claims.measures import gap, largest, order, rarest, smallest
from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.sweep import Plan
from steepest_papers.kunstner2024heavytailed.linear import RULE, LinearSizes, horizon, linear_sweep
from steepest_papers.kunstner2024heavytailed.optimizers import ADAGRAD, MAIN, RESCALED_M

SHARES = (0.15, 0.2, 0.5)
SHORT = tuple(f"share-{share:g}" for share in SHARES)


class HorizonSizes(LinearSizes):
    """Sizes of the linear experiment, whose T is shortened."""

    def summary(self) -> str:
        """Return the sizes and the shorter horizons."""
        times = " ".join(str(shorter(self.m, share)) for share in SHARES)
        return f"{super().summary()}; stopped at {times}"


def shorter(m: int, share: float) -> int:
    """Return a share of T(m), rounded.

    >>> [shorter(11, share) for share in SHARES], [shorter(7, share) for share in SHARES]
    ([150, 200, 500], [9, 12, 31])
    """
    return max(1, round(share * horizon(m)))


def plans(sizes: HorizonSizes) -> dict[str, Plan]:
    """Return the sweep of ten optimizers at each horizon."""
    sweep = linear_sweep(sizes, (*MAIN, ADAGRAD, RESCALED_M))
    return {name: sweep.changed(steps=shorter(sizes.m, share)) for name, share in zip(SHORT, SHARES, strict=True)}


def smallest_gap(worse: str, *better: str) -> Measure:
    """Return the smallest Γ over the three horizons, and over several methods that should be better."""
    return smallest(*(gap(plan, worse, other) for plan in SHORT for other in better)).named("smallest Γ")


def by_level(results: Results) -> Drawing:
    """Return the loss by level of GD and Adam at each horizon."""
    return grid_of_cases(horizons(results), ("GD-m", "Adam-m", "GD+m", "Adam+m"))(results)


def mean_loss(results: Results) -> Drawing:
    """Return the mean loss of all optimizers at each horizon."""
    return overall_by_case(horizons(results))(results)


def horizons(results: Results) -> dict[str, str]:
    """Return the plans by what their panels are called."""
    return {f"T = {results.sweep(name).sweep.steps}": name for name in SHORT}


FIGURE = Figure(
    id="horizons",
    title="Linear model stopped earlier, ten optimizers",
    statement="The picture of Figure 4 does not depend on when one looks: it is there after 15 %, 20 % and 50 % of the updates.",
    scales={"smoke": HorizonSizes(m=4), "laptop": HorizonSizes(m=7), "paper": HorizonSizes(m=11)},
    plans=plans,
    claims=(
        Claim("hor-gap", smallest_gap("GD-m", "Adam-m").at_least(0.15, fails=0.05)).says(
            "At each horizon Adam ends below GD, both without momentum"
        ),
        Claim("hor-gap-momentum", smallest_gap("GD+m", "Adam+m").at_least(0.15, fails=0.05)).says(
            "At each horizon Adam ends below GD, both with momentum"
        ),
        Claim("hor-direction", smallest_gap("NormGD-m", "Adam-m", "Sign-m", "AdaGrad").at_least(0.15, fails=0.05)).says(
            "At each horizon Adam, sign descent and AdaGrad end below normalised GD, all without momentum"
        ),
        Claim("hor-rare", largest(*(rarest(plan, "GD-m") for plan in SHORT)).at_most(0.15, fails=0.5)).says(
            "At each horizon GD without momentum makes little progress on the rarest level: largest ρ_G"
        ),
        Claim("hor-order", smallest(*(order(plan, "GD-m") for plan in SHORT)).at_least(0.8, fails=0.3)).says(
            "At each horizon the loss under GD without momentum grows with rarity: smallest τ of level and loss"
        ),
    ),
    draw={"horizons": by_level, "horizons-all": mean_loss},
    rule=f"{RULE} The horizons are the paper's shares of T(m).",
    where="Appendix, shorter horizons",
)
