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
    "Optimizers. At one rate each, and at the smallest rates that fit, SignGD and Adam memorise and gradient descent does "
    "not. At 10⁻³ Adam needs longer than the horizon for a loss that SignGD reaches (claim noise-adam-fast): its steps shrink "
    "as old, large gradients stay in its memory. From a rate of 1 on, fifty times the initial weights, a few updates fit the "
    "data, and SignGD is right on nine fresh samples of ten (claims rates-sign-poor, rates-accurate-gd); theory with a small "
    "η says nothing of that regime. Adam with momentum and without memory divides an old gradient by a new one; it takes huge "
    "steps and forgets the noise at rates at which SignGD memorises it. The ratio s σ_p²/n of gradient descent is one of "
    "its early phase; at σ_p = 2 noise ends half as much again ahead (claim noise-ratio-gd).",
    "Real images. SignGD and Adam lose accuracy to noise, as the abstract says, but gradient descent loses as much or more "
    "(claim digits-accurate-gd is contradicted). A digit fills many pixels: with ‖x‖₂ = 1 its ℓ1 norm is about eight "
    "times that of μ, so by the ℓ1 law SignGD weighs it that much more against the same noise. That SignGD prefers noise belongs "
    "to a signal that sits on few coordinates.",
    "Thresholds were written before their runs, from the numbers of a first run of ours at three to five seeds; those of the "
    "overlap factor when a factor of 0.89 was known. What changed afterwards: the grids of rates grew by two decades for "
    "every optimizer, because most chosen rates lay at the edge; the rule 'accurate' takes the middle of what is as good as "
    "the best instead of the best, and claims under it were reworded; n = 40 left the phase picture and Adam (0, 0) the sweep "
    "of rates, both to save time, with no verdict changed by it. The digits were first read at 28×28 pixels, where no claim "
    "was decided; they were pooled to 14×14 to save time, with s and σ_p moved by a rule, and the claims at the smallest "
    "rates that fit were added before those were looked at.",
)
