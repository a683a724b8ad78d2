"""Whose code something is: modules of the user's are read, ours and libraries are known by name."""

from __future__ import annotations

import functools
import importlib
import re
import sys
import tomllib
import types
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import torch
from users import module

from steepest import code, owner
from steepest.component import describe
from steepest.optim import SignDescent

MODULE = "import functools\ndef loss(x): return x\ndef other(x): return 1\n"
USES: dict[str, tuple[str, bool]] = {  # how a function uses a module, and whether `other` matters
    "user_module.loss(1)": (True, False),
    "getattr(user_module, 'lo' + 'ss')(1)": (True, True),
    "[m.loss(1) for m in [user_module]]": (True, True),
    "globals()['user_module'].loss(1)": (True, True),
    "__import__('user_module').loss(1)": (True, True),
    "__import__('importlib').import_module('user_module').loss(1)": (True, True),
    "import_module('user_module').loss(1)": (True, True),
    "sys.modules['user_module'].loss(1)": (True, True),
    "sys.modules[__name__].user_module.loss(1)": (True, True),
    "1": (False, False),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("where", ["above", "inside"])
def test_of_a_module_what_is_read_counts_and_all_of_it_where_that_cannot_be_told(use: str, where: str) -> None:
    loss, other = USES[use]
    if where == "inside" and loss:
        other = loss = "globals" not in use and "__name__" not in use  # an import inside takes all
    text = f"import user_module, sys\nfrom importlib import import_module\ndef f(): return {use}"
    if where == "inside":
        text = f"def f():\n    import user_module\n    return {use}" if loss else f"def f(): return {use}"

    def read(module_text: str) -> str:
        module("user_module", module_text)
        return code.digest(module("user_reader", text).f)

    before = read(MODULE)
    assert (read(MODULE.replace("return x", "return -x")) != before) == loss
    assert (read(MODULE.replace("return 1", "return 2")) != before) == other


def installed(folder: Path, name: str, value: int, record: str, papers: bool) -> Any:
    """Return a module of one function that an installer has put into a folder."""
    info = folder / "site-packages" / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info.parent / f"{name}.py").write_text(f"def f(): return {value}", encoding="utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "RECORD").write_text(f"{name}.py,sha256={record},21\n", encoding="utf-8")
    if papers:
        (info / "entry_points.txt").write_text(f"[steepest.papers]\n{name} = {name}:PAPER\n", encoding="utf-8")
    sys.modules.pop(name, None)
    sys.path.insert(0, str(info.parent))
    importlib.invalidate_caches()
    return importlib.import_module(name)


@pytest.mark.parametrize("papers", [False, True])
def test_an_installed_distribution_is_known_by_its_record_and_one_with_papers_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, papers: bool
) -> None:
    monkeypatch.setattr(sys, "path", sys.path.copy())
    name = f"user_installed_{papers}".lower()
    versions = enumerate([(1, "a"), (2, "a"), (2, "b")])
    first, edited, released = (
        code.digest(installed(tmp_path / str(i), name, value, record, papers).f) for i, (value, record) in versions
    )
    assert (first != edited, edited != released) == (papers, not papers)


def test_every_library_that_this_package_depends_on_is_known_by_its_name() -> None:
    listed = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {re.split(r"[<>=]", text)[0] for text in listed["project"]["dependencies"]}
    given = {(name.lower(), top) for top, names in packages_distributions().items() for name in names}
    assert needed - {name for name, top in given if top in owner.KNOWN} == set()


@pytest.mark.parametrize("name", ["steepest_papers", "code", "powerlaw", "statistics"])
def test_a_module_of_the_user_that_is_called_like_another_is_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    found = []
    for value in (1, 2):
        path = tmp_path / f"{name}.py"
        path.write_text(f"def f(): return {value}", encoding="utf-8")
        made = types.ModuleType(name)
        made.__file__ = str(path)
        monkeypatch.setitem(sys.modules, name, made)
        exec(path.read_text(), vars(made))  # noqa: S102
        found.append(describe(made.f))
    assert found[0]["kind"] == "f"
    assert found[0]["code"] != found[1]["code"]


def test_a_name_that_was_copied_from_a_library_hides_no_edit() -> None:
    def wrapped(value: int) -> Callable[..., Any]:
        @functools.wraps(torch.nn.functional.softmax)
        def softmax(x: Any) -> Any:
            return x + value

        return softmax

    assert wrapped(1).__module__ == "torch.nn.functional"
    assert describe(wrapped(1)) == describe(wrapped(1)) != describe(wrapped(2))


def test_our_code_is_known_by_its_declared_name_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    user = module("user_of_ours", "from steepest.optim import SignDescent\nclass Mine(SignDescent): pass")
    before = code.digest(user.Mine)
    monkeypatch.setattr(SignDescent, "__init__", lambda self: None)
    monkeypatch.setattr(SignDescent, "__module__", "steepest.optim.elsewhere")
    monkeypatch.setitem(sys.modules, "steepest.optim.elsewhere", sys.modules["steepest.optim.sign"])
    assert code.digest(user.Mine) == before
    monkeypatch.setattr(SignDescent, "version", 2, raising=False)
    assert code.digest(user.Mine) != before
