"""The commands. Each is a thin shell around `steepest.claims.lab`; heavy libraries are imported when a command runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Group, Parameter
from cyclopts.config import Env

from steepest.cli import compare, diagnose, eject, new, predict
from steepest.cli.options import COMMON, SIZES, Common, Sizes, use_cache, worker_processes

if TYPE_CHECKING:
    from steepest.claims.lab import Lab

HELP = """Why do Adam and sign descent beat gradient descent, and when? Every claim is measured again, here.

Exit codes: 0 done, 1 a claim is contradicted (check), 2 usage, 3 data,
4 store, 5 memory, 130 interrupted, 141 the output was closed."""

# Kits get a third group, "Kits", with sort_key=3.
LABORATORY = Group("Laboratory: papers and their claims", sort_key=1)
YOUR_DATA = Group("Your own model and data", sort_key=2)

app = App(
    name="steepest",
    help=HELP,
    help_format="plaintext",
    help_prologue="""\
  steepest list                     papers and figures by name
  steepest run PAPER/FIGURE         one figure: train, judge, draw
  steepest run PAPER --dry-run      what a whole paper would cost
  steepest run PAPER                the paper, and its page
  steepest run PAPER/FIGURE --set m=6    other sizes
  steepest check PAPER              the verdicts again""",
    help_epilogue="Every option is an environment variable too: --store is STEEPEST_STORE.",
    version=version("steepest"),
    config=Env("STEEPEST_", command=False, show=False),
    suppress_keyboard_interrupt=False,
)


def _named(module: ModuleType) -> Callable[..., None]:
    """Return the command of a module, which has the module's name."""
    command: Callable[..., None] = getattr(module, module.__name__.rpartition(".")[2])
    return command


def _labs(targets: Sequence[str], sizes: Sizes, common: Common, *, read_only: bool = True) -> list[Lab]:
    """Open the targets; or every paper, leaving out, with a line, those that cannot be used so."""
    from steepest.claims.lab import Lab, parse_changes
    from steepest.cli import work

    use_cache(common)
    changes = parse_changes(sizes.set)

    def opened(target: str) -> Lab:
        store, paths = common.store, common.paper
        lab = Lab.open(target, scale=sizes.scale, changes=changes, store=store, read_only=read_only, paths=paths)
        _ = lab.plans  # which can be refused, too
        return lab

    return work.usable(_targets(targets, common), opened, named=bool(targets))


def _targets(targets: Sequence[str], common: Common) -> list[str]:
    from steepest.claims.installed import names

    return list(dict.fromkeys(targets or names(common.paper)))


def _arguments(targets: Sequence[str], sizes: Sizes, common: Common) -> list[str]:
    """Return targets and options as they are typed, for the command that is shown next."""
    options = {"--scale": [sizes.scale] if sizes.scale != "laptop" else [], "--set": sizes.set, "--paper": common.paper}
    places = {"--store": common.store, "--cache": common.cache}
    typed = [str(part) for name, values in options.items() for value in values for part in (name, value)]
    return [*targets, *typed, *(str(part) for place in places.items() if place[1] for part in place)]


@app.command(
    name="list",
    group=LABORATORY,
    sort_key=1,
    help_prologue="""\
  steepest list          papers, figures, number of claims
  steepest list --json   the same with claims and settings""",
)
def list_(*, common: Common = COMMON) -> None:
    """List papers with their figures and claims."""
    from steepest.claims.installed import papers
    from steepest.cli import listing

    listing.papers(papers(common.paper), _arguments((), SIZES, common), as_json=common.json)


@app.command(
    group=LABORATORY,
    sort_key=2,
    help_prologue="""\
  steepest show PAPER/FIGURE   settings, sweeps, verdicts
  steepest show RUN            a run, by its first digits""",
)
def show(target: str, /, *, sizes: Sizes = SIZES, common: Common = COMMON) -> None:
    """Show a paper, a figure or a run.

    What it says and measures, with which sizes and sweeps, and what was found.

    Parameters
    ----------
    target
        A paper, PAPER/FIGURE, or the first digits of a run's id.
    """
    from steepest.cli import listing

    if listing.is_run(target):
        listing.run(target, common.store, as_json=common.json)
    elif "/" in target:
        (lab,) = _labs([target], sizes, common)
        listing.figure(lab, as_json=common.json)
    else:
        from steepest.claims.installed import find_paper

        listing.papers([(target, find_paper(target, common.paper))], _arguments((), SIZES, common), as_json=common.json)


@app.command(
    group=LABORATORY,
    sort_key=3,
    help_prologue="""\
  steepest run PAPER/FIGURE                   one figure
  steepest run PAPER --scale quick            the main figures, minutes
  steepest run PAPER --scale paper --dry-run  what its own sizes cost""",
)
def run(
    *targets: str,
    sizes: Sizes = SIZES,
    jobs: int | None = None,
    lockstep: Literal["auto", "always", "never"] = "auto",
    dry_run: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    common: Common = COMMON,
) -> None:
    """Train what is missing, judge, draw, write the page.

    The cost is shown first. What was finished is kept, and the same command continues.

    Parameters
    ----------
    targets
        Papers or PAPER/FIGURE [default: every paper].
    jobs
        Worker processes, one thread each [default: one per core]. Numbers do not depend on it.
    lockstep
        Train runs of small steps as one stacked computation: where that pays, wherever it can be done, or never.
    dry_run
        Show the runs and the time they would take, and stop.
    """
    from steepest import distributed
    from steepest.cli import work
    from steepest.cli.screen import command

    jobs = worker_processes(jobs)
    labs = work.opened(lambda: _labs(targets, sizes, common, read_only=dry_run), as_json=common.json)
    if dry_run:
        work.costs(labs, jobs, as_json=common.json)
        return
    with distributed.joined() as processes:
        jobs = 1 if processes > 1 else jobs
        again = command("check", *_arguments(targets, sizes, common))
        work.run(labs, jobs, lockstep, again, named=bool(targets), as_json=common.json)


@app.command(
    group=LABORATORY,
    sort_key=4,
    help_prologue="""\
  steepest status                 runs done, runs expected, time left
  steepest status --scale paper   the same at the paper's own sizes""",
)
def status(*targets: str, sizes: Sizes = SIZES, common: Common = COMMON) -> None:
    """Show runs done, runs expected and the time left.

    Parameters
    ----------
    targets
        Papers or PAPER/FIGURE [default: every paper].
    """
    from steepest.cli import work

    labs = work.opened(lambda: _labs(targets, sizes, common), as_json=common.json)
    work.costs(labs, worker_processes(None), as_json=common.json)
    if not common.json:
        work.warn_of_damage(labs)


@app.command(
    group=LABORATORY,
    sort_key=5,
    help_prologue="""\
  steepest check PAPER    the ledger of verdicts
  steepest check --json   the same for a script""",
)
def check(*targets: str, sizes: Sizes = SIZES, common: Common = COMMON) -> int:
    """Print the ledger of verdicts from the stored runs.

    Exits with 1 if a claim is contradicted. Trains nothing.

    Parameters
    ----------
    targets
        Papers or PAPER/FIGURE [default: every paper].
    """
    from steepest.cli import ledger, work
    from steepest.cli.screen import command

    labs = work.opened(lambda: _labs(targets, sizes, common), as_json=common.json)
    rows = [row for rows in work.usable(labs, lambda lab: lab.ledger(), named=bool(targets)) for row in rows]
    ledger.show(rows, command("run", *_arguments(targets, sizes, common)), as_json=common.json)
    return int(any(row.verdict == "contradicted" for row in rows))


@app.command(
    group=LABORATORY,
    sort_key=6,
    help_prologue="""\
  steepest report PAPER                      a page in the store
  steepest report PAPER --output page.html""",
)
def report(
    *targets: str,
    sizes: Sizes = SIZES,
    output: Path | None = None,
    common: Common = COMMON,
) -> None:
    """Draw what is complete and write one offline page.

    Parameters
    ----------
    targets
        Papers or PAPER/FIGURE [default: every paper].
    output
        The HTML file [default: inside the store].
    """
    from steepest.cli import work

    if output is not None:
        work.check_page(output, _targets(targets, common))
    labs = work.opened(lambda: _labs(targets, sizes, common, read_only=False), as_json=common.json)
    work.reports(labs, output, named=bool(targets), as_json=common.json)


@app.command(
    group=LABORATORY,
    sort_key=7,
    help_prologue="""\
  steepest doctor               versions, processor, store, cache
  steepest doctor --store DIR   is this folder a healthy store?""",
)
def doctor(*, common: Common = COMMON) -> None:
    """Show versions, processor, store, cache and faults."""
    from steepest.cli.doctor import examine

    use_cache(common)
    examine(common.store, as_json=common.json)


app.register_install_completion_command(help="Install completion for bash, zsh or fish.", help_prologue="")
for _place, _module in enumerate((diagnose, compare, predict), start=1):
    app.command(_named(_module), group=YOUR_DATA, sort_key=_place, help_prologue=_module.EXAMPLES)
for _place, _module in enumerate((new, eject), start=8):
    app.command(_named(_module), group=LABORATORY, sort_key=_place, help_prologue=_module.EXAMPLES)
