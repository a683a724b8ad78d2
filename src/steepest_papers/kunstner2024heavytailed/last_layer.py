"""Sizes of the experiments on the last layer of a frozen transformer: Figure 5, and when gradient descent catches up."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from steepest.claims.paper import Settings
from steepest.data.corpora import open_corpus
from steepest.data.tokens import BPE, word_vocabulary
from steepest.problems import LastLayer
from steepest.runs.sweep import Seeds


class LastLayerSizes(Settings):
    """Sizes of the last-layer experiment.

    Args:
        windows: windows of 35 tokens; n = 35·windows.
        width: D of the frozen features.
        seeds: they draw the frozen transformer and the head.
        corpus: `wikipedia`, `newsgroups`, `wikitext-103`, or a text file or folder of the user's.
        bpe: size of a byte-pair vocabulary trained on the corpus; None takes words.
    """

    windows: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=2, multiple_of=2)]
    seeds: Seeds = (0, 1, 2)
    corpus: str = "wikipedia"
    bpe: Annotated[int, Field(gt=256, le=1_000_000)] | None = None

    def problem(self) -> LastLayer:
        """Return the problem."""
        corpus = open_corpus(self.corpus)
        vocabulary = word_vocabulary(corpus) if self.bpe is None else BPE(size=self.bpe)
        return LastLayer(corpus=corpus, vocabulary=vocabulary, windows=self.windows, width=self.width)

    def summary(self) -> str:
        """Return text, classes, n, width and seeds; c and T follow from the text."""
        text = f"{self.corpus}, {'words' if self.bpe is None else f'BPE of {self.bpe}'}"
        return f"{text}, n={35 * self.windows} tokens, width={self.width}, seeds {' '.join(map(str, self.seeds))}"
