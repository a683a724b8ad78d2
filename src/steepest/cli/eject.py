"""`eject`: a claim as one script without the package."""

from __future__ import annotations

from pathlib import Path

from steepest.cli.options import COMMON, SIZES, Common, Sizes, use_cache

EXAMPLES = """\
  steepest eject PAPER/CLAIM
  steepest eject CLAIM --output claim.py   where one paper has it"""


def eject(claim: str, /, *, sizes: Sizes = SIZES, output: Path | None = None, common: Common = COMMON) -> None:
    """Write a claim as one script without steepest.

    The script trains or calculates again, gives the ledger's number, and exits
    with 1 if it does not.

    Parameters
    ----------
    claim
        PAPER/CLAIM, or the claim's id.
    output
        The script [default: CLAIM.py here].
    """
    from steepest.claims.lab import parse_changes
    from steepest.cli.screen import print_json
    from steepest.eject import eject as ejected
    from steepest.errors import UsageError
    from steepest.files import write_atomically

    use_cache(common)
    target = output or Path(f"{claim.rpartition('/')[2]}.py")
    if target.exists():
        raise UsageError(f"{target}: is there already; remove it or give another --output")
    script = ejected(claim, scale=sizes.scale, changes=parse_changes(sizes.set), store=common.store, paths=common.paper)
    write_atomically(target, script.encode())
    if common.json:
        print_json({"claim": claim, "script": str(target), "lines": len(script.splitlines())})
    else:
        print(f"Wrote {target}, {len(script.splitlines())} lines\nNext: python {target}")
