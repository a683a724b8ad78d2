"""The words and symbols of this project, each with one meaning; `docs/glossary.md`, pages and terminal read this table."""

from __future__ import annotations

import re
from typing import NamedTuple


class Entry(NamedTuple):
    """A word or a symbol.

    Attributes:
        name: as it is written.
        meaning: one to three lines.
        pattern: the regular expression of a symbol in a text; empty for a word.
    """

    name: str
    meaning: str
    pattern: str = ""


WORDS = (
    Entry("problem", "Data, model and loss. It gives the loss of every example, and the class of each."),
    Entry("task", "A problem set up for one seed: initial params, and the functions that compute its losses."),
    Entry(
        "example",
        "What one loss belongs to: a labelled image, or a position in a text and its next token. A sample is the same.",
    ),
    Entry("optimizer", "A rule that updates params from gradients; a class in the style of `torch.optim`."),
    Entry("method", "An optimizer with its options under a label, such as `Adam+m`; its learning rate is left open."),
    Entry(
        "spec",
        "The complete, frozen description of one run: problem, method, learning rate, number of updates, seed, what is "
        "measured. Its hash names the run.",
    ),
    Entry(
        "step",
        "One change of the params by an optimizer; an update is the same. A run has T of them, 0 is before the first.",
    ),
    Entry(
        "calculation", "A function with its arguments that computes numbers without training; it is stored as a run."
    ),
    Entry("run", "The stored result of a spec or a calculation: curves, final numbers, environment, state."),
    Entry("sweep", "One problem with methods, a grid of learning rates for each, and seeds; it expands to specs."),
    Entry(
        "plan",
        "What has to be run: a sweep, or a list of calculations. Its `progress()` says which runs are missing; this is not "
        "the progress ρ.",
    ),
    Entry(
        "search",
        "The choice of one method's learning rate in a sweep: rates tried, the selected rate, and whether it lies at an "
        "end of the grid.",
    ),
    Entry(
        "stack",
        "Runs that differ in rate, seed or numbers of method and problem, trained as one computation: in lockstep.",
    ),
    Entry(
        "component",
        "A frozen object that is part of a spec, such as a problem or a probe. The permanent name of its class, `kind`, its "
        "version and its fields are hashed.",
    ),
    Entry(
        "frequency group",
        "Classes sorted by frequency and cut into G groups that hold about 1/G of the samples each; group 1 holds the most "
        "frequent classes, group G the rarest.",
    ),
    Entry("level", "Classes of synthetic data that have the same number of samples."),
    Entry("probe", "What a run records besides its losses, at chosen steps, such as the gradient norm of each class."),
    Entry("measure", "A quantity read from the results of a figure, one number for each seed."),
    Entry(
        "criterion",
        "A measure with two thresholds, written before the runs: `holds`, and `fails` on the other side.",
    ),
    Entry("claim", "A statement of a paper (or of ours) with the criterion that tests it."),
    Entry(
        "verdict",
        "Where the 95 % interval of a claim's measure over seeds lies: beyond `holds` it is supported, beyond `fails` "
        "contradicted, else undecided; or the claim was not run, or is out of reach.",
    ),
    Entry("ledger", "The list of verdicts, with the numbers and runs behind each."),
    Entry("scale", "Which sizes are run: `smoke` (tests), `quick`, `laptop`, `medium`, or those of the `paper`."),
    Entry(
        "settings",
        "The sizes of one figure at one scale, which `--set` changes. What a problem or a spec states are its fields.",
    ),
    Entry("store", "The folder in which runs, figures and pages are kept."),
    Entry("paper", "A package with the figures and claims of one paper, found by the entry point `steepest.papers`."),
    Entry("figure", "A figure, table or section of a paper: plans, claims and drawings."),
    Entry("drawing", "One picture of a figure, with the table of numbers in it."),
    Entry(
        "kit",
        "A part of the library that works on the user's own modules and tensors, without store, sweep and claims.",
    ),
    Entry("topic", "What a piece of advice is about; papers register the claims that they have on it."),
)
SYMBOLS = (
    Entry(
        "L(t), L_g(t)",
        "The mean training loss after t updates: over all examples, and over those of frequency group g. T is the last t.",
        r"\bL(_\w+)?\(\w\)",
    ),
    Entry(
        "ρ, ρ_g",
        "Progress, ρ = 1 − L(T)/L(0), and of frequency group g, ρ_g = 1 − L_g(T)/L_g(0): 0 no progress, 1 solved, below 0 "
        "worse than before training.",
        "ρ",
    ),
    Entry(
        "Γ",
        "The gap between two optimizers, each at its own selected learning rate: Γ = (L_worse(T) − L_better(T)) / L(0).",
        "Γ",
    ),
    Entry("n_k", "The number of samples of class k.", r"\bn_k\b"),
    Entry("π_k", "The frequency of class k, π_k = n_k / Σ_j n_j.", "π_"),
)


def symbols_in(text: str) -> list[Entry]:
    """Return the symbols that occur in a text, and those that their meanings use.

    >>> [entry.name for entry in symbols_in("Adam ends below GD: Γ")]
    ['L(t), L_g(t)', 'Γ']
    """
    meanings = " ".join(entry.meaning for entry in SYMBOLS if re.search(entry.pattern, text))
    return [entry for entry in SYMBOLS if re.search(entry.pattern, f"{text} {meanings}")]


def markdown() -> str:
    """Return the glossary as Markdown: `docs/glossary.md`."""
    top = "# Glossary\n\nOne word, one meaning: in code, pages and terminal. Written from `steepest.glossary`.\n"
    parts = {"Words": WORDS, "Symbols": SYMBOLS}
    sections = [
        f"\n## {title}\n\n" + "".join(f"- **{entry.name}**: {entry.meaning}\n" for entry in entries)
        for title, entries in parts.items()
    ]
    return top + "".join(sections)
