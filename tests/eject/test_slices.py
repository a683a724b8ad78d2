"""Cutting functions out of packages: what comes along, under which name, and that it still computes the same."""

from __future__ import annotations

import ast
import runpy
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from steepest.eject.expressions import expression
from steepest.eject.parts import STAND_INS
from steepest.eject.slices import CannotEject, Slices

FILES = {
    "__init__": "",
    "shapes": '''
from __future__ import annotations

import math as m
from functools import lru_cache

UNUSED = 1
FACTOR = 2.0
AREA = FACTOR * m.pi  # of a disc of radius √2


def area(radius):
    """Return the area of a disc, ½·AREA·r² here."""
    return scaled(radius**2) / 2


def scaled(value: Number) -> Number:
    # a comment that stays
    return AREA * value


Number = float


@lru_cache(maxsize=None)
def cached(n):
    return n if n < 2 else cached(n - 1) + cached(n - 2)


def square(x):
    return x * x
''',
    "uses": '''
from __future__ import annotations

from typing import TYPE_CHECKING

from steepest.claims.claim import measure
from PACKAGE import shapes
from PACKAGE.shapes import cached as fibonacci, square as squared

if TYPE_CHECKING:
    from decimal import Decimal


def square(x):
    return -x


def total(radius, n):
    """area is a local name here, shapes.area another thing, and café costs é a byte more."""
    é = 0; area = shapes.area(radius) + é
    values = [squared(x) + square(x) + fibonacci(x) for x in range(n)]
    return area + sum(values)


@measure("p")
def power(results, exponent, unused=None):
    return total(*results) ** exponent


@measure("fg")
def both(results, first, second):
    return first(results) * second(results)


@measure()
def many(results, *parts, function):
    return sum(part(results) for part in parts) + function(*results)


def even(n): return n == 0 or odd(n - 1)
def odd(n): return n > 0 and even(n - 1)
''',
}


MEASURE = STAND_INS[STAND_INS.index("def measure(") : STAND_INS.index("@dataclass")]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    name = "sliced_" + str(abs(hash(request.node.name)))
    for file, text in FILES.items():
        path = tmp_path / name / f"{file}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace("PACKAGE", name), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return import_module(f"{name}.uses")


def standing_alone(module: ModuleType, value: object, folder: Path):
    """Return a value as a script computes it that has only what was cut out, and the script."""
    slices = Slices([module.__name__.partition(".")[0]], {("steepest.claims.claim", "measure"): "measure"})
    write = expression(value, slices)
    body = "\n".join(
        [*slices.imports, "", MEASURE if slices.needed else "", slices.text(), "", f"RESULT = {write(slices.names())}"]
    )
    script = folder / "script.py"
    script.write_text("from __future__ import annotations\n" + body, encoding="utf-8")
    return runpy.run_path(str(script))["RESULT"], body


def test_a_function_comes_with_what_it_uses_and_computes_the_same(package, tmp_path):
    cut, text = standing_alone(package, package.total, tmp_path)
    assert cut(1.5, 6) == package.total(1.5, 6)
    assert "UNUSED" not in text
    assert "# a comment that stays" in text
    assert "# of a disc of radius √2" in text or "AREA = FACTOR * m.pi" in text
    assert "import math as m" in text
    assert package.__name__.partition(".")[0] not in text


def test_two_things_of_one_name_get_different_names(package, tmp_path):
    _, text = standing_alone(package, package.total, tmp_path)
    assert text.count("def square(") + text.count("def shapes_square(") + text.count("def uses_square(") == 2
    assert "def shapes_area(" in text  # `area` is a local variable of `total`


def test_functions_may_use_each_other(package, tmp_path):
    cut, _ = standing_alone(package, package.odd, tmp_path)
    assert [cut(n) for n in range(4)] == [False, True, False, True]


def test_measures_are_written_as_the_calls_that_made_them(package, tmp_path):
    made = package.both(package.power(2), second=package.many(package.power(3, unused="x"), function=package.total))
    cut, text = standing_alone(package, made, tmp_path)
    assert (
        cut((1.5, 3))
        == made((1.5, 3))
        == package.total(1.5, 3) ** 2 * (package.total(1.5, 3) ** 3 + package.total(1.5, 3))
    )
    assert text.endswith('RESULT = both(power(2), second=many(power(3, unused="x"), function=total))')


def test_functions_without_a_name_of_their_own_are_refused(package):
    slices = Slices([package.__name__.partition(".")[0]], {})
    with pytest.raises(CannotEject, match=r"its measure is made from a <lambda> of .*, which has no name there"):
        expression(package.many(function=lambda x, y: x), slices)


def test_plain_values_are_written_as_themselves():
    value = {(1.0, "é"): [0.5, None, (True,)], "x": {"y": -3}}
    written = expression(value, Slices([], {}))({})
    assert ast.literal_eval(written) == {(1.0, "é"): (0.5, None, (True,)), "x": {"y": -3}}


def test_values_without_an_expression_are_refused():
    with pytest.raises(CannotEject, match="which cannot be written down"):
        expression(object(), Slices([], {}))


def test_classes_with_validated_fields_are_refused():
    slices = Slices(["steepest"], {})
    with pytest.raises(CannotEject, match="it needs HeavyTailedLabels, whose fields the library validates"):
        slices.add(("steepest.data.synthetic", "HeavyTailedLabels"))


def test_what_the_script_has_of_its_own_is_not_cut_out():
    slices = Slices(["steepest"], {("steepest.claims.claim", "Measured"): "Measured"})
    slices.add(("steepest.claims.claim", "Measured"))
    assert slices.text() == ""
    assert slices.needed == {"Measured"}


def test_a_method_is_written_as_its_label():
    sys.modules.setdefault("steepest_papers", import_module("steepest_papers"))
    slices = Slices(["steepest", "steepest_papers"], {})
    slices.add(("steepest_papers.kunstner2024heavytailed.optimizers", "ADAM"))
    assert slices.text() == "ADAM = 'Adam-m'"
