"""Figure 5: only the last layer of a one-layer transformer is trained, full batch, on real text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from steepest.claims import drawings, measures
from steepest.claims.claim import Claim
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.data.corpora import open_corpus
from steepest.data.tokens import BPE, word_vocabulary
from steepest.problems import LastLayer
from steepest.runs.sweep import Plan, Seeds, Sweep
from steepest_papers.kunstner2024heavytailed.optimizers import LAST_LAYER_RATES, MAIN, around

PAPER_CLASSES, PAPER_STEPS = 9_900, 1_000
FAMILIES = ("GD", "Adam", "NormGD", "Sign")


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


def horizon(num_classes: int) -> int:
    """Return T = 1000·c/9900, rounded: the paper's horizon at its vocabulary, shrunk as 1/π_c ∝ c."""
    return max(1, round(PAPER_STEPS * num_classes / PAPER_CLASSES))


def plans(sizes: LastLayerSizes) -> dict[str, Plan]:
    """Return the sweep of the eight optimizers with ten frequency groups."""
    problem = sizes.problem()
    sweep = Sweep(
        problem=problem,
        optimizers={method: around(LAST_LAYER_RATES[method]) for method in MAIN},
        steps=horizon(problem.num_classes),
        seeds=sizes.seeds,
        groups=10,
    )
    return {"last-layer": sweep}


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return overall loss with GD and sign descent by group, all eight optimizers by group, and the learning rates."""
    return {
        "fig5": drawings.overview(
            results, "last-layer", ("GD+m", "NormGD+m", "Adam+m", "Sign+m"), title="Last layer, overall"
        ),
        "fig5-all": drawings.grid_of_methods(results, "last-layer"),
        "fig5-rates": drawings.learning_rates(results, "last-layer"),
    }


CLAIMS = (
    Claim("fig5-sign-adam", measures.gap("last-layer", "Sign+m", "Adam+m").absolute().at_most(0.1, fails=0.2)).says(
        "Sign descent ends where Adam does, both with momentum"
    ),
    Claim("fig5-sign-gd", measures.gap("last-layer", "GD+m", "Sign+m").at_least(0.1, fails=0.0)).says(
        "Changing the direction matters: sign descent ends below GD, both with momentum"
    ),
    Claim("fig5-sign-gd-plain", measures.gap("last-layer", "GD-m", "Sign-m").at_least(0.1, fails=0.0)).says(
        "Changing the direction matters: sign descent ends below GD, both without momentum"
    ),
    Claim("fig5-sign-norm", measures.gap("last-layer", "NormGD+m", "Sign+m").at_least(0.1, fails=0.0)).says(
        "Normalising the length helps less than the sign: sign descent ends below normalised GD, both with momentum"
    ),
    Claim("fig5-momentum", measures.momentum_against_direction("last-layer", FAMILIES).at_most(1.0, fails=1.25)).says(
        "Momentum changes any method by less than the sign changes GD: largest |Γ| by momentum over Γ by sign"
    ),
    Claim("fig5-gd-rare", measures.rarest("last-layer", "GD+m").at_most(0.15, fails=0.5)).says(
        "GD with momentum makes little progress on the rarest tenth of the tokens"
    ),
    Claim("fig5-adam-all", measures.least("last-layer", "Adam+m").at_least(0.5, fails=0.15)).says(
        "Adam with momentum makes progress on every group"
    ),
)

FIGURE = Figure(
    id="fig5",
    title="Last layer of a frozen transformer on real text, eight optimizers",
    statement=(
        "Training only the head of a random one-layer transformer shows the same gap. What separates the methods is the "
        "direction of the step (sign against gradient); normalising its length or adding momentum matters less."
    ),
    scales={
        "smoke": LastLayerSizes(windows=12, width=16),
        "quick": LastLayerSizes(windows=60, width=64),
        "laptop": LastLayerSizes(windows=60, width=64),
        "paper": LastLayerSizes(windows=2_000, width=1_200),
    },
    plans=plans,
    claims=CLAIMS,
    draw=draw,
    rule=(
        "T = 1000·c/9900, with c the word types that occur. The number of windows is set by cost alone, a CPU second a run. "
        "The paper reads Penn Treebank; here the text is the lead sections of English Wikipedia articles, words as classes."
    ),
    where="Figure 5",
)
