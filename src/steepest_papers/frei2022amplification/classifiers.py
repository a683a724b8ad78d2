"""The network against classifiers without feature learning: linear, random features, neural tangent kernel.

All are logistic regression by gradient descent on fixed features, which is the same in function space:

    f = K α,   α_i ← α_i + (s/n) y_i σ(−y_i f_i),   K the kernel on the training points, s the step

from α = 0. The step is s = 4n/λ_max(K) = 1/L, L the smoothness of the loss in the features' weights: no rate is tuned, and
the scale of the features does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from steepest.claims.claim import Claim, placed
from steepest.claims.drawings import Rows
from steepest.claims.figures import canvas
from steepest.claims.measures import over_seeds, paired
from steepest.claims.paper import Drawing, Figure, Results
from steepest.component import declared
from steepest.problems.base import Task, derived_seed
from steepest.runs.spec import Calculation
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan
from steepest_papers.frei2022amplification.clusters import (
    RULE,
    SMOKE,
    STEPS,
    ClusterSizes,
    XORClusters,
    descents,
    error,
    held_out_errors,
)
from steepest_papers.frei2022amplification.neurons import (
    amplification,
    captured,
    clean_error,
    cosine,
    log_time,
    mean,
    plot_course,
    predicted,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Kernel = Callable[[Tensor, Tensor], Tensor]
LINEAR_STEPS, FEATURE_STEPS, TANGENT_STEPS = 2000, 600, 3000


def linear(X: Tensor, Z: Tensor) -> Tensor:
    """Return ⟨x, z⟩, shape (len X, len Z)."""
    return X @ Z.T


def random_features(W: Tensor) -> Kernel:
    """Return the kernel Σ_j relu(⟨w_j, x⟩) relu(⟨w_j, z⟩) of frozen neurons W, shape (m, p)."""
    return lambda X, Z: torch.relu(X @ W.T) @ torch.relu(Z @ W.T).T


def tangent(X: Tensor, Z: Tensor) -> Tensor:
    """Return the neural tangent kernel of the first layer, ⟨x, z⟩ (π − angle(x, z))/(2π).

    It is E_w ⟨x, z⟩ 1(⟨w, x⟩ > 0) 1(⟨w, z⟩ > 0) for Gaussian w: the probability that both are active.

    >>> x, z = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0], [2.0, 0.0], [-1.0, 0.0]])
    >>> tangent(x, z)
    tensor([[0., 1., -0.]])
    """
    inner = X @ Z.T
    cos = inner / (X.norm(dim=1)[:, None] * Z.norm(dim=1))
    return inner * (math.pi - torch.arccos(cos.clamp(-1, 1))) / (2 * math.pi)


def fit(K: Tensor, y: Tensor, steps: int) -> Tensor:
    """Return α after `steps` steps of gradient descent, shape (n,).

    Args:
        K: kernel on the training points, shape (n, n).
        y: labels ±1, shape (n,).
        steps: number of steps of size 4n/λ_max(K).
    """
    step = 4 / torch.linalg.eigvalsh(K)[-1]
    alpha = torch.zeros_like(y)
    for _ in range(steps):
        alpha += step * y * torch.sigmoid(-y * (K @ alpha))
    return alpha


@declared("frei2022amplification.compare")
def compare(problem: XORClusters, small: int, large: int, seed: int) -> dict[str, float]:
    """Return training and test errors of all baselines on the data of `seed`.

    Args:
        problem: the network's problem.
        small: number of frozen neurons of `rf_small`.
        large: of `rf_large`.
        seed: of the data; the frozen neurons get a seed derived from it.

    Returns:
        `NAME_train`, `NAME_clean`, `NAME_noisy` for linear, rf_small, rf_large, ntk; and `linear_mirrored`, the clean error of
        the linear rule on the test points together with their mirror images −x.
    """
    task = problem.setup(seed)
    numbers: dict[str, float] = {}
    for name, (kernel, steps) in _kernels(problem.dimension, small, large, seed).items():
        numbers |= {f"{name}_{what}": value for what, value in _errors(kernel, steps, task).items()}
    return numbers | {"linear_mirrored": _mirrored_error(task)}


def _kernels(dimension: int, small: int, large: int, seed: int) -> Mapping[str, tuple[Kernel, int]]:
    """Return the kernels, each with the number of its gradient steps."""
    generator = torch.Generator().manual_seed(derived_seed(seed, large))
    W = torch.randn(large, dimension, generator=generator)
    return {
        "linear": (linear, LINEAR_STEPS),
        "rf_small": (random_features(W[:small]), FEATURE_STEPS),
        "rf_large": (random_features(W), FEATURE_STEPS),
        "ntk": (tangent, TANGENT_STEPS),
    }


def _errors(kernel: Kernel, steps: int, task: Task) -> dict[str, float]:
    X, y, test_X = (task.data[name] for name in ("X", "y", "test_X"))
    K = kernel(X, X)
    alpha = fit(K, y, steps)
    errors = held_out_errors(kernel(test_X, X) @ alpha, task)
    return {"train": error(y * (K @ alpha)), "clean": errors["clean_error"], "noisy": errors["noisy_error"]}


def _mirrored_error(task: Task) -> float:
    X, y, test_X, clean = (task.data[name] for name in ("X", "y", "test_X", "test_clean"))
    f = linear(test_X, X) @ fit(linear(X, X), y, LINEAR_STEPS)
    return error(torch.cat([clean * f, clean * -f]))


BASELINES = {  # label and colour by name
    "linear": ("linear", "#777777"),
    "rf_small": ("random features", "#e08214"),
    "rf_large": ("random features, ten times as many", "#997700"),
    "ntk": ("tangent kernel", "#aa4499"),
}


def high_dimensional(problem: XORClusters) -> XORClusters:
    """Return the problem with half of the samples in twice the dimension, everything else the same."""
    return problem.changed(samples=problem.samples // 2, dimension=2 * problem.dimension)


def plans(sizes: ClusterSizes) -> dict[str, Plan]:
    """Return network and baselines, in the usual and in the high-dimensional setting."""
    usual = sizes.problem()
    high = high_dimensional(usual)
    return {
        "network": descents(usual, sizes.lr, sizes.seeds),
        "baselines": _baselines(usual, sizes),
        "high network": descents(high, sizes.lr, sizes.seeds),
        "high baselines": _baselines(high, sizes),
    }


def _baselines(problem: XORClusters, sizes: ClusterSizes) -> Calculations:
    options = {"problem": problem, "small": sizes.width, "large": 10 * sizes.width}
    return Calculations(tuple(Calculation(compare, options, seed, takes=1.5) for seed in sizes.seeds))


def course(runs: Sequence[Run]) -> str:
    """Return A(10), and the median of cos_good early and late, means over seeds."""
    A = mean(partial(amplification, step=10), runs)
    early, late = (mean(partial(cosine, step=t), runs) for t in (50, STEPS))
    return f"A(10) {A:.3g}; median cos_good {early:.2f} at 50, {late:.2f} at {STEPS}"


def errors(runs: Sequence[Run]) -> str:
    """Return the mean clean errors of the baselines."""
    means = {label: np.mean([run.facts[f"{name}_clean"] for run in runs]) for name, (label, _) in BASELINES.items()}
    return "clean errors: " + ", ".join(f"{label} {value:.3f}" for label, value in means.items())


def off_chance(run: Run, name: str = "linear_clean") -> float:
    """Return |error of the linear rule − ½|."""
    return abs(float(run.facts[name]) - 0.5)


def _orders(prefix: str, plan: str, setting: str) -> tuple[Claim, ...]:
    """Return the claims that a network errs less than the tangent kernel, and that less than random features."""
    network, baselines = f"{plan}network", f"{plan}baselines"
    return (
        Claim(
            f"{prefix}-network-ntk",
            paired(network, baselines, lambda run, b: b.facts["ntk_clean"] - clean_error(run)).at_least(
                0.0, fails=-0.005
            ),
        ).says(
            f"{setting} the network errs no more than the tangent kernel: clean error of the kernel minus the network's"
        ),
        Claim(
            f"{prefix}-ntk-features",
            over_seeds(baselines, lambda b: b.facts["rf_small_clean"] - b.facts["ntk_clean"], errors).at_least(
                0.0, fails=-0.005
            ),
        ).says(f"{setting} the tangent kernel errs no more than random features of the network's width: difference"),
    )


CLAIMS = (
    Claim(
        "base-linear", over_seeds("baselines", off_chance).at_most(0.05, fails=0.1), where="abstract", kind="paper"
    ).says("Linear rules are no better than chance: |clean test error − ½|"),
    Claim(
        "base-mirrored",
        over_seeds("baselines", lambda b: off_chance(b, "linear_mirrored")).at_most(1e-9, fails=1e-3),
    ).says(
        "They cannot be: x and −x have one label, so on points and their mirror images the error is ½ exactly: |error − ½|"
    ),
    *_orders("base", "", "In the usual setting"),
    Claim(
        "base-ntk-interpolates", over_seeds("baselines", lambda b: b.facts["ntk_train"]).at_most(0.005, fails=0.05)
    ).says("The tangent kernel fits the flipped labels: training error on noisy labels"),
    Claim(
        "base-network-does-not",
        over_seeds("network", lambda run: predicted(run, "train_error")).at_least(0.05, fails=0.005),
    ).says("The network, stopped at t = 400, does not: training error on noisy labels"),
    Claim(
        "high-linear-fits", over_seeds("high baselines", lambda b: b.facts["linear_train"]).at_most(0.005, fails=0.05)
    ).says("With n = p a linear rule fits the training set: its training error"),
    *placed(
        "abstract",
        Claim("high-linear", over_seeds("high baselines", off_chance).at_most(0.05, fails=0.1)).says(
            "… and remains at chance: |clean test error − ½|"
        ),
        Claim("high-network", over_seeds("high network", clean_error).at_most(0.005, fails=0.05)).says(
            "… where the network learns the clusters: clean test error at t = 400"
        ),
        kind="paper",
    ),
    Claim(
        "high-captured", over_seeds("high network", lambda run: captured(run, 10), course).at_least(0.95, fails=0.5)
    ).says("… by amplification as before: share of neurons with cos_good > 0.7 at t = 10"),
    *_orders("high", "high ", "With n = p"),
)


def draw(results: Results) -> Drawing:
    """Return error against time with the baselines as lines, in both settings."""
    figure, axes = canvas(1, 2, width=4.0, height=2.9, sharey=True)
    rows: Rows = []
    for ax, plan in zip(axes[0], ("", "high "), strict=True):
        rows += _panel(ax, results, plan)
    axes[0, 0].set_ylabel("clean test error")
    axes[0, 1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return Drawing(figure, pa.Table.from_pylist(rows))


def _panel(ax: Axes, results: Results, plan: str) -> Rows:
    runs, baselines = results.calculations(f"{plan}network"), results.calculations(f"{plan}baselines")
    problem = runs[0].spec["problem"]
    title = f"$n = {problem['samples']}$, $p = {problem['dimension']}$"
    rows: Rows = []
    for name, (label, colour) in BASELINES.items():
        values = [float(run.facts[f"{name}_clean"]) for run in baselines]
        ax.axhline(np.median(values), color=colour, linestyle="--", label=label)
        ax.axhspan(min(values), max(values), color=colour, alpha=0.12, linewidth=0)
        where = {"panel": title, "line": label}
        rows += [where | {"run": run.id, "y": y} for run, y in zip(baselines, values, strict=True)]
    rows += plot_course(ax, runs, clean_error, panel=title, label="network", color="black", marker="o", markersize=3)
    ax.axhline(problem["flip_rate"], color="#66a3d9", linestyle=":", label=r"noise rate $\eta$")
    log_time(ax)
    ax.set_yscale("symlog", linthresh=0.01)
    ax.set_yticks([0, 0.01, 0.1, 0.5], ["0", "0.01", "0.1", "0.5"])
    ax.set(ylim=(-0.001, 0.8), title=title)
    return rows


FIGURE = Figure(
    id="classifiers",
    title="Network, tangent kernel, random features and linear rules on the same data",
    statement=(
        "Labels are not a linear function of the inputs, so linear classifiers are no better than chance, while the "
        "network's error is close to the rate of label noise. Frozen random features and the tangent kernel are comparisons "
        "of this project."
    ),
    scales={"smoke": SMOKE, "quick": ClusterSizes(), "laptop": ClusterSizes()},
    plans=plans,
    claims=CLAIMS,
    draw={"classifiers": draw},
    rule=RULE
    + " The high-dimensional setting has n/2 samples in 2p dimensions. Baselines take the step 1/L, with 2000 "
    "(linear), 600 (random features) and 3000 (tangent kernel) updates.",
    where="derived here",
    kind="ours",
)
