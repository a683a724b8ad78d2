"""The monitor in the Trainer of Hugging Face `transformers`: a callback, and a loss that feeds it at no cost.

    watch = FrequencyCallback(monitor)
    Trainer(model, args, train_dataset=data, callbacks=[watch])                                 # reads the logits
    Trainer(model, args, train_dataset=data, callbacks=[watch], compute_loss_func=watch.loss)   # costs nothing

The Trainer's events give neither inputs nor logits, so the callback puts a forward hook on the model while it trains. The
loss is the model's own, and every parameter has the same bits as without the callback. With `compute_loss_func` the loss
by example is computed once, for training and for the monitor; it is the Trainer's own up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from steepest.monitor.exporters import scalars
from steepest.monitor.watch import FrequencyMonitor

FILE = "frequency_monitor.parquet"


class FrequencyCallback(TrainerCallback):  # type: ignore[misc]
    """Feeds a monitor while a Trainer trains, writes its numbers into the log history, and keeps it with checkpoints.

    Evaluations are not fed. The file `frequency_monitor.parquet` is written into the output folder at the end and into
    each checkpoint; a training that resumes from one loads it.

    Args:
        monitor: to be fed; its class weights and label smoothing are those of `loss`.
        shift: whether logits at t are about the label at t + 1; None takes what `transformers` says: whether the model
            is a causal language model.
    """

    def __init__(self, monitor: FrequencyMonitor, shift: bool | None = None) -> None:
        self.monitor, self.shift = monitor, shift
        self._hook: torch.utils.hooks.RemovableHandle | None = None
        self._step = 0

    def loss(self, outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        """Return the loss of a batch, for `compute_loss_func`, and give the monitor its examples.

        Σ_i ℓ_i over `num_items_in_batch`, or torch's mean where the Trainer does not give it. The monitor gets no accuracy.
        """
        logits, labels = self._aligned(_logits(outputs), labels)
        labels, watch = labels.to(logits.device), self.monitor
        w = None if watch.class_weights is None else watch.class_weights.to(logits.device, torch.float32)
        losses = F.cross_entropy(
            logits.reshape(-1, logits.shape[-1]).float(),
            labels.flatten(),
            w,
            ignore_index=watch.ignore_index,
            label_smoothing=watch.label_smoothing,
            reduction="none",
        )
        if torch.is_grad_enabled():
            watch.update(losses=losses.view(labels.shape), targets=labels, step=self._step)
        if num_items_in_batch is None:
            counted = labels[labels != watch.ignore_index]
            return losses.sum() / (len(counted) if w is None else w[counted].sum())
        return losses.sum() / num_items_in_batch

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, _control: TrainerControl, model: nn.Module, **_: Any
    ) -> None:
        """Put the hook on the model, and load the monitor of the checkpoint that training resumes from."""
        if self.shift is None:
            self.shift = _predicts_next(model)
        self._hook = model.register_forward_hook(self._see, with_kwargs=True)
        self._step = state.global_step + 1
        saved = Path(args.output_dir or ".") / f"checkpoint-{state.global_step}" / FILE
        if state.global_step and saved.exists():
            self.monitor.load_state_dict(FrequencyMonitor.load(saved).state_dict(reduce=False))

    def on_step_end(self, _args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: Any) -> None:
        """Count the optimizer's steps; raise if the first one showed no labels."""
        self._step = state.global_step + 1
        if not self.monitor.updates:
            raise ValueError(
                "the model was not given labels, as with label_smoothing_factor; pass compute_loss_func=watch.loss, "
                "and label_smoothing to the monitor"
            )

    def on_log(self, _args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: Any) -> None:
        """Add loss and accuracy of the groups to the latest entry of the log history."""
        numbers = scalars(self.monitor.read())  # every process takes part
        if state.log_history:
            state.log_history[-1].update(numbers)

    def on_save(self, args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: Any) -> None:
        """Write the monitor into the checkpoint."""
        self.monitor.save(Path(args.output_dir or ".") / f"checkpoint-{state.global_step}" / FILE)

    def on_train_end(self, args: TrainingArguments, _state: TrainerState, _control: TrainerControl, **_: Any) -> None:
        """Remove the hook, and write the monitor into the output folder."""
        if self._hook is not None:
            self._hook.remove()
        self.monitor.save(Path(args.output_dir or ".") / FILE)

    def _see(self, model: nn.Module, _: Any, inputs: Mapping[str, Any], outputs: Any) -> None:
        labels = inputs.get("labels")
        if model.training and labels is not None:
            logits, labels = self._aligned(_logits(outputs), labels)
            self.monitor.update(logits, labels, step=self._step)

    def _aligned(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return (logits[..., :-1, :], labels[..., 1:]) if self.shift else (logits, labels)


def _predicts_next(model: nn.Module) -> bool:
    names = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()
    return type(model).__name__ in names or getattr(model, "loss_type", None) == "ForCausalLM"


def _logits(outputs: Any) -> Tensor:
    """Return the logits of a model's output: of its name, or after the loss in a tuple."""
    logits: Tensor = outputs["logits"] if isinstance(outputs, Mapping) else next(part for part in outputs if part.ndim)
    return logits
