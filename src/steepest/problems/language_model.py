"""Next-token prediction by a transformer, in mini-batches of windows or full batch.

ℓ_i = −log softmax(W h_i + b)_{y_i},   h_i the transformer's output at a position, y_i the next token
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, SerializeAsAny, model_validator
from torch import Tensor

from steepest.component import Component
from steepest.data.corpus import Corpus, Split
from steepest.data.tokens import Vocabulary, tokenize
from steepest.errors import DataError
from steepest.models import gpt, products
from steepest.problems.base import Batches, Params, Problem, Task, Work, batched_task, derived_seed

ONEDNN_SHARE = 0.6  # of the time that the products would take at the rate of torch's default library


class Transformer(Component):
    """A causal transformer with sinusoidal positions and an untied head with bias.

    Args:
        depth: blocks.
        heads: attention heads.
        width: D.
        hidden: width of the MLP; None is 4 D.
        norm: LayerNorm before each part and before the head (GPT-2), or after each part (Vaswani et al. 2017, and the
            paper's Penn Treebank models).
        activation: of the MLP.
        dropout: of embeddings, attention and MLP, while training.
        init: `gpt2` or `ptb`, the two initialisations of Kunstner et al. (2024).
        precision: of the matrix products; weights and losses are float32.
    """

    kind: ClassVar[str] = "Transformer"

    depth: Annotated[int, Field(ge=1)]
    heads: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=2, multiple_of=2)]
    hidden: Annotated[int, Field(ge=1)] | None = None
    norm: Literal["pre", "post"] = "pre"
    activation: Literal["gelu", "relu"] = "gelu"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    init: Literal["gpt2", "ptb"] = "gpt2"
    precision: Literal["float32", "bfloat16"] = "float32"

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(
                f"width={self.width} cannot be split among heads={self.heads}; give a multiple of the heads"
            )
        return self

    def shape(self, length: int) -> gpt.GPTShape:
        """Return the sizes as the model's functions take them."""
        sizes = {"hidden": self.hidden or 4 * self.width, "length": length, "final_norm": self.norm == "pre"}
        return gpt.GPTShape(**(dict(self) | sizes))

    def touched_per_token(self) -> float:
        """Return about how many numbers the elementwise parts read and write for one token, forward and backward."""
        return float(self.depth * (40 * self.width + 10 * (self.hidden or 4 * self.width)))


class LanguageModel(Problem):
    """A transformer on the first tokens of a corpus (Kunstner et al. 2024, Figure 1 and the Penn Treebank appendix).

    The classes are the tokens of the vocabulary. Windows follow one another in the text, do not overlap, and a context
    never reaches into another window. Mini-batches draw windows in an order shuffled anew every epoch, by the seed.

    Args:
        corpus: the text.
        vocabulary: how text becomes classes.
        model: the transformer.
        length: tokens per window.
        windows: number of training windows; None takes all of the training text.
        per_update: windows per update; None takes all (full batch).
        per_chunk: windows per forward pass.
        held_out: windows of validation text, fewer where it is shorter; 0 for none.
    """

    kind: ClassVar[str] = "LanguageModel"

    corpus: SerializeAsAny[Corpus]
    vocabulary: SerializeAsAny[Vocabulary]
    model: Transformer
    length: Annotated[int, Field(ge=1)]
    windows: Annotated[int, Field(ge=1)] | None = None
    per_update: Annotated[int, Field(ge=1)] | None = None
    per_chunk: Annotated[int, Field(ge=1)] = 64
    held_out: Annotated[int, Field(ge=0)] = 0

    def setup(self, seed: int) -> Task:
        """Draw the model's params from `seed`; the order of windows follows from it too."""
        params = gpt.init(self.model.shape(self.length), self.num_classes, torch.Generator().manual_seed(seed))
        held_out = self._task(params, "validation", self.held_out, seed, None) if self.held_out else None
        return self._task(params, "train", self.windows, seed, held_out)

    def _task(
        self, params: dict[str, Tensor], split: Split, count: int | None, seed: int, held_out: Task | None
    ) -> Task:
        inputs, targets = windows(self, split, count)
        shape = self.model.shape(self.length)

        def objective(at: Params, items: Tensor, weights: Tensor, key: int) -> tuple[Tensor, Tensor]:
            x, y = _there(at, inputs[items]), _there(at, targets[items])
            noise = derived_seed(seed, key) if self.model.dropout else None
            return gpt.objective(dict(at), x, y, _there(at, weights), shape, noise)

        def losses(at: Params, items: Tensor) -> Tensor:
            return gpt.losses(dict(at), _there(at, inputs[items]), _there(at, targets[items]), shape)

        batches = Batches(
            objective=objective,
            losses=losses,
            num_items=len(inputs),
            examples_per_item=self.length,
            per_chunk=self.per_chunk,
            per_update=self.per_update,
            seed=seed,
            noisy=self.model.dropout > 0,
        )
        return batched_task(params, batches, targets, self.num_classes, held_out=held_out, output_bias="head.bias")

    @property
    def num_classes(self) -> int:
        """Return c, the size of the vocabulary."""
        size: int | None = getattr(self.vocabulary, "size", None)
        return size or tokenize(self.corpus, self.vocabulary).num_classes

    @property
    def num_windows(self) -> int:
        """Return the number of training windows."""
        return self.windows or len(windows(self, "train", None)[0])

    def work(self) -> Work:
        """Return the cost of one update."""
        return self._cost(self.per_update or self.num_windows)

    def evaluation(self) -> Work:
        """Return the cost of two evaluations of the training text; a forward pass is a third of a training pass."""
        return self._cost(2 * self.num_windows).times(1 / 3)

    def _cost(self, count: int) -> Work:
        tokens, shape = count * self.length, self.model.shape(self.length)
        c = self.num_classes
        flops = gpt.flops_per_token(shape, c) * (ONEDNN_SHARE if products.AVAILABLE else 1.0)
        return Work(tokens * flops, float(tokens * c), tokens * self.model.touched_per_token())


def windows(problem: LanguageModel, split: Split, count: int | None) -> tuple[Tensor, Tensor]:
    """Return inputs and next tokens, shape (windows, length), of the first windows of a split.

    Raises:
        DataError: the text is too short.
    """
    key = (problem.corpus, problem.vocabulary, problem.corpus.fingerprint(), split, count, problem.length)
    return _windows(*key)


@lru_cache(maxsize=4)
def _windows(
    corpus: Corpus,
    vocabulary: Vocabulary,
    text: str | None,  # noqa: ARG001 - a changed text is read anew
    split: Split,
    count: int | None,
    length: int,
) -> tuple[Tensor, Tensor]:
    ids = tokenize(corpus, vocabulary).ids[split]
    possible = (len(ids) - 1) // length
    if possible < (count if count and split == "train" else 1):
        raise DataError(
            f"the corpus has {len(ids)} {split} tokens, too few for {count or 1} windows of {length}; "
            + (f"set windows to {possible} or less, or give more text" if possible else "give more text, or held_out=0")
        )
    count = min(count or possible, possible)
    tokens = torch.as_tensor(ids[: count * length + 1].astype("int64"))
    return tokens[:-1].reshape(count, length), tokens[1:].reshape(count, length)


def _there(params: Params, tensor: Tensor) -> Tensor:
    """Return a tensor on the device of the params."""
    return tensor.to(next(iter(params.values())).device, non_blocking=True)
