"""Wall time of the command line, as whole processes.

    python benchmarks/cli.py                     --help, and the first figure from an empty store
    python benchmarks/cli.py --store store       also the answer of a store that holds every run already

Texts and vocabularies are downloaded once, by the first run of the first-figure measurement if need be; that run is
dropped.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from machine_facts import machine_facts

RESULT = Path(__file__).parent / "results" / "cli.json"
STEEPEST = str(Path(sys.executable).with_name("steepest"))


def seconds_of(*arguments: str) -> float:
    """Return the wall time of one command, from start to exit."""
    started = perf_counter()
    subprocess.run([STEEPEST, *arguments], check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - started


def seconds_to_first_figure(paper: str) -> float:
    """Return the wall time until the first figure is on disk, from an empty store; then interrupt the run."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as store:
        started = perf_counter()
        command = [STEEPEST, "run", paper, "--store", store]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            drawn = any(_names_a_file(line) for line in process.stdout)
            seconds = perf_counter() - started
            process.send_signal(signal.SIGINT)
            process.communicate()
        if not drawn:
            raise SystemExit(f"{paper}: the run ended with exit code {process.returncode} before it drew a figure")
    return seconds


def _names_a_file(line: str) -> bool:
    _, _, path = line.rstrip().partition(": ")
    return Path(path).suffix in {".svg", ".pdf", ".png"} and Path(path).is_file()


def repeated(measure: Callable[[], float], repeats: int) -> dict[str, object]:
    """Return minimum, median and every value of repeated measurements; the first one only warms up."""
    measure()
    seconds = [round(measure(), 3) for _ in range(repeats)]
    return {"min": min(seconds), "median": median(seconds), "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, help="store in which `steepest run PAPER` has already been completed")
    parser.add_argument("--paper", default="kunstner2024heavytailed")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULT, help=f"result file (default: results/{RESULT.name})")
    options = parser.parse_args()
    run = ("run", options.paper, "--store", str(options.store))
    measures: dict[str, Callable[[], float]] = {"steepest --help": lambda: seconds_of("--help")}
    if options.store:
        measures["steepest run PAPER, every run stored"] = lambda: seconds_of(*run)
    measures["steepest run PAPER, empty store, to the first figure"] = lambda: seconds_to_first_figure(options.paper)
    result: dict[str, Any] = {"machine": machine_facts()}
    for name, measure in measures.items():
        result[name] = repeated(measure, options.repeats)
        print(f"{name}: {result[name]}", flush=True)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
