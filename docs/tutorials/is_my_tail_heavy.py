# %% [markdown]
# # Is my tail heavy?
#
# Gradient descent learns classes in the order of their frequency. Whether that hurts depends on the tail: on how many
# samples belong to classes that are rarely seen. This page looks at words and byte pairs of English Wikipedia leads; put
# a text file or folder of yours in place of `"wikipedia"`.
#
# The same from the command line, with advice: `steepest diagnose my_text.txt`.

# %%
import os

import numpy as np

from steepest.data.corpora import open_corpus
from steepest.data.frequency import frequency_groups, tail_exponent
from steepest.data.tokens import BPE, Words, tokenize
from steepest.theory.predict import predict

corpus = open_corpus(os.environ.get("TUTORIAL_TEXT", "wikipedia"))


def counts_of(vocabulary):
    tokens = tokenize(corpus, vocabulary)
    counts = np.bincount(tokens.ids["train"], minlength=tokens.num_classes)
    return counts[counts > 0]


# %% [markdown]
# Zipf's law says that the k-th most frequent word has a share ∝ 1/k, an exponent of 1. Ten groups of about a tenth of the
# tokens each show what that means: a handful of words fill the first group, most words are in the last.

# %%
words = counts_of(Words())
groups = frequency_groups(words, 10)
print(f"{words.sum():,} words, {len(words):,} different ones, {np.mean(words == 1):.0%} of them once")
print(f"exponent {tail_exponent(words):.2f}, classes by group: {groups.classes_per_group}")

# %% [markdown]
# Would another tokenizer help? The exponent does not tell: on Wikipedia it is 1.01 for words, 1.18 for 512 byte pairs, 0.89
# for 4,096. What falls is the number of rare tokens: in all three some occur once, but a small vocabulary has few of them.

# %%
for size in (512, 4096):
    pairs = counts_of(BPE(size=size))
    print(f"{size:5} byte pairs: exponent {tail_exponent(pairs):.2f}, rarest token {pairs.min()} times")

# %% [markdown]
# What theory makes of it: updates of gradient descent and of sign descent in two models that are solved exactly, from the
# counts alone. The ratio is what to read; it is how much of a gap the frequencies alone make.

# %%
for row in predict(words, (0.5, 0.1)).rows:
    print(
        f"{row.model:10} to {row.epsilon:.0%} of the loss: GD {row.gd}, sign descent {row.sign}, ratio {row.ratio:.1f}"
    )
