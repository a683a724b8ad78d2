"""What is measured along a run on XOR clusters: the neurons, the predictions, and a slice of the decision function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from steepest.problems.base import Params, Task
from steepest.runs.probe import Probe
from steepest_papers.frei2022amplification.problem import network


class Neurons(Probe):
    """Each neuron's sign and where it points, one row per neuron.

    Columns: sign of a_j, along_1 = ⟨w_j, μ₁⟩, along_2 = ⟨w_j, μ₂⟩, norm = ‖w_j‖. A neuron of sign + is good for μ₁ and
    bad for μ₂; one of sign − the other way round.

    Args:
        at: the numbers of updates at which it measures.
    """

    kind: ClassVar[str] = "frei2022amplification.Neurons"

    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        W = params["W"].detach()
        along = (W @ task.data["mu"].T).numpy()
        sign = task.data["a"].sign().numpy().astype(np.int8)
        return {"sign": sign, "along_1": along[:, 0], "along_2": along[:, 1], "norm": W.norm(dim=1).numpy()}


class Predictions(Probe):
    """Errors on training and test points, one row.

    Columns: train_error (against noisy labels), memorised (share of the flipped training points that are predicted as
    flipped; NaN where none is), flip_rate (of the test labels), clean_error and noisy_error (on test points), and
    pull = mean of −ℓ'(y f), ½ at f = 0. A prediction of exactly 0 counts as an error.

    Args:
        at: the numbers of updates at which it measures.
    """

    kind: ClassVar[str] = "frei2022amplification.Predictions"

    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        data, W = task.data, params["W"].detach()
        margin = data["y"] * network(W, data["a"], data["X"])
        found = {
            "train_error": error(margin),
            "memorised": 1 - error(margin[data["flipped"]]),
            "pull": float(torch.sigmoid(-margin).mean()),
            **held_out_errors(network(W, data["a"], data["test_X"]), task),
        }
        return {name: np.array([value]) for name, value in found.items()}


class Plane(Probe):
    """The decision function on the plane through μ₁ and μ₂, one row per point of a square grid.

    Columns: u, v, value = f(u μ₁ + v μ₂).

    Args:
        at: the numbers of updates at which it measures.
        size: points on a side.
        reach: u and v run from −reach to reach.
    """

    kind: ClassVar[str] = "frei2022amplification.Plane"

    size: Annotated[int, Field(ge=2)] = 40
    reach: Annotated[float, Field(gt=0)] = 1.5

    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        side = torch.linspace(-self.reach, self.reach, self.size)
        at = torch.cartesian_prod(side, side)
        value = network(params["W"].detach(), task.data["a"], at @ task.data["mu"])
        return {"u": at[:, 0].numpy(), "v": at[:, 1].numpy(), "value": value.numpy()}


def held_out_errors(f: Tensor, task: Task) -> dict[str, float]:
    """Return clean_error, noisy_error and flip_rate for outputs `f` on the test points."""
    margin, flipped = task.data["test_clean"] * f, task.data["test_flipped"]
    return {
        "clean_error": error(margin),
        "noisy_error": error(torch.where(flipped, -margin, margin)),
        "flip_rate": float(flipped.double().mean()),
    }


def error(margin: Tensor) -> float:
    """Return the share of margins that are not above 0; NaN for none.

    >>> error(torch.tensor([1.0, -1.0, 0.0, 2.0]))
    0.5
    """
    return float((margin <= 0).double().mean())
