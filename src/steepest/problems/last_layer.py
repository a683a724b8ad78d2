"""Last layer of a frozen transformer on real text: next-token prediction as softmax regression.

ℓ_i = −log softmax(W h_i + b)_{y_i},   h_i the frozen features of the context, y_i the next token
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, ClassVar

import torch
from pydantic import Field, SerializeAsAny
from torch import Tensor

from steepest.data.corpus import Corpus
from steepest.data.tokens import Vocabulary, tokenize
from steepest.errors import DataError
from steepest.models.frozen_attention import EMBEDDING_STD, frozen_features
from steepest.problems.base import Problem, Task, Work
from steepest.problems.softmax_regression import affine_task


class LastLayer(Problem):
    """The head of a frozen one-layer transformer, full batch (Kunstner et al. 2024, Figure 5).

    Args:
        corpus: the text; its training documents, in order, are read up to `windows` windows.
        vocabulary: how text becomes classes. Classes are the token types that occur among inputs and targets.
        windows: number of windows.
        length: tokens per window; a context never reaches into another window.
        width: D of the features.
    """

    kind: ClassVar[str] = "LastLayer"

    lockstep: ClassVar[bool] = True

    corpus: SerializeAsAny[Corpus]
    vocabulary: SerializeAsAny[Vocabulary]
    windows: Annotated[int, Field(ge=1)]
    length: Annotated[int, Field(ge=1)] = 35
    width: Annotated[int, Field(ge=2, multiple_of=2)] = 128

    def setup(self, seed: int) -> Task:
        """Draw the frozen features from `seed`, then the head W ~ N(0, 0.02²), b = 0."""
        features, targets, generator_state = _features(self, self.corpus.fingerprint(), seed)
        generator = torch.Generator()
        generator.set_state(generator_state)
        c = self.num_classes
        W = torch.empty(c, self.width).normal_(0.0, EMBEDDING_STD, generator=generator)
        return affine_task(features, targets, c, {"W": W, "b": torch.zeros(c)})

    @property
    def num_classes(self) -> int:
        """Return c, the number of token types among inputs and targets."""
        return _windows(self, self.corpus.fingerprint())[2]

    def work(self) -> Work:
        """Return 4ndc operations and nc logits; the features are computed once and do not count."""
        n = self.windows * self.length
        c = self.num_classes
        return Work(flops=4.0 * n * self.width * c, logits=float(n * c))


@lru_cache(maxsize=4)
def _windows(problem: LastLayer, text: str | None) -> tuple[Tensor, Tensor, int]:  # noqa: ARG001 - a changed text is read anew
    """Return inputs and targets, shape (windows, length), with ids renumbered 0 … c−1, and c."""
    needed = problem.windows * problem.length + 1
    ids = tokenize(problem.corpus, problem.vocabulary).ids["train"]
    if len(ids) < needed:
        possible = (len(ids) - 1) // problem.length
        raise DataError(
            f"the corpus has {len(ids)} training tokens, {needed} are needed; set windows to {possible} or less"
        )
    tokens = torch.as_tensor(ids[:needed].astype("int64"))
    types, renumbered = torch.unique(tokens, return_inverse=True)
    shape = (problem.windows, problem.length)
    return renumbered[:-1].reshape(shape), renumbered[1:].reshape(shape), len(types)


@lru_cache(maxsize=4)
def _features(problem: LastLayer, text: str | None, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    inputs, targets, c = _windows(problem, text)
    generator = torch.Generator().manual_seed(seed)
    features = frozen_features(inputs, c, problem.width, generator)
    return features, targets.flatten(), generator.get_state()
