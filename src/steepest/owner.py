"""Whose code something is: the user's, or versioned elsewhere.

This package's code has versions that are bumped by hand. The standard library and what this package depends on have theirs
in the environment of a run. Another installed distribution is identified by its RECORD. If it provides papers it counts as
user code, as does everything else, editable installs included.
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Mapping
from functools import cache, lru_cache
from hashlib import sha256
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any

OURS = "ours"
PACKAGES = (__package__, f"{__package__}_papers")
ROOT = Path(__file__).parents[1]
STANDARD = f"{Path(os.__file__).parent}{os.sep}"
BUILT = {"torch", "numpy", "scipy"}  # libraries even where they were built in a folder of the user's
KNOWN = BUILT | {  # dependencies of this package, and their dependencies; the environment of a run has versions
    "pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection", "cyclopts", "rich", "pyarrow",
    "safetensors", "tokenizers", "platformdirs", "loky", "cloudpickle", "threadpoolctl", "jinja2", "matplotlib",
    "mpl_toolkits", "PIL", "mpmath", "powerlaw", "vl_convert", "markdown_it",
}  # fmt: skip
HEAP_TYPE = 1 << 9  # set for classes made while Python runs, not for the static ones of C


def is_ours(thing: Any) -> bool:
    """Return whether a class or function belongs to this package, whose versions are bumped by hand."""
    return owner_of(thing) == OURS


def is_library(thing: Any) -> bool:
    """Return whether a class or function belongs to the standard library or to a library that this package depends on."""
    owner = owner_of(thing)
    return owner == "python" or owner in KNOWN


def place(thing: Any) -> str:
    """Return where a class or function is defined, the same when its file is read again."""
    return f"{thing.__qualname__} in {_file(thing.__module__) or thing.__module__}"


def owner_of(thing: Any) -> str:
    """Return whose a class or function is; a class made in Python is a library's only if it is found there."""
    if isinstance(thing, types.FunctionType):
        return owner_named(str(thing.__globals__.get("__name__")))
    made_by_c = not thing.__flags__ & HEAP_TYPE
    owner = owner_named(thing.__module__ if isinstance(thing.__module__, str) else "builtins")
    return owner if owner == OURS or made_by_c or stands(thing) else ""


def stands(thing: Any, module: str = "", name: str = "") -> bool:
    """Return whether a thing is found in its module under its name."""
    found: Any = sys.modules.get(module or thing.__module__)
    for part in (name or thing.__qualname__).split("."):
        found = getattr(found, part, None)
    return found is thing


def _file(module: str) -> str | None:
    return getattr(sys.modules.get(module), "__file__", None)


def owner_named(module: str) -> str:
    """Return whose a module is: "" (the user's), `ours`, `python`, a library, or a distribution with its RECORD's digest."""
    return owner_at(module, _file(module) or _file(module.partition(".")[0]))


@lru_cache(maxsize=4096)
def owner_at(module: str, file: str | None) -> str:
    """Return the same, given the module's file; of the user's compiled modules, the name and a digest of the file."""
    top = module.partition(".")[0]
    if file is None or module == "__main__":
        return "python" if top in sys.stdlib_module_names - {"__main__"} else ""
    if top in PACKAGES and file.startswith(f"{ROOT / top}{os.sep}"):
        return OURS
    if {"site-packages", "dist-packages"} & set(Path(file).parts):
        return top if top in KNOWN else _installed(top)
    if top in BUILT:
        return top
    if file.startswith(STANDARD) or file in ("built-in", "frozen"):
        return "python"
    compiled = file.endswith(tuple(EXTENSION_SUFFIXES))
    return f"{top} {sha256(Path(file).read_bytes()).hexdigest()}" if compiled else ""


def _installed(top: str) -> str:
    """Return the distributions that provide a module, with digests of their RECORDs; "" if none does, or if one has papers."""
    found = [distribution(name) for name in sorted(set(_distributions().get(top, ())))]
    if any(entry.group == "steepest.papers" for one in found for entry in one.entry_points):
        return ""
    records = [(one.read_text("RECORD") or "").encode() for one in found]
    pairs = zip(found, records, strict=True)
    return " ".join(f"{one.name} {one.version} {sha256(record).hexdigest()}" for one, record in pairs)


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Return the distributions of each installed top-level module; asked once, since it reads the metadata of them all."""
    return packages_distributions()


def known_as(owner: str, name: str, thing: Any) -> str:
    """Return what identifies a thing that has versions. Ours is known by name and version, not by place: it can move."""
    if owner == OURS:
        name = f"{vars(thing).get('kind', thing.__qualname__)} {getattr(thing, 'version', 1)}"
    return f"library {owner} {name}"
