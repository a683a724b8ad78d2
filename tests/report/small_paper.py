"""A small paper with invented runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from steepest.claims.claim import Claim, Criterion, Measured, measure
from steepest.claims.paper import Figure, Paper, Settings
from steepest.claims.verdict import Verdict
from steepest.data.corpus import WikipediaLeads
from steepest.data.synthetic import HeavyTailedLabels
from steepest.data.tokens import Words
from steepest.optim import Adam, GradientDescent, SignDescent
from steepest.problems import LastLayer, SoftmaxRegression
from steepest.report.page import write_report
from steepest.runs.execute import execute
from steepest.runs.method import Method
from steepest.runs.results import Undecided
from steepest.runs.spec import Calculation, Spec
from steepest.runs.store import Outcome, Store
from steepest.runs.stream import lookup
from steepest.runs.sweep import Calculations, Sweep, decades

HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="400pt" height="80pt"><path id="axes_1" d="M0 0L400 80"/></svg>'
CSV = '"step","loss","run"\n0,2.5,"a"\n1,1.25,"b"\n'

GD = Method(GradientDescent, label="GD+m", momentum=0.9)
ADAM = Method(Adam, label="Adam-m", betas=(0.0, 0.999))
SIGN = Method(SignDescent, label=f"Sign {HOSTILE}")
BEST = {"GD+m": 1.5, "Adam-m": -1.5, SIGN.label: -2.0}
INITIAL = 4.0
GROUPS = 10


class Sizes(Settings):
    """Sizes of the small paper."""

    m: int = 4
    seeds: tuple[int, ...] = (0, 1, 2)


@dataclass(frozen=True)
class Report:
    """A page with everything that went into it."""

    page: Path
    paper: Paper
    ledger: list[Verdict]
    settings: dict[str, Settings]
    store: Store
    drawings: dict[str, dict[str, Path]]

    @property
    def html(self) -> str:
        return self.page.read_text(encoding="utf-8")

    def write(self, target: Path, **changes: Any) -> str:
        given = {"paper": self.paper, "settings": self.settings, "scale": "smoke"} | changes
        write_report(ledger=self.ledger, store=self.store, figures=self.drawings, target=target, **given)
        return target.read_text(encoding="utf-8")


def invented_loss(label: str, exponent: float, seed: int) -> float | None:
    """Return a final loss: a valley around the method's best rate; None where it diverges, far above it."""
    distance = exponent - BEST[label]
    return None if distance > 1.6 else 0.01 * 10 ** abs(distance) * (1 + 0.1 * seed)


def sweep(sizes: Sizes) -> Sweep:
    problem = SoftmaxRegression(data=HeavyTailedLabels(m=sizes.m))
    grids = {GD: decades(-2, 0), ADAM: decades(-3, 1), SIGN: decades(-4, 0)}
    return Sweep(problem=problem, optimizers=grids, steps=10, seeds=sizes.seeds)


def text(_: Sizes) -> Sweep:
    problem = LastLayer(corpus=WikipediaLeads(), vocabulary=Words(size=100), windows=2)
    return Sweep(problem=problem, optimizers={ADAM: decades(-2, 0)}, steps=3)


def identity_error(size: int) -> dict[str, float]:
    return {"error": 1e-9 * size}


@measure()
def exact(results: Any) -> Measured:
    runs = results.calculations("identities")
    return Measured([run.facts["error"] for run in runs], [run.id for run in runs], exact=True)


@measure()
def ratio(results: Any) -> Measured:
    gd, adam = results.sweep("linear").best("GD+m"), results.sweep("linear").best("Adam-m")
    values = [INITIAL * (1 + run.facts["final_loss"]) for run in gd.runs]
    return Measured(values, [run.id for run in gd.runs + adam.runs], evidence=f"evidence {HOSTILE}")


@measure()
def silent(_: Any) -> Measured:
    raise Undecided(f"reason {HOSTILE}")


def claim(name: str, found: Any, holds: float, fails: float, **options: Any) -> Claim:
    return Claim(name, Criterion(found(), holds, fails), f"Figure 1, panel {name}", **options).says(
        f"{name} says {HOSTILE}"
    )


class Noted(Paper):
    @property
    def readme(self) -> str:
        return f"# Title\n\n## Scope\n\nNote {HOSTILE} [link](javascript:alert(1)) ![image](data:x)"


def paper() -> Paper:
    sizes = {"smoke": Sizes(), "laptop": Sizes(m=6), "paper": Sizes(m=11)}
    linear = (claim("up", ratio, 3.0, 2.0), claim("down", ratio, 3.0, 4.0), claim("mute", silent, 1.0, 0.0))
    broken = (claim("no", ratio, 9.0, 5.0, kind="ours"),)
    theory = (claim("zero", exact, 1e-6, 1e-3, kind="erratum"),)
    plans = (
        lambda s: {"identities": Calculations(tuple(Calculation(identity_error, {"size": n}) for n in (1, 2)))},
        lambda s: {"linear": sweep(s)},
        lambda s: {"text": text(s)},
    )
    statement = f"The paper's statement {HOSTILE}"
    figures = {
        key: Figure(key, f"Title of {key} {HOSTILE}", statement, sizes, plan, claims, {}, "T(m) = T · c(m)/c(11)")
        for key, plan, claims in zip(("theory", "fig4", "fig5"), plans, (theory, linear + broken, ()), strict=True)
    }
    return Noted("doe2026tails", f"Tails {HOSTILE}", "J. Doe & R. Roe", 2026, "2601.00001", figures)


def invent(store: Store, plan: Any) -> None:
    """Store invented outcomes until the plan needs nothing more."""
    while pending := plan.progress(lookup(store)).pending:
        for item in pending:
            store.put(item, outcome(item), seconds=0.5)


def outcome(item: Spec | Calculation) -> Outcome:
    if isinstance(item, Calculation):
        return execute(item)
    final = invented_loss(item.method.label, round(math.log10(item.lr), 6), item.seed)
    ends = {"initial": INITIAL, "final": final}
    facts = {f"{end}_{what}": value for end, value in ends.items() for what in ("loss", "objective")}
    groups = pa.array([invented_groups(INITIAL), invented_groups(final)], pa.list_(pa.float64(), GROUPS))
    curves = pa.table({"step": pa.array([0, 10], pa.int32()), "loss": [INITIAL, final], "group": groups})
    return Outcome("diverged" if final is None else "done", facts, {"curves": curves})


def invented_groups(loss: float | None) -> list[float]:
    """Return losses of ten groups, the third of which is empty: the g-th is g + 1 times the loss."""
    return [math.nan if loss is None or g == 2 else loss * (g + 1) for g in range(GROUPS)]
