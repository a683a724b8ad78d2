"""Paragraphs for the paper's page."""

NOTES = (
    "Scope. The linear bigram model with the squared loss, under a power law of frequencies: closed forms, their limits in "
    "a large vocabulary, the updates that gradient descent and sign descent need, what worst-case bounds say of the same "
    "runs, the cross-entropy, and real text. The text of the paper was read without its displayed equations; scalings, "
    "constants and the modelling assumption of sign descent are the paper's, formulas are derived by us from its prose and "
    "proofs and held against matrices that are trained without them.",
    "What differs. The best step of sign descent in the paper's model is found exactly, by one parabola for each number of "
    "coordinates that still move, where the paper searches numerically. For small τ at α > 1/2 the paper extends its "
    "formula by a fit to data; that extension is not readable and is left out. Real text is the lead sections of "
    "Wikipedia, not OpenWebText; any corpus can be given (--set corpus=FOLDER). Bigrams do not cross documents.",
    "What holds, and what was easy. Both theorems, in the model: at Zipf's law gradient descent needs d^{1−ε} updates and "
    "sign descent √d, within 0.04 of the exponents. Everything is a sum over the vocabulary, so a million tokens take "
    "seconds.",
    "What was hard. At α = 1 and α = 1/2 the limits are approached as 1/log d: at a million classes the curves are still "
    "0.08 and 0.15 away, which no laptop and hardly any vocabulary can change. So one claim asks whether the distance falls "
    "with d, and another, whether the limit describes the largest d; they need not agree. For α = 2 the form with the Beta "
    "function is ours and replaces a sum by an integral: it holds within 1 % from τ = 4 on and not at τ = 1, where it was "
    "first tried and stays on the ledger as contradicted. The advantage of a hundred at d = 10⁴ is what exponents alone "
    "say; with constants it is 12 to 20 for ε from 0.1 to 0.01 (claim updates-advantage).",
    "The √d of sign descent is that of the model. A coordinate that has arrived goes to and fro; the paper counts it as η/2 "
    "away. Exactly, a rare coordinate is back at its start after an even number of updates and a whole step away after an "
    "odd one. At even horizons, which alone the paper compares on text, sign descent needs eight updates for ε = 0.1 at "
    "d = 1,000 and at d = 10,000: no growth at all (claims model-best, model-updates, model-slope, model-even-flat). At "
    "odd ones it needs up to twice the model's number, and its exponent comes down to 1/2 from above (model-slope-odd, "
    "model-odd). So √d is what remains when nobody chooses the parity of the last update.",
    "Thresholds. Those on odd horizons and on model-even-flat were written after a first run on even horizons, whose result "
    "called for them; they repeat the thresholds of their even twins where there is one. For model-even-flat and "
    "text-sign-slope-odd the counts were known. text-fewer was made stricter: it takes the worse parity.",
    "The cross-entropy. The identity of the bigram and the unigram model under sign descent explains why it does not see the "
    "vocabulary. The best step of gradient descent, 32/π_1, is beyond what the rows of frequent tokens bear: they move "
    "chaotically while the rare ones gain, so that at d = 240 and ε = 0.1 the count depends on the order of summation, 128 "
    "to 158 in our implementations, the exponent between 0.96 and 1.05. Smaller counts agree.",
    "Real text. The conditionals are not copies of one law: most tokens of 0.9 million have few successors, their rows "
    "start further from the solution than the frequencies say, and pairs that never occur start at it and do not move. So "
    "gradient descent needs up to six times more updates than frequencies alone predict. And the law of the frequencies "
    "changes with the vocabulary: a small set of byte pairs is flat, and words beyond the vocabulary become one class that "
    "is the most frequent of all; the exponents of gradient descent, 0.66 and 1.48, lie on either side of 1 − ε. For sign "
    "descent the model with the text's own conditionals predicts odd horizons within a third once its number is doubled "
    "(text-sign-odd), and their exponent is near 1/2 (text-sign-slope-odd); at even horizons it hardly grows. The order of "
    "the two methods, and a gap that grows with d, hold for either parity.",
)
