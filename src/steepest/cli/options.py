"""Options that commands share."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

Scale = Literal["smoke", "quick", "laptop", "medium", "paper"]
_PLACES = Group("Where", sort_key=2)
JOBS_PER_CORE = 8


@Parameter(name="*")
@dataclass(frozen=True)
class Common:
    """Options of every command."""

    store: Annotated[Path | None, Parameter(group=_PLACES)] = None
    "Folder of runs and reports [default: the platform's data folder]."
    cache: Annotated[Path | None, Parameter(group=_PLACES)] = None
    "Folder of downloaded texts and vocabularies [default: the platform's cache folder]."
    paper: Annotated[tuple[Path, ...], Parameter(group=_PLACES, negative=(), show_default=False)] = ()
    "Folder of a further paper that defines PAPER; may be repeated."
    json: Annotated[bool, Parameter(negative=(), show_default=False)] = False
    "Print JSON instead of tables."


@Parameter(name="*")
@dataclass(frozen=True)
class Sizes:
    """Which sizes."""

    scale: Scale = "laptop"
    "smoke (for tests), quick (main figures, minutes), laptop (all, an hour), medium (larger), paper (its own)."
    set: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = field(default=())
    "Replace a setting, as in --set m=8; may be repeated. `steepest show PAPER/FIGURE` lists them."


COMMON = Common()
SIZES = Sizes()


def use_cache(common: Common) -> None:
    """Let downloads go where the option says."""
    if common.cache is not None:
        os.environ["STEEPEST_CACHE"] = str(common.cache)


def worker_processes(given: int | None) -> int:
    """Return the number of worker processes: one per core, or as given.

    Raises:
        UsageError: fewer than one, or far more than there are cores.
    """
    from steepest.errors import UsageError
    from steepest.runs.stream import available_cores

    cores = available_cores()
    if given is not None and not 1 <= given <= JOBS_PER_CORE * cores:
        raise UsageError(f"--jobs {given}: this machine has {cores} cores; give 1 to {JOBS_PER_CORE * cores}")
    return given or cores
