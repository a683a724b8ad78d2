"""Problems as one writes them on a page: `setup(seed)` gives params, data and shares, `losses(*params, *data)` is ℓ (n,)."""

from __future__ import annotations

import textwrap

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
    params = ", ".join(["W", "b"] if problem.bias else ["W"])
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
            '    """Return params, data and the share of each loss: inputs are noise that knows nothing of the labels."""',
            "    generator = torch.Generator().manual_seed(seed)",
            f"    X = {_inputs(data)}",
            *constant,
            "    W = torch.empty(len(COUNTS), FEATURES)",
            "    torch.nn.init.kaiming_uniform_(W, a=math.sqrt(5), generator=generator)  # as torch.nn.Linear starts",
            "    bound = 1 / math.sqrt(FEATURES)",
            "    b = torch.empty(len(COUNTS)).uniform_(-bound, bound, generator=generator)",
            *zero,
            f"    return [{params}], [X, LABELS], torch.full((len(LABELS),), 1 / len(LABELS))",
            "",
            "",
            f"def losses({params}, X, y):",
            '    """Return −log softmax(W x_i + b)_{y_i} of each example."""',
            f'    return F.cross_entropy({_logits(problem)}, y, reduction="none")',
        ]
    )


def _logits(problem: SoftmaxRegression) -> str:
    """Return X Wᵀ + b, with the product that the library takes."""
    if problem.data.num_features <= problem.data.num_classes:
        return f"F.linear(X, W{', b' if problem.bias else ''})"
    return "torch.addmm(b[:, None], W, X.T).T" if problem.bias else "(W @ X.T).T"


def _inputs(data: HeavyTailedLabels) -> str:
    size = "len(LABELS), FEATURES" + (" - 1" if data.constant_feature else "")
    if data.inputs == "uniform":
        return f"torch.rand({size}, generator=generator)"
    return f"torch.randn({size}, generator=generator) * {data.std!r} + {data.mean!r}"


def _groups(data: HeavyTailedLabels, groups: int | None) -> list[str]:
    """Return the lines that say which frequency group each sample is in."""
    if groups is None:
        return ["NUM_GROUPS, GROUPS = 1, torch.zeros_like(LABELS)"]
    of_class = frequency_groups(data.counts(), groups).of_class
    if (of_class == data.level_of_class()).all():
        levels = f"torch.arange({data.m}).repeat_interleave(2**{data.m})  # levels, which hold as many samples each"
        return [f"NUM_GROUPS, GROUPS = {data.m}, {levels}"]
    listed = textwrap.wrap(", ".join(map(str, of_class.tolist())), 110, initial_indent="    ", subsequent_indent="    ")
    return [f"NUM_GROUPS = {groups}", "GROUPS = torch.tensor([", *listed, "])[LABELS]  # of the class of each sample"]


def _quadratic(problem: WeightedQuadratic) -> str:
    c = problem.num_coordinates
    return f'''WEIGHTS = torch.arange(1, {c} + 1, dtype=torch.float64) ** -{problem.exponent!r}
WEIGHTS /= WEIGHTS.sum()  # π_k
CLASSES = torch.arange(len(WEIGHTS))  # a coordinate is a class with one example
NUM_GROUPS, GROUPS = 1, torch.zeros_like(CLASSES)


def setup(seed):
    """Return params, data and the share of each loss in Σ_k π_k ½ w_k²; nothing is random."""
    return [torch.full((len(WEIGHTS),), {problem.start!r}, dtype=torch.float64)], [], WEIGHTS


def losses(w):
    return 0.5 * w**2'''
