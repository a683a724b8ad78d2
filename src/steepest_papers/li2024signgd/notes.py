"""What the page says beside the figures."""

from __future__ import annotations

NOTES = (
    "Scope. The abstract, the caption of the dynamics figure, and what this project derived around them. Theorems, parameter "
    "conditions and experiment tables of the paper could not be read: patches, the law of the noise, initial scale, sizes "
    "and rates are ours, and so are all thresholds. Claims marked 'abstract' test the abstract's words, those on the four "
    "stages the content of the stages as the caption and summaries give it; 'derived here' is not the paper's.",
    "Derived here. A sign step moves each coordinate of v by 2η, so that SignGD weighs signal and noise by their ℓ1 norms, "
    "‖μ‖₁ against s σ_p √(2/π), however many samples there are; gradient descent weighs them by ‖μ‖² against s σ_p²/n. Where "
    "K other samples share a coordinate, the ℓ1 law loses a factor 1/√(K + 1); its mean explains the constant 13.0 that our "
    "first sweep had measured without explaining it, over all n and σ_p.",
    "Stages. Their content holds, their order by our boundaries does not quite: s_21 is below 10⁻² when the agreement of "
    "query and key noise peaks (claim stage-order). Attention leaves the signal while stage II is under way.",
    "Thresholds were written before their runs, from the numbers of a first run of ours at three to five seeds; those of the "
    "overlap factor when a factor of 0.89 was known. What changed afterwards: the grids of rates grew by two decades for "
    "every optimizer, because most chosen rates lay at the edge; the rule 'accurate' takes the middle of what is as good as "
    "the best instead of the best; the digits were pooled to 14×14 to save time, with s and σ_p moved by a rule, and are "
    "judged at the smallest rates that fit as well.",
)
