"""Figures: one style, written as SVG, PDF and CSV. Drawing computes nothing; numbers come from measures and runs.

matplotlib takes a second to import, so it is imported when something is drawn.
"""

from __future__ import annotations

import io
import textwrap
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from steepest.claims.paper import Drawing
from steepest.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE: dict[Any, Any] = {
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "svg.fonttype": "path",
    "svg.hashsalt": "steepest",
    "pdf.fonttype": 42,
}

# The paper's colours by family; solid with momentum, dashed without.
COLOURS: Mapping[str, str] = {
    "GD": "#000000",
    "SGD": "#000000",
    "Adam": "#bb5566",
    "AdamW": "#e58fa0",
    "Muon": "#2f9e8f",
    "NormGD": "#ddaa33",
    "NormSGD": "#ddaa33",
    "Sign": "#004488",
    "RescaledSign": "#66a3d9",
    "AdaGrad": "#228833",
    "LineSearch": "#8a6fae",
    "Signum": "#3c8f8f",
}
OTHER_COLOURS = ("#777777", "#994455", "#997700", "#6699cc", "#117733", "#999933", "#aa4499", "#e08214")


def line_style(label: str) -> dict[str, Any]:
    """Return colour and dash of a method label: `Adam+m` solid, `Adam-m` dashed; other families keep a colour of their own.

    >>> line_style("Adam+m")["linestyle"], line_style("Adam-m")["linestyle"]
    ('-', '--')
    """
    family = label.removesuffix("+m").removesuffix("-m")
    other = OTHER_COLOURS[zlib.crc32(family.encode()) % len(OTHER_COLOURS)]
    return {"color": COLOURS.get(family, other), "linestyle": "--" if label.endswith("-m") else "-"}


def group_colours(num_groups: int) -> np.ndarray:
    """Return viridis from dark (most frequent group) to yellow (least), shape (G, 4)."""
    import matplotlib as mpl

    return np.asarray(mpl.colormaps["viridis"](np.linspace(0.0, 0.95, num_groups)))


@contextmanager
def style() -> Iterator[None]:
    """Draw in the project's style."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        yield


def canvas(
    rows: int, columns: int, *, width: float = 3.1, height: float = 2.6, **options: Any
) -> tuple[Figure, np.ndarray]:
    """Return a figure and its axes, shape (rows, columns), without any window system."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, np.atleast_2d(figure.subplots(rows, columns, squeeze=False, **options))


def plot_band(ax: Axes, x: np.ndarray, curves: np.ndarray, **line: Any) -> None:
    """Plot the median over seeds with the band between the smallest and the largest; curves has shape (seeds, steps)."""
    ax.plot(x, np.median(curves, axis=0), **line)
    if len(curves) > 1:
        ax.fill_between(x, curves.min(0), curves.max(0), color=line.get("color"), alpha=0.15, linewidth=0)


def plot_columns(ax: Axes, table: pa.Table, x: str, lines: Mapping[str, Mapping[str, Any]]) -> None:
    """Plot columns of a table over its column `x`, each in its own style."""
    for name, style in lines.items():
        ax.plot(table[x].to_numpy(), table[name].to_numpy(), **style)


def plain_ticks(ax: Axes, values: Sequence[float], form: str = ",.0f") -> None:
    """Label a logarithmic axis at `values` only, in plain numbers."""
    ax.set_xticks(list(values), [format(value, form) for value in values])
    ax.set_xticks([], minor=True)


def legend_beside(ax: Axes, right: float = 1.01, **options: Any) -> None:
    """Put the legend on the right of a panel, `right` in units of its width."""
    ax.legend(loc="center left", bbox_to_anchor=(right, 0.5), **options)


def save(drawing: Drawing, folder: Path, name: str, footer: Sequence[str]) -> list[Path]:
    """Write `name.svg`, `name.pdf` and `name.csv` with the lines of `footer` below; return the paths.

    The files are the same bytes for the same numbers: no dates, fixed ids.
    """
    from matplotlib.backends.backend_pdf import FigureCanvasPdf

    letters = int(20 * drawing.canvas.get_figwidth())
    wrapped = "\n".join(line for text in footer for line in textwrap.wrap(text, letters))
    drawing.canvas.supxlabel(wrapped, fontsize=6.5, color="#666666", x=0.01, ha="left")
    svg, pdf, csv = io.BytesIO(), io.BytesIO(), io.BytesIO()
    drawing.canvas.savefig(svg, format="svg", metadata={"Date": None})
    drawing.canvas.set_layout_engine("none")  # the first layout serves both files; savefig would still measure it anew
    FigureCanvasPdf(drawing.canvas).print_pdf(pdf, metadata={"CreationDate": None})  # type: ignore[no-untyped-call]
    pyarrow.csv.write_csv(drawing.data, csv)
    written = {folder / f"{name}.{suffix}": buffer for suffix, buffer in (("svg", svg), ("pdf", pdf), ("csv", csv))}
    for path, buffer in written.items():
        write_atomically(path, buffer.getvalue())
    return list(written)


def table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as the table behind a drawing."""
    return pa.Table.from_pylist(rows)
