"""The paper's formal statements as claims on the numbers of `theory_calculations`."""

from __future__ import annotations

from steepest.claims.claim import Claim
from steepest.claims.measures import fact

EQ1, EQ2, THEOREM = "Proposition 2, eq. (1)", "Proposition 2, eq. (2)", "Theorem 3"


PROPOSITION_2 = (
    Claim("prop2-initial-gradient", fact("initial", "gradient_error").at_most(1e-6, fails=1e-2), where=EQ1).says(
        "At W = 0 the gradient depends on class frequency, ∇_k = x̄/c − π_k x̄_k: relative error against autograd"
    ),
    Claim("prop2-initial-hessian", fact("initial", "hessian_error").at_most(1e-6, fails=1e-2), where=EQ1).says(
        "At W = 0 the Hessian does not, ∇²_kk = (1/c)(1−1/c) H̄ for every k: relative error against autograd"
    ),
    Claim(
        "prop2-assigned-gradient",
        fact("assigned", "gradient_exponent", "{gradient_exponent:.3f}").at_most(-0.9, fails=-0.5),
        where=EQ2,
    ).says("Under Assumption 1, ∇_k = −(1−p) π_k x̄_k + O(1/c): exponent of the error in c"),
    Claim(
        "prop2-assigned-hessian",
        fact("assigned", "hessian_exponent", "{hessian_exponent:.3f}").at_most(-0.9, fails=-0.5),
        where=EQ2,
    ).says("Under Assumption 1, ∇²_kk = p(1−p) π_k H̄_k + O(1/c): exponent of the error in c"),
    Claim(
        "prop2-ratio",
        fact("ratio", "deviation", "{deviation:.4f} at c π_k = {c_pi:.0f}").at_most(0.02, fails=0.2),
        where=EQ2,
    ).says("Gradient and Hessian trace are proportional, g_k/h_k → ‖x̄_k‖/(p Tr H̄_k) as c π_k → ∞: relative deviation"),
    Claim("prop2-bounds", fact("assigned", "share_of_bound").at_most(1.0, fails=1.01), where=EQ2, kind="ours").says(
        "The errors are at most qB and qB², q the probability of a wrong class, |x| ≤ B: largest share of a bound"
    ),
)

THEOREM_3 = (
    Claim("thm3-gradient-limit", fact("rates", "limit_error").at_most(1e-3, fails=0.1), where=THEOREM).says(
        "Under gradient flow ℓ_k = Θ(1/(π_k t)), with constant 1 − 1/c: largest |ℓ_k π_k t − (1 − 1/c)| at π_k t = 10⁷"
    ),
    Claim(
        "thm3-gradient-slope-time",
        fact("rates", "slope_in_time_error", "slope {least_slope_in_time:.5f}").at_most(0.01, fails=0.1),
        where=THEOREM,
    ).says("Under gradient flow ℓ_k falls as 1/t: deviation from −1 of the log–log slope in t"),
    Claim(
        "thm3-gradient-slope-frequency",
        fact("rates", "slope_in_frequency_error", "slope {least_slope_in_frequency:.5f}").at_most(0.01, fails=0.1),
        where=THEOREM,
    ).says("Under gradient flow ℓ_k falls as 1/π_k at a fixed time: deviation from −1 of the log–log slope in π_k"),
    Claim(
        "thm3-gradient-collapse", fact("gradient flow", "collapse_error").at_most(1e-7, fails=1e-3), where=THEOREM
    ).says("Under gradient flow frequency only rescales time: largest distance of two classes' ODE curves over π_k t"),
    Claim(
        "thm3-sign-slope",
        fact("sign flow", "exponent_spread", "κ = {exponent:.4f} for every class").at_most(1e-6, fails=0.1),
        where=THEOREM,
    ).says(
        "Under sign descent ℓ_k = Θ(e^{−κt}) with κ independent of π_k: spread of the fitted exponents over classes"
    ),
    Claim("thm3-sign-invariance", fact("sign flow", "differing_entries").at_most(0, fails=1), where=THEOREM).says(
        "Sign descent does not see the frequencies: entries of W with any bit changed under three other laws"
    ),
    Claim(
        "lemma4-two-scalars", fact("gradient flow", "spread_off_diagonal").at_most(1e-8, fails=1e-3), where="Lemma 4"
    ).says("Each column of W keeps two values, a_k on the diagonal and b_k off it: spread off the diagonal in the ODE"),
    Claim(
        "lemma5-closed-form",
        fact("gradient flow", "loss_error", "Wright's and Lambert's forms differ by {lambert_difference:.0e}").at_most(
            1e-8, fails=1e-3
        ),
        where="Lemma 5",
    ).says("The margin has a closed form by Lambert's W: largest error of the loss against the ODE on the full matrix"),
    Claim("lemma6-bounds", fact("rates", "outside_of_bounds").at_most(0, fails=1), where="Lemma 6").says(
        "(c−1)/(2c π_k t) ≤ ℓ_k ≤ (c−1)/(π_k t) for π_k t ≥ 1: number of violations in 800 points up to 10⁸"
    ),
    Claim("lemma7-margin", fact("sign flow", "margin_error").at_most(1e-9, fails=1e-3), where="Lemma 7").says(
        "Under sign descent a_k = t and b_k = −t for every class: largest error of the margin 2t"
    ),
)

APPENDIX_H = (
    Claim(
        "apph-share",
        fact(
            "prefixes",
            "share_huge",
            "slow: {share_small:.2f} at c = 10³, {share_large:.2f} at 10⁶, {share_huge:.2f} at 10³⁰⁰",
        ).at_least(0.95, fails=0.5),
        where="Appendix H",
    ).says("If π_k ∝ 1/k, the share of samples of the c/log²c most frequent classes tends to 1: share at c = 10³⁰⁰"),
    Claim(
        "apph-frequency",
        fact("prefixes", "growth", "least c π_k = {least_large:.2f} at c = 10⁶").at_least(1.5, fails=1.1),
        where="Appendix H",
    ).says("For those classes c π_k → ∞: growth of the least c π_k from c = 10³ to 10⁶"),
)

STATEMENTS = (*PROPOSITION_2, *THEOREM_3, *APPENDIX_H)
