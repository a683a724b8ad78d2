"""Appendix: the transformers of the Penn Treebank experiments, two layers in mini-batches and one layer full batch."""

from __future__ import annotations

from typing import Any

from steepest.claims.claim import Claim
from steepest.claims.drawings import learning_rates, overview
from steepest.claims.measures import gap, least, rarest
from steepest.claims.paper import Draw, Figure
from steepest.runs.sweep import Plan
from steepest_papers.kunstner2024heavytailed.language import PTB_CLASSES, RULE, SGD, SMOKE, LanguageSizes, three_decades
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM, ADAM_M, GD, GD_M, NORM_M, SIGN_M, renamed

TREEBANK: dict[str, Any] = {"norm": "post", "activation": "relu", "init": "ptb"}
TINY_TOKENS, TINY_STEPS = 70_000, 1_000
TEXT = (
    "The paper reads Penn Treebank as words; give its folder with --set corpus=FOLDER (ptb.train.txt, ptb.valid.txt, "
    "ptb.test.txt) and classes=9900. Here the text is Wikipedia lead sections in byte pairs. Losses are evaluated without "
    "dropout; the authors' code leaves it on. "
)


def mini_batch(sizes: LanguageSizes) -> dict[str, Plan]:
    """Return the sweep of gradient descent and Adam on mini-batches, with and without momentum."""
    problem = sizes.problem(**TREEBANK, hidden=sizes.width)
    optimizers = {
        renamed(GD, "SGD-m"): three_decades(-1.0, sizes.width),
        SGD: three_decades(-1.5, sizes.width),
        ADAM: three_decades(-4.0, sizes.width, 1000),
        ADAM_M: three_decades(-3.5, sizes.width, 1000),
    }
    return {"mini-batch": sizes.sweep(problem, optimizers)}


class FullBatchSizes(LanguageSizes):
    """Sizes of the full-batch transformer: all windows are one update."""

    @property
    def num_windows(self) -> int:
        """Return the number of training windows: 7 tokens per class, as in TinyPTB."""
        return self.windows or max(1, round(TINY_TOKENS * self.classes / PTB_CLASSES / self.length))

    @property
    def horizon(self) -> int:
        """Return T = 1000 c / 9900."""
        return self.steps or max(1, round(TINY_STEPS * self.classes / PTB_CLASSES))

    @property
    def batch(self) -> int:
        """Return all windows."""
        return self.num_windows


def full_batch(sizes: FullBatchSizes) -> dict[str, Plan]:
    """Return the sweep of four optimizers with momentum, all windows in every update."""
    problem = sizes.problem(**TREEBANK, hidden=sizes.width).changed(per_update=None)
    optimizers = {
        GD_M: three_decades(-1.5, sizes.width),
        ADAM_M: three_decades(-3.5, sizes.width, 1200),
        NORM_M: three_decades(-1.0, sizes.width),
        SIGN_M: three_decades(-5.0, sizes.width, 1200),
    }
    return {"full-batch": sizes.sweep(problem, optimizers).changed(every=max(1, sizes.horizon // 40))}


def claims(prefix: str, plan: str, sgd: str) -> tuple[Claim, ...]:
    """Return the claims of Figure 1 for another transformer; `sgd` is the name of gradient descent without momentum tag."""
    return (
        Claim(f"{prefix}-gap", gap(plan, f"{sgd}+m", "Adam+m").at_least(0.15, fails=0.05)).says(
            f"Adam ends below {sgd}, both with momentum"
        ),
        Claim(f"{prefix}-rare", rarest(plan, f"{sgd}+m").at_most(0.15, fails=0.5)).says(
            f"{sgd} with momentum makes little progress on the rarest tenth"
        ),
        Claim(f"{prefix}-adam-all", least(plan, "Adam+m").at_least(0.3, fails=0.1)).says(
            "Adam with momentum makes progress on every group"
        ),
    )


def drawings(plan: str, shown: tuple[str, ...], title: str) -> dict[str, Draw]:
    """Return the drawings of a plan: overall loss with loss by group, and learning rates."""
    return {plan: overview(plan, shown, title=title), f"{plan}-rates": learning_rates(plan)}


MINI_BATCH = Figure(
    id="ptb",
    title="Two-layer transformer, mini-batches",
    statement="A small transformer on a small corpus shows what GPT-2 shows: SGD is slow on rare tokens, Adam is not.",
    scales={
        "smoke": SMOKE.changed(depth=2),
        "laptop": LanguageSizes(classes=1024, width=64, depth=2, heads=4, length=35),
        "paper": LanguageSizes(
            classes=9_900,
            width=1_000,
            depth=2,
            heads=4,
            length=35,
            windows=26_389,
            per_update=512,
            steps=5_200,
            dropout=0.2,
            device="cuda",
        ),
    },
    plans=mini_batch,
    claims=(
        *claims("ptb", "mini-batch", "SGD"),
        Claim("ptb-gap-plain", gap("mini-batch", "SGD-m", "Adam-m").at_least(0.15, fails=0.05)).says(
            "Adam ends below SGD, both without momentum"
        ),
    ),
    draw=drawings("mini-batch", ("SGD-m", "SGD+m", "Adam-m", "Adam+m"), "Two layers, overall"),
    rule=TEXT + RULE,
    where="Appendix, Penn Treebank",
)

FULL_BATCH = Figure(
    id="deterministic",
    title="One-layer transformer, full batch",
    statement="The gap stays when there is no gradient noise: full-batch Adam and sign descent still beat gradient descent.",
    scales={
        "smoke": FullBatchSizes(classes=300, width=8, depth=1, heads=1, windows=20, steps=6, held_out=10),
        "laptop": FullBatchSizes(classes=1024, width=64, depth=1, heads=1, length=35),
        "paper": FullBatchSizes(
            classes=9_900,
            width=1_200,
            depth=1,
            heads=1,
            length=35,
            windows=2_000,
            steps=3_200,
            dropout=0.2,
            device="cuda",
        ),
    },
    plans=full_batch,
    claims=(
        *claims("deterministic", "full-batch", "GD"),
        Claim("deterministic-sign", gap("full-batch", "Sign+m", "Adam+m").absolute().at_most(0.1, fails=0.2)).says(
            "Sign descent ends where Adam does, both with momentum"
        ),
    ),
    draw=drawings("full-batch", ("GD+m", "NormGD+m", "Sign+m", "Adam+m"), "Full batch, overall"),
    rule=TEXT
    + "n = 70 000 c/9900 tokens, T = 1000 c/9900 updates: TinyPTB's tokens per class and the horizon of Figure 5.",
    where="Appendix, full batch",
)
