"""Paragraphs for the paper's page."""

NOTES = (
    "Scope. The linear bigram model with the squared loss, under a power law of frequencies: closed forms, their limits in "
    "a large vocabulary, the updates that gradient descent and sign descent need, what worst-case bounds say of the same "
    "runs, the cross-entropy, and real text. The text of the paper was read without its displayed equations; scalings, "
    "constants and the modelling assumption of sign descent are the paper's, formulas are derived by us from its prose and "
    "proofs and held against matrices that are trained without them.",
    "What differs. The best step of sign descent is found exactly, by one parabola for each number of coordinates that "
    "still move, where the paper searches numerically. For small τ at α > 1/2 the paper extends its formula by a fit to "
    "data; that extension is not readable and is left out. Real text is the lead sections of Wikipedia, not OpenWebText; at "
    "paper scale any corpus can be given (--set corpus=FOLDER).",
    "What was hard. At α = 1 and α = 1/2 the limits are approached as 1/log d: at a million classes the curves are still "
    "0.07 and 0.13 away, which no laptop and hardly any vocabulary can change. So one claim asks whether the distance falls "
    "with d, and another, whether the limit describes the largest d; they need not agree. For α = 2 the form with the Beta "
    "function is ours and replaces a sum by an integral: it holds within 1 % from τ = 4 on and not at τ = 1, where it was "
    "first tried and stays on the ledger as contradicted.",
    "On real text two things differ from the model. The conditionals are not copies of one law: most tokens of 0.9 million "
    "have few successors, their rows start further from the solution than the frequencies say, and pairs that never occur "
    "start at it and do not move. Sign descent then needs fewer updates than predicted, and hardly more for a larger "
    "vocabulary. And the law of the frequencies changes with the vocabulary: a small set of byte pairs is flat, and words "
    "beyond the vocabulary become one class that is the most frequent of all. So slopes in d and predictions from "
    "frequencies alone are contradicted at this scale, while the order of the two methods, and a gap that grows with d, "
    "hold.",
)
