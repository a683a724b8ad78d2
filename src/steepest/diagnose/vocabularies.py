"""The tail of a text under byte-pair vocabularies of several sizes, from one training and one encoding.

Training adds tokens one by one, each the merger of two earlier ones, and encoding applies mergers in that order. So the
vocabulary of m tokens is the beginning of every larger one, and what a text becomes under it follows by undoing mergers:

    counts[left] += counts[k],  counts[right] += counts[k],  counts[k] = 0   for k = M − 1, M − 2, …, m

where token k merged left and right (derived by us). It needs every token to come from a single merger; where runs of one
character make the same token in two ways, as ==== from == == and from === =, each size is trained by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from steepest.data.tokens import BPE, trained_tokenizer
from steepest.diagnose.spectrum import Ints

BYTES = 256
Pair = tuple[int, int]


def counts_by_size(texts: Sequence[str], sizes: Sequence[int]) -> Iterator[tuple[int, Ints]]:
    """Yield size and token counts under byte-pair vocabularies trained on the texts, the smallest first.

    Sizes that the texts are too short for are left out.

    Args:
        texts: documents.
        sizes: numbers of tokens, more than 256.
    """
    if not texts or not sizes:
        return
    merged, counts = _trained(texts, max(sizes))
    wanted = sorted(size for size in sizes if size <= len(counts))
    if merged is None:
        yield from ((size, _encoded(texts, size)) for size in wanted)
        return
    by_size = {}
    for size in reversed(wanted):
        counts = by_size[size] = _undone(counts, merged, size)
    yield from reversed(by_size.items())


def _trained(texts: Sequence[str], size: int) -> tuple[list[Pair] | None, Ints]:
    """Return the parts of every token beyond the bytes, None if one has several, and the counts of all tokens."""
    from tokenizers import models, trainers

    tokenizer = trained_tokenizer(models.BPE(), trainers.BpeTrainer, size, texts)
    model = json.loads(tokenizer.to_str())["model"]
    ids, merges = model["vocab"], model["merges"]
    encodings = tokenizer.encode_batch_fast(list(texts))
    counts = _counted((encoding.ids for encoding in encodings), len(ids))
    in_order = [ids[left + right] for left, right in merges] == list(range(BYTES, len(ids)))
    return [(ids[left], ids[right]) for left, right in merges] if in_order else None, counts


def _undone(counts: Ints, merged: Sequence[Pair], size: int) -> Ints:
    """Return the counts under the first `size` tokens."""
    smaller = counts.copy()
    for k in range(len(counts) - 1, size - 1, -1):
        left, right = merged[k - BYTES]
        smaller[left] += smaller[k]  # each token k becomes one token left and one token right
        smaller[right] += smaller[k]
    return smaller[:size]


def _encoded(texts: Sequence[str], size: int) -> Ints:
    strings, encode = BPE(size=size).fit(texts)
    return _counted(encode(texts), len(strings))


def _counted(ids: Iterator[list[int]] | list[list[int]], size: int) -> Ints:
    return np.bincount(np.fromiter(chain.from_iterable(ids), dtype=np.int64), minlength=size)
