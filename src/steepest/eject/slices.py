"""Cut a function out of a package: its source, and that of everything of the package's that it uses, as one text.

A *statement* is one at the top level of a module: a function, a class, an assignment. Names in it that the module defines
or imports from its own packages lead to further statements; other imports are repeated. Comments and layout stay; where
`flows.losses` becomes `losses`, only that is changed. Names that two modules define, or that some function also uses for a
local variable, get the module's name in front.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType

from steepest.errors import UsageError

Place = tuple[str, str]  # module, name


class CannotEject(UsageError):  # noqa: N818 - named for what it says
    """What cannot be written as a script, and why."""


@dataclass(frozen=True)
class Statement:
    """A top-level statement of a module, with the names in it that lead elsewhere.

    Attributes:
        place: where it is defined.
        node: its syntax tree.
        text: what to write in its place, or None.
        uses: (node, place) of each name in it that other statements of the packages define.
    """

    place: Place
    node: ast.stmt
    text: str | None
    uses: tuple[tuple[ast.expr, Place], ...]


class Slices:
    """Collects statements and imports.

    Args:
        packages: names of the top-level packages whose source is taken.
        given: places that the script defines by itself, with their names there.
    """

    def __init__(self, packages: Iterable[str], given: Mapping[Place, str]) -> None:
        self.packages, self.given = set(packages), dict(given)
        self.statements: dict[Place, Statement] = {}
        self.imports: dict[str, None] = {}
        self.needed: set[str] = set()  # names of the given places that are used

    def add(self, place: Place) -> None:
        """Add the statement that defines a name, after those that it uses.

        Raises:
            CannotEject: a class with validated fields is among them, or a name without a statement.
        """
        if place in self.given:
            self.needed.add(self.given[place])
        if place in self.given or place in self.statements:
            return
        module, name = place
        node = _definition(module, name)
        text = _instead(module, name)
        uses = () if text else tuple(self._uses(import_module(module), node))
        statement = Statement(place, node, text, uses)
        self.statements[place] = statement  # before what it uses: functions may use each other
        for _, used in statement.uses:
            self.add(used)
        self.statements[place] = self.statements.pop(place)

    def text(self) -> str:
        """Return the statements, each after those that it uses."""
        names = self.names()
        return "\n\n\n".join(_rendered(statement, names) for statement in self.statements.values())

    def names(self) -> dict[Place, str]:
        """Return the name of each statement in the script."""
        taken = set(self.given.values()) | {n for s in self.statements.values() for n in _local_names(s.node)}
        names = dict(self.given)
        for module, name in self.statements:
            short = module.rpartition(".")[2]
            names[module, name] = f"{short}_{name.lstrip('_')}" if name in taken else name
            taken.add(names[module, name])
        return names

    def _uses(self, module: ModuleType, node: ast.stmt) -> Iterator[tuple[ast.expr, Place]]:
        """Yield the names in a statement that lead into the packages, and note other imports."""
        for scope, expression in _loads(node, frozenset()):
            base = expression.value if isinstance(expression, ast.Attribute) else expression
            assert isinstance(base, ast.Name)
            if base.id in scope:
                continue
            found = self._resolve(module.__name__, base.id)
            if isinstance(found, str):  # a module of the packages
                if isinstance(expression, ast.Attribute):
                    target = self._resolve(found, expression.attr)
                    if isinstance(target, tuple):
                        yield expression, target
            elif found is not None and not isinstance(expression, ast.Attribute):
                yield base, found

    def _resolve(self, module: str, name: str) -> Place | str | None:
        """Return where a name of a module is defined: a place, a module of the packages, or None for anything else."""
        if (module, name) in self.given:
            return module, name
        statement = _toplevel(module).get(name)
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            return None if statement is None else (module, name)
        alias = next(alias for alias in statement.names if (alias.asname or alias.name.partition(".")[0]) == name)
        home = statement.module if isinstance(statement, ast.ImportFrom) else alias.name
        if str(home).partition(".")[0] not in self.packages:
            self.imports[_import_line(statement, alias)] = None
            return None
        if isinstance(statement, ast.Import):
            return alias.name
        if f"{home}.{alias.name}" in sys.modules:
            return f"{home}.{alias.name}"
        return self._resolve(str(home), alias.name)


def _import_line(statement: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    lone = type(statement)(**{**vars(statement), "names": [alias]})
    return ast.unparse(lone)


@cache
def _toplevel(module: str) -> dict[str, ast.stmt]:
    """Return the statement that defines each name of a module, those under `if TYPE_CHECKING` among them."""
    tree = ast.parse(inspect.getsource(import_module(module)))
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        inside = node.body if isinstance(node, ast.If) else [node]
        for statement in inside:
            found |= dict.fromkeys(_defined(statement), statement)
    return found


def _defined(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.FunctionDef() | ast.ClassDef():
            yield statement.name
        case ast.Import() | ast.ImportFrom():
            yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
        case ast.Assign() | ast.AnnAssign():
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            yield from (n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name))


def _definition(module: str, name: str) -> ast.stmt:
    found = _toplevel(module).get(name)
    if found is None or isinstance(found, ast.Import | ast.ImportFrom):
        raise CannotEject(f"{module}.{name} is not defined by a statement of its own")
    if isinstance(found, ast.FunctionDef):  # the name of a calculation in the store says nothing in a script
        found.decorator_list = [d for d in found.decorator_list if not ast.unparse(d).startswith("declared(")]
    return found


def _instead(module: str, name: str) -> str | None:
    """Return what to write for a method, whose label is all that a measure reads, or None; refuse validated classes."""
    from steepest.component import Component
    from steepest.runs.method import Method

    found = getattr(import_module(module), name)
    if isinstance(found, type) and issubclass(found, Component):
        raise CannotEject(f"it needs {name}, whose fields the library validates")
    return f"{name} = {found.label!r}" if isinstance(found, Method) else None


def _loads(node: ast.AST, scope: frozenset[str]) -> Iterator[tuple[frozenset[str], ast.expr]]:
    """Yield names, and attributes of names, that are read, each with the local names in force there."""
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        outside = [*node.args.defaults, *(d for d in node.args.kw_defaults if d), *_annotations(node)]
        for part in [*outside, *getattr(node, "decorator_list", [])]:
            yield from _loads(part, scope)
        inner = scope | _bound(node)
        for part in node.body if isinstance(node.body, list) else [node.body]:
            yield from _loads(part, inner)
        return
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        scope |= {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield scope, node
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield scope, node
    for child in ast.iter_child_nodes(node):
        yield from _loads(child, scope)


def _annotations(node: ast.FunctionDef | ast.Lambda) -> list[ast.expr]:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    returns = getattr(node, "returns", None)
    return [*(a.annotation for a in arguments if a.annotation), *([returns] if returns else [])]


def _bound(node: ast.FunctionDef | ast.Lambda) -> frozenset[str]:
    """Return the names that are local to a function: its arguments, and what it assigns, imports or defines."""
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    found = {argument.arg for argument in named if argument is not None}
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.add(part.id)
        elif isinstance(part, ast.FunctionDef) and part is not node:
            found.add(part.name)
        elif isinstance(part, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in part.names}
    return frozenset(found)


def _local_names(node: ast.stmt) -> frozenset[str]:
    functions = [part for part in ast.walk(node) if isinstance(part, ast.FunctionDef | ast.Lambda)]
    return frozenset().union(*(_bound(function) for function in functions))


def _rendered(statement: Statement, names: Mapping[Place, str]) -> str:
    """Return the source of a statement with its own name and those it uses as the script has them."""
    module, name = statement.place
    node = statement.node
    if statement.text is not None:
        return statement.text.replace(name, names[module, name], 1)
    lines = inspect.getsource(import_module(module)).splitlines()
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(d.lineno for d in decorators)])
    edits = [(used.lineno, used.col_offset, used.end_col_offset, names[place]) for used, place in statement.uses]
    for line, start, end, text in sorted(set(edits), reverse=True):
        encoded = lines[line - 1].encode()
        lines[line - 1] = (encoded[:start] + text.encode() + encoded[end:]).decode()
    source = lines[first - 1 : node.end_lineno]
    if names[module, name] != name:
        source[node.lineno - first] = source[node.lineno - first].replace(name, names[module, name], 1)
    return "\n".join(source)
