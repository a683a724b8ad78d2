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

from steepest.claims.installed import find_paper
from steepest.testing import equal_functions

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


def test_the_core_knows_no_paper() -> None:
    for name, path in MODULES.items():
        if name.split(".")[0] == "steepest":
            assert not [other for other in anywhere(path) if other.split(".")[0] == "steepest_papers"], name
            assert "steepest_papers" not in path.read_text(encoding="utf-8"), name


def test_no_paper_is_named_in_the_core() -> None:
    """Papers register what the core says of them; only examples of the command line may name one."""
    for path in sorted((ROOT / "src" / "steepest").rglob("*")):
        if path.suffix in (".py", ".j2", ".js", ".css", ".json", ".txt") and "cli" not in path.parts:
            assert not [key for key in PAPERS if key in path.read_text(encoding="utf-8")], path


def test_papers_do_not_know_each_other() -> None:
    assert "kunstner2024heavytailed" in PAPERS
    for name, path in MODULES.items():
        if name.startswith("steepest_papers."):
            others = {other.split(".")[1] for other in anywhere(path) if other.startswith("steepest_papers.")}
            assert others <= {name.split(".")[1]}, name


def test_modules_do_not_import_in_circles() -> None:
    TopologicalSorter({name: set(at_import_time(path)) & MODULES.keys() for name, path in MODULES.items()}).prepare()


# What each room of the core may import from the core, at any place of its files. Kits get the first line of kits.
LOW = {"errors", "files", "owner", "code", "component"}
PARTS = LOW | {"optim", "models", "data", "problems", "measure", "distributed"}
LABORATORY = PARTS | {"runs", "claims"}
MAY_IMPORT = {
    "errors": set(),
    "files": set(),
    "glossary": set(),
    "owner": set(),
    "code": {"errors", "owner"},
    "component": {"code", "errors", "owner"},
    "distributed": set(),
    "optim": set(),
    "models": set(),
    "data": LOW,
    "measure": {"errors", "data", "problems"},
    "problems": LOW | {"data", "models"},
    "runs": PARTS - {"measure", "models"},
    "theory": {"data", "optim", "runs", "claims"},
    "claims": LABORATORY,
    "report": LABORATORY | {"glossary"},
    "monitor": {"errors", "files", "data", "measure", "models", "report", "distributed"},
    "compare": LABORATORY | {"report"},
    "diagnose": LABORATORY | {"report", "theory"},
    "eject": LABORATORY,
    "testing": LABORATORY | {"cli"},
    "cli": LABORATORY | {"report", "theory", "monitor", "compare", "diagnose", "eject", "glossary"},
    "__main__": {"cli"},
    "__init__": {"runs"},
}


def room(name: str) -> str:
    """Return `optim` of `steepest.optim.adam`, `__init__` of `steepest`."""
    return [*name.split("."), "__init__"][1]


def test_every_room_imports_only_what_is_below_it() -> None:
    wrong = []
    for name, path in MODULES.items():
        if name.split(".")[0] == "steepest":
            found = {room(other) for other in anywhere(path) if other.split(".")[0] == "steepest"}
            wrong += [f"{name} imports {other}" for other in found - MAY_IMPORT[room(name)] - {room(name)}]
    assert wrong == []


def test_no_key_of_a_paper_occurs_in_the_core() -> None:
    for path in (ROOT / "src" / "steepest").rglob("*"):
        if path.suffix in (".py", ".j2", ".txt", ".js", ".json"):
            text = path.read_text(encoding="utf-8")
            assert [key for key in PAPERS if key in text] == [], path


def test_no_function_is_written_in_two_papers() -> None:
    assert equal_functions(f"steepest_papers.{key}" for key in PAPERS) == []


def test_a_paper_has_a_readme_and_one_file_for_each_figure() -> None:
    for key in PAPERS:
        paper = find_paper(key)
        assert paper.readme.startswith("# "), key
        modules = [str(place).partition(":")[0] for place in paper.modules.values()]
        assert all((ROOT / "src" / "steepest_papers" / key / f"{module}.py").is_file() for module in modules)


def public(path: Path) -> Iterator[ast.AST]:
    """Yield the classes and functions of a file that somebody else may use, and their public methods."""
    nodes: list[ast.stmt] = list(tree(path).body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            if "overload" in [ast.unparse(decorator) for decorator in node.decorator_list]:
                continue
            yield node
            nodes += node.body if isinstance(node, ast.ClassDef) else []


def test_every_public_name_is_documented() -> None:
    undocumented = [
        f"{name}.{getattr(node, 'name', '')}"
        for name, path in MODULES.items()
        for node in [tree(path), *public(path)]
        if ast.get_docstring(node) is None  # type: ignore[arg-type]
    ]
    assert undocumented == []


def test_other_pages_share_the_shell_of_a_papers_page_alone() -> None:
    shared = {"steepest.report.shell", "steepest.report.drawn_page"}
    for name, path in MODULES.items():
        if name.startswith(("steepest.compare", "steepest.diagnose")):
            assert {other for other in anywhere(path) if other.startswith("steepest.report")} <= shared, name
    inside = {o for o in anywhere(MODULES["steepest.report.shell"]) if o.split(".")[0] == "steepest"}
    assert inside == {"steepest.glossary"}


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
    allowed = (
        {"cloudpickle"} if module(path) == "steepest.runs.executors" else set()
    )  # told what workers are sent by value
    assert not {name.split(".")[0] for name in anywhere(path)} & FORBIDDEN_MODULES - allowed
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
