"""Feature learning: neurons that start as random features are amplified towards the clusters and ignore flipped labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steepest.claims.claim import Claim
from steepest.claims.paper import Figure
from steepest.runs.store import Run
from steepest.runs.sweep import Plan
from steepest_papers.frei2022amplification import measures
from steepest_papers.frei2022amplification.amplification_drawing import draw
from steepest_papers.frei2022amplification.measures import over_seeds, predicted
from steepest_papers.frei2022amplification.sizes import RULE, SMOKE, STEPS, TIMES, ClusterSizes, descents

SPECIFIED_A10, TOLERANCE = 56.0, 6.0  # the middle and half-width of [50, 62]


def plans(sizes: ClusterSizes) -> dict[str, Plan]:
    """Return the runs."""
    return {"network": descents(sizes.problem(), sizes.lr, sizes.seeds)}


def largest_clean_error(run: Run) -> float:
    """Return the largest clean test error at t ≥ 5."""
    return max(predicted(run, "clean_error", t) for t in TIMES if t >= 5)


def history(runs: Sequence[Run]) -> str:
    """Return A(t) at some times, mean over seeds."""
    A = {t: np.mean([measures.amplification(run, t) for run in runs]) for t in (1, 2, 5, 10, 50, STEPS)}
    return "A(t): " + ", ".join(f"{value:.3g} at {t}" for t, value in A.items())


def agreement(run: Run) -> float:
    """Return the share of the plane through μ₁, μ₂ where sign f agrees with the XOR rule sign(|u| − |v|)."""
    u, v, value = (run.column(name, "plane") for name in ("u", "v", "value"))
    rule = abs(u) - abs(v)
    decided = rule != 0
    return float(((value * rule) > 0)[decided].mean())


CLAIMS = (
    Claim(
        "amp-random-features", over_seeds("network", lambda run: measures.cosine(run, 0)).at_most(0.1, fails=0.3)
    ).says("At initialisation almost all neurons are weakly correlated with the useful directions: median cos_good"),
    Claim(
        "amp-good",
        "derived here",
        "Gradient descent amplifies the good direction, A(10) within [50, 62]: |A(10) − 56|",
        over_seeds("network", lambda run: abs(measures.amplification(run, 10) - SPECIFIED_A10), history),
        holds=TOLERANCE,
        fails=2 * TOLERANCE,
        kind="ours",
    ),
    Claim(
        "amp-bad",
        over_seeds("network", lambda run: measures.bad_amplification(run, 10)).at_most(1.5, fails=3.0),
        where="derived here",
        kind="ours",
    ).says("It does not amplify the bad direction: A_bad(10)"),
    Claim("amp-captured", over_seeds("network", lambda run: measures.captured(run, 10)).at_least(0.99, fails=0.9)).says(
        "Random features become useful ones: share of neurons with cos_good > 0.7 at t = 10"
    ),
    Claim("amp-clean", over_seeds("network", largest_clean_error).at_most(0.005, fails=0.05)).says(
        "The network learns the clusters: largest clean test error at t ≥ 5"
    ),
    Claim(
        "amp-noisy",
        over_seeds(
            "network", lambda run: abs(predicted(run, "noisy_error") - run.spec["problem"]["flip_rate"])
        ).at_most(0.02, fails=0.04),
    ).says("Its error is close to the noise rate: |noisy test error − η| at t = 400"),
    Claim(
        "amp-ignores",
        over_seeds("network", lambda run: predicted(run, "memorised")).at_most(0.01, fails=0.1),
        where="derived here",
        kind="ours",
    ).says("It ignores the flips: share of the flipped training points that are memorised at t = 400"),
    Claim(
        "amp-overfitting",
        over_seeds("network", lambda run: measures.cosine(run, 50) - measures.cosine(run, STEPS)).at_least(
            0.02, fails=0.0
        ),
        where="derived here",
        kind="ours",
    ).says("Alignment is best early, then noise directions are fitted: median cos_good at t = 50 minus t = 400"),
    Claim(
        "amp-quadrants", over_seeds("network", agreement).at_least(0.95, fails=0.8), where="derived here", kind="ours"
    ).says("The decision function on the plane of the means is XOR by quadrant: share of the plane that agrees"),
)

FIGURE = Figure(
    id="amplification",
    title="Random features are amplified into cluster directions",
    statement=(
        "At initialisation almost all neurons of a two-layer ReLU network are random features, weakly correlated with "
        "the directions that separate the clusters. Gradient descent amplifies these weak correlations, and the network "
        "reaches an error close to the rate of label noise."
    ),
    scales={"smoke": SMOKE, "quick": ClusterSizes(), "laptop": ClusterSizes()},
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    rule=RULE,
    where="abstract",
)
