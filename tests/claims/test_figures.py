"""Figures: files that are the same bytes for the same numbers, and what the eye is shown."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

from steepest.claims.drawings import over_time, plot_points
from steepest.claims.figures import COLOURS, canvas, group_colours, line_style, plot_band, save, style, table
from steepest.claims.measures import over_cases, table_of
from steepest.claims.paper import Drawing

ROWS = [{"method": "Adam", "step": 0, "loss": 1 / 3}, {"method": "GD, plain", "step": 1, "loss": float("nan")}]


def drawing() -> Drawing:
    figure, axes = canvas(1, 2)
    plot_band(axes[0, 0], np.arange(3), np.array([[3.0, 2.0, 1.0], [4.0, 3.0, 2.0], [9.0, 8.0, 7.0]]), color="k")
    return Drawing(figure, table(ROWS))


def test_a_drawing_is_three_files_of_the_same_bytes_each_time(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        with style():
            paths = save(drawing(), tmp_path / folder, "fig", ["scale: m=4", "the paper's scale: m=11"])
        assert [path.name for path in paths] == ["fig.svg", "fig.pdf", "fig.csv"]
    for name in ("fig.svg", "fig.pdf", "fig.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a" / "fig.svg").read_text().startswith("<?xml")
    assert (tmp_path / "a" / "fig.pdf").read_bytes().startswith(b"%PDF")


def test_the_csv_holds_the_plotted_numbers_exactly(tmp_path: Path) -> None:
    with style():
        save(drawing(), tmp_path, "fig", ["footer"])
    with (tmp_path / "fig.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["Adam", "GD, plain"]
    assert float(rows[0]["loss"]) == 1 / 3
    assert rows[1]["loss"] == "nan"
    assert table(ROWS).column_names == ["method", "step", "loss"]


def test_the_footer_is_below_the_figure_and_wraps(tmp_path: Path) -> None:
    drawn = drawing()
    with style():
        save(drawn, tmp_path, "fig", ["word " * 60, "second"])
    text = drawn.canvas.get_supxlabel()
    assert text.split() == ["word"] * 60 + ["second"]
    assert text.splitlines()[-1] == "second"
    assert len(text.splitlines()) > 2


def test_a_band_is_the_median_between_smallest_and_largest() -> None:
    _, axes = canvas(1, 1)
    plot_band(axes[0, 0], np.arange(2), np.array([[1.0, 5.0], [2.0, 3.0], [9.0, 4.0]]), color="r")
    (line,), (band,) = axes[0, 0].lines, axes[0, 0].collections
    assert line.get_ydata().tolist() == [2.0, 4.0]
    heights = band.get_paths()[0].vertices
    assert {tuple(point) for point in heights} == {(0, 1), (0, 9), (1, 3), (1, 5)}
    plot_band(axes[0, 0], np.arange(2), np.array([[1.0, 5.0]]))
    assert len(axes[0, 0].collections) == 1


def test_points_are_plotted_and_every_one_is_a_row() -> None:
    def run(name: str, loss: list[float]) -> Any:
        columns = {"step": np.arange(len(loss)), "loss": np.array(loss)}
        return SimpleNamespace(id=name, column=lambda column, table: columns[column])

    runs = [run("a", [8.0, 4.0, 2.0]), run("b", [6.0, 6.0])]  # b diverged
    points = over_time(runs, "loss")
    assert list(points) == [0, 1, 2]
    np.testing.assert_array_equal(table_of(points), [[8, 6], [4, 6], [2, np.nan]])
    _, axes = canvas(1, 1)
    rows = plot_points(axes[0, 0], points, panel="training", label="Adam", color="r")
    (line,) = axes[0, 0].lines
    np.testing.assert_array_equal(line.get_ydata(), [7, 5, np.nan])
    assert rows[2] == {"panel": "training", "line": "Adam", "run": "a", "x": 1, "y": 4.0}
    assert [row["run"] for row in rows] == ["a", "b"] * 3
    found = over_cases({0.5: points[0], 2.0: points[1]}, np.array([3.0, 1.0]), "σ", "loss ")
    assert (found.values, found.runs) == ([3.0, 1.0], ["a", "b", "a", "b"])
    assert found.evidence == "loss 7 at σ = 0.5, 5 at σ = 2"


@pytest.mark.parametrize("family", COLOURS)
def test_colour_says_the_family_and_dash_the_momentum(family: str) -> None:
    assert line_style(f"{family}+m") == {"color": COLOURS[family], "linestyle": "-"}
    assert line_style(f"{family}-m") == {"color": COLOURS[family], "linestyle": "--"}
    assert line_style("somebody's own")["linestyle"] == "-"
    batches = {"SGD": "GD", "NormSGD": "NormGD"}  # the same method on mini-batches
    assert COLOURS[family] == COLOURS[batches.get(family, family)]
    assert len(set(COLOURS.values())) == len(COLOURS) - len(batches)


def test_group_colours_go_from_dark_to_bright() -> None:
    colours = group_colours(10)
    assert colours.shape == (10, 4)
    brightness = colours[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(brightness) > 0).all()
    assert brightness[0] < 0.2 < 0.6 < brightness[-1]


def test_a_canvas_has_rows_and_columns_of_the_given_size_and_no_window() -> None:
    figure, axes = canvas(2, 3, width=2.0, height=1.5, sharey=True)
    assert axes.shape == (2, 3)
    assert figure.get_size_inches().tolist() == [6.0, 3.0]
    assert figure.canvas.manager is None


def test_the_style_is_left_when_the_drawing_is_done() -> None:
    before = mpl.rcParams["font.size"]
    with style():
        assert mpl.rcParams["svg.hashsalt"] == "steepest"
    assert mpl.rcParams["font.size"] == before
    assert mpl.rcParams["svg.hashsalt"] != "steepest"
