"""Vocabularies, and corpora as token ids: the classes of next-token prediction."""

from __future__ import annotations

import io
import json
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from steepest.component import Component, canonical_json, describe
from steepest.data.artefacts import GPT2_BPE, cache_folder, fetch, unwritable
from steepest.data.corpus import SPLITS, Corpus, Split
from steepest.errors import DataError
from steepest.files import sha256, write_atomically

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Encoder = Callable[[Sequence[str]], list[list[int]]]
UNKNOWN = "<unk>"
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|[^\w\s]|_")
BASIC_ENGLISH = re.compile(r"[^\s'.,()!?;:]+|['.,()!?]")


class Vocabulary(Component):
    """How text becomes classes."""

    @abstractmethod
    def fit(self, train: Sequence[str]) -> tuple[list[str], Encoder]:
        """Build the vocabulary on the training documents.

        Args:
            train: texts.

        Returns:
            The text of each token, in the order of the ids, and the function from texts to ids.
        """


class Words(Vocabulary):
    """Lower-cased words, numbers and punctuation marks that occur in the training documents.

    Id 0 is `<unk>`, which replaces all other words; then the words follow, most frequent first, ties in alphabetical
    order.

    Attributes:
        size: keep the most frequent `size` − 1 words; all words if None.
    """

    kind: ClassVar[str] = "Words"

    size: Annotated[int, Field(ge=2)] | None = None

    def fit(self, train: Sequence[str]) -> tuple[list[str], Encoder]:
        """Count the words of the training documents."""
        counts = Counter(chain.from_iterable(map(self.cut, train)))
        ranked = sorted(counts.keys() - {UNKNOWN}, key=lambda word: (-counts[word], word))
        strings = [UNKNOWN, *ranked[: None if self.size is None else self.size - 1]]
        index = {word: i for i, word in enumerate(strings)}
        return strings, lambda texts: [[index.get(word, 0) for word in self.cut(text)] for text in texts]

    def cut(self, text: str) -> list[str]:
        """Return the words of a text."""
        return words(text)


class BasicEnglish(Words):
    """Words as in the paper's experiments on Penn Treebank: the rule `basic_english` of torchtext.

    Blanks separate, and so do `;:`, which are dropped, as `"` is; the marks `'.,()!?` stand alone. A literal `<unk>` in
    the text stays one token, and is the class `<unk>`, where `Words` would cut it in three.
    """

    kind: ClassVar[str] = "BasicEnglish"

    def cut(self, text: str) -> list[str]:
        """Return the words of a text.

        >>> BasicEnglish().cut("Mr. <unk>; it's year-end, N million")
        ['mr', '.', '<unk>', 'it', "'", 's', 'year-end', ',', 'n', 'million']
        """
        return BASIC_ENGLISH.findall(text.lower().replace('"', ""))


def word_vocabulary(corpus: Corpus, size: int | None = None) -> Words:
    """Return the words that suit a corpus: `BasicEnglish` where the text has `<unk>` in it, `Words` elsewhere."""
    return BasicEnglish(size=size) if corpus.marked else Words(size=size)


class BPE(Vocabulary):
    """Byte-pair encoding trained on the training documents; every text has an encoding, there is no `<unk>`.

    Attributes:
        size: number of tokens, the 256 bytes included; fewer where the text runs out of pairs.
    """

    kind: ClassVar[str] = "BPE"

    size: Annotated[int, Field(gt=256, le=1_000_000)]

    def fit(self, train: Sequence[str]) -> tuple[list[str], Encoder]:
        """Merge the most frequent pairs of the training documents."""
        from tokenizers import models, trainers

        return _strings_and_encoder(trained_tokenizer(models.BPE(), trainers.BpeTrainer, self.size, train))


class Unigram(Vocabulary):
    """Unigram language model on bytes, trained on the training documents (Kudo 2018); there is no `<unk>`.

    A text is cut into the pieces of largest joint probability; training starts from many substrings and prunes those
    that the likelihood needs least. Ids are in the order of probability, ties in the order of the pieces.

    Attributes:
        size: number of tokens, the 256 bytes included; fewer where the text needs fewer.
    """

    kind: ClassVar[str] = "Unigram"

    size: Annotated[int, Field(gt=256, le=1_000_000)]

    def fit(self, train: Sequence[str]) -> tuple[list[str], Encoder]:
        """Fit the probabilities of the pieces on the training documents."""
        from tokenizers import models, trainers

        tokenizer = trained_tokenizer(models.Unigram(), trainers.UnigramTrainer, self.size, train)
        tokenizer.model = models.Unigram(_reproducible(json.loads(tokenizer.to_str())["model"]["vocab"]))
        return _strings_and_encoder(tokenizer)


class GPT2BPE(Vocabulary):
    """The byte-pair vocabulary of GPT-2: 50,257 tokens, whatever the corpus."""

    kind: ClassVar[str] = "GPT2BPE"

    def fit(self, train: Sequence[str]) -> tuple[list[str], Encoder]:  # noqa: ARG002 - trained already
        """Load the pinned vocabulary."""
        from tokenizers import Tokenizer, models, pre_tokenizers

        encoder, merges = fetch(GPT2_BPE).values()
        tokenizer = Tokenizer(models.BPE.from_file(str(encoder), str(merges)))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        return _strings_and_encoder(tokenizer)

    def fingerprint(self) -> str:
        """Return the hash of the pinned artefact."""
        return GPT2_BPE.sha256


def words(text: str) -> list[str]:
    """Cut a text of any script into lower-cased words, runs of digits and single punctuation marks.

    >>> words("It's the 2nd, naïve №_1.")
    ["it's", 'the', '2', 'nd', ',', 'naïve', '№', '_', '1', '.']
    """
    return WORD.findall(text.lower())


def _reproducible(pieces: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Return pieces with log probabilities that do not depend on the library's changing order, most probable first.

    It sums in an order that changes from run to run, hence the rounding; and the bytes that were pruned, but have to
    stay, get the least log probability plus 10⁻⁴ times their number in such an order.
    """
    least = min(score for _, score in pieces)
    stayed = {piece for piece, score in pieces if len(piece) == 1 and score < least + 256 * 1e-4}
    scores = [(piece, round(least if piece in stayed else score, 6)) for piece, score in pieces]
    return sorted(scores, key=lambda pair: (-pair[1], pair[0]))


def trained_tokenizer(model: Any, trainer: Callable[..., Any], size: int, texts: Sequence[str]) -> Tokenizer:
    """Return a tokenizer of bytes whose model was trained on texts.

    Args:
        model: an empty model of the library tokenizers.
        trainer: the class that trains it.
        size: number of tokens, the 256 bytes included.
        texts: training documents.
    """
    from tokenizers import Tokenizer, pre_tokenizers

    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    training = trainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, training, length=len(texts))
    return tokenizer


def _strings_and_encoder(tokenizer: Tokenizer) -> tuple[list[str], Encoder]:
    from tokenizers import decoders

    decode = decoders.ByteLevel().decode
    vocabulary = tokenizer.get_vocab()
    strings = [decode([token]) for token in sorted(vocabulary, key=vocabulary.__getitem__)]
    return strings, lambda texts: [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]


@dataclass(frozen=True, eq=False)
class Tokenized:
    """A corpus as token ids.

    Attributes:
        ids: split → (tokens,) int64, the documents one after the other.
        starts: split → (documents + 1,) int64, where each document starts and, last, the number of tokens.
        strings: the text of each token, for display.
    """

    ids: Mapping[Split, NDArray[np.int64]]
    starts: Mapping[Split, NDArray[np.int64]]
    strings: list[str]

    @property
    def num_classes(self) -> int:
        """Return the size of the vocabulary; some of its tokens may not occur."""
        return len(self.strings)


def tokenize(corpus: Corpus, vocabulary: Vocabulary) -> Tokenized:
    """Return the corpus as token ids, split by document.

    The result is kept in the cache folder under the hash of both descriptions and of the corpus's content, and is
    hashed again when it is read: a damaged entry is built again.

    Raises:
        DataError: a corpus that cannot be read or has a single token type, or a cache that cannot be written.
    """
    key = canonical_json(describe({"corpus": corpus, "vocabulary": vocabulary}))
    return _tokenized(corpus, vocabulary, cache_folder() / "tokens" / sha256(key.encode())[:20])


@lru_cache(maxsize=4)
def _tokenized(corpus: Corpus, vocabulary: Vocabulary, folder: Path) -> Tokenized:
    stored = _load(folder)
    if stored is None:
        stored = _build(corpus, vocabulary)
        try:
            _save(folder, stored)
        except OSError as error:
            raise unwritable(folder, error) from None
    return stored


def _build(corpus: Corpus, vocabulary: Vocabulary) -> Tokenized:
    texts = corpus.splits()
    strings, encode = vocabulary.fit(texts["train"])
    documents = {split: encode(texts[split]) for split in SPLITS}
    ids = {split: _int64(chain.from_iterable(documents[split])) for split in SPLITS}
    starts = {split: np.cumsum(_int64([0, *map(len, documents[split])])) for split in SPLITS}
    if len(np.unique(np.concatenate(list(ids.values())))) < 2:
        raise DataError(f"corpus {corpus!r} has a single token type; next-token prediction needs two: give more text")
    return Tokenized(ids, starts, strings)


def _int64(numbers: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(numbers, dtype=np.int64)


def _save(folder: Path, data: Tokenized) -> None:
    """Write the arrays and strings, then the manifest with their hashes."""
    contents = {"strings.json": json.dumps(data.strings).encode()}
    for split in SPLITS:
        contents[f"{split}-ids.npy"] = _npy(data.ids[split])
        contents[f"{split}-starts.npy"] = _npy(data.starts[split])
    for name, content in contents.items():
        write_atomically(folder / name, content)
    hashes = {name: sha256(content) for name, content in contents.items()}
    write_atomically(folder / "manifest.json", json.dumps(hashes, indent=1).encode())


def _npy(array: NDArray[np.int64]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _load(folder: Path) -> Tokenized | None:
    """Return the cached entry, or None if it is absent or damaged."""
    try:
        hashes = json.loads((folder / "manifest.json").read_bytes())
        contents = {name: _checked(folder / name, hashes[name]) for name in hashes}
        ids = {split: np.load(contents[f"{split}-ids.npy"], allow_pickle=False) for split in SPLITS}
        starts = {split: np.load(contents[f"{split}-starts.npy"], allow_pickle=False) for split in SPLITS}
        return Tokenized(ids, starts, json.load(contents["strings.json"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _checked(path: Path, digest: str) -> io.BytesIO:
    """Return the content of a file that has the right hash."""
    data = path.read_bytes()
    if sha256(data) != digest:
        raise ValueError(f"{path} is damaged")
    return io.BytesIO(data)
