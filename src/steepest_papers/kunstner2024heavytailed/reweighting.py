"""Reweighted losses: plans, claims and drawing that the linear, text and image versions share.

The objective is Σ_i w_{y_i} ℓ_i / Σ_i w_{y_i} with w_k = 1/√π_k or 1/π_k. Beside them the logit-adjusted loss (Menon et al.
2021), which weighs all samples alike. Every claim is about the unweighted mean loss L at the horizon.

Learning rates are selected by the paper's rule: the smallest objective, that is the weighted loss. The evidence of each
claim also says where selection by L would end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from steepest.claims import drawings
from steepest.claims.claim import Claim, Measured, measure, placed
from steepest.claims.figures import canvas, line_style
from steepest.claims.measures import final_losses, run_ids
from steepest.claims.paper import Drawing, Results
from steepest.runs.method import Method
from steepest.runs.results import SweepResults
from steepest.runs.store import Run
from steepest.runs.sweep import Plan, Sweep, selection_loss
from steepest.runs.train import Weighting

NAMES: Mapping[Weighting, str] = {
    "none": "no weights",
    "inverse-sqrt": "1/√π",
    "inverse": "1/π",
    "logit-adjusted": "logit-adjusted",
}
COLOURS = dict(zip(NAMES, ("#000000", "#228833", "#66a3d9", "#aa4499"), strict=True))


def plan_name(prefix: str, weighting: Weighting) -> str:
    """Return the name of the plan of one weighting."""
    return f"{prefix}-{weighting}"


def plans(prefix: str, sweep: Sweep, unweighted_only: Iterable[Method] = ()) -> dict[str, Plan]:
    """Return one sweep for each weighting; the methods of `unweighted_only` are references without weights."""
    left_out = set(unweighted_only)
    kept = {method: grid for method, grid in sweep.optimizers.items() if method not in left_out}
    optimizers = {weighting: sweep.optimizers if weighting == "none" else kept for weighting in NAMES}
    return {
        plan_name(prefix, weighting): sweep.changed(weighting=weighting, optimizers=optimizers[weighting])
        for weighting in NAMES
    }


def claims(prefix: str, where: str, label: str = "GD+m", safer_over: tuple[str, ...] = ("GD+m",)) -> tuple[Claim, ...]:
    """Return the claims on plans named by `prefix`.

    Args:
        prefix: of plans and of the claims' ids.
        where: the place in the paper.
        label: the optimizer whose loss is compared.
        safer_over: the optimizers over which the worst case is taken.
    """
    return placed(
        where,
        Claim(f"{prefix}-root", gain(prefix, "none", "inverse-sqrt", label).at_least(0.05, fails=0.0)).says(
            f"{label} on the loss weighted by 1/√π_k ends below plain {label}, in the unweighted loss"
        ),
        Claim(f"{prefix}-inverse", gain(prefix, "none", "inverse", label).at_least(0.05, fails=0.0)).says(
            f"{label} on the loss weighted by 1/π_k ends below plain {label}, in the unweighted loss"
        ),
        Claim(f"{prefix}-safer", worst_case(prefix, safer_over).at_most(0.0, fails=0.05)).says(
            "1/√π_k is the safer of the two: largest unweighted loss under 1/√π_k minus that under 1/π_k, over "
            f"{' and '.join(safer_over)}, in units of L(0)"
        ),
        Claim(
            f"{prefix}-adjusted",
            gain(prefix, "logit-adjusted", "inverse-sqrt", label).at_least(0.05, fails=0.0),
            kind="ours",
        ).says(
            f"Adjusting the logits moves the start of {label} but not the speed of rare classes, so it ends above 1/√π_k"
        ),
    )


@measure("Γ")
def gain(results: Results, prefix: str, worse: Weighting, better: Weighting, label: str) -> Measured:
    """Return (L_worse(T) − L_better(T))/L(0), all losses unweighted, L(0) that of the plain model."""
    sweeps = {weighting: results.sweep(plan_name(prefix, weighting)) for weighting in (worse, better)}
    slow, fast = (sweep.best(label) for sweep in sweeps.values())
    values = (final_losses(slow) - final_losses(fast)) / _initial(results, prefix, label)
    evidence = "; ".join(f"{NAMES[w]}: {_selected(sweep, label)}" for w, sweep in sweeps.items())
    return Measured(values.tolist(), run_ids(slow, fast), evidence=evidence)


@measure()
def worst_case(results: Results, prefix: str, labels: tuple[str, ...]) -> Measured:
    """Return (max_label L under 1/√π_k − max_label L under 1/π_k)/L(0)."""
    root, inverse = (
        [results.sweep(plan_name(prefix, weighting)).best(label) for label in labels]
        for weighting in ("inverse-sqrt", "inverse")
    )
    worst = [np.max([final_losses(best) for best in bests], axis=0) for bests in (root, inverse)]
    values = (worst[0] - worst[1]) / _initial(results, prefix, labels[0])
    evidence = f"largest loss {worst[0].mean():.3g} under 1/√π, {worst[1].mean():.3g} under 1/π"
    return Measured(values.tolist(), run_ids(*root, *inverse), evidence=evidence)


def selected_by_loss(sweep: SweepResults, label: str) -> tuple[float, Run]:
    """Return the exponent that the unweighted loss would select, and its run; with the first seed, which every rate has."""
    search = sweep.searches[label]
    first = {exponent: search.runs(exponent)[0] for exponent in search.rates}

    def loss(exponent: float) -> float:
        facts = first[exponent].facts
        return selection_loss({"initial_objective": facts["initial_loss"], "final_objective": facts["final_loss"]})

    exponent = min(first, key=loss)
    return exponent, first[exponent]


def _initial(results: Results, prefix: str, label: str) -> np.ndarray:
    plain = results.sweep(plan_name(prefix, "none")).best(label, decisive=False)
    return np.asarray(plain.curves()[:, 0])


def _selected(sweep: SweepResults, label: str) -> str:
    best, (exponent, run) = sweep.best(label), selected_by_loss(sweep, label)
    end = f"{final_losses(best).mean():.3g} at 10^{best.exponent:g}"
    if exponent == best.exponent:
        return f"{end}, also if selected by the unweighted loss"
    return f"{end}, while the unweighted loss would select 10^{exponent:g} ({run.facts['final_loss']:.3g}, first seed)"


@drawings.drawing
def draw(results: Results, prefix: str, label: str, references: tuple[str, ...] = ()) -> Drawing:
    """Return the unweighted loss of an optimizer under each weighting, beside references, and its loss by group."""
    plain = results.sweep(plan_name(prefix, "none"))
    weighted = {
        name: results.sweep(plan_name(prefix, weighting)).best(label, decisive=False)
        for weighting, name in NAMES.items()
    }
    entries = weighted | drawings.selected(plain, references)
    styles: dict[str, dict[str, Any]] = {NAMES[weighting]: {"color": colour} for weighting, colour in COLOURS.items()}
    styles |= {reference: line_style(reference) | {"linestyle": ":"} for reference in references}
    figure, axes = canvas(1, 1 + len(weighted), width=2.5, sharey=True)
    drawings.lines(axes[0, 0], entries, styles)
    axes[0, 0].legend(loc="upper right", fontsize=7, handlelength=1.4, labelspacing=0.3)
    axes[0, 0].set_title(f"{label}, overall")
    axes[0, 0].set_ylabel("unweighted training loss")
    for ax, (name, best) in zip(axes[0, 1:], weighted.items(), strict=True):
        drawings.by_group(ax, best, legend=ax is axes[0, 1])
        ax.set_title(f"{label}, {name}")
    axes[0, 0].set_ylim(0, drawings.TOP * _initial(results, prefix, label).max())
    return Drawing(figure, drawings.curves_of(entries))
