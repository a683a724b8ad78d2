"""Appendix: the gap under L2 regularisation, mean loss + λ/2 ‖w‖², linear model.

The paper's λ are unknown; ours follow from the size at which λ forbids to fit a single sample (derived by us). Where the
gradient is zero, w_k = Σ_i (1[y_i=k] − p_k(x_i)) x_i/(nλ), so the direction that only sample i has, x_i − x̄ of squared length
about d/12, raises its own logit by at most d/(12nλ). To leave the initial loss log c it must gain about log c:

    λ_c = d / (12 n log c)

The grid is λ_c/100, λ_c/10, λ_c, 10 λ_c. Classes that are frequent can still be favoured by x̄ at the largest.
"""

from __future__ import annotations

import math

from steepest.claims.claim import Claim
from steepest.claims.drawings import ends_by_case, grid_of_cases
from steepest.claims.measures import difference, gap, rarest
from steepest.claims.paper import Figure
from steepest.data.synthetic import HeavyTailedLabels
from steepest.runs.sweep import Plan
from steepest_papers.kunstner2024heavytailed.linear import RULE, LinearSizes, linear_sweep
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M, GD_M

PLANS = {factor: f"l2-{factor:g}" for factor in (0.0, 0.01, 0.1, 1.0, 10.0)}  # by λ/λ_c
TITLES = {rf"${factor:g}\,\lambda_c$" if factor else "0": plan for factor, plan in PLANS.items()}
LABELS = ("GD+m", "Adam+m")
GAP_SMALL, GAP_LARGE = (gap(PLANS[factor], *LABELS) for factor in (0.01, 10.0))


def critical(data: HeavyTailedLabels) -> float:
    """Return λ_c = d/(12 n log c).

    >>> round(critical(HeavyTailedLabels(m=7)), 4), round(critical(HeavyTailedLabels(m=11)), 4)
    (0.0197, 0.0119)
    """
    return data.num_features / (12 * data.num_samples * math.log(data.num_classes))


class PenaltySizes(LinearSizes):
    """Sizes of the linear experiment, and λ_c that follows from them."""

    def summary(self) -> str:
        """Return the sizes and λ_c."""
        return f"{super().summary()}, λ_c={critical(HeavyTailedLabels(m=self.m)):.3g}"


def plans(sizes: PenaltySizes) -> dict[str, Plan]:
    """Return one sweep of GD and Adam with momentum for each λ; the runs at λ = 0 are those of Figure 4."""
    sweep, unit = linear_sweep(sizes, (GD_M, ADAM_M)), critical(HeavyTailedLabels(m=sizes.m))
    return {name: sweep.changed(l2=factor * unit) for factor, name in PLANS.items()}


FIGURE = Figure(
    id="l2",
    title="Linear model with L2 regularisation",
    statement=(
        "With a small penalty the gap between gradient descent and Adam remains. It fades as the penalty grows, because the "
        "rare classes can then not be fitted by any optimizer."
    ),
    scales={"smoke": PenaltySizes(m=4), "laptop": PenaltySizes(m=7), "paper": PenaltySizes(m=11)},
    plans=plans,
    claims=(
        Claim(
            "l2-small", GAP_SMALL.named("Γ of the unpenalised loss, both with momentum").at_least(0.15, fails=0.05)
        ).says("At the smallest λ the gap remains"),
        Claim("l2-large", GAP_LARGE.named("Γ, both with momentum").at_most(0.05, fails=0.15)).says(
            "At the largest λ there is no gap"
        ),
        Claim("l2-fades", difference(GAP_SMALL, GAP_LARGE).at_least(0.1, fails=0.0)).says(
            "The gap fades as λ grows: Γ at the smallest λ minus Γ at the largest"
        ),
        Claim("l2-large-rare", rarest(PLANS[10.0], "Adam+m").at_most(0.15, fails=0.5)).says(
            "At the largest λ Adam cannot fit the rarest level either"
        ),
    ),
    draw={
        "l2": ends_by_case(TITLES, LABELS, axis="λ"),
        "l2-groups": grid_of_cases({f"λ = {title}": plan for title, plan in TITLES.items()}, LABELS),
    },
    rule=(
        f"{RULE} The paper's λ are unknown. Ours are λ_c/100 … 10 λ_c with λ_c = d/(12 n log c), above which the penalty "
        "forbids to fit a single sample."
    ),
    where="Appendix, L2 regularisation",
)
