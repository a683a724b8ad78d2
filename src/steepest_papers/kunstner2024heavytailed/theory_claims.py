"""The paper's formal statements as claims on the numbers of `theory_calculations`."""

from __future__ import annotations

from steepest.claims.measures import fact
from steepest.claims.verdict import Claim

EQ1, EQ2, THEOREM = "Proposition 2, eq. (1)", "Proposition 2, eq. (2)", "Theorem 3"


PROPOSITION_2 = (
    Claim(
        "prop2-initial-gradient",
        EQ1,
        "At W = 0 the gradient depends on class frequency, ∇_k = x̄/c − π_k x̄_k: relative error against autograd",
        fact("initial", "gradient_error"),
        holds=1e-6,
        fails=1e-2,
    ),
    Claim(
        "prop2-initial-hessian",
        EQ1,
        "At W = 0 the Hessian does not, ∇²_kk = (1/c)(1−1/c) H̄ for every k: relative error against autograd",
        fact("initial", "hessian_error"),
        holds=1e-6,
        fails=1e-2,
    ),
    Claim(
        "prop2-assigned-gradient",
        EQ2,
        "Under Assumption 1, ∇_k = −(1−p) π_k x̄_k + O(1/c): exponent of the error in c",
        fact("assigned", "gradient_exponent", "{gradient_exponent:.3f}"),
        holds=-0.9,
        fails=-0.5,
    ),
    Claim(
        "prop2-assigned-hessian",
        EQ2,
        "Under Assumption 1, ∇²_kk = p(1−p) π_k H̄_k + O(1/c): exponent of the error in c",
        fact("assigned", "hessian_exponent", "{hessian_exponent:.3f}"),
        holds=-0.9,
        fails=-0.5,
    ),
    Claim(
        "prop2-ratio",
        EQ2,
        "Gradient and Hessian trace are proportional, g_k/h_k → ‖x̄_k‖/(p Tr H̄_k) as c π_k → ∞: relative deviation",
        fact("ratio", "deviation", "{deviation:.4f} at c π_k = {c_pi:.0f}"),
        holds=0.02,
        fails=0.2,
    ),
    Claim(
        "prop2-bounds",
        EQ2,
        "The errors are at most qB and qB², q the probability of a wrong class, |x| ≤ B: largest share of a bound",
        fact("assigned", "share_of_bound"),
        holds=1.0,
        fails=1.01,
        kind="ours",
    ),
)

THEOREM_3 = (
    Claim(
        "thm3-gradient-limit",
        THEOREM,
        "Under gradient flow ℓ_k = Θ(1/(π_k t)), with constant 1 − 1/c: largest |ℓ_k π_k t − (1 − 1/c)| at π_k t = 10⁷",
        fact("rates", "limit_error"),
        holds=1e-3,
        fails=0.1,
    ),
    Claim(
        "thm3-gradient-slope-time",
        THEOREM,
        "Under gradient flow ℓ_k falls as 1/t: deviation from −1 of the log–log slope in t",
        fact("rates", "slope_in_time_error", "slope {least_slope_in_time:.5f}"),
        holds=0.01,
        fails=0.1,
    ),
    Claim(
        "thm3-gradient-slope-frequency",
        THEOREM,
        "Under gradient flow ℓ_k falls as 1/π_k at a fixed time: deviation from −1 of the log–log slope in π_k",
        fact("rates", "slope_in_frequency_error", "slope {least_slope_in_frequency:.5f}"),
        holds=0.01,
        fails=0.1,
    ),
    Claim(
        "thm3-gradient-collapse",
        THEOREM,
        "Under gradient flow frequency only rescales time: largest distance of two classes' ODE curves over π_k t",
        fact("gradient flow", "collapse_error"),
        holds=1e-7,
        fails=1e-3,
    ),
    Claim(
        "thm3-sign-slope",
        THEOREM,
        "Under sign descent ℓ_k = Θ(e^{−κt}) with κ independent of π_k: spread of the fitted exponents over classes",
        fact("sign flow", "exponent_spread", "κ = {exponent:.4f} for every class"),
        holds=1e-6,
        fails=0.1,
    ),
    Claim(
        "thm3-sign-invariance",
        THEOREM,
        "Sign descent does not see the frequencies: entries of W with any bit changed under three other laws",
        fact("sign flow", "differing_entries"),
        holds=0,
        fails=1,
    ),
    Claim(
        "lemma4-two-scalars",
        "Lemma 4",
        "Each column of W keeps two values, a_k on the diagonal and b_k off it: spread off the diagonal in the ODE",
        fact("gradient flow", "spread_off_diagonal"),
        holds=1e-8,
        fails=1e-3,
    ),
    Claim(
        "lemma5-closed-form",
        "Lemma 5",
        "The margin has a closed form by Lambert's W: largest error of the loss against the ODE on the full matrix",
        fact("gradient flow", "loss_error", "Wright's and Lambert's forms differ by {lambert_difference:.0e}"),
        holds=1e-8,
        fails=1e-3,
    ),
    Claim(
        "lemma6-bounds",
        "Lemma 6",
        "(c−1)/(2c π_k t) ≤ ℓ_k ≤ (c−1)/(π_k t) for π_k t ≥ 1: number of violations in 800 points up to 10⁸",
        fact("rates", "outside_of_bounds"),
        holds=0,
        fails=1,
    ),
    Claim(
        "lemma7-margin",
        "Lemma 7",
        "Under sign descent a_k = t and b_k = −t for every class: largest error of the margin 2t",
        fact("sign flow", "margin_error"),
        holds=1e-9,
        fails=1e-3,
    ),
)

APPENDIX_H = (
    Claim(
        "apph-share",
        "Appendix H",
        "If π_k ∝ 1/k, the share of samples of the c/log²c most frequent classes tends to 1: share at c = 10³⁰⁰",
        fact(
            "prefixes",
            "share_huge",
            "slow: {share_small:.2f} at c = 10³, {share_large:.2f} at 10⁶, {share_huge:.2f} at 10³⁰⁰",
        ),
        holds=0.95,
        fails=0.5,
    ),
    Claim(
        "apph-frequency",
        "Appendix H",
        "For those classes c π_k → ∞: growth of the least c π_k from c = 10³ to 10⁶",
        fact("prefixes", "growth", "least c π_k = {least_large:.2f} at c = 10⁶"),
        holds=1.5,
        fails=1.1,
    ),
)

STATEMENTS = (*PROPOSITION_2, *THEOREM_3, *APPENDIX_H)
