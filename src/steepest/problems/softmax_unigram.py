"""The softmax unigram model: one logit per token, no input. The smallest problem with heavy-tailed classes.

f(θ) = KL(p ‖ softmax θ) = Σ_k p_k ℓ_k,   ℓ_k = log p_k − log softmax(θ)_k,   p_k ∝ k^−α,   θ = 0 at the start
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from steepest.data.frequency import zipf
from steepest.problems.base import Data, Params, Problem, Task, Work

Reference = Literal["rarest", "most frequent"]


class SoftmaxUnigram(Problem):
    """Softmax unigram model in float64 (Yadav et al. 2025); each token is a class with one example of weight p_k.

    Gradient softmax(θ) − p and Hessian diag(s) − s sᵀ; the loss of a class, ℓ_k, may be negative: a rare token starts
    out more probable than it is.

    Args:
        num_classes: vocabulary size d.
        exponent: α of p_k ∝ k^−α. With 0 there is nothing to learn.
        reference: None for d logits, with one flat direction; otherwise the additive logistic transform, d − 1 logits
            relative to that token's, which is 0.
    """

    kind: ClassVar[str] = "SoftmaxUnigram"

    lockstep: ClassVar[bool] = True

    num_classes: Annotated[int, Field(ge=2)]
    exponent: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    reference: Reference | None = None

    def setup(self, seed: int) -> Task:  # noqa: ARG002 - nothing is random
        """Return the task, the same for every seed."""
        d = self.num_classes
        p = torch.as_tensor(zipf(d, self.exponent))
        theta = torch.zeros(d if self.reference is None else d - 1, dtype=torch.float64, requires_grad=True)
        return Task(
            params={"theta": theta},
            loss={None: _softmax, "rarest": _last_is_zero, "most frequent": _first_is_zero}[self.reference],
            data={"log_p": p.log()},
            classes=torch.arange(d),
            class_counts=p,
            weights=p,
        )

    def work(self) -> Work:
        """Return no matrix product and d logits."""
        return Work(flops=0.0, logits=float(self.num_classes))


def _softmax(at: Params, data: Data) -> Tensor:
    return _excess(at["theta"], data)


def _last_is_zero(at: Params, data: Data) -> Tensor:
    return _excess(torch.cat([at["theta"], at["theta"].new_zeros(1)]), data)


def _first_is_zero(at: Params, data: Data) -> Tensor:
    return _excess(torch.cat([at["theta"].new_zeros(1), at["theta"]]), data)


def _excess(logits: Tensor, data: Data) -> Tensor:
    return data["log_p"] - torch.log_softmax(logits, dim=0)
