"""Section 3, Appendices H and I: Proposition 2, Theorem 3, Lemmas 4–7, the Zipf argument, and their errata. Exact.

The claims are on numbers that `theory_moments` and `theory_flows` calculate. We know the wording of Section 3 and Appendices
H and I (arXiv v2) through a public formalisation of them in Lean; what an erratum calls "printed" rests on it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from steepest.claims.claim import Claim, placed
from steepest.claims.measures import fact
from steepest.claims.paper import Figure, Settings
from steepest.runs.spec import Calculation
from steepest.runs.sweep import Calculations, Plan
from steepest_papers.kunstner2024heavytailed import theory_flows as flows
from steepest_papers.kunstner2024heavytailed import theory_moments as moments
from steepest_papers.kunstner2024heavytailed.theory_drawing import draw

SEEDS = (0, 1, 2)
FEATURES, PROBABILITY = 4, 0.5
EQ1, EQ2 = "Proposition 2, eq. (1)", "Proposition 2, eq. (2)"


class TheorySizes(Settings):
    """Sizes of the calculations.

    Args:
        classes: c of the flows that are integrated on the full c×c matrix.
        levels: largest m, c = 2^m − 1, at which autograd is held against Proposition 2.
        vocabulary: largest c of the time that each flow needs under Zipf's law.
    """

    classes: Annotated[int, Field(ge=2, le=1_000)] = 30
    levels: Annotated[int, Field(ge=4, le=10)] = 7
    vocabulary: Annotated[int, Field(ge=100)] = 10_000


def plans(sizes: TheorySizes) -> dict[str, Plan]:
    """Return the calculations by name; those with random inputs once per seed."""
    assumed, c = {"features": FEATURES, "p": PROBABILITY}, {"classes": sizes.classes}
    seeded = {
        "initial": Calculation(moments.initial_derivatives, {"m": sizes.levels - 1, "features": FEATURES}),
        "assigned": Calculation(moments.assigned_derivatives, {"levels": sizes.levels} | assumed),
        "ratio": Calculation(moments.gradient_to_trace, {"m": 14} | assumed),
    }
    once = {
        "counterexamples": Calculation(moments.counterexamples, {"classes": 1000, "p": PROBABILITY}),
        "gradient flow": Calculation(flows.gradient_flow, c),
        "rates": Calculation(flows.gradient_rates),
        "sign flow": Calculation(flows.sign_flow, c),
        "printed sign rate": Calculation(flows.printed_sign_rate, {"classes": 5, "time": 3.0}),
        "other flows": Calculation(flows.other_flows, {"classes": 10}),
        "times": Calculation(flows.times_to_fractions, {"largest": sizes.vocabulary}),
        "prefixes": Calculation(moments.zipf_prefixes),
        "stable step": Calculation(moments.stable_step, {"classes": 50}),
        "class count": Calculation(moments.class_count, {"m": 11}),
    }
    return {
        **{k: Calculations(tuple(Calculation(x.function, x.options, s) for s in SEEDS)) for k, x in seeded.items()},
        **{k: Calculations((x,)) for k, x in once.items()},
    }


PROPOSITION_2 = (
    *placed(
        EQ1,
        Claim("prop2-initial-gradient", fact("initial", "gradient_error").at_most(1e-6, fails=1e-2)).says(
            "At W = 0 the gradient depends on class frequency, ∇_k = x̄/c − π_k x̄_k: relative error against autograd"
        ),
        Claim("prop2-initial-hessian", fact("initial", "hessian_error").at_most(1e-6, fails=1e-2)).says(
            "At W = 0 the Hessian does not, ∇²_kk = (1/c)(1−1/c) H̄ for every k: relative error against autograd"
        ),
    ),
    *placed(
        EQ2,
        Claim(
            "prop2-assigned-gradient",
            fact("assigned", "gradient_exponent", "{gradient_exponent:.3f}").at_most(-0.9, fails=-0.5),
        ).says("Under Assumption 1, ∇_k = −(1−p) π_k x̄_k + O(1/c): exponent of the error in c"),
        Claim(
            "prop2-assigned-hessian",
            fact("assigned", "hessian_exponent", "{hessian_exponent:.3f}").at_most(-0.9, fails=-0.5),
        ).says("Under Assumption 1, ∇²_kk = p(1−p) π_k H̄_k + O(1/c): exponent of the error in c"),
        Claim(
            "prop2-ratio", fact("ratio", "deviation", "{deviation:.4f} at c π_k = {c_pi:.0f}").at_most(0.02, fails=0.2)
        ).says(
            "Gradient and Hessian trace are proportional, g_k/h_k → ‖x̄_k‖/(p Tr H̄_k) as c π_k → ∞: relative deviation"
        ),
        Claim("prop2-bounds", fact("assigned", "share_of_bound").at_most(1.0, fails=1.01), kind="ours").says(
            "The errors are at most qB and qB², q the probability of a wrong class, |x| ≤ B: largest share of a bound"
        ),
    ),
)

THEOREM_3 = placed(
    "Theorem 3",
    Claim("thm3-gradient-limit", fact("rates", "limit_error").at_most(1e-3, fails=0.1)).says(
        "Under gradient flow ℓ_k = Θ(1/(π_k t)), with constant 1 − 1/c: largest |ℓ_k π_k t − (1 − 1/c)| at π_k t = 10⁷"
    ),
    Claim(
        "thm3-gradient-slope-time",
        fact("rates", "slope_in_time_error", "slope {least_slope_in_time:.5f}").at_most(0.01, fails=0.1),
    ).says("Under gradient flow ℓ_k falls as 1/t: deviation from −1 of the log–log slope in t"),
    Claim(
        "thm3-gradient-slope-frequency",
        fact("rates", "slope_in_frequency_error", "slope {least_slope_in_frequency:.5f}").at_most(0.01, fails=0.1),
    ).says("Under gradient flow ℓ_k falls as 1/π_k at a fixed time: deviation from −1 of the log–log slope in π_k"),
    Claim("thm3-gradient-collapse", fact("gradient flow", "collapse_error").at_most(1e-7, fails=1e-3)).says(
        "Under gradient flow frequency only rescales time: largest distance of two classes' ODE curves over π_k t"
    ),
    Claim(
        "thm3-sign-slope",
        fact("sign flow", "exponent_spread", "κ = {exponent:.4f} for every class").at_most(1e-6, fails=0.1),
    ).says(
        "Under sign descent ℓ_k = Θ(e^{−κt}) with κ independent of π_k: spread of the fitted exponents over classes"
    ),
    Claim("thm3-sign-invariance", fact("sign flow", "differing_entries").at_most(0, fails=1)).says(
        "Sign descent does not see the frequencies: entries of W with any bit changed under three other laws"
    ),
    Claim("lemma4-two-scalars", fact("gradient flow", "spread_off_diagonal").at_most(1e-8, fails=1e-3), "Lemma 4").says(
        "Each column of W keeps two values, a_k on the diagonal and b_k off it: spread off the diagonal in the ODE"
    ),
    Claim(
        "lemma5-closed-form",
        fact("gradient flow", "loss_error", "Wright's and Lambert's forms differ by {lambert_difference:.0e}").at_most(
            1e-8, fails=1e-3
        ),
        "Lemma 5",
    ).says("The margin has a closed form by Lambert's W: largest error of the loss against the ODE on the full matrix"),
    Claim("lemma6-bounds", fact("rates", "outside_of_bounds").at_most(0, fails=1), "Lemma 6").says(
        "(c−1)/(2c π_k t) ≤ ℓ_k ≤ (c−1)/(π_k t) for π_k t ≥ 1: number of violations in 800 points up to 10⁸"
    ),
    Claim("lemma7-margin", fact("sign flow", "margin_error").at_most(1e-9, fails=1e-3), "Lemma 7").says(
        "Under sign descent a_k = t and b_k = −t for every class: largest error of the margin 2t"
    ),
)

APPENDIX_H = placed(
    "Appendix H",
    Claim(
        "apph-share",
        fact(
            "prefixes",
            "share_huge",
            "slow: {share_small:.2f} at c = 10³, {share_large:.2f} at 10⁶, {share_huge:.2f} at 10³⁰⁰",
        ).at_least(0.95, fails=0.5),
    ).says("If π_k ∝ 1/k, the share of samples of the c/log²c most frequent classes tends to 1: share at c = 10³⁰⁰"),
    Claim(
        "apph-frequency",
        fact("prefixes", "growth", "least c π_k = {least_large:.2f} at c = 10⁶").at_least(1.5, fails=1.1),
    ).says("For those classes c π_k → ∞: growth of the least c π_k from c = 10³ to 10⁶"),
)

ERRATA = placed(
    "",
    Claim(
        "erratum-gradient-sign",
        fact("initial", "cosine_with_print").at_most(-0.999, fails=0.0),
        "Section 3.2, eq. (4), and Proposition 2",
    ).says("Printed: ∇_{w_k} ℓ = (1[y=k] − p_k) x, the sign reversed: cosine of autograd and the printed one at W = 0"),
    Claim(
        "erratum-class-count",
        fact("class count", "surplus", "printed {printed}, built {built}").at_least(1, fails=0),
        "Section 2 and Appendix A.2",
    ).says("Printed: 2^(m+1) − 1 classes. The construction has 2^m − 1: classes printed in excess at m = 11"),
    Claim(
        "erratum-sign-exponent",
        fact("printed sign rate", "ratio", "simulated {simulated:.6f}, printed {printed:.2e}").at_least(
            100, fails=1.01
        ),
        "Lemma 7",
    ).says(
        "Printed: ℓ_k = log(1 + (c−1) e^{−ct}). The margin is 2t, not ct: simulated over printed loss at c = 5, t = 3"
    ),
    Claim(
        "erratum-stable-step",
        fact("stable step", "step_times_weight").at_least(1.99, fails=1.01),
        "Section 3.1",
    ).says(
        "Printed: GD on the quadratic is unstable above 1/π_1. It is stable to 2/π_1: α π_1 at the largest stable step"
    ),
    Claim(
        "erratum-conditions",
        fact(
            "counterexamples",
            "smallest",
            "x̄_k = 0: {zero_class_mean:.2f}; unbounded: {unbounded_input:.2f}; p → 1: {p_to_1:.2f}; "
            "p → 0: {p_to_0:.2f}; all conditions met: {all_conditions:.3f}",
        ).at_least(0.3, fails=0.05),
        EQ2,
    ).says(
        "Needed, not printed: bounded inputs, x̄_k ≠ 0, p away from 0 and 1. Without one of them the leading term stays "
        "wrong: smallest relative error of four counterexamples at c = 1000"
    ),
    Claim(
        "erratum-prefix",
        fact("prefixes", "printed_growth", "least c π_k = {printed_least_large:.2f} at c = 10⁶").at_most(
            1.1, fails=1.5
        ),
        "Appendix H",
    ).says(
        "Printed in the sum: the c/log c most frequent classes. c/log²c is needed, as c π_k stays bounded at c/log c: "
        "growth of the least c π_k from c = 10³ to 10⁶"
    ),
    Claim("erratum-prefix-bound", fact("prefixes", "largest_over_log").at_most(1.0, fails=1.01), "Appendix H").says(
        "Printed: c π_k ≥ log c on the prefix. At its end it stays just below: largest c π_k / log c for c up to 10³⁰⁰"
    ),
    Claim(
        "erratum-lemma6-sign", fact("gradient flow", "diagonal_over_off_diagonal").at_most(-0.999, fails=0.0), "Lemma 6"
    ).says("Printed: a = (c−1) b. A minus is missing, the entries of a column sum to zero: a/((c−1) b) in the ODE"),
    kind="erratum",
)

OURS = placed(
    "after Theorem 3",
    Claim("sign-closed-form", fact("sign flow", "loss_error").at_most(1e-6, fails=1e-3), "Lemma 7, corrected").says(
        "Under sign descent ℓ_k = log(1 + (c−1) e^{−2t}) for every class: largest error against descent on the matrix"
    ),
    Claim(
        "zipf-gradient-time",
        fact(
            "times", "gradient_exponent", "exponent {gradient_exponent:.3f}, time {gradient_last:.4g} at the largest c"
        ).at_least(1.0, fails=0.5),
    ).says("Under Zipf's law gradient flow needs a time ≳ c to reduce the loss to 10 %: exponent of the time in c"),
    Claim(
        "zipf-sign-time",
        fact("times", "sign_exponent", "exponent {sign_exponent:.3f}, time {sign_last:.3g} at the largest c").at_most(
            0.2, fails=0.5
        ),
    ).says("Sign flow needs a time ∼ log c for the same: exponent of the time in c"),
    Claim("reweighting-inverse", fact("other flows", "inverse_spread").at_most(1e-8, fails=1e-3)).says(
        "Class weights 1/π_k remove frequency from gradient flow: largest distance of two classes' loss in the ODE"
    ),
    Claim("reweighting-root", fact("other flows", "root_error").at_most(1e-8, fails=1e-3)).says(
        "Class weights 1/√π_k leave ℓ_k a function of √π_k t: largest error against the ODE"
    ),
    Claim("normalised-flow", fact("other flows", "normalised_error").at_most(1e-6, fails=1e-2)).says(
        "Normalising the gradient only changes the clock, the rescaled times of two classes keep the ratio of their "
        "frequencies: largest relative error"
    ),
    Claim("input-norm-gradient", fact("other flows", "wide_error").at_most(1e-8, fails=1e-3)).says(
        "Orthogonal inputs of norm r change the clock of gradient flow by r²: largest error against the ODE"
    ),
    Claim("input-norm-sign", fact("other flows", "wide_sign_error").at_most(1e-8, fails=1e-3)).says(
        "They change that of sign descent by r: largest error of the loss against descent on the matrix"
    ),
    kind="ours",
)

FIGURE = Figure(
    id="theory",
    title="Why frequency slows gradient descent and not sign descent",
    statement=(
        "Once a softmax model assigns samples to their classes, gradient and Hessian of a class both scale with its "
        "frequency. On one-hot inputs the loss of class k then falls as 1/(π_k t) under gradient flow, and "
        "exponentially, at one rate for all classes, under sign descent."
    ),
    scales={
        "smoke": TheorySizes(classes=5, levels=5, vocabulary=1_000),
        "quick": TheorySizes(),
        "laptop": TheorySizes(),
        "paper": TheorySizes(classes=100, vocabulary=100_000),
    },
    plans=plans,
    claims=(*PROPOSITION_2, *THEOREM_3, *APPENDIX_H, *ERRATA, *OURS),
    draw={"theory": draw},
    rule="The statements are exact at any size; sizes only bound the cost of checking them.",
)
