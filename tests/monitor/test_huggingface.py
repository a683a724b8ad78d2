"""The Trainer of transformers: watched as unwatched, the Trainer's own loss, checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainingArguments,
)

from steepest.monitor import FrequencyMonitor
from steepest.monitor.huggingface import FILE, FrequencyCallback

C, T, STEPS, BATCH = 20, 8, 6, 4

pytestmark = pytest.mark.filterwarnings("ignore:.*pin_memory.*", "ignore::DeprecationWarning")


def tokens() -> Tensor:
    drawn = torch.randint(C, (STEPS * BATCH * 2, T), generator=torch.Generator().manual_seed(0)) ** 2 // C
    return drawn.where(torch.arange(T) < T - 1, -100)  # the last position is padding


def data() -> list[dict[str, Tensor]]:
    return [{"input_ids": row.clamp(min=0), "labels": row} for row in tokens()]


def language_model() -> GPT2LMHeadModel:
    torch.manual_seed(1)
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=C, n_positions=T, n_embd=8, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0,
                   loss_type="ForCausalLM")
    )  # fmt: skip


def train(
    folder: Path,
    watch: FrequencyCallback | None,
    model: Any = None,
    resume: str | None = None,
    dataset: Any = None,
    **options: Any,
) -> Trainer:
    hook = {"compute_loss_func": watch.loss} if watch and options.pop("free", False) else {}
    own = {
        "max_steps": STEPS,
        "per_device_train_batch_size": BATCH,
        "gradient_accumulation_steps": 2,
        "logging_steps": 1,
    }
    quiet = {"report_to": "none", "use_cpu": True, "disable_tqdm": True, "save_strategy": "no", "log_level": "error"}
    trainer = Trainer(
        model or language_model(),
        TrainingArguments(str(folder), **(own | quiet | options)),
        train_dataset=dataset or data(),
        eval_dataset=data()[:4],
        callbacks=[watch] if watch else [],
        **hook,
    )
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def params(trainer: Trainer) -> Tensor:
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters()])


def test_a_watched_trainer_has_the_bits_of_an_unwatched_one_and_its_losses(tmp_path: Path) -> None:
    watch = FrequencyCallback(FrequencyMonitor(groups=4, window=2))
    evaluated = {"eval_strategy": "steps", "eval_steps": 2}
    plain, watched = train(tmp_path / "a", None, **evaluated), train(tmp_path / "b", watch, **evaluated)
    assert torch.equal(params(plain), params(watched))
    reading = watch.monitor.read()
    assert reading.count.sum() == STEPS * BATCH * 2 * (
        T - 2
    )  # evaluations are not seen; label 0 of a text is not predicted
    assert np.array_equal(reading.counts, torch.bincount(tokens()[:, 1:-1].flatten(), minlength=C))
    assert reading.steps.tolist() == [[step, step] for step in range(1, STEPS + 1)]
    logged = [entry["loss"] for entry in watched.state.log_history if "loss" in entry]
    per_label = reading.sums[1].sum(1) / (STEPS * BATCH * 2 * (T - 1) / STEPS)  # the Trainer counts first labels too
    np.testing.assert_allclose(per_label, logged, rtol=1e-5)
    entry = [entry for entry in watched.state.log_history if "loss" in entry][-1]
    assert entry["frequency/loss_group_01"] == pytest.approx(reading.loss[-1, 0])
    assert str(FrequencyMonitor.load(tmp_path / "b" / FILE).read()) == str(reading)
    assert not watched.model._forward_hooks


@pytest.mark.parametrize("options", [{}, {"gradient_accumulation_steps": 1}])
def test_the_loss_is_the_trainers_own(tmp_path: Path, options: dict[str, Any]) -> None:
    hooked, free = (FrequencyCallback(FrequencyMonitor(groups=4, window=2)) for _ in range(2))
    plain, watched = train(tmp_path / "a", hooked, **options), train(tmp_path / "b", free, free=True, **options)
    torch.testing.assert_close(params(plain), params(watched), rtol=1e-5, atol=1e-6)
    a, b = hooked.monitor.read(), free.monitor.read()
    assert np.array_equal(a.count, b.count)
    np.testing.assert_allclose(a.loss, b.loss, rtol=1e-5)
    losses = [[e["loss"] for e in t.state.log_history if "loss" in e] for t in (plain, watched)]
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_smoothing_needs_the_loss_and_then_is_the_trainers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"pass compute_loss_func=watch\.loss"):
        train(tmp_path / "a", FrequencyCallback(FrequencyMonitor(groups=4)), label_smoothing_factor=0.1)
    watch = FrequencyCallback(FrequencyMonitor(groups=4, label_smoothing=0.1))
    watched = train(tmp_path / "b", watch, free=True, gradient_accumulation_steps=1)
    plain = train(tmp_path / "c", None, label_smoothing_factor=0.1, gradient_accumulation_steps=1)
    torch.testing.assert_close(params(plain), params(watched), rtol=1e-4, atol=1e-5)


def test_training_that_resumes_takes_up_the_monitor(tmp_path: Path) -> None:
    whole, first, second = (FrequencyCallback(FrequencyMonitor(groups=4, window=2)) for _ in range(3))
    train(tmp_path / "a", whole, save_strategy="steps", save_steps=3)
    train(tmp_path / "b", first, save_strategy="steps", save_steps=3)
    train(tmp_path / "b", second, save_strategy="steps", save_steps=3, resume=str(tmp_path / "b" / "checkpoint-3"))
    expected, found = whole.monitor.read(), second.monitor.read()
    assert np.array_equal(found.steps, expected.steps)
    np.testing.assert_array_equal(found.sums, expected.sums)


def test_a_classifier_is_not_shifted(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=C, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, num_labels=3
        )
    )
    y = torch.arange(len(data())) % 3
    rows = [{"input_ids": row["input_ids"], "labels": label} for row, label in zip(data(), y, strict=True)]
    watch = FrequencyCallback(FrequencyMonitor(groups=3, by_class=True))
    train(tmp_path, watch, model, dataset=rows)
    assert watch.monitor.read().by_class()["count"].to_pylist() == [16, 16, 16]
