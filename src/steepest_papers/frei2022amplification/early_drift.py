"""The first steps: neurons drift as a closed form says, towards their good direction and away from the bad one.

The form is derived by us; constants are those of our setting. At f = 0 every example pulls with −ℓ' = ½. In population the
step of a neuron w with output weight a is

    Δw = α a (1−2η)/8 · [κ₁ μ₁ − κ₂ μ₂ + 2σ (φ(g₁) − φ(g₂)) w/‖w‖],   g_i = ⟨w, μ_i⟩/(σ‖w‖),   κ_i = 2Φ(g_i) − 1,

α the learning rate, η the flip rate, σ the noise of a cluster, φ and Φ the normal density and distribution. It follows from
E[x 1(⟨w, x⟩ > 0)] = z Φ(⟨w, z⟩/(σ‖w‖)) + σ φ(⟨w, z⟩/(σ‖w‖)) w/‖w‖ for x = z + σξ, summed over the four clusters.

A neuron with a > 0 has positive feedback on ⟨w, μ₁⟩, its good direction, and negative feedback on ⟨w, μ₂⟩, its bad one;
one with a < 0 the reverse. Small g grows by the factor `growth_factor` a step; at large g, κ = ±1 and growth is linear.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.drawings import Rows
from steepest.claims.figures import canvas
from steepest.claims.measures import paired
from steepest.claims.paper import Drawing, Figure, Results
from steepest.component import declared
from steepest.runs.spec import Calculation
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan
from steepest_papers.frei2022amplification.clusters import RULE, SMOKE, ClusterSizes, XORClusters, descents
from steepest_papers.frei2022amplification.neurons import (
    BAD,
    GOOD,
    At,
    amplification,
    bad_amplification,
    mean,
    neurons,
    plot_course,
    predicted,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = math.sqrt(2 / math.pi)
LAW_STEPS = 20
EARLY = (0, 1, 2, 3, 4, 5, 6, 8, 10, 20)


def unit_drift(problem: XORClusters, lr: float) -> float:
    """Return α(1−2η)/(8√m): the population step of ⟨w, μ_good⟩ per unit of κ, and its slope once κ = 1.

    >>> round(unit_drift(XORClusters(), lr=1.0), 12)
    0.005
    """
    return lr * (1 - 2 * problem.flip_rate) / (8 * math.sqrt(problem.width))


def feedback(g: Any) -> Any:
    """Return κ = 2Φ(g) − 1 = erf(g/√2), odd in g and between −1 and 1, as an array."""
    from scipy.special import erf

    return erf(np.asarray(g) / math.sqrt(2))


def first_amplification(problem: XORClusters, lr: float) -> float:
    """Return A(1) = 1 + α(1−2η)/(16√m · ω√(2/π)), where σ√p = 1.

    Then g ~ N(0, 1) at initialisation for every ω, so |κ| is uniform on [0, 1] with mean ½; the mean of
    |⟨w, μ_good⟩| is ω√(2/π).

    >>> round(first_amplification(XORClusters(), lr=1.0), 2)
    4.13
    """
    return 1 + unit_drift(problem, lr) / (2 * problem.init_scale * ROOT)


def growth_factor(problem: XORClusters, lr: float, norm: float) -> float:
    """Return 1 + α(1−2η)√(2/π)/(8√m σ‖w‖), by which a small ⟨w, μ_good⟩ grows in one step.

    >>> problem = XORClusters()
    >>> round(growth_factor(problem, lr=1.0, norm=problem.init_scale * problem.dimension**0.5), 2)
    4.99
    """
    return 1 + ROOT * unit_drift(problem, lr) / (problem.noise * norm)


def population_step(W: Tensor, a: Tensor, mu: Tensor, problem: XORClusters, lr: float) -> Tensor:
    """Return Δw of each neuron in population at f = 0.

    Args:
        W: neurons, shape (m, p).
        a: their output weights, shape (m,).
        mu: μ₁ and μ₂ as rows, shape (2, p).
        problem: of which σ and η are read.
        lr: α.

    Returns:
        Steps, shape (m, p).
    """
    norm = W.norm(dim=1, keepdim=True)
    g = W @ mu.T / (problem.noise * norm)
    kappa = torch.erf(g / math.sqrt(2)) * torch.tensor([1.0, -1.0], dtype=W.dtype)
    density = torch.exp(-g.square() / 2) / math.sqrt(2 * math.pi)
    radial = 2 * problem.noise * (density[:, :1] - density[:, 1:]) * W / norm
    step: Tensor = lr * (1 - 2 * problem.flip_rate) / 8 * a[:, None] * (kappa @ mu + radial)
    return step


@declared("frei2022amplification.law_path")
def law_path(problem: XORClusters, lr: float, steps: int, seed: int) -> tuple[dict[str, float], dict[str, pa.Table]]:
    """Iterate the population step from a run's initial neurons, −ℓ' held at ½.

    Returns:
        A and A_bad after `steps` steps, and the table `path` of step, A, A_bad.
    """
    task = problem.setup(seed)
    W, a, mu = (tensor.detach().double() for tensor in (task.params["W"], task.data["a"], task.data["mu"]))
    means = []
    for _ in range(steps + 1):
        means.append(_mean_alignments(W, a, mu))
        W = W + population_step(W, a, mu, problem, lr)
    A, A_bad = (np.array(means) / means[0]).T
    path = pa.table({"step": np.arange(steps + 1), "A": A, "A_bad": A_bad})
    return {"A": float(A[-1]), "A_bad": float(A_bad[-1])}, {"path": path}


def _mean_alignments(W: Tensor, a: Tensor, mu: Tensor) -> tuple[float, float]:
    """Return the mean over neurons of |⟨w, μ_good⟩| and of |⟨w, μ_bad⟩|."""
    along = (W @ mu.T).abs()
    good = torch.where(a[:, None] > 0, along, along.flip(1)).mean(0)
    return float(good[0]), float(good[1])


def plans(sizes: ClusterSizes) -> dict[str, Plan]:
    """Return the runs, and the law iterated from their initial neurons."""
    options = {"problem": sizes.problem(), "lr": sizes.lr, "steps": LAW_STEPS}
    laws = (Calculation(law_path, options, seed, takes=0.1) for seed in sizes.seeds)
    return {"network": descents(sizes.problem(), sizes.lr, sizes.seeds), "law": Calculations(tuple(laws))}


def first_step(run: Run, sizes: ClusterSizes, direction: str) -> tuple[np.ndarray, np.ndarray]:
    """Return g_i at initialisation and the change of ⟨w, μ_i⟩ in step 1, in units of α(1−2η)/(8√m).

    Args:
        run: of gradient descent.
        sizes: its sizes.
        direction: "good" or "bad".
    """
    before, after = neurons(run, 0), neurons(run, 1)
    start, end = (getattr(at, direction).astype(np.float64) for at in (before, after))
    return start / (sizes.noise * before.norm), (end - start) / unit_drift(sizes.problem(), sizes.lr)


@measure()
def slope_error(results: Results, direction: str, sign: int) -> Measured:
    """Return |s − 1|, s the least-squares slope of the first change on what the law predicts, sign·κ."""
    slopes = []
    for run in (runs := results.calculations("network")):
        g, change = first_step(run, results.settings, direction)
        law = sign * feedback(g)
        slopes.append(float(law @ change / (law @ law)))
    values = np.abs(np.array(slopes) - 1).tolist()
    return Measured(values, [run.id for run in runs], evidence=f"slope {np.mean(slopes):.3f}")


@measure()
def first_error(results: Results) -> Measured:
    """Return |A(1)/predicted − 1|."""
    runs, law = results.calculations("network"), first_amplification(results.settings.problem(), results.settings.lr)
    values = [abs(amplification(run, 1) / law - 1) for run in runs]
    evidence = f"A(1) {mean(lambda run: amplification(run, 1), runs):.2f}, predicted {law:.2f}"
    return Measured(values, [run.id for run in runs], evidence=evidence)


@measure()
def linear_error(results: Results) -> Measured:
    """Return the relative error of the slope of ω√(2/π) A(t) over t = 5 … 10 against α(1−2η)/(8√m) · (−2ℓ')."""
    sizes = results.settings
    runs, unit = results.calculations("network"), unit_drift(sizes.problem(), sizes.lr)

    def growth(run: Run) -> float:
        return float(sizes.init_scale * ROOT * (amplification(run, 10) - amplification(run, 5)) / 5)

    def law(run: Run) -> float:
        return unit * (predicted(run, "pull", 5) + predicted(run, "pull", 10))

    evidence = f"slope {mean(growth, runs):.5f}, predicted {mean(law, runs):.5f}"
    return Measured([abs(growth(r) / law(r) - 1) for r in runs], [run.id for run in runs], evidence=evidence)


def path_error(run: Run, law: Run) -> float:
    """Return the largest relative error of the law's A(t) over t = 1 … 5."""
    A = law.column("A", "path")
    return max(abs(amplification(run, t) / float(A[t]) - 1) for t in range(1, 6))


CLAIMS = (
    Claim("drift-good", slope_error("good", 1).at_most(0.1, fails=0.2)).says(
        "Good directions have positive feedback: the first change of ⟨w, μ_good⟩ is α(1−2η)/(8√m) κ: |slope − 1|"
    ),
    Claim("drift-bad", slope_error("bad", -1).at_most(0.1, fails=0.2)).says(
        "Bad directions have negative feedback: the first change of ⟨w, μ_bad⟩ is −α(1−2η)/(8√m) κ: |slope − 1|"
    ),
    Claim("drift-first", first_error().at_most(0.1, fails=0.2)).says(
        "One step amplifies by A(1) = 1 + α(1−2η)/(16√m ω√(2/π)), whatever ω, as σ√p = 1: relative error"
    ),
    Claim("drift-linear", linear_error().at_most(0.1, fails=0.2)).says(
        "Once neurons are aligned (κ = 1) the good direction grows linearly, by α(1−2η)/(8√m)·(−2ℓ'): relative error"
    ),
    Claim("drift-path", paired("network", "law", path_error).at_most(0.1, fails=0.2)).says(
        "The population step, iterated from the run's own neurons, gives A(t) for t = 1 … 5: largest relative error"
    ),
)


def draw(results: Results) -> Drawing:
    """Return the first change of every neuron against the law, and A and A_bad against the iterated law."""
    figure, axes = canvas(1, 2, width=3.9, height=3.0)
    rows = _feedback(axes[0, 0], results.calculations("network")[0], results.settings)
    rows += _amplification(axes[0, 1], results)
    return Drawing(figure, pa.Table.from_pylist(rows))


def _feedback(ax: Axes, run: Run, sizes: ClusterSizes) -> Rows:
    rows: Rows = []
    for direction, colour, sign in (("good", GOOD, 1), ("bad", BAD, -1)):
        g, change = first_step(run, sizes, direction)
        ax.plot(g, change, "o", color=colour, markersize=2.5, markeredgewidth=0, alpha=0.6)
        grid = np.linspace(-3.2, 3.2, 200)
        name = rf"${'' if sign > 0 else '-'}\kappa(g)$, {direction} direction"
        ax.plot(grid, sign * feedback(grid), color=colour, label=name)
        points = zip(g.tolist(), change.tolist(), strict=True)
        rows += [{"panel": direction, "run": run.id, "x": x, "y": y} for x, y in points]
    ax.set(xlabel=r"$g = \langle w, \mu\rangle / \sigma\Vert w\Vert$ at the start", xlim=(-3.2, 3.2), ylim=(-1.5, 1.5))
    ax.set_ylabel(r"first change, units of $\alpha(1-2\eta)/8\sqrt{m}$")
    ax.set_title("Every neuron's first step")
    ax.legend(loc="upper center", ncols=2, columnspacing=1, handlelength=1.2)
    return rows


def _amplification(ax: Axes, results: Results) -> Rows:
    runs, laws = results.calculations("network"), results.calculations("law")
    lines: dict[str, tuple[At, dict[str, Any]]] = {
        "A": (amplification, {"label": r"$A$, good direction", "color": GOOD}),
        "A_bad": (bad_amplification, {"label": r"$A_{\mathrm{bad}}$", "color": BAD}),
    }
    rows: Rows = []
    for name, (number, line) in lines.items():
        rows += plot_course(ax, runs, number, times=EARLY, panel=name, marker="o", markersize=3, **line)
    for name, (_, line) in lines.items():
        law = np.median([run.column(name, "path") for run in laws], axis=0)
        ax.plot(law, color=line["color"], linestyle="--", linewidth=1.1)
        rows += [{"panel": f"law of {name}", "run": laws[0].id, "x": t, "y": y} for t, y in enumerate(law.tolist())]
    ax.plot([], [], color="#666666", linestyle="--", linewidth=1.1, label=r"law, $-\ell' = 1/2$")
    ax.set(yscale="log", xlabel="update $t$", ylabel="amplification", title="The law iterated, and gradient descent")
    ax.set(xlim=(0, LAW_STEPS), ylim=(0.1, None))
    ax.legend(loc="center right")
    return rows


FIGURE = Figure(
    id="drift",
    title="The first steps of gradient descent on XOR clusters",
    statement=(
        "Not in what could be read; derived by this project. While the output is near 0, each neuron's weight on its good "
        "cluster direction feeds back on itself and grows, and its weight on the bad one is pulled to 0. Growth is "
        "multiplicative at first and linear once a neuron has turned."
    ),
    scales={"smoke": SMOKE, "quick": ClusterSizes(), "laptop": ClusterSizes()},
    plans=plans,
    claims=CLAIMS,
    draw={"drift": draw},
    rule=RULE,
    where="derived here",
    kind="ours",
)
