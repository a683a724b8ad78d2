"""Seven optimizers over their own grids of rates: does tuning, momentum or memory change what is learnt?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.drawings import Rows, over_time, plot_points
from steepest.claims.figures import canvas
from steepest.claims.measures import Points, paired
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.runs.method import Method
from steepest.runs.spec import Spec
from steepest.runs.store import Run
from steepest.runs.sweep import Calculations, Plan, Seeds, Sweep
from steepest_papers.li2024signgd.optimizers import (
    ADAM,
    ADAM_AS_SIGN,
    ADAM_NO_MEMORY,
    ADAM_NO_MOMENTUM,
    ALL,
    GD,
    GD_MOMENTUM,
    LINES,
    RATES,
    SIGN,
    SIGNUM,
    Rule,
    accuracy,
    grid,
    lead,
    measured,
    reached,
    select,
)
from steepest_papers.li2024signgd.signal_noise import Features, Predictions, SignalNoise, prediction

SWEEP, AS_SIGN, AS_ADAM = "rates", "sign", "adam"
SAME_STEPS = 100
FLOOR = 1e-8  # the training loss is drawn down to here


class RateSizes(Settings):
    """Sizes of the sweep.

    Args:
        samples: n.
        noise: σ_p.
        dimension: d.
        sparsity: s.
        key_width: m_k.
        value_width: m_v.
        steps: T, the same for every optimizer.
        seeds: they draw data and initial weights.
    """

    samples: Annotated[int, Field(ge=2, multiple_of=2)] = 20
    noise: Annotated[float, Field(gt=0)] = 0.5
    dimension: Annotated[int, Field(ge=2)] = 1000
    sparsity: Annotated[int, Field(ge=1)] = 20
    key_width: Annotated[int, Field(ge=1)] = 16
    value_width: Annotated[int, Field(ge=1)] = 8
    steps: Annotated[int, Field(ge=1)] = 300
    seeds: Seeds = (0, 1, 2, 3, 4)

    def problem(self) -> SignalNoise:
        """Return the problem."""
        return SignalNoise(**{name: value for name, value in self.fields().items() if name not in ("steps", "seeds")})

    def summary(self) -> str:
        """Return all sizes in one line."""
        return (
            f"n={self.samples}, σ_p={self.noise:g}, d={self.dimension}, s={self.sparsity}, m_k={self.key_width}, "
            f"m_v={self.value_width}, T={self.steps}, seeds {' '.join(map(str, self.seeds))}"
        )


def plans(sizes: RateSizes) -> dict[str, Plan]:
    """Return every optimizer on its grid with every seed, and SignGD beside its twin among Adams."""
    times = tuple(sorted({0, *(sizes.steps * part // 30 for part in (1, 3, 10, 20, 30))}))
    sweep = Sweep(
        problem=sizes.problem(),
        optimizers={method: grid(method) for method in ALL},
        steps=sizes.steps,
        seeds=sizes.seeds,
        groups=None,
        refine=None,
        extend=0,
        probes=(Features(at=(0, sizes.steps)), Predictions(at=times)),
        every=2,
    )
    return {SWEEP: sweep, AS_SIGN: _twins(sizes, SIGN), AS_ADAM: _twins(sizes, ADAM_AS_SIGN)}


def _twins(sizes: RateSizes, method: Method) -> Calculations:
    problem, lr = sizes.problem(), RATES[SIGN]
    runs = (Spec(problem=problem, method=method, lr=lr, steps=SAME_STEPS, seed=s) for s in sizes.seeds)
    return Calculations(tuple(runs))


def apart(first: Run, second: Run) -> float:
    """Return the largest difference of two training losses over t."""
    return float(np.abs(first.column("loss") - second.column("loss")).max())


@measure()
def best_variant(results: Results) -> Measured:
    """Return the largest accuracy among Adam's other settings minus that of SignGD, at the most accurate rates."""
    sign = select(results, SWEEP, SIGN, "accurate")
    variants = [select(results, SWEEP, m, "accurate") for m in (ADAM_NO_MOMENTUM, ADAM_NO_MEMORY)]
    return measured(np.max([accuracy(v) for v in variants], axis=0) - accuracy(sign), sign, *variants)


def _under(rule: Rule, at: str) -> tuple[Claim, ...]:
    """Return the contrasts under one rule."""
    return (
        Claim(f"rates-{rule}-gd", lead(SWEEP, rule, SIGN, GD).at_most(-0.1, fails=-0.02)).says(
            f"{at}, SignGD is less accurate than gradient descent: its test accuracy minus GD's"
        ),
        Claim(
            f"rates-{rule}-adam",
            lead(SWEEP, rule, ADAM, SIGN).at_most(0.02, fails=0.1),
            where="abstract",
            kind="paper",
        ).says(f"{at}, Adam is no more accurate than SignGD: its test accuracy minus SignGD's"),
        Claim(f"rates-{rule}-signum", lead(SWEEP, rule, SIGNUM, SIGN).at_most(0.02, fails=0.1)).says(
            f"{at}, momentum does not help: Signum's test accuracy minus SignGD's"
        ),
    )


CLAIMS = (
    Claim("rates-identity", paired(AS_SIGN, AS_ADAM, apart).at_most(1e-5, fails=1e-3)).says(
        "Adam with β = (0, 0), ε → 0 is SignGD: largest difference of their training losses over 100 updates"
    ),
    *_under("training", "At the rates of least training loss"),
    *_under("accurate", "At the most accurate rates"),
    Claim(
        "rates-sign-poor",
        reached(SWEEP, "accurate", (SIGN,)).at_most(0.85, fails=0.95),
        where="abstract",
        kind="paper",
    ).says("No rate at which SignGD fits the data generalises: its test accuracy at the most accurate rate"),
    Claim("rates-gd-well", reached(SWEEP, "accurate", (GD,)).at_least(0.99, fails=0.95)).says(
        "Gradient descent does: its test accuracy at the most accurate rate"
    ),
    Claim("rates-gd-momentum", lead(SWEEP, "accurate", GD_MOMENTUM, GD).at_least(-0.02, fails=-0.1)).says(
        "Momentum does not spoil gradient descent: accuracy of GD+m minus GD's at the most accurate rates"
    ),
    Claim("rates-adam-variants", best_variant().at_most(0.02, fails=0.1)).says(
        "Neither momentum nor memory makes the difference: best of Adam without either minus SignGD, most accurate rates"
    ),
)


def over_rates(results: Results) -> Drawing:
    """Return training loss, accuracy and memory of every optimizer over its rates; rings mark the most accurate ones."""
    figure, axes = canvas(1, 3, width=3.0, height=2.7)
    panels: dict[str, Callable[[Run], float]] = {
        "training loss": lambda run: max(float(run.facts["final_loss"]), FLOOR),
        "test accuracy": partial(prediction, name="test_accuracy"),
        "share memorised": partial(prediction, name="memorised"),
    }
    rows: Rows = []
    for ax, (title, number) in zip(axes[0], panels.items(), strict=True):
        for method in ALL:
            runs = results.sweep(SWEEP).search(method.label).finished()
            points = {10.0**exponent: [(run, number(run)) for run in at] for exponent, at in runs.items()}
            rows += plot_points(ax, points, panel=title, label=method.label, marker="o", markersize=3, **LINES[method])
            rate = select(results, SWEEP, method, "accurate", decisive=False).lr
            ring = {"markersize": 8, "fillstyle": "none", "color": LINES[method]["color"]}
            ax.plot(rate, np.median([y for _, y in points.get(rate, [])]), "o", **ring)
        ax.set(xscale="log", xlabel="learning rate", title=title.capitalize())
    axes[0, 0].set(yscale="log", title=r"Training loss, from $10^{-8}$ up")
    _legend(axes)
    return Drawing(figure, pa.Table.from_pylist(rows))


def course(results: Results) -> Drawing:
    """Return training loss, test loss and accuracy over time, at the smallest rates that fit the data."""
    figure, axes = canvas(1, 3, width=3.0, height=2.7)
    rows: Rows = []
    for method in ALL:
        best = select(results, SWEEP, method, "smallest", decisive=False)
        label = f"{method.label}  $10^{{{best.exponent:g}}}$"
        panels: dict[str, Points] = {
            "training loss": {
                t: [(run, np.maximum(loss, FLOOR)) for run, loss in at]
                for t, at in over_time(best.runs, "loss").items()
            },
            "test_loss": over_time(best.runs, "test_loss", "predictions"),
            "test_accuracy": over_time(best.runs, "test_accuracy", "predictions"),
        }
        for ax, (panel, points) in zip(axes[0], panels.items(), strict=True):
            rows += plot_points(ax, points, panel=panel, label=label, **LINES[method])
    for ax, title in zip(axes[0], (r"Training loss, from $10^{-8}$ up", "Test loss", "Test accuracy"), strict=True):
        ax.set(xlabel="update $t$", title=title, xlim=(0, results.settings.steps))
    axes[0, 0].set(yscale="log", ylim=(FLOOR, 2))
    axes[0, 1].set(yscale="log")
    _legend(axes)
    return Drawing(figure, pa.Table.from_pylist(rows))


def _legend(axes: np.ndarray) -> None:
    axes[0, -1].legend(*axes[0, 0].get_legend_handles_labels(), loc="center left", bbox_to_anchor=(1.01, 0.5))


FIGURE = Figure(
    id="rates",
    title="Seven optimizers over their own learning rates",
    statement=(
        "Does tuning, momentum or memory change what is learnt? Without momentum and memory Adam is SignGD. At rates "
        "that need more than a few updates to fit the training data, SignGD and Adam memorise its noise."
    ),
    scales={
        "smoke": RateSizes(dimension=100, sparsity=4, key_width=4, value_width=2, seeds=(0, 1, 2)),
        "laptop": RateSizes(),
    },
    plans=plans,
    claims=CLAIMS,
    draw={"rates": over_rates, "course": course},
    rule=(
        "n, d, s, σ_p and widths of the noise figure. Every optimizer has eight decades of rates with every seed, those of "
        "the noise figure among them or between two, and the same number of updates. A first grid ended two decades "
        "lower, and most of the chosen rates lay at its edge. Adam without both is SignGD (claim rates-identity)."
    ),
    where="derived here",
    kind="ours",
)
