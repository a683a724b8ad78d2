"""What the page says beside the figures: what was read, what was derived, choices, and what is out of reach."""

from __future__ import annotations

NOTES = (
    "Scope. Full-gradient descent on f(θ) = KL(p ‖ softmax θ), one logit per token, from θ = 0; losses are relative to "
    "f(0). What was read of the paper is its abstract and introduction, and descriptions by others of its model and of "
    "its smoothness constants; its proofs, figures and the rest of its theorems were not. Claims marked as the paper's "
    "come from there: the constants ½ ≤ L_2 ≤ 1 and L_∞ = 1, that sign descent converges faster than normalised gradient "
    "descent, that this persists under the additive logistic transform, and that adaptive smoothness does not explain "
    "it. Everything marked 'ours' was derived for this page: L_2 = ½, L_1 = ¼, the closed forms of the distances, the "
    "bounds with their constants, the radius that has to be travelled, Λ = d/2, both references of the transform. No "
    "theorem of the paper is cited by number. The family p_k ∝ k^−α around its 1/k, the start at 0 and all figures are "
    "our choices.",
    "Budgets. Every tuned method chooses from 32 learning rates: sign descent and Adam from R_∞ 2^(−k/4), normalised GD "
    "from R_2 2^(−k/2), GD from ½ 2^(k/2). A best rate at the edge of its grid decides nothing; none was. The loss "
    "curves, which are trained by the optimizers themselves, search four decades and the half decades around the best.",
    "Out of reach at laptop scale. A power law through the two sizes before tells whether a count fits into the budget; "
    "if not, it is not tried and the law is drawn dotted. GD at 1/L_2 would need about 3·10⁵ updates to 2 % of the loss "
    "at d = 10⁶, 3·10¹¹ logits or 1.6 CPU hours; tuned GD and normalised GD about 10¹¹ logits each, half an hour. `--set "
    "budget=1e13` runs all of it.",
    "Counts and rounding. The counts of sign descent and of GD at 1/L_2 are exact. Normalised GD, and GD at its best "
    "rate, live where the frequent tokens oscillate, and there the last bit of a sum decides when the loss happens to "
    "dip: at d = 10⁴ two orders of summation gave 152 and 139 updates to 5 % of the loss, and 316 and 445 to 2 %; the "
    "least loss of normalised GD at η = R_2/√T, T = 100, lay between 0.11 and 0.17. Slopes feel this by up to 0.07, so "
    "that 'Zipf is the hardest exponent for normalised GD' (claim exponents-zipf-worst) cannot be told: α = 1 and α = "
    "1.5 differ by less.",
    "Tuned gradient descent. A constant step far beyond 1/L_2 (64 to 90 at d = 10⁴) makes GD as fast as normalised GD "
    "here, and its count still grows as about √d. At α = 0.5, where all curvatures are ~1/d, tuning brings it close to "
    "Adam.",
    "Deciles. The loss of a class is its term p_k φ(s_k/p_k), φ(x) = x − 1 − log x, of the relative entropy: "
    "non-negative, with the same sum. The second decile holds the tokens that start out with about their right "
    "probability and has nothing to learn. When the frequent tokens have taken their share, the normalisation lowers all "
    "rare ones alike, so that GD improves the tail before its logits move.",
    "Thresholds. Those of the derived statements were written when a table of counts up to d = 10⁴ was known, those of "
    "Adam and of tuned GD when counts of theirs were; those of deciles, loss curves and tuning at α = 0.5 before any "
    "run. Inequalities (the largest violation over random draws) were first judged by an interval over seeds, which says "
    "nothing about a maximum, and are now judged by the largest of all seeds; thresholds stayed.",
)
