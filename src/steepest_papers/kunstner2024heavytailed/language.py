"""The language-model experiments: a transformer on the first tokens of a text, in mini-batches, and Figure 1's GPT.

Sizes follow the paper's Penn Treebank runs, which train on 923 648 tokens of c ≈ 9 900 classes for 5 200 updates, 52 an
epoch. With c classes there are, in the same proportions,

    n = 93 c tokens,   T = 5200 c / 9900 updates,   n / 52 tokens per update

so that a class has as many examples, and the rarest class meets as many updates in units of 1/π_c, as in the paper.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from steepest.claims.paper import Settings
from steepest.data.corpora import open_corpus
from steepest.data.corpus import Corpus
from steepest.data.tokens import BPE, Vocabulary, word_vocabulary
from steepest.optim import AdamW, Muon
from steepest.problems.language_model import LanguageModel, Transformer
from steepest.runs.method import Method
from steepest.runs.sweep import Grid, Seeds, Sweep, decades
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM_M, GD_M, NORM_M, SIGN_M, renamed

PTB_CLASSES, PTB_TOKENS, PTB_STEPS, PTB_UPDATES_PER_EPOCH = 9_900, 923_648, 5_200, 52
GROUPS = 10
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

    def sweep(self, problem: LanguageModel, optimizers: Mapping[Method, Grid]) -> Sweep:
        """Return the sweep of some optimizers on a problem of these sizes, with a row of the curves after each epoch."""
        return Sweep(
            problem=problem,
            optimizers=optimizers,
            steps=self.horizon,
            seeds=self.seeds,
            groups=GROUPS,
            refine=0.5,
            every=self.every or max(1, round(self.num_windows / self.batch)),
            device=self.device,
        )


def vocabulary(text: Corpus, classes: int) -> Vocabulary:
    """Return words for a text that comes as words, such as Penn Treebank, and byte pairs for others."""
    return word_vocabulary(text, classes) if text.marked else BPE(size=classes)


def three_decades(exponent: float, width: int = 1, paper_width: int | None = None) -> Grid:
    """Return three decades around a rate of the paper, moved by paper_width/width where a paper_width is given.

    >>> three_decades(-3.5, width=100, paper_width=1000).exponents
    (-3.0, -2.0, -1.0)
    """
    moved = exponent + (math.log10(paper_width / width) if paper_width else 0.0)
    centre = math.floor(moved + 0.5)
    return decades(centre - 1, centre + 1)


SGD, NORM = renamed(GD_M, "SGD+m"), renamed(NORM_M, "NormSGD+m")
MAIN = (SGD, ADAM_M)
# Figure 1: exponents of the paper, and the width at which it chose them where the step does not shrink with the gradient:
# GPT-2 for SGD and Adam, Penn Treebank for the rest. Muon is not in the paper; its step is scaled to that of Adam.
GPT_RATES: Mapping[Method, tuple[float, int | None]] = {
    SGD: (-2.0, None),
    ADAM_M: (-4.5, 768),
    Method(AdamW, "AdamW"): (-4.0, 768),
    SIGN_M: (-5.0, 1200),
    NORM: (-1.0, None),
    Method(Muon, "Muon"): (-4.5, 768),
}
SMOKE = LanguageSizes(classes=300, width=8, depth=1, heads=2, windows=60, per_update=20, steps=6, held_out=10)
LAPTOP = LanguageSizes(classes=1024, width=64, depth=1, heads=2)
GPT2 = LanguageSizes(
    classes=50_257,
    width=768,
    depth=12,
    heads=12,
    length=1024,
    windows=115_000,
    per_update=512,
    steps=15_000,
    held_out=240,
    per_chunk=16,
    every=500,
    dropout=0.1,
    precision="bfloat16",
    corpus="wikitext-103",
    device="cuda",
)


def gpt_sweep(sizes: LanguageSizes, methods: Iterable[Method] = MAIN) -> Sweep:
    """Return the sweep of Figure 1's model: some optimizers around the paper's rates."""
    rates = {method: GPT_RATES[method] for method in methods}
    grids = {method: three_decades(exponent, sizes.width, at) for method, (exponent, at) in rates.items()}
    return sizes.sweep(sizes.problem(), grids)
