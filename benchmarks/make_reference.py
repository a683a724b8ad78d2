"""Write src/steepest/diagnose/reference.json: what `steepest diagnose` compares with. Summaries of counts, no texts.

    python benchmarks/make_reference.py     downloads the texts at the first use; a minute

Two laws are added to the real data: the frequencies 1/k, and equal ones.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import steepest.diagnose
from steepest.data.frequency import zipf
from steepest.diagnose.counting import count
from steepest.diagnose.inputs import open_input
from steepest.diagnose.spectrum import Spectrum
from steepest.diagnose.summary import Summary
from steepest.diagnose.tokenization import tokenization

TARGET = Path(steepest.diagnose.__file__).with_name("reference.json")
SAMPLES = 10**7
CORPORA = {
    "Wikipedia leads, words": ("wikipedia", "words"),
    "Wikipedia leads, BPE 1,024": ("wikipedia", "bpe:1024"),
    "Wikipedia leads, BPE 4,096": ("wikipedia", "bpe:4096"),
    "Wikipedia leads, BPE 16,384": ("wikipedia", "bpe:16384"),
    "20 Newsgroups, words": ("newsgroups", "words"),
    "20 Newsgroups, labels": ("newsgroups-labels", None),
    "Reuters-52, labels": ("reuters", None),
    "Fashion-MNIST, long-tailed": ("fashion", None),
    "Glyphs, 1,000 classes": ("glyphs", None),
}


def measured(name: str, target: str, tokenizer: str | None) -> Summary:
    source = open_input(target)
    how = tokenization(tokenizer, source.sample) if tokenizer else None
    *_, total = count(source, how)
    return Summary.of(name, source.kind, total.result()[0])


def laws() -> list[Summary]:
    exact = Spectrum.of(np.rint(SAMPLES * zipf(10_000)).astype(np.int64))
    equal = Spectrum.of(np.full(1_000, SAMPLES // 1_000))
    return [
        Summary.of("the law 1/k, 10,000 classes", "law", exact),
        Summary.of("1,000 equal classes", "law", equal),
    ]


def main() -> None:
    rows = [measured(name, *how) for name, how in CORPORA.items()] + laws()
    TARGET.write_text(
        json.dumps([row.as_json() for row in rows], indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    for row in rows:
        print(f"{row.name:30} n={row.samples:>9,} c={row.classes:>7,} a={row.exponent:.2f} ratio={row.ratio:.3g}")


if __name__ == "__main__":
    main()
