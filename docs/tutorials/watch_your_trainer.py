# %% [markdown]
# # Watch your Trainer
#
# A mean loss hides who is learnt. Two lines show it by class frequency in the Trainer of Hugging Face `transformers`
# (`pip install transformers accelerate`). The model here is small enough for a laptop's minute, the text a made-up
# language whose words follow Zipf's law; everything else is as in a training of yours.

# %%
import os
import tempfile

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

from steepest.monitor import FrequencyMonitor
from steepest.monitor.huggingface import FrequencyCallback

VOCABULARY, LENGTH = 500, 16
SMOKE = "TUTORIAL_SMOKE" in os.environ
STEPS = 20 if SMOKE else 300

torch.manual_seed(0)
shares = 1 / torch.arange(1.0, VOCABULARY + 1)
ids = torch.multinomial(shares, 2000 * LENGTH, replacement=True).view(2000, LENGTH)
ids[:, 1::2] = (ids[:, ::2] * 7 + 3) % VOCABULARY  # every other word follows from the one before it
data = [{"input_ids": row, "labels": row} for row in ids]

# %% [markdown]
# The two lines: a monitor, and a callback that feeds it. It learns the class counts while training. Without
# `compute_loss_func` it reads the logits; with it, the losses that training computes anyway, which costs next to nothing.

# %%
monitor = FrequencyMonitor(groups=5, window=STEPS // 5)
watch = FrequencyCallback(monitor)


def train(optimizer: str, rate: float) -> None:
    model = GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_positions=LENGTH, n_embd=64, n_layer=1, n_head=2))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, max_steps=STEPS, per_device_train_batch_size=32, learning_rate=rate, optim=optimizer,
            lr_scheduler_type="constant", report_to=[], logging_strategy="no", save_strategy="no", use_cpu=True,
            disable_tqdm=True,
        )  # fmt: skip
        Trainer(model, arguments, train_dataset=data, callbacks=[watch], compute_loss_func=watch.loss).train()


train("sgd", 0.5)

# %% [markdown]
# What it saw, in words and as a table: which groups lag behind the most frequent one, by how much, since when. It stays
# silent where the interval does not exclude that nothing lags.

# %%
reading = monitor.read()
print(reading)

# %% [markdown]
# `monitor.save("run.parquet")` keeps it, `reading.table()` is an Arrow table, and in a notebook `reading` draws itself.
