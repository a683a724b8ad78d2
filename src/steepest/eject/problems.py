"""Problems as one writes them on a page: `setup(seed)` gives the params, the losses ℓ (n,) as a function, their shares."""

from __future__ import annotations

import numpy as np

from steepest.data.frequency import frequency_groups
from steepest.data.synthetic import HeavyTailedLabels
from steepest.eject.slices import CannotEject
from steepest.problems.base import Problem
from steepest.problems.quadratic import WeightedQuadratic
from steepest.problems.softmax_regression import SoftmaxRegression


def problem_source(problem: Problem, groups: int | None) -> str:
    """Return the source of a problem; `groups` is the number of frequency groups whose loss is recorded.

    Raises:
        CannotEject: a problem that is not written as one.
    """
    if type(problem) is SoftmaxRegression:
        return _softmax_regression(problem, groups)
    if type(problem) is WeightedQuadratic:
        return _quadratic(problem)
    raise CannotEject(
        f"it trains on {type(problem).__name__}; SoftmaxRegression and WeightedQuadratic are written as scripts"
    )


def _softmax_regression(problem: SoftmaxRegression, groups: int | None) -> str:
    data = problem.data
    bias = ["b"] if problem.bias else []
    zero = ["    W.zero_(), b.zero_()"] if problem.init == "zero" else []
    constant = ["    X = torch.cat([X, torch.ones(len(X), 1)], dim=1)"] if data.constant_feature else []
    return "\n".join(
        [
            f"COUNTS = [2 ** ({data.m} - level) for level in range({data.m}) for _ in range(2**level)]  # of each class",
            "LABELS = torch.repeat_interleave(torch.arange(len(COUNTS)), torch.tensor(COUNTS))",
            "CLASSES = LABELS",
            f"FEATURES = {data.num_features}",
            *_groups(data, groups),
            "",
            "",
            "def setup(seed):",
            '    """Return params, losses and their shares: softmax regression on noise that knows nothing of the labels."""',
            "    generator = torch.Generator().manual_seed(seed)",
            f"    X = {_inputs(data)}",
            *constant,
            "    W = torch.empty(len(COUNTS), FEATURES)",
            "    torch.nn.init.kaiming_uniform_(W, a=math.sqrt(5), generator=generator)  # as torch.nn.Linear starts",
            "    bound = 1 / math.sqrt(FEATURES)",
            "    b = torch.empty(len(COUNTS)).uniform_(-bound, bound, generator=generator)",
            *zero,
            f"    params = [{', '.join(['W', *bias])}]",
            "",
            "    def losses():",
            f'        return F.cross_entropy(F.linear(X, {", ".join(["W", *bias])}), LABELS, reduction="none")',
            "",
            "    return params, losses, torch.full((len(LABELS),), 1 / len(LABELS))",
        ]
    )


def _inputs(data: HeavyTailedLabels) -> str:
    size = "len(LABELS), FEATURES" + (" - 1" if data.constant_feature else "")
    if data.inputs == "uniform":
        return f"torch.rand({size}, generator=generator)"
    return f"torch.randn({size}, generator=generator) * {data.std!r} + {data.mean!r}"


def _groups(data: HeavyTailedLabels, groups: int | None) -> list[str]:
    """Return the line that says which frequency group each sample is in."""
    if groups is None:
        return ["GROUPS = torch.zeros_like(LABELS)"]
    of_class = frequency_groups(data.counts(), groups).of_class
    if (of_class == data.level_of_class()).all():
        return [f"GROUPS = torch.arange({data.m}).repeat_interleave(2**{data.m})  # levels hold as many samples each"]
    if (np.diff(of_class) < 0).any():
        raise CannotEject(f"its {groups} frequency groups cut through the levels of the data")
    sizes = np.bincount(of_class, minlength=groups).tolist()
    return [f"GROUPS = torch.repeat_interleave(torch.arange({groups}), torch.tensor({sizes}))[LABELS]"]


def _quadratic(problem: WeightedQuadratic) -> str:
    c = problem.num_coordinates
    return f'''WEIGHTS = torch.arange(1, {c} + 1, dtype=torch.float64) ** -{problem.exponent!r}
WEIGHTS /= WEIGHTS.sum()  # π_k
CLASSES = torch.arange(len(WEIGHTS))  # a coordinate is a class with one example
GROUPS = torch.zeros_like(CLASSES)


def setup(seed):
    """Return params, losses and their shares: Σ_k π_k ½ w_k²; nothing is random."""
    w = torch.full((len(WEIGHTS),), {problem.start!r}, dtype=torch.float64)
    return [w], lambda: 0.5 * w**2, WEIGHTS'''
