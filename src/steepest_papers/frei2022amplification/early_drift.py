"""The first steps: neurons drift as the closed form says, towards their good direction and away from the bad one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.figures import canvas
from steepest.claims.paper import Drawing, Figure, Results
from steepest.runs.spec import Calculation
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan
from steepest_papers.frei2022amplification.drawings import BAD, GOOD, Rows, over_time
from steepest_papers.frei2022amplification.drift_law import (
    ROOT,
    feedback,
    first_amplification,
    law_path,
    unit_drift,
)
from steepest_papers.frei2022amplification.measures import (
    amplification,
    bad_amplification,
    mean,
    neurons,
    paired,
    predicted,
)
from steepest_papers.frei2022amplification.sizes import RULE, SMOKE, ClusterSizes, descents

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LAW_STEPS = 20
EARLY = (0, 1, 2, 3, 4, 5, 6, 8, 10, 20)


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
def slope(results: Results, direction: str, sign: int) -> Measured:
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
    told = f"A(1) {mean(lambda run: amplification(run, 1), runs):.2f}, predicted {law:.2f}"
    return Measured(values, [run.id for run in runs], evidence=told)


@measure()
def linear_error(results: Results) -> Measured:
    """Return the relative error of the slope of ω√(2/π) A(t) over t = 5 … 10 against α(1−2η)/(8√m) · (−2ℓ')."""
    sizes = results.settings
    runs, unit = results.calculations("network"), unit_drift(sizes.problem(), sizes.lr)

    def measured(run: Run) -> float:
        return float(sizes.init_scale * ROOT * (amplification(run, 10) - amplification(run, 5)) / 5)

    def law(run: Run) -> float:
        return unit * (predicted(run, "pull", 5) + predicted(run, "pull", 10))

    told = f"slope {mean(measured, runs):.5f}, predicted {mean(law, runs):.5f}"
    return Measured([abs(measured(r) / law(r) - 1) for r in runs], [run.id for run in runs], evidence=told)


def path_error(run: Run, law: Run) -> float:
    """Return the largest relative error of the law's A(t) over t = 1 … 5."""
    A = law.column("A", "path")
    return max(abs(amplification(run, t) / float(A[t]) - 1) for t in range(1, 6))


CLAIMS = (
    Claim("drift-good", slope("good", 1).at_most(0.1, fails=0.2)).says(
        "Good directions have positive feedback: the first change of ⟨w, μ_good⟩ is α(1−2η)/(8√m) κ: |slope − 1|"
    ),
    Claim("drift-bad", slope("bad", -1).at_most(0.1, fails=0.2)).says(
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


def draw(results: Results) -> Mapping[str, Drawing]:
    """Return the first change of every neuron against the law, and A and A_bad against the iterated law."""
    figure, axes = canvas(1, 2, width=3.9, height=3.0)
    rows = _feedback(axes[0, 0], results.calculations("network")[0], results.settings)
    rows += _amplification(axes[0, 1], results)
    return {"drift": Drawing(figure, pa.Table.from_pylist(rows))}


def _feedback(ax: Axes, run: Run, sizes: ClusterSizes) -> Rows:
    rows: Rows = []
    for direction, colour, sign in (("good", GOOD, 1), ("bad", BAD, -1)):
        g, change = first_step(run, sizes, direction)
        ax.plot(g, change, "o", color=colour, markersize=2.5, markeredgewidth=0, alpha=0.6)
        grid = np.linspace(-3.2, 3.2, 200)
        name = rf"${'' if sign > 0 else '-'}\kappa(g)$, {direction} direction"
        ax.plot(grid, sign * feedback(grid), color=colour, label=name)
        rows += [
            {"panel": direction, "run": run.id, "x": x, "y": y}
            for x, y in zip(g.tolist(), change.tolist(), strict=True)
        ]
    ax.set(xlabel=r"$g = \langle w, \mu\rangle / \sigma\Vert w\Vert$ at the start", xlim=(-3.2, 3.2), ylim=(-1.5, 1.5))
    ax.set_ylabel(r"first change, units of $\alpha(1-2\eta)/8\sqrt{m}$")
    ax.set_title("Every neuron's first step")
    ax.legend(loc="upper center", ncols=2, columnspacing=1, handlelength=1.2)
    return rows


def _amplification(ax: Axes, results: Results) -> Rows:
    runs, laws = results.calculations("network"), results.calculations("law")
    good = {"label": r"$A$, good direction", "color": GOOD, "marker": "o", "markersize": 3}
    bad = {"label": r"$A_{\mathrm{bad}}$", "color": BAD, "marker": "o", "markersize": 3}
    rows = over_time(ax, runs, amplification, good, panel="A", times=EARLY)
    rows += over_time(ax, runs, bad_amplification, bad, panel="A_bad", times=EARLY)
    for name, line in (("A", good), ("A_bad", bad)):
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
    draw=draw,
    rule=RULE,
    where="derived here",
    kind="ours",
)
