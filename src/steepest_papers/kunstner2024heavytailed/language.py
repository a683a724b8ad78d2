"""The language-model experiments: a transformer on the first tokens of a text, in mini-batches.

Sizes follow the paper's Penn Treebank runs, which train on 923 648 tokens of c ≈ 9 900 classes for 5 200 updates, 52 an
epoch. With c classes there are, in the same proportions,

    n = 93 c tokens,   T = 5200 c / 9900 updates,   n / 52 tokens per update

so that a class has as many examples, and the rarest class meets as many updates in units of 1/π_c, as in the paper.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.claims.paper import Settings
from steepest.component import declared
from steepest.data.corpora import open_corpus
from steepest.data.corpus import Corpus
from steepest.data.frequency import frequency_groups, tail_exponent
from steepest.data.tokens import BPE, Vocabulary, word_vocabulary
from steepest.problems.language_model import LanguageModel, Transformer, windows
from steepest.runs.method import Method
from steepest.runs.sweep import Grid, Seeds, Sweep, decades
from steepest.runs.train import Weighting

PTB_CLASSES, PTB_TOKENS, PTB_STEPS, PTB_UPDATES_PER_EPOCH = 9_900, 923_648, 5_200, 52
ROWS_PER_EPOCH = 1
RULE = (
    "n = 93 c tokens, T = 5200 c/9900 updates, n/52 tokens an update: a class has as many examples as in the paper's Penn "
    "Treebank runs, and the horizon is as long in units of 1/π_c. Width and depth are set by cost. Learning-rate grids start "
    "from three decades around the paper's rates, moved by 1/width for methods whose step does not shrink with the gradient."
)


class LanguageSizes(Settings):
    """Sizes of a language-model experiment; None follows the rule.

    Args:
        classes: c, size of the byte-pair vocabulary trained on the text; words are the classes of Penn Treebank.
        width: D of the transformer.
        depth: blocks.
        heads: attention heads.
        length: tokens per window.
        windows: training windows; None takes 93 c / length.
        per_update: windows per update; None takes a 52nd of all.
        steps: T; None takes 5200 c / 9900.
        held_out: windows of validation text.
        per_chunk: windows per forward pass.
        every: updates between two rows of the curves; None takes an epoch.
        dropout: while training; losses are evaluated without.
        precision: of the matrix products.
        corpus: `wikipedia`, `newsgroups`, `wikitext-103`, a text file or folder, or a folder with ptb.train.txt.
        seeds: they draw the initial weights and the order of the windows.
        device: `cpu`, or a GPU as torch names it.
    """

    classes: Annotated[int, Field(gt=256, le=1_000_000)]
    width: Annotated[int, Field(ge=2, multiple_of=2)]
    depth: Annotated[int, Field(ge=1)]
    heads: Annotated[int, Field(ge=1)]
    length: Annotated[int, Field(ge=1)] = 32
    windows: Annotated[int, Field(ge=1)] | None = None
    per_update: Annotated[int, Field(ge=1)] | None = None
    steps: Annotated[int, Field(ge=1)] | None = None
    held_out: Annotated[int, Field(ge=0)] = 100
    per_chunk: Annotated[int, Field(ge=1)] = 64
    every: Annotated[int, Field(ge=1)] | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    corpus: Annotated[str, Field(min_length=1)] = "wikipedia"
    seeds: Seeds = (0, 1, 2)
    device: str = "cpu"

    @property
    def num_windows(self) -> int:
        """Return the number of training windows."""
        return self.windows or max(1, round(PTB_TOKENS * self.classes / PTB_CLASSES / self.length))

    @property
    def horizon(self) -> int:
        """Return T."""
        return self.steps or max(1, round(PTB_STEPS * self.classes / PTB_CLASSES))

    @property
    def batch(self) -> int:
        """Return the number of windows per update."""
        return self.per_update or max(1, round(self.num_windows / PTB_UPDATES_PER_EPOCH))

    def summary(self) -> str:
        """Return text, classes, tokens, model and horizon."""
        sizes = f"{self.num_windows * self.length:,} tokens, T={self.horizon:,}, {self.batch}×{self.length} tokens an update"
        blocks = "1 block" if self.depth == 1 else f"{self.depth} blocks"
        model = f"{blocks} of width {self.width}"
        return f"{self.corpus}, c={self.classes:,}, {sizes}, {model}, seeds {' '.join(map(str, self.seeds))}"

    def problem(self, **model: Any) -> LanguageModel:
        """Return the problem; `model` are further fields of the transformer."""
        text = open_corpus(self.corpus)
        fields = {name: getattr(self, name) for name in ("depth", "heads", "width", "dropout", "precision")}
        return LanguageModel(
            corpus=text,
            vocabulary=vocabulary(text, self.classes),
            model=Transformer(**(fields | model)),
            length=self.length,
            windows=self.num_windows,
            per_update=self.batch,
            per_chunk=self.per_chunk,
            held_out=self.held_out,
        )

    def sweep(
        self, problem: LanguageModel, optimizers: Mapping[Method, Grid], weighting: Weighting = "none", groups: int = 10
    ) -> Sweep:
        """Return the sweep of some optimizers on a problem of these sizes."""
        per_epoch = self.num_windows / self.batch
        return Sweep(
            problem=problem,
            optimizers=optimizers,
            steps=self.horizon,
            seeds=self.seeds,
            groups=groups,
            weighting=weighting,
            refine=0.5,
            every=self.every or max(1, round(per_epoch / ROWS_PER_EPOCH)),
            device=self.device,
        )


def vocabulary(text: Corpus, classes: int) -> Vocabulary:
    """Return words for a text that comes as words, such as Penn Treebank, and byte pairs for others."""
    return word_vocabulary(text, classes) if text.marked else BPE(size=classes)


def around(exponent: float, width: int, paper_width: int | None = None) -> Grid:
    """Return three decades around a rate of the paper, moved by paper_width/width where a paper_width is given.

    >>> around(-3.5, width=100, paper_width=1000).exponents
    (-3.0, -2.0, -1.0)
    """
    moved = exponent + (math.log10(paper_width / width) if paper_width else 0.0)
    centre = math.floor(moved + 0.5)
    return decades(centre - 1, centre + 1)


@declared("kunstner2024heavytailed.token_counts")
def token_counts(problem: LanguageModel, groups: int) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Return how often each class is a target, most frequent first, with its frequency group: panel (a).

    Args:
        problem: the language model.
        groups: G.

    Returns:
        Numbers: tail exponent, share of the samples that the rarest half of the classes holds. Table `counts`: rank,
        count, group.
    """
    _, targets = windows(problem, "train", problem.windows)
    counts = np.bincount(targets.flatten().numpy(), minlength=problem.num_classes)
    of_class = frequency_groups(counts, groups).of_class
    order = np.argsort(counts, kind="stable")[::-1]
    order = order[counts[order] > 0]
    ordered = counts[order]
    rarest_half = ordered[(len(ordered) + 1) // 2 :].sum() / ordered.sum()
    numbers = {"tail_exponent": tail_exponent(counts), "rarest_half": float(rarest_half), "classes": len(ordered)}
    columns = {"rank": np.arange(1, len(ordered) + 1), "count": ordered, "group": of_class[order] + 1}
    return numbers, {"counts": pa.table(columns)}
