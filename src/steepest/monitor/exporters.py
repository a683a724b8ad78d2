"""The monitor's numbers for other tools: TensorBoard and Weights & Biases. Neither is imported here.

    write_tensorboard(monitor.read(), SummaryWriter("logs"))      # torch.utils.tensorboard or tensorboardX
    log_wandb(monitor.read(), wandb.init(mode="offline"))

Each writes the latest complete window; call it once a window, or less often. Unknown numbers are left out.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

from steepest.monitor.reading import Reading


class Writer(Protocol):
    """What is needed of a SummaryWriter."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int, /) -> Any:
        """Log a number."""

    def add_text(self, tag: str, text_string: str, global_step: int, /) -> Any:
        """Log a text."""


class Run(Protocol):
    """What is needed of a wandb run."""

    def log(self, data: dict[str, Any], /) -> Any:
        """Log numbers by name."""


def scalars(reading: Reading) -> dict[str, float]:
    """Return loss, accuracy and lag of each group in the latest window, by name, without those that are not known.

    >>> import torch
    >>> from steepest.monitor import FrequencyMonitor
    >>> monitor = FrequencyMonitor([3, 1], groups=2)
    >>> monitor.update(losses=torch.tensor([1.0, 2.0]), targets=torch.tensor([0, 1]))
    >>> scalars(monitor.read())
    {'frequency/loss_group_01': 1.0, 'frequency/loss_group_02': 2.0}
    """
    if not len(reading.steps):
        return {}
    now = reading.latest
    columns = {"loss": reading.loss[now], "accuracy": reading.accuracy[now], "lag": reading.lag().value[now]}
    numbers = {
        f"frequency/{name}_group_{g + 1:02d}": float(column[g])
        for name, column in columns.items()
        for g in (reading.present[1:] if name == "lag" else reading.present)
    }
    return {name: value for name, value in numbers.items() if not math.isnan(value)}


def write_tensorboard(reading: Reading, writer: Writer) -> None:
    """Write the latest window, with its sentences, at its last step."""
    for name, value in scalars(reading).items():
        writer.add_scalar(name, value, int(reading.steps[reading.latest, 1]))
    if len(reading.steps):
        text = "\n\n".join(str(reading).splitlines())
        writer.add_text("frequency/words", text, int(reading.steps[reading.latest, 1]))


def log_wandb(reading: Reading, run: Run) -> None:
    """Log the latest window; its last step is the value `frequency/step`, so that wandb's own step is left alone."""
    if numbers := scalars(reading):
        run.log({**numbers, "frequency/step": int(reading.steps[reading.latest, 1])})
