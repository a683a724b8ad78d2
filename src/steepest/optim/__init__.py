"""Descent methods, one per file: the equation, a free update rule, and the `torch.optim` class around it.

    method                              class                   update rule
    w ← w − α g                         GradientDescent         gradient_descent.gradient_descent_
    w ← w − α g / ‖g‖₂                  NormalizedGD            normalized.normalized_gd_
    w ← w − α sign(g)                   SignDescent             sign.sign_descent_
    w ← w − α ‖g‖₁ sign(g)              RescaledSignDescent     rescaled_sign.rescaled_sign_descent_
    w ← w − α m̂ / (√v̂ + ε)              Adam                    adam.adam_
    w ← (1 − αλ) w − α m̂ / (√v̂ + ε)     AdamW                   adamw.adamw_
    w ← w − α 0.2 √max(n, m) O(b)       Muon                    muon.muon_
    w ← w − α g / (√s + ε)              AdaGrad                 adagrad.adagrad_
    w ← w − η g, η searched             LineSearchGD            line_search.line_search_

The first four and Muon take `momentum`. All classes take parameters or pairs of name and parameter, as from
`model.named_parameters()`. AdamW does not let embeddings decay, and Muon leaves embeddings and the output head to Adam:
they know them by name. The rules change their tensors in place; call them under `torch.no_grad()` if the parameters
require gradients. All of them step R runs at once: give every tensor a leading axis of length R and `lr` the shape
(R,). The rules that need a norm or a loss of one run take `run_axis=True` besides. A run's numbers are those it would
have alone, to the last bit with one torch thread (several may split the sum in a long norm differently); only Muon's
matrix products may round differently in a stack, for some sizes (33 × 65 is one).
"""

from __future__ import annotations

from steepest.optim.adagrad import AdaGrad
from steepest.optim.adam import Adam
from steepest.optim.adamw import AdamW
from steepest.optim.gradient_descent import GradientDescent
from steepest.optim.line_search import LineSearchGD
from steepest.optim.muon import Muon
from steepest.optim.normalized import NormalizedGD
from steepest.optim.rescaled_sign import RescaledSignDescent
from steepest.optim.sign import SignDescent

__all__ = [
    "AdaGrad",
    "Adam",
    "AdamW",
    "GradientDescent",
    "LineSearchGD",
    "Muon",
    "NormalizedGD",
    "RescaledSignDescent",
    "SignDescent",
]
