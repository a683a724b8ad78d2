"""The affine layer of softmax regression, as arrays that can be stacked over runs."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def affine_init(num_features: int, num_classes: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw W and b of x ↦ W x + b as `torch.nn.Linear` draws them: i.i.d. uniform on [−1/√d, 1/√d], W first.

    Equal bit for bit to `torch.nn.Linear(d, c)` under a global seed in the same state, but the generator is explicit.

    Args:
        num_features: d.
        num_classes: c.
        generator: where the numbers come from; advanced by the draw.

    Returns:
        W (c, d) and b (c,), float32.

    >>> W, b = affine_init(3, 2, torch.Generator().manual_seed(0))
    >>> torch.manual_seed(0) and torch.equal(W, torch.nn.Linear(3, 2).weight)
    True
    """
    W = torch.empty(num_classes, num_features)
    torch.nn.init.kaiming_uniform_(W, a=math.sqrt(5), generator=generator)  # a = √5 makes the bound 1/√d
    bound = 1 / math.sqrt(num_features)
    return W, torch.empty(num_classes).uniform_(-bound, bound, generator=generator)
