"""Errata of the paper's theory, and our additions to it, as claims on the numbers of `theory_calculations`.

We know the wording of Section 3 and Appendices H and I (arXiv v2) through a public formalisation of them in Lean; what
an erratum calls "printed" rests on it.
"""

from __future__ import annotations

from steepest.claims.claim import Claim
from steepest.claims.measures import fact
from steepest_papers.kunstner2024heavytailed.theory_claims import EQ2

ERRATA = (
    Claim(
        "erratum-gradient-sign",
        fact("initial", "cosine_with_print").at_most(-0.999, fails=0.0),
        where="Section 3.2, eq. (4), and Proposition 2",
        kind="erratum",
    ).says("Printed: ∇_{w_k} ℓ = (1[y=k] − p_k) x, the sign reversed: cosine of autograd and the printed one at W = 0"),
    Claim(
        "erratum-class-count",
        fact("class count", "surplus", "printed {printed}, built {built}").at_least(1, fails=0),
        where="Section 2 and Appendix A.2",
        kind="erratum",
    ).says("Printed: 2^(m+1) − 1 classes. The construction has 2^m − 1: classes printed in excess at m = 11"),
    Claim(
        "erratum-sign-exponent",
        fact("printed sign rate", "ratio", "simulated {simulated:.6f}, printed {printed:.2e}").at_least(
            100, fails=1.01
        ),
        where="Lemma 7",
        kind="erratum",
    ).says(
        "Printed: ℓ_k = log(1 + (c−1) e^{−ct}). The margin is 2t, not ct: simulated over printed loss at c = 5, t = 3"
    ),
    Claim(
        "erratum-stable-step",
        fact("stable step", "step_times_weight").at_least(1.99, fails=1.01),
        where="Section 3.1",
        kind="erratum",
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
        where=EQ2,
        kind="erratum",
    ).says(
        "Needed, not printed: bounded inputs, x̄_k ≠ 0, p away from 0 and 1. Without one of them the leading term stays "
        "wrong: smallest relative error of four counterexamples at c = 1000"
    ),
    Claim(
        "erratum-prefix",
        fact("prefixes", "printed_growth", "least c π_k = {printed_least_large:.2f} at c = 10⁶").at_most(
            1.1, fails=1.5
        ),
        where="Appendix H",
        kind="erratum",
    ).says(
        "Printed in the sum: the c/log c most frequent classes. c/log²c is needed, as c π_k stays bounded at c/log c: "
        "growth of the least c π_k from c = 10³ to 10⁶"
    ),
    Claim(
        "erratum-prefix-bound",
        fact("prefixes", "largest_over_log").at_most(1.0, fails=1.01),
        where="Appendix H",
        kind="erratum",
    ).says(
        "Printed: c π_k ≥ log c on the prefix. At its end it stays just below: largest c π_k / log c for c up to 10³⁰⁰"
    ),
    Claim(
        "erratum-lemma6-sign",
        fact("gradient flow", "diagonal_over_off_diagonal").at_most(-0.999, fails=0.0),
        where="Lemma 6",
        kind="erratum",
    ).says("Printed: a = (c−1) b. A minus is missing, the entries of a column sum to zero: a/((c−1) b) in the ODE"),
)

OURS = (
    Claim(
        "sign-closed-form",
        fact("sign flow", "loss_error").at_most(1e-6, fails=1e-3),
        where="Lemma 7, corrected",
        kind="ours",
    ).says(
        "Under sign descent ℓ_k = log(1 + (c−1) e^{−2t}) for every class: largest error against descent on the matrix"
    ),
    Claim(
        "zipf-gradient-time",
        fact(
            "times", "gradient_exponent", "exponent {gradient_exponent:.3f}, time {gradient_last:.4g} at the largest c"
        ).at_least(1.0, fails=0.5),
        where="after Theorem 3",
        kind="ours",
    ).says("Under Zipf's law gradient flow needs a time ≳ c to reduce the loss to 10 %: exponent of the time in c"),
    Claim(
        "zipf-sign-time",
        fact("times", "sign_exponent", "exponent {sign_exponent:.3f}, time {sign_last:.3g} at the largest c").at_most(
            0.2, fails=0.5
        ),
        where="after Theorem 3",
        kind="ours",
    ).says("Sign flow needs a time ∼ log c for the same: exponent of the time in c"),
    Claim(
        "reweighting-inverse",
        fact("other flows", "inverse_spread").at_most(1e-8, fails=1e-3),
        where="after Theorem 3",
        kind="ours",
    ).says("Class weights 1/π_k remove frequency from gradient flow: largest distance of two classes' loss in the ODE"),
    Claim(
        "reweighting-root",
        fact("other flows", "root_error").at_most(1e-8, fails=1e-3),
        where="after Theorem 3",
        kind="ours",
    ).says("Class weights 1/√π_k leave ℓ_k a function of √π_k t: largest error against the ODE"),
    Claim(
        "normalised-flow",
        fact("other flows", "normalised_error").at_most(1e-6, fails=1e-2),
        where="after Theorem 3",
        kind="ours",
    ).says(
        "Normalising the gradient only changes the clock, the rescaled times of two classes keep the ratio of their "
        "frequencies: largest relative error"
    ),
    Claim(
        "input-norm-gradient",
        fact("other flows", "wide_error").at_most(1e-8, fails=1e-3),
        where="after Theorem 3",
        kind="ours",
    ).says("Orthogonal inputs of norm r change the clock of gradient flow by r²: largest error against the ODE"),
    Claim(
        "input-norm-sign",
        fact("other flows", "wide_sign_error").at_most(1e-8, fails=1e-3),
        where="after Theorem 3",
        kind="ours",
    ).says("They change that of sign descent by r: largest error of the loss against descent on the matrix"),
)
