"""The commands. Each is a thin shell around `steepest.lab`; heavy libraries are imported when a command runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Group, Parameter
from cyclopts.config import Env

import steepest

if TYPE_CHECKING:
    from steepest.lab import Lab

HELP = """Why do Adam and sign descent beat gradient descent, and when? Re-measure every claim on this machine.

    steepest list                                        papers, figures, claims
    steepest run kunstner2024heavytailed --dry-run       what it would cost
    steepest run kunstner2024heavytailed/fig6            one figure, seconds
    steepest run kunstner2024heavytailed                 all of it: train, judge, draw, write the page
    steepest check --json                                the ledger of verdicts
    steepest run kunstner2024heavytailed/fig4 --set m=6  other sizes

Every option can be given as an environment variable, such as STEEPEST_STORE or STEEPEST_JOBS.
Exit codes: 0 done, 1 a claim is contradicted (check), 2 usage, 3 data, 4 store, 130 interrupted."""

app = App(
    name="steepest",
    help=HELP,
    help_format="plaintext",
    version=steepest.__version__,
    config=Env("STEEPEST_", command=False),
)
Scale = Literal["smoke", "laptop", "paper"]
_PLACES = Group("Where", sort_key=2)


@Parameter(name="*")
@dataclass(frozen=True)
class Common:
    """Options of every command."""

    store: Annotated[Path | None, Parameter(group=_PLACES)] = None
    "Folder of runs and reports [default: the platform's data folder]."
    cache: Annotated[Path | None, Parameter(group=_PLACES)] = None
    "Folder of downloaded texts and vocabularies [default: the platform's cache folder]."
    paper: Annotated[tuple[Path, ...], Parameter(group=_PLACES, negative=())] = ()
    "Folder of a further paper that defines PAPER; may be repeated."
    json: Annotated[bool, Parameter(negative=())] = False
    "Print JSON instead of tables."


@Parameter(name="*")
@dataclass(frozen=True)
class Sizes:
    """Which sizes."""

    scale: Scale = "laptop"
    "smoke (seconds, for tests), laptop (minutes), paper (the paper's own sizes)."
    set: Annotated[tuple[str, ...], Parameter(negative=())] = field(default=())
    "Replace a setting, as in --set m=8; may be repeated. `steepest show PAPER/FIGURE` lists them."


def _open(target: str, sizes: Sizes, common: Common) -> Lab:
    from steepest.lab import Lab, parse_changes

    _use_cache(common)
    return Lab.open(target, scale=sizes.scale, changes=parse_changes(sizes.set), store=common.store, paths=common.paper)


def _use_cache(common: Common) -> None:
    import os

    if common.cache is not None:
        os.environ["STEEPEST_CACHE"] = str(common.cache)


def _targets(targets: Sequence[str], common: Common) -> list[str]:
    from steepest.paper import papers

    return list(targets) or list(papers(common.paper))


@app.command(name="list")
def list_(*, common: Common = Common()) -> None:
    """List papers with their figures and claims."""
    from steepest.cli import show
    from steepest.paper import papers

    show.listing(papers(common.paper), as_json=common.json)


@app.command
def show(target: str, *, sizes: Sizes = Sizes(), common: Common = Common()) -> None:
    """Show a paper, a figure (PAPER/FIGURE: settings, plans, claims), or a run by its id.

    Parameters
    ----------
    target
        A paper, PAPER/FIGURE, or the first digits of a run's id.
    """
    from steepest.cli import show as screen

    _use_cache(common)
    screen.target(target, lambda: _open(target, sizes, common), common)


@app.command
def run(
    *targets: str,
    sizes: Sizes = Sizes(),
    jobs: int | None = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    common: Common = Common(),
) -> None:
    """Train what the store lacks, judge the claims, draw the figures, write the page. The same command resumes.

    Parameters
    ----------
    targets
        Papers or PAPER/FIGURE [default: every paper].
    jobs
        Worker processes, one thread each [default: one per core]. Numbers do not depend on it.
    dry_run
        Show the runs and the time they would take, and stop.
    """
    from steepest.cli.work import run_lab
    from steepest.errors import UsageError
    from steepest.runner import available_cores

    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs}: give at least 1")
    for target in _targets(targets, common):
        run_lab(_open(target, sizes, common), jobs or available_cores(), dry_run=dry_run, as_json=common.json)


@app.command
def status(*targets: str, sizes: Sizes = Sizes(), common: Common = Common()) -> None:
    """Show how many runs of each figure are in the store, and the time that the rest would take.

    Parameters
    ----------
    targets
        Papers or PAPER/FIGURE [default: every paper].
    """
    from steepest.cli.work import show_status

    show_status([_open(target, sizes, common) for target in _targets(targets, common)], as_json=common.json)


@app.command
def check(*targets: str, sizes: Sizes = Sizes(), common: Common = Common()) -> int:
    """Print the ledger of verdicts from the runs in the store; exit 1 if a claim is contradicted.

    Parameters
    ----------
    targets
        Papers or PAPER/FIGURE [default: every paper].
    """
    from steepest.cli.show import ledger

    rows = [row for target in _targets(targets, common) for row in _open(target, sizes, common).ledger()]
    ledger(rows, as_json=common.json)
    return int(any(row.verdict == "contradicted" for row in rows))


@app.command
def report(
    *targets: str,
    sizes: Sizes = Sizes(),
    output: Path | None = None,
    common: Common = Common(),
) -> None:
    """Draw what is complete and write one self-contained page that opens offline.

    Parameters
    ----------
    targets
        Papers or PAPER/FIGURE [default: every paper].
    output
        The HTML file [default: inside the store].
    """
    from steepest.cli.work import write_reports

    labs = [_open(target, sizes, common) for target in _targets(targets, common)]
    write_reports(labs, output, as_json=common.json)


@app.command
def doctor(*, common: Common = Common()) -> None:
    """Show versions, processor, store, cache and what is wrong with them."""
    from steepest.cli.doctor import examine

    _use_cache(common)
    examine(common.store, as_json=common.json)


def recover(arguments: Sequence[str]) -> str:
    """Return the command line that continues an interrupted one."""
    return shlex.join(["steepest", *arguments])
