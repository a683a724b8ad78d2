"""Table 1: model, data and batch size of each experiment, read from the specs that the figures run.

A change of any figure's settings, such as `m=8`, reaches the table as it reaches the figures; they are imported when it is
drawn or changed.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterable, Iterator
from functools import singledispatch
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pydantic import ConfigDict

from steepest.claims.figures import canvas, table
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.component import Component
from steepest.errors import unknown
from steepest.problems import ImageClassification, LastLayer, Problem, SoftmaxRegression, WeightedQuadratic
from steepest.problems.language_model import LanguageModel
from steepest.runs.spec import Spec
from steepest.runs.sweep import Plan, Sweep
from steepest_papers.kunstner2024heavytailed import PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTHS = {
    "figure": 14,
    "model": 34,
    "data": 40,
    "classes": 8,
    "samples": 9,
    "batch": 12,
    "updates": 13,
    "optimizers": 11,
}
GAP = 0.6  # between two rows, in lines


def others() -> list[Figure]:
    """Return the figures of the paper without the table."""
    return [PAPER.figure(name) for name in PAPER.modules if name != "table1"]


class TableSizes(Settings):
    """Which sizes the table shows, and changes of the figures' settings, as further fields."""

    model_config = ConfigDict(extra="allow")

    scale: str

    @classmethod
    def changeable(cls) -> Collection[str]:
        """Return `scale` and the settings of all figures."""
        return {
            "scale",
            *(name for figure in others() for sizes in figure.scales.values() for name in sizes.changeable()),
        }

    def changed(self, **fields: Any) -> Self:
        """Return a copy with further changes."""
        for name in fields:
            if name not in (known := self.changeable()):
                raise unknown(f"field of {type(self).__name__}", name, known)
        return type(self)(**(dict(self) | fields))

    def summary(self) -> str:
        """Return the scale and the changes."""
        changes = (f"{name}={value}" for name, value in (self.model_extra or {}).items())
        return ", ".join([f"every experiment at {self.scale} scale", *changes])


class Experiment(NamedTuple):
    """What Table 1 says of a problem."""

    model: str
    data: str
    classes: int | None = None
    samples: int | None = None
    batch: str = "all samples"


@singledispatch
def experiment(problem: Problem) -> Experiment:
    """Return model, data, number of classes, number of samples and batch of a problem."""
    return Experiment(phrase(problem), "")


@experiment.register
def _(problem: SoftmaxRegression) -> Experiment:
    data = problem.data
    model = f"softmax regression, {data.num_features} inputs"
    return Experiment(model, f"noise, {phrase(data)}", data.num_classes, data.num_samples)


@experiment.register
def _(problem: WeightedQuadratic) -> Experiment:
    return Experiment("weighted quadratic", f"π_k ∝ k^−{problem.exponent:g}", problem.num_coordinates)


@experiment.register
def _(problem: LastLayer) -> Experiment:
    data = f"{phrase(problem.corpus)}; {phrase(problem.vocabulary)}"
    samples = problem.windows * problem.length
    return Experiment(f"last layer of a frozen transformer, width {problem.width}", data, problem.num_classes, samples)


@experiment.register
def _(problem: LanguageModel) -> Experiment:
    data = f"{phrase(problem.corpus)}; {phrase(problem.vocabulary)}"
    samples = problem.windows and problem.windows * problem.length
    batch = f"{problem.per_update} × {problem.length}" if problem.per_update else "all samples"
    return Experiment(phrase(problem.model), data, problem.num_classes, samples, batch)


@experiment.register
def _(problem: ImageClassification) -> Experiment:
    data = problem.data
    batch = f"{problem.per_update}" if problem.per_update else "all samples"
    return Experiment(phrase(problem.model), phrase(data), data.num_classes, data.num_images, batch)


def phrase(component: Component) -> str:
    """Return a component in words: its name and the plain fields that differ from their defaults."""
    name = re.sub(r"(?<=[a-z]{4})(?=[A-Z][a-z])", " ", type(component).__name__)
    fields = type(component).model_fields
    given = {k: v for k, v in dict(component).items() if v != fields[k].default and not isinstance(v, Component)}
    return ", ".join([name, *(f"{k.replace('_', ' ')} {_plain(v)}" for k, v in given.items())])


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def table_one(figures: Iterable[Figure], sizes: TableSizes) -> list[dict[str, Any]]:
    """Return one row for each different experiment of each figure; `run` names its first run."""
    rows: dict[tuple[str, Experiment], list[Spec]] = {}
    for figure in (figure for figure in figures if sizes.scale in figure.scales):
        declared = figure.settings(sizes.scale)
        changes = {k: v for k, v in (sizes.model_extra or {}).items() if k in declared.changeable()}
        plans = figure.plans(declared.changed(**changes)).values()
        for spec in (spec for plan in plans for spec in _specs(plan)):
            rows.setdefault((figure.id, experiment(spec.problem)), []).append(spec)
    return [_row(figure, found, specs) for (figure, found), specs in rows.items()]


def _specs(plan: Plan) -> Iterator[Spec]:
    """Return the specs that a plan begins with: for a sweep one of each optimizer."""
    if isinstance(plan, Sweep):
        yield from (plan.spec(method, grid.exponents[0], plan.seeds[0]) for method, grid in plan.optimizers.items())
    else:
        yield from (item for item in plan.calculations if isinstance(item, Spec))


def _row(figure: str, found: Experiment, specs: list[Spec]) -> dict[str, Any]:
    updates = " ".join(map(str, sorted({spec.steps for spec in specs})))
    methods = len({spec.method for spec in specs})
    return {"figure": figure} | found._asdict() | {"updates": updates, "optimizers": methods, "run": specs[0].id}


def draw(results: Results) -> Drawing:
    """Return the table of all figures as a picture."""
    rows = table_one(others(), results.settings)
    lines = [{name: textwrap.wrap(_cell(row[name]), width) for name, width in WIDTHS.items()} for row in rows]
    heights = [max(len(cell) for cell in line.values()) for line in lines]
    figure, axes = canvas(1, 1, width=0.082 * sum(WIDTHS.values()), height=0.16 * (sum(heights) + GAP * len(rows) + 2))
    _write(axes[0, 0], [{name: [name] for name in WIDTHS}, *lines], [1, *heights])
    return Drawing(figure, table(rows))


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _write(ax: Axes, lines: list[dict[str, list[str]]], heights: list[int]) -> None:
    """Write wrapped cells from top to bottom; the first line is the head."""
    y = 0.0
    for number, (line, height) in enumerate(zip(lines, heights, strict=True)):
        x = 0
        for name, width in WIDTHS.items():
            bold = "bold" if number == 0 or name == "figure" else "normal"
            ax.text(x, y, "\n".join(line[name]), va="top", fontsize=8, fontweight=bold, linespacing=1.25)
            x += width
        y += height + GAP
        ax.axhline(y - 0.7 * GAP, color="#bbbbbb" if number else "#333333", linewidth=0.5 if number else 1.0)
    ax.set(xlim=(0, sum(WIDTHS.values())), ylim=(y, -0.4))
    ax.set_axis_off()


FIGURE = Figure(
    id="table1",
    title="Table 1: model, data and batch of each experiment",
    statement="What was trained on what. The table is read from the specs of the figures; it claims nothing.",
    scales={scale: TableSizes(scale=scale) for scale in ("smoke", "laptop", "paper")},
    plans=lambda _: {},
    claims=(),
    draw={"table1": draw},
    rule="The sizes are those of the figures at the same scale.",
)
