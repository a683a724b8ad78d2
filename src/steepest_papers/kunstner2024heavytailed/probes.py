"""Probes of softmax regression: gradient, curvature and predicted probability by class along a run.

They read the inputs X from the task and the affine layer W, b from the params.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from steepest.data.frequency import frequency_groups
from steepest.measure.curvature import gradient_norm_by_class, hessian_block_traces, hessian_trace_by_class
from steepest.problems.base import Params, Task
from steepest.runs.probe import Probe

BAND = (0.05, 0.5, 0.95)


class CurvatureByClass(Probe):
    """Gradient norm g_k, Hessian trace h_k and mean probability of the correct class, one row per class.

    Columns: class, count, gradient_norm, hessian_trace, probability (NaN for an absent class), and, where `mirrored`,
    mirrored_gradient_norm and mirrored_hessian_trace at (−W, −b), which tell whether a relation of g and h belongs to
    the path or to the whole space (Kunstner et al. 2024, Figure 7 and the mirrored paths of its appendix).

    Args:
        at: steps at which it measures.
        mirrored: measure at (−W, −b) too.
    """

    kind: ClassVar[str] = "kunstner2024heavytailed.CurvatureByClass"

    mirrored: bool = True

    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        X, (y, counts) = inputs(task), task.known_classes()
        P = probabilities(X, params)
        own = P.gather(1, y[:, None])[:, 0].double()
        columns = {
            "class": torch.arange(len(counts)),
            "count": counts,
            "gradient_norm": gradient_norm_by_class(X, P, y),
            "hessian_trace": hessian_trace_by_class(X, P),
            "probability": torch.zeros(len(counts), dtype=torch.float64).index_add(0, y, own) / counts,
        }
        if self.mirrored:
            P = probabilities(X, params, sign=-1)
            columns["mirrored_gradient_norm"] = gradient_norm_by_class(X, P, y)
            columns["mirrored_hessian_trace"] = hessian_trace_by_class(X, P)
        return {name: column.numpy() for name, column in columns.items()}


class ProbabilityByGroup(Probe):
    """Predicted probability of the correct class over the samples of each frequency group, one row per group.

    Columns: group (0 = most frequent), p05, p50, p95; empty groups are left out (Kunstner et al. 2024, appendix).

    Args:
        at: steps at which it measures.
        groups: number of frequency groups G.
    """

    kind: ClassVar[str] = "kunstner2024heavytailed.ProbabilityByGroup"

    groups: Annotated[int, Field(ge=1)]

    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        classes, counts = task.known_classes()
        own = probabilities(inputs(task), params).gather(1, classes[:, None])[:, 0].numpy()
        group = frequency_groups(counts.numpy(), self.groups).of_class[classes.numpy()]
        present = np.unique(group)
        band = np.array([np.quantile(own[group == g], BAND) for g in present])
        return {"group": present, "p05": band[:, 0], "p50": band[:, 1], "p95": band[:, 2]}


class HessianBlocks(Probe):
    """Traces of the Hessian blocks between classes evenly spaced in order of frequency, one row per pair.

    Columns: i, j (class ids, most frequent first) and trace, negative for i ≠ j (Kunstner et al. 2024, Appendix H.1).

    Args:
        at: steps at which it measures.
        size: number of classes; all of them where there are fewer.
    """

    kind: ClassVar[str] = "kunstner2024heavytailed.HessianBlocks"

    size: Annotated[int, Field(ge=2)] = 40

    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        """Return the columns."""
        X, ordered = inputs(task), torch.argsort(task.known_classes()[1], descending=True, stable=True)
        positions = np.linspace(0, len(ordered) - 1, min(self.size, len(ordered))).round()
        chosen = ordered[torch.from_numpy(positions.astype(np.int64))]
        traces = hessian_block_traces(X, probabilities(X, params), chosen)
        i, j = np.meshgrid(chosen.numpy(), chosen.numpy(), indexing="ij")
        return {"i": i.ravel(), "j": j.ravel(), "trace": traces.flatten().numpy()}


def inputs(task: Task) -> Tensor:
    """Return X (n, d) of an affine task.

    Raises:
        ValueError: the task has none.
    """
    if task.inputs is None:
        raise ValueError("this probe needs Task.inputs; it measures affine models such as SoftmaxRegression only")
    return task.inputs


def probabilities(X: Tensor, params: Params, sign: int = 1) -> Tensor:
    """Return softmax(±(X Wᵀ + b)), shape (n, c), without a graph."""
    with torch.no_grad():
        logits = torch.nn.functional.linear(X, params["W"], params.get("b"))
        return torch.softmax(sign * logits, dim=1)
