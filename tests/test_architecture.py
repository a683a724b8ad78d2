"""The shape of the code: who may import whom, how long things may be, what must not occur at all."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "src").rglob("*.py"))
PAPERS = sorted(path.name for path in (ROOT / "src" / "steepest_papers").iterdir() if (path / "__init__.py").exists())
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")


MODULES = {module(path): path for path in FILES}


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Yield the modules that import statements name; `from package import module` names the module."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import of {node.module}"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else str(node.module)


def at_import_time(path: Path) -> Iterator[str]:
    """Yield what is imported when the module is, which leaves out functions and `if TYPE_CHECKING`."""
    body = tree(path).body
    yield from imported(node for node in body if isinstance(node, ast.Import | ast.ImportFrom))


def anywhere(path: Path) -> set[str]:
    return set(imported(ast.walk(tree(path))))


def package(name: str) -> str:
    """Return `steepest.optim` of `steepest.optim.adam`, `steepest.component` of `steepest.component`."""
    return ".".join(name.split(".")[:2])


def test_the_core_knows_no_paper() -> None:
    for name, path in MODULES.items():
        if name.split(".")[0] == "steepest":
            assert not [other for other in anywhere(path) if other.split(".")[0] == "steepest_papers"], name
            assert "steepest_papers" not in path.read_text(encoding="utf-8"), name


def test_papers_do_not_know_each_other() -> None:
    assert "kunstner2024heavytailed" in PAPERS
    for name, path in MODULES.items():
        if name.startswith("steepest_papers."):
            others = {other.split(".")[1] for other in anywhere(path) if other.startswith("steepest_papers.")}
            assert others <= {name.split(".")[1]}, name


def test_modules_do_not_import_in_circles() -> None:
    TopologicalSorter({name: set(at_import_time(path)) & MODULES.keys() for name, path in MODULES.items()}).prepare()


# What the lower parts of the core may import from the core, at any place of their files.
MAY_IMPORT = {
    "steepest.errors": set(),
    "steepest.optim.norms": set(),
    "steepest.optim": {"steepest.optim.norms"},
    "steepest.component": {"steepest.errors"},
    "steepest.data": {"steepest.errors", "steepest.files", "steepest.component"},
    "steepest.models": set(),
    "steepest.problems": {"steepest.data", "steepest.errors", "steepest.models", "steepest.component"},
    "steepest.files": set(),
    "steepest.runs.store": {"steepest", "steepest.errors", "steepest.files"},
    "steepest.distributed": set(),
    "steepest.runs.train": {"steepest", "steepest.distributed", "steepest.problems"},
    "steepest.runs.cost": {"steepest.problems"},
}
# Shells around the rest: nobody imports them, except those named.
IMPORTED_BY = {
    "steepest.cli": {"steepest.__main__"},
    "steepest.report": {"steepest.claims.lab"},
    "steepest.compare": {"steepest.cli"},
    "steepest.diagnose": {"steepest.cli"},
    "steepest.eject": {"steepest.cli"},
    "steepest.theory.predict": {"steepest.cli", "steepest.diagnose"},
    "steepest.monitor": set(),
    "steepest.claims.lab": {"steepest.cli", "steepest.eject"},
    "steepest.runs.stream": {
        "steepest",
        "steepest.cli",
        "steepest.compare",
        "steepest.claims.lab",
        "steepest.claims.paper",
        "steepest.report",
    },
}


@pytest.mark.parametrize("low", MAY_IMPORT)
def test_lower_parts_import_only_what_is_below_them(low: str) -> None:
    for name, path in MODULES.items():
        if package(name) == low:
            found = {package(other) for other in anywhere(path) if other.split(".")[0] == "steepest"}
            assert found <= MAY_IMPORT[low] | {low}, name


@pytest.mark.parametrize("shell", IMPORTED_BY)
def test_shells_are_imported_by_nobody_else(shell: str) -> None:
    users = {package(n) for n, path in MODULES.items() if any(package(other) == shell for other in anywhere(path))}
    assert {user for user in users if user.split(".")[0] == "steepest"} <= IMPORTED_BY[shell] | {shell}


@pytest.mark.parametrize("path", [*FILES, *sorted((ROOT / "tests").rglob("*.py"))], ids=lambda p: p.name)
def test_files_stay_under_500_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def functions() -> dict[str, int]:
    """Return the number of lines of every function without its docstring, signature included."""
    lengths = {}
    for name, path in MODULES.items():
        for node in ast.walk(tree(path)):
            if isinstance(node, Function):
                docstring = node.body[0] if ast.get_docstring(node, clean=False) is not None else None
                inside = 0 if docstring is None else (docstring.end_lineno or 0) - docstring.lineno + 1
                lengths[f"{name}.{node.name}:{node.lineno}"] = (node.end_lineno or 0) - node.lineno + 1 - inside
    return lengths


def test_functions_stay_under_80_lines_and_the_median_under_12() -> None:
    lengths = functions()
    assert len(lengths) > 200
    assert {name: lines for name, lines in lengths.items() if lines > 80} == {}
    assert statistics.median(lengths.values()) < 12


FORBIDDEN_MODULES = {"pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib", "yaml"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}


@pytest.mark.parametrize("path", FILES, ids=module)
def test_nothing_that_was_read_is_ever_executed(path: Path) -> None:
    assert not {name.split(".")[0] for name in anywhere(path)} & FORBIDDEN_MODULES
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        called = ast.unparse(node.func)
        assert called not in FORBIDDEN_CALLS, f"line {node.lineno}"
        assert called != "torch.load" or options.get("weights_only") == "True", f"line {node.lineno}"
        assert called not in ("np.load", "numpy.load") or options.get("allow_pickle") == "False", f"line {node.lineno}"
        assert options.get("shell") is None, f"line {node.lineno}"
        assert options.get("allow_pickle") in (None, "False"), f"line {node.lineno}"


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "scipy", "matplotlib", "pyarrow", "pydantic", "altair", "tokenizers", "rich", "cyclopts")
    code = f"import steepest, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_names_of_the_package_are_there_when_used() -> None:
    import steepest

    assert {name: getattr(steepest, name).__name__ for name in steepest.__all__} == {
        name: name for name in steepest.__all__
    }
    with pytest.raises(AttributeError, match="module 'steepest' has no attribute 'Swep'"):
        _ = steepest.Swep
