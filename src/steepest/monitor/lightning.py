"""The monitor in Lightning: a callback that keeps it in Lightning's checkpoints.

    def training_step(self, batch, batch_idx):
        x, y = batch
        logits = self.model(x)
        return {"loss": F.cross_entropy(logits, y), "logits": logits, "targets": y}    # or "losses" in place of "logits"

    Trainer(callbacks=[FrequencyCallback(monitor)])

The step returns what the monitor reads, one key more than Lightning needs. Its loss is not used: Lightning divides it
by the number of accumulated batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from steepest.monitor.exporters import scalars
from steepest.monitor.watch import FrequencyMonitor

READ = ("logits", "losses", "targets", "correct", "mask")  # keys of a step's output that the monitor takes


class FrequencyCallback(Callback):  # type: ignore[misc]
    """Feeds a monitor from the outputs of `training_step`, and logs its numbers where the Trainer logs.

    Args:
        monitor: to be fed.
        class_axis: axis of the classes in the logits.
    """

    def __init__(self, monitor: FrequencyMonitor, class_axis: int = -1) -> None:
        self.monitor, self.class_axis = monitor, class_axis

    @property
    def state_key(self) -> str:
        """Return the name of this callback in a checkpoint; it does not depend on settings."""
        return "steepest.monitor"

    def on_train_batch_end(
        self, trainer: Trainer, _module: LightningModule, outputs: Any, _batch: Any, batch_idx: int
    ) -> None:
        """Give the monitor the batch; log once a window, when the Trainer logs."""
        given = {key: outputs[key] for key in READ if key in outputs} if isinstance(outputs, Mapping) else {}
        if "targets" not in given:
            raise ValueError('training_step must return {"loss": …, "logits": … or "losses": …, "targets": …}')
        self.monitor.update(**given, class_axis=self.class_axis, step=trainer.global_step)
        if trainer.loggers and (batch_idx + 1) % trainer.log_every_n_steps == 0:
            numbers = scalars(self.monitor.read())  # every process takes part
            for logger in trainer.loggers:
                logger.log_metrics(numbers, step=trainer.global_step)

    def state_dict(self) -> dict[str, Any]:
        """Return the monitor's state, of all processes; Lightning calls this on each."""
        return self.monitor.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the monitor's state from a checkpoint."""
        self.monitor.load_state_dict(state_dict)
