"""A small problem that is read in batches: softmax regression on noise, with held-out data."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from steepest.problems.base import Batches, Params, Problem, Task, Work, batched_task

CLASSES, FEATURES, ITEMS, EXAMPLES = 5, 4, 12, 2


def data(seed: int, items: int = ITEMS) -> tuple[Tensor, Tensor]:
    """Return inputs (items, e, d) and classes (items, e), the rarer the larger."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(items, EXAMPLES, FEATURES, generator=generator)
    uniform = torch.rand(items, EXAMPLES, generator=generator)
    return X, (CLASSES * uniform**2).long()


class Noise(Problem):
    """Items of two examples each."""

    per_update: int | None = None
    per_chunk: int = 5
    shuffled: bool = True
    dropout: float = 0.0

    def setup(self, seed: int) -> Task:
        params = {"W": torch.eye(CLASSES, FEATURES), "b": torch.linspace(0, 1, CLASSES)}
        held_out = self._task(params, *data(seed + 100, items=7), seed, None)
        return self._task(params, *data(seed), seed, held_out)

    def _task(self, params: dict[str, Tensor], X: Tensor, y: Tensor, seed: int, held_out: Task | None) -> Task:
        def losses(at: Params, items: Tensor, keep: Tensor | float = 1.0) -> Tensor:
            x = X[items].flatten(0, 1) * keep
            return F.cross_entropy(F.linear(x, at["W"], at["b"]), y[items].flatten(), reduction="none")

        def objective(at: Params, items: Tensor, weights: Tensor, key: int) -> tuple[Tensor, Tensor]:
            generator = torch.Generator().manual_seed(key)
            kept = (torch.rand(len(weights), FEATURES, generator=generator) >= self.dropout).float()
            found = losses(at, items, kept / (1 - self.dropout))
            return found @ weights, found.detach()

        def without_gradient(at: Params, items: Tensor) -> Tensor:
            return losses(at, items).detach()

        order = seed if self.shuffled else None
        batches = Batches(
            objective,
            without_gradient,
            len(X),
            EXAMPLES,
            self.per_chunk,
            self.per_update,
            order,
            noisy=self.dropout > 0,
        )
        return batched_task(params, batches, y, CLASSES, held_out=held_out, output_bias="b")

    def work(self) -> Work:
        return Work(1e6, 1e3)
