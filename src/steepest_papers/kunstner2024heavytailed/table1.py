"""Table 1: model, data and batch size of each experiment, read from the specs that the figures run.

Its settings have the fields of all figures, so that a change such as `m=8` reaches the table as it reaches them.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from functools import singledispatch
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import create_model

from steepest.claims.figures import canvas, table
from steepest.claims.paper import Drawing, Figure, Results, Settings
from steepest.component import Component
from steepest.problems import ImageClassification, LastLayer, Problem, SoftmaxRegression, WeightedQuadratic
from steepest.problems.language_model import LanguageModel
from steepest.runs.spec import Spec
from steepest.runs.sweep import Plan, Sweep

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


class TableSizes(Settings):
    """Which sizes the table shows; `with_table` adds the fields of the figures, None where nothing is changed."""

    scale: str

    def changes(self) -> dict[str, Any]:
        """Return the fields that are changed."""
        return {name: value for name, value in dict(self).items() if name != "scale" and value is not None}

    def summary(self) -> str:
        """Return the scale and the changes."""
        return ", ".join([f"every experiment at {self.scale} scale", *(f"{k}={v}" for k, v in self.changes().items())])


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
        fields = type(figure.settings(sizes.scale)).model_fields
        changes = {name: value for name, value in sizes.changes().items() if name in fields}
        plans = figure.plans(figure.settings(sizes.scale, changes)).values()
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


def draw(rows: list[dict[str, Any]]) -> Drawing:
    """Return the rows as a picture."""
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


def with_table(*figures: Figure) -> tuple[Figure, ...]:
    """Return the figures of a paper and, at their end, the table of what they train."""
    names = {name for figure in figures for sizes in figure.scales.values() for name in type(sizes).model_fields}
    fields: Any = dict.fromkeys(sorted(names), (Any, None))
    kind = create_model("TableSizes", __base__=TableSizes, **fields)

    def drawings(results: Results) -> Mapping[str, Drawing]:
        return {"table1": draw(table_one(figures, results.settings))}

    found = Figure(
        id="table1",
        title="Table 1: model, data and batch of each experiment",
        statement="What was trained on what. The table is read from the specs of the figures; it claims nothing.",
        scales={scale: kind(scale=scale) for scale in ("smoke", "laptop", "paper")},
        plans=lambda _: {},
        claims=(),
        draw=drawings,
        rule="The sizes are those of the figures at the same scale.",
    )
    return (*figures, found)
