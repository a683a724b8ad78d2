"""The monitor in the Trainer of Hugging Face transformers: one callback, and a loss that makes it free."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

from steepest.data.frequency import zipf
from steepest.monitor import FrequencyMonitor
from steepest.monitor.huggingface import FILE, FrequencyCallback

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
C, T = 500, 16

torch.manual_seed(0)
tokens = torch.multinomial(torch.from_numpy(zipf(C)), 256 * T, replacement=True).view(256, T)
data = [{"input_ids": row, "labels": row} for row in tokens]
config = GPT2Config(
    vocab_size=C, n_positions=T, n_embd=32, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0, loss_type="ForCausalLM"
)

watch = FrequencyCallback(FrequencyMonitor(torch.bincount(tokens.flatten(), minlength=C), groups=5, window=10))
with TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        folder,
        max_steps=STEPS,
        per_device_train_batch_size=8,
        learning_rate=3e-3,
        logging_steps=10,
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = Trainer(
        GPT2LMHeadModel(config),
        arguments,
        train_dataset=data,
        callbacks=[watch],
        compute_loss_func=watch.loss,  # leave it out, and the callback reads the logits
    )
    trainer.train()
    print(FrequencyMonitor.load(Path(folder) / FILE).read())
