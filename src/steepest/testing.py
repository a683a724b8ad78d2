"""Checks of a paper that hold for every paper: `assert check_paper("smith2026tails") == []` in a test of your own.

python -m steepest.testing smith2026tails          every problem on a line; exits with 1 if there is one
python -m steepest.testing ./smith2026tails
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pyarrow.csv import read_csv

from steepest.claims.installed import find_paper
from steepest.claims.lab import Lab
from steepest.claims.paper import Figure, Paper
from steepest.cli import ended
from steepest.component import kinds_in
from steepest.errors import UsageError
from steepest.runs.store import Store

LEAST_STATEMENTS = 3  # shorter bodies may be equal in two papers


def check_paper(
    target: str | Path,
    *,
    store: Store | str | Path | None = None,
    figures: Iterable[str] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return what is wrong with a paper, one line each; nothing is wrong with a good one.

    Every figure is imported, runs at smoke scale, is judged and drawn; claim ids are unique and named in README.md, and
    every name there that looks like one is one; claims have a statement and a place; plotted points name stored runs.

    Args:
        target: the paper's name, or its folder.
        store: where runs are kept; a temporary folder by default.
        figures: names of the figures that are run; default all.
        changes: settings to replace, in every figure that has them, such as a text that needs no network.
    """
    folder = [Path(target)] if Path(target).is_dir() else []
    name = Path(target).resolve().name if folder else str(target)
    try:
        paper = find_paper(name, folder)
    except UsageError as error:
        return [_line(error)]
    loaded, problems = _loaded(paper)
    problems += [*_wrong_kinds(paper), *_wrong_texts(paper, loaded)]
    chosen = set(paper.modules if figures is None else figures)
    with TemporaryDirectory() as scratch:
        kept = store if isinstance(store, Store) else Store(store or Path(scratch) / "store")
        for figure in loaded:
            if figure.id in chosen:
                problems += _wrong_runs(paper, figure, kept, folder, changes or {})
    return problems


def _loaded(paper: Paper) -> tuple[list[Figure], list[str]]:
    figures, problems = [], []
    for name in paper.modules:
        try:
            figures.append(paper.figure(name))
        except UsageError as error:
            problems.append(_line(error))
    return figures, problems


def _wrong_kinds(paper: Paper) -> list[str]:
    """Return the permanent names of the paper that another one could have, too."""
    place = getattr(sys.modules.get(paper.package), "__file__", None)
    kinds = kinds_in(Path(place).parent) if place else []
    return [
        f"{paper.key}: kind = {kind!r} does not begin with the paper's key; call it {paper.key}.{kind}"
        for kind in kinds
        if not kind.startswith(f"{paper.key}.")
    ]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _wrong_texts(paper: Paper, figures: Sequence[Figure]) -> list[str]:
    """Return what is wrong with claims and README."""
    claims = [(figure, claim) for figure in figures for claim in figure.claims]
    ids = [claim.id for _, claim in claims]
    problems = [
        f"{paper.key}: several claims are called {name}" for name in sorted({n for n in ids if ids.count(n) > 1})
    ]
    for figure, claim in claims:
        if not (claim.statement and claim.where):
            problems.append(f"{paper.key}/{figure.id}: claim {claim.id} has no statement or no place in the paper")
    try:
        readme = paper.readme
    except UsageError as error:
        return [*problems, _line(error)]
    if not readme:
        return [
            *problems,
            f"{paper.key}: README.md is missing beside __init__.py; it names the claims and what differs",
        ]
    named = set(re.findall(r"`([^`\s]+)`", readme))
    problems += [f"{paper.key}: README.md does not name claim `{name}`" for name in ids if name not in named]
    prefixes = tuple({f"{name.partition('-')[0]}-" for name in ids})
    if len(figures) < len(paper.modules):
        return problems  # claims of the figures that cannot be imported are not known
    known = {*ids, *paper.modules, *(drawing for figure in figures for drawing in figure.draw)}
    wrong = sorted(name for name in named - known if prefixes and name.startswith(prefixes))
    return problems + [f"{paper.key}: README.md names claim `{name}`, which is not there" for name in wrong]


def _wrong_runs(
    paper: Paper, figure: Figure, store: Store, paths: list[Path], changes: Mapping[str, Any]
) -> Iterator[str]:
    """Run a figure at smoke scale and yield what is wrong with it."""
    place = f"{paper.key}/{figure.id}"
    if "smoke" not in figure.scales:
        yield f"{place}: has no sizes for scale smoke; give small ones that run in seconds"
        return
    try:
        names = set(figure.settings("smoke").changeable())
        own = {name: value for name, value in changes.items() if name in names}
        lab = Lab.open(place, scale="smoke", changes=own, store=store, paths=paths)
        for _ in lab.stream():
            pass
        rows, drawn, results = lab.ledger(), lab.draw(figure, again=True), lab.results(figure)
    except UsageError as error:
        yield _line(error)
        return
    except Exception as error:  # noqa: BLE001 - the code of the paper may raise anything
        yield f"{place}: {type(error).__name__}: {_line(error)}"
        return
    for row in rows:
        if row.verdict == "not run":
            yield f"{place}: claim {row.claim} is still not run, although every plan has run: {row.reason}"
    for name, svg in drawn.items() if results.plans else ():
        columns = read_csv(svg.with_suffix(".csv")).to_pydict()
        lost = [run for run in dict.fromkeys(columns.get("run", [""])) if store.get(str(run)) is None]
        if lost:
            yield f"{place}: drawing {name} has points without a stored run: its column `run` says {lost[0]!r}"


def equal_functions(packages: Iterable[str]) -> list[str]:
    """Return functions of two packages that have the same body; which belong into the core.

    Args:
        packages: names of importable packages; their files are read, not imported.
    """
    bodies: dict[str, tuple[str, str]] = {}
    problems = []
    for package in packages:
        spec = find_spec(package)
        for root in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(root).rglob("*.py")):
                for function, body in _bodies(path):
                    place = f"{package}.{path.stem}.{function}"
                    other, first = bodies.setdefault(body, (package, place))
                    if other != package:
                        problems.append(f"{place} repeats {first}; move it to the core")
    return problems


def _bodies(path: Path) -> Iterator[tuple[str, str]]:
    """Yield name and body of every function that is long enough to be worth a name, without its docstring."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if sum(isinstance(part, ast.stmt) for line in body for part in ast.walk(line)) >= LEAST_STATEMENTS:
                yield node.name, "\n".join(map(ast.unparse, body))


def main() -> None:
    """Check the papers that are named on the command line."""
    ended(_check)


def _check() -> int:
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print("usage: python -m steepest.testing PAPER ...    names, or folders that define PAPER", file=sys.stderr)
        return 2
    problems = [problem for target in sys.argv[1:] for problem in check_paper(target)]
    print("\n".join(problems) or f"nothing wrong with {' '.join(sys.argv[1:])}", flush=True)
    return int(bool(problems))


if __name__ == "__main__":
    main()
