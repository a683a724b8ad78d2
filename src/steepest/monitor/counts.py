"""Class counts of what a user gives: the counts themselves, a corpus, or a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from steepest.data.corpus import Corpus
from steepest.errors import DataError

if TYPE_CHECKING:
    from steepest.data.tokens import Vocabulary

LABELS = ("labels", "label", "targets", "target", "input_ids")  # columns that hold class ids, the first that is there
MAX_CLASSES = 10**8
PART = 10_000  # examples of a dataset that are counted at once


def counts_of(source: Any, vocabulary: Vocabulary | None, num_classes: int | None, ignore_index: int) -> Tensor:
    """Return n_k, shape (c,), int64.

    Args:
        source: one of
            counts: integers (c,) as list, array or tensor, returned as they are;
            a corpus: the tokens of its training documents are counted;
            a dataset: `datasets.Dataset`, torchvision's (`.targets`), or anything that yields pairs (x, y) or
            dictionaries with one of the keys `LABELS`; y may be an id or an array of ids.
        vocabulary: how a corpus becomes tokens; None takes its words.
        num_classes: c, or None for the largest id + 1.
        ignore_index: an id that is not counted.

    Raises:
        ValueError: counts that are not a vector of non-negative integers, all 0, or of another length than c.
        DataError: a dataset without class ids, or with an id that is negative or not below c.
    """
    if _is_vector(source):
        return _checked(torch.as_tensor(np.asarray(source)), num_classes)
    if isinstance(source, Corpus):
        return _of_corpus(source, vocabulary)
    n_k = torch.zeros(num_classes or 0, dtype=torch.int64)
    for ids in _parts(source):
        n_k = _plus(n_k, ids[ids != ignore_index], num_classes)
    if not n_k.any():
        raise DataError("the dataset holds no class ids; give one that does, or the class counts")
    return n_k


def _is_vector(source: Any) -> bool:
    """Return whether a source is counts: a tensor, an array, or a sequence that begins with a number."""
    if isinstance(source, list | tuple):
        return not source or isinstance(source[0], int | float | np.number)
    return isinstance(source, Tensor) or hasattr(source, "__array__")


def _checked(counts: Tensor, num_classes: int | None) -> Tensor:
    if counts.ndim != 1 or counts.is_floating_point() or counts.dtype == torch.bool:
        raise ValueError(f"counts must be a vector of integers, got {counts.dtype} of shape {tuple(counts.shape)}")
    if (counts < 0).any() or not counts.any():
        raise ValueError("counts must be non-negative and not all 0; leave them out to learn them while training")
    if num_classes not in (None, len(counts)):
        raise ValueError(f"num_classes is {num_classes}, but there are {len(counts)} counts; leave num_classes out")
    return counts.to("cpu", torch.int64)


def _of_corpus(corpus: Corpus, vocabulary: Vocabulary | None) -> Tensor:
    from steepest.data.tokens import tokenize, word_vocabulary

    tokens = tokenize(corpus, vocabulary or word_vocabulary(corpus))
    return torch.bincount(torch.from_numpy(tokens.ids["train"].copy()), minlength=tokens.num_classes)


def _parts(dataset: Any) -> Iterator[Tensor]:
    """Yield the class ids of a dataset part by part."""
    if isinstance(dataset, Mapping):
        raise DataError(
            f"one split of a dataset is expected, got all of {', '.join(dataset)}; give dataset['train'], for example"
        )
    if hasattr(dataset, "targets"):
        yield _ids(dataset.targets)
    elif hasattr(dataset, "column_names"):
        for columns in dataset.iter(PART):
            yield torch.cat([_ids(label) for label in columns[_label_of(columns)]])
    else:
        examples = _examples(dataset)
        while part := list(islice(examples, PART)):
            yield torch.cat([_ids(_label(example)) for example in part])


def _examples(dataset: Any) -> Iterator[Any]:
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__"):
        return (dataset[i] for i in range(len(dataset)))
    if isinstance(dataset, Iterable):
        return iter(dataset)
    raise DataError(f"class counts, a corpus or a dataset are expected, got {type(dataset).__name__}")


def _label(example: Any) -> Any:
    if isinstance(example, Mapping):
        return example[_label_of(example)]
    if isinstance(example, list | tuple) and len(example) == 2:
        return example[1]
    raise DataError(f"an example must be a pair (x, y) or have one of the keys {', '.join(LABELS)}")


def _label_of(columns: Mapping[str, Any]) -> str:
    for name in LABELS:
        if name in columns:
            return name
    raise DataError(f"no column of class ids among {', '.join(columns)}; name it one of {', '.join(LABELS)}")


def _ids(label: Any) -> Tensor:
    ids = torch.as_tensor(label)
    if ids.is_floating_point() or ids.dtype == torch.bool:
        raise DataError(f"class ids must be integers, got {ids.dtype}")
    return ids.to(torch.int64).flatten()


def _plus(n_k: Tensor, ids: Tensor, num_classes: int | None) -> Tensor:
    """Return counts to which the ids are added, longer where an id needs it and c is not given."""
    if not len(ids):
        return n_k
    low, high = (int(bound) for bound in ids.aminmax())
    if low < 0 or high >= (num_classes or MAX_CLASSES):
        raise DataError(f"class ids must lie in 0 … {(num_classes or MAX_CLASSES) - 1}, got {low if low < 0 else high}")
    total = torch.bincount(ids, minlength=len(n_k))
    total[: len(n_k)] += n_k
    return total
