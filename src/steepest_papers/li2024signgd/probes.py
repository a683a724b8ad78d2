"""What is measured along a run of the transformer: signal and noise in queries, keys, values and attention; fresh samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from steepest.problems.base import Data, Params, Task
from steepest.runs.probe import Probe
from steepest_papers.li2024signgd.problem import dense
from steepest_papers.li2024signgd.transformer import CLEAN, NOISE, network, readings


class Features(Probe):
    """How signal and noise are read, one row. Shares count rows r of W_Q and W_K and, where i occurs, samples i.

    Columns: value_signal ⟨v, μ⟩; value_noise, the mean of y_i⟨v, ξ_i⟩; values_aligned, the share of samples where it is
    positive; key_signs_kept, the share of ⟨w_K,r, ξ_i⟩ with the sign they started with; noise_agrees, of query and key
    noise with one sign; signal_agrees, of query and key signal with one sign; query_follows and key_follows, of query and
    key noise with the sign of y_i⟨w_Q,r, μ⟩; log_s11 and log_s21, logarithms of attention averaged over samples.

    Args:
        at: the numbers of updates at which it measures.
    """

    kind: ClassVar[str] = "li2024signgd.Features"

    @torch.no_grad()
    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        y = task.data["y"][:, None]
        queries, keys, values = readings(params, task.data)
        query_signal, key_signal = y[0] * queries[0, CLEAN], y[0] * keys[0, CLEAN]
        query_noise, key_noise = queries[:, NOISE], keys[:, NOISE]
        value_noise = y[:, 0] * values[:, NOISE]
        log_S = F.log_softmax(queries.double() @ keys.double().mT, dim=2)
        found: dict[str, Tensor | float] = {
            "value_signal": y[0] * values[0, CLEAN],
            "value_noise": value_noise.mean(),
            "values_aligned": share(value_noise > 0),
            "key_signs_kept": share(key_noise.sign() == task.data["key_signs"]),
            "noise_agrees": share(query_noise * key_noise > 0),
            "signal_agrees": share(query_signal * key_signal > 0),
            "query_follows": share(query_noise * y * query_signal > 0),
            "key_follows": share(key_noise * y * query_signal > 0),
            "log_s11": log_mean(log_S[:, CLEAN, CLEAN]),
            "log_s21": log_mean(log_S[:, NOISE, CLEAN]),
        }
        return {name: np.array([float(value)]) for name, value in found.items()}


class Rows(Probe):
    """What each row r of W_Q and W_K reads in the signal and in the noise of the first sample, whose label is +1.

    Columns: row, query_signal, key_signal, query_noise, key_noise.

    Args:
        at: the numbers of updates at which it measures.
    """

    kind: ClassVar[str] = "li2024signgd.Rows"

    @torch.no_grad()
    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        queries, keys, _ = readings(params, task.data)
        columns = {
            "query_signal": queries[0, CLEAN],
            "key_signal": keys[0, CLEAN],
            "query_noise": queries[0, NOISE],
            "key_noise": keys[0, NOISE],
        }
        return {"row": np.arange(queries.shape[2])} | {name: column.numpy() for name, column in columns.items()}


class ValueNoise(Probe):
    """The value noise of each sample. Columns: sample i, value y_i⟨v, ξ_i⟩.

    Args:
        at: the numbers of updates at which it measures.
    """

    kind: ClassVar[str] = "li2024signgd.ValueNoise"

    @torch.no_grad()
    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        _, _, values = readings(params, task.data)
        value = (task.data["y"] * values[:, NOISE]).numpy()
        return {"sample": np.arange(len(value)), "value": value}


class Predictions(Probe):
    """Loss and accuracy on fresh samples, and what training samples are recognised by; one row.

    Columns: test_loss, test_accuracy, train_accuracy, and memorised: the share of training samples that keep their label
    when the clean patch is negated, so that it is their own noise that speaks. An output of exactly 0 is wrong.

    Args:
        at: the numbers of updates at which it measures.
    """

    kind: ClassVar[str] = "li2024signgd.Predictions"

    @torch.no_grad()
    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        test = margins(params, fresh_samples(task.data))
        found: dict[str, Tensor | float] = {
            "test_loss": F.softplus(-test).mean(),
            "test_accuracy": share(test > 0),
            "train_accuracy": share(margins(params, task.data) > 0),
            "memorised": share(margins(params, reversed_signal(task.data)) > 0),
        }
        return {name: np.array([float(value)]) for name, value in found.items()}


def margins(at: Params, data: Data) -> Tensor:
    """Return y_i f(X_i), shape (n,)."""
    return data["y"] * network(at, data)


def fresh_samples(data: Data) -> dict[str, Tensor]:
    """Return the fresh samples of a task, with dense noise patches."""
    signal = data["test_signal"]
    noise = dense(data["test_support"], data["test_entries"], signal.shape[1])
    return {"a": data["a"], "y": data["test_y"], "patches": torch.cat([signal, noise])}


def reversed_signal(data: Data) -> dict[str, Tensor]:
    """Return the training samples with their clean patches negated."""
    n = len(data["y"])
    return {"a": data["a"], "y": data["y"], "patches": torch.cat([-data["patches"][:-n], data["patches"][-n:]])}


def share(true: Tensor) -> float:
    """Return the share of what is true.

    >>> share(torch.tensor([True, False, True, True]))
    0.75
    """
    return float(true.double().mean())


def log_mean(logs: Tensor) -> float:
    """Return log of the mean of exp(logs), without leaving logarithms.

    >>> round(log_mean(torch.tensor([-1000.0, -1000.0])), 3)
    -1000.0
    """
    return float(torch.logsumexp(logs, 0)) - math.log(len(logs))
