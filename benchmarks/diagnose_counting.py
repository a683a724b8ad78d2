"""How fast `steepest diagnose` counts, beside what a user would write: a `Counter` loop, `numpy.bincount` on a mapped file.

    python benchmarks/diagnose_counting.py             results/diagnose_counting.json; about five minutes
    python benchmarks/diagnose_counting.py --quick     two repeats on less; writes nothing

Text: the postings of 20 Newsgroups, then the leads of Wikipedia, 32 MB of different text, each side in one process, CPU
seconds. Words are those of `steepest.data.tokens.words`, with the loop `for line in file: counter.update(words(line))`; and
those of `str.split`, with `counter.update(line.split())`. Both sides end at the same counts, asserted. Ids: a shard of 2-byte
ids, π_k ∝ 1/k, 50,257 classes. The sides take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
from machine_facts import machine_facts

from steepest.data.corpora import Newsgroups
from steepest.data.corpus import WikipediaLeads
from steepest.data.frequency import zipf
from steepest.data.tokens import words
from steepest.diagnose.counting import count
from steepest.diagnose.inputs import open_input
from steepest.diagnose.tokenization import Tokenization

RESULT = Path(__file__).parent / "results" / "diagnose_counting.json"
CLASSES = 50_257
RULES: dict[str, Callable[[str], list[str]]] = {"words": words, "whitespace": str.split}


def text_file(folder: Path) -> Path:
    path = folder / "text.txt"
    texts = [text for corpus in (Newsgroups(), WikipediaLeads()) for _, text in corpus.documents()]
    path.write_text("\n".join(texts), encoding="utf-8")
    return path


def id_file(folder: Path, megabytes: int) -> Path:
    path = folder / f"{megabytes}.bin"
    block = np.random.default_rng(0).choice(CLASSES, 2**22, p=zipf(CLASSES)).astype(np.uint16)
    with path.open("wb") as file:
        for i in range(megabytes // 8):
            np.roll(block, 1000 * i).tofile(file)
    return path


def loop(path: Path, cut: Callable[[str], list[str]]) -> Counter[str]:
    counter: Counter[str] = Counter()
    with path.open(encoding="utf-8") as file:
        for line in file:
            counter.update(cut(line))
    return counter


def ours(path: Path, how: Tokenization | None, jobs: int = 1) -> Any:
    *_, total = count(open_input(str(path)), how, jobs)
    return total.result()[0]


def mapped(path: Path) -> np.ndarray:
    return np.bincount(np.memmap(path, np.uint16, "r"), minlength=CLASSES)


def in_turns(sides: dict[str, Callable[[], Any]], repeats: int, clock: Callable[[], float]) -> dict[str, Any]:
    """Return the seconds of every repeat of every side, which take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, run in sides.items():
            started = clock()
            run()
            seconds[name].append(round(clock() - started, 4))
    return seconds


def compared(path: Path, seconds: dict[str, list[float]], plain: str) -> dict[str, Any]:
    size = path.stat().st_size / 1e6
    rows = {name: {"best MB/s": round(size / min(s), 1), "seconds": s} for name, s in seconds.items()}
    ratios = [p / o for p, o in zip(seconds[plain], seconds["steepest"], strict=True)]
    best = min(seconds[plain]) / min(seconds["steepest"])
    return {"MB": round(size, 1), **rows, "ratio": round(best, 2), "median ratio": round(median(ratios), 2)}


def assert_same(path: Path, name: str) -> None:
    expected = sorted(loop(path, RULES[name]).values(), reverse=True)
    assert ours(path, Tokenization(name)).head(len(expected) + 1).tolist() == expected


PEAK = """
import resource, sys
from steepest.diagnose.counting import count
from steepest.diagnose.inputs import open_input
from steepest.diagnose.tokenization import Tokenization
*_, total = count(open_input(sys.argv[1]), Tokenization("words") if sys.argv[1].endswith(".txt") else None)
total.result()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak(path: Path) -> int:
    """Return the peak resident memory of counting a file, in MiB; the shell in between has a small peak of its own."""
    command = ["sh", "-c", '"$0" -c "$1" "$2"; exit $?', sys.executable, PEAK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


def repeated(path: Path, copies: int) -> Path:
    target = path.with_stem(f"{path.stem}-{copies}")
    with target.open("wb") as file:
        for _ in range(copies):
            file.write(path.read_bytes())
    return target


def measure(folder: Path, repeats: int, megabytes: int, copies: int) -> dict[str, Any]:
    result: dict[str, Any] = {"machine": machine_facts()}
    text, ids = text_file(folder), id_file(folder, megabytes)
    for name, cut in RULES.items():
        assert_same(text, name)
        sides = {"loop": lambda cut=cut: loop(text, cut), "steepest": lambda name=name: ours(text, Tokenization(name))}
        result[f"text, {name}"] = compared(text, in_turns(sides, repeats, process_time), "loop")
    assert np.array_equal(np.sort(mapped(ids))[::-1][:1000], ours(ids, None).head(1000))
    sides = {"bincount": lambda: mapped(ids), "steepest": lambda: ours(ids, None)}
    result["ids"] = compared(ids, in_turns(sides, repeats, process_time), "bincount")
    long = repeated(text, copies)
    by_jobs = {f"{jobs} processes": lambda jobs=jobs: ours(long, Tokenization("words"), jobs) for jobs in (1, 2)}
    result["text, words, wall seconds, repeated text"] = in_turns(by_jobs, repeats, perf_counter)
    files = {"text": text, f"text x {copies}": long, f"ids {megabytes} MB": ids}
    result["peak MiB"] = {name: peak(path) for name, path in files.items()}
    result["load average after"] = [round(load, 2) for load in os.getloadavg()]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sizes = (2, 128, 2) if options.quick else (5, 1024, 8)
        result = measure(Path(folder), *sizes)
    text = json.dumps(result, indent=1, ensure_ascii=False)
    print(text)
    if not options.quick:
        RESULT.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
