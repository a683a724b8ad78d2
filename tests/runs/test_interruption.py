"""Killed at any moment and repeated, a sweep gives the bytes of an undisturbed one and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from steepest.claims.lab import Lab
from steepest.runs.store import Store

# A process that has imported everything forks one that runs a sweep, kills it after a random time and repeats, until it
# survives; then the next store, until 24 kills. A fork spares the imports of each start.
KILLER = """
import json, os, random, signal, sys, time
from pathlib import Path

import torch

from steepest import Method, Sweep, decades, run
from steepest.data.synthetic import HeavyTailedLabels
from steepest.runs.cost import gemm_rate
from steepest.optim import Adam, GradientDescent
from steepest.runs.execute import execute
from steepest.problems import SoftmaxRegression

torch.set_num_threads(1)
problem = SoftmaxRegression(data=HeavyTailedLabels(m=4))
methods = {Method(GradientDescent): decades(-2, 0), Method(Adam): decades(-3, -1)}
sweep = Sweep(problem=problem, optimizers=methods, steps=15, groups=4, seeds=(0, 1, 2, 3))
gemm_rate(), execute(sweep.spec(Method(Adam), -3.0, 0))  # what the first run loads and measures is inherited
root, draw = Path(sys.argv[1]), random.Random(0)

def started(store):
    process = os.fork()
    if process == 0:
        run(sweep, store=str(store), jobs=1)
        os._exit(0)
    return process

begun = time.monotonic()
os.waitpid(started(root / "undisturbed"), 0)
whole = time.monotonic() - begun
kills, stores = 0, 0
while kills < 24:
    status = None
    while status != 0:
        process = started(root / f"killed-{stores}")
        time.sleep(draw.uniform(0, whole / 2))
        os.kill(process, signal.SIGKILL)
        status = os.waitpid(process, 0)[1]
        assert status in (0, signal.SIGKILL), status
        kills += status == signal.SIGKILL
    stores += 1
print(json.dumps({"kills": kills, "stores": stores}))
"""


def curves(root: Path) -> dict[str, bytes]:
    """Return the curves of every run by id, of a store that has nothing else in it."""
    store = Store(root)
    assert store.damaged() == {}
    assert list(root.rglob(".*")) == []
    assert list(root.glob("damaged-*")) == []
    return {run.id: (run.folder / "curves.parquet").read_bytes() for run in store.all()}


def test_a_sweep_that_is_killed_again_and_again_gives_the_same_bytes(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLER, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads(done.stdout)
    assert summary["kills"] >= 24
    undisturbed = curves(tmp_path / "undisturbed")
    assert len(undisturbed) > 15
    for i in range(summary["stores"]):
        assert curves(tmp_path / f"killed-{i}") == undisturbed


FIGURE = "kunstner2024heavytailed/alternatives"
OPTIONS = ["--scale", "smoke", "--set", "m=5"]


class Command:
    """A command in its own process group, working on a store."""

    def __init__(self, store: Path, *command: str) -> None:
        self.runs = store / "runs"
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, start_new_session=True, text=True, **pipes)  # type: ignore[call-overload]

    def finished_runs(self) -> int:
        names = os.listdir(self.runs) if self.runs.is_dir() else []
        return sum(name[0] != "." for name in names)

    def wait_for(self, happens: Callable[[], bool], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not happens():
            assert time.monotonic() < end
            time.sleep(0.002)

    def wait_for_runs(self, number: int) -> None:
        self.wait_for(lambda: self.finished_runs() >= number or self.process.poll() is not None)
        assert self.process.poll() is None

    def members(self) -> list[int]:
        """Return the living processes of the group."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(group) == self.process.pid and state != "Z":
                found.append(int(stat.parent.name))
        return found

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate()
        return self.process.returncode, out, err


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    lab = Lab.open(FIGURE, scale="smoke", changes={"m": 5}, store=tmp_path_factory.mktemp("undisturbed") / "store")
    for _ in lab.stream():
        pass
    return curves(lab.store.root)


def test_the_command_survives_kills_and_ctrl_c(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    root = tmp_path / "store"
    run = (str(Path(sys.executable).with_name("steepest")), "run", FIGURE, *OPTIONS, "--store", str(root), "--jobs")

    inline = Command(root, *run, "1")
    inline.wait_for_runs(7)
    os.killpg(inline.process.pid, signal.SIGKILL)
    assert inline.end()[0] == -signal.SIGKILL

    orphaning = Command(root, *run, "2")
    orphaning.wait_for_runs(inline.finished_runs() + 7)
    assert len(orphaning.members()) >= 3  # the command, two workers, a tracker of shared resources
    os.kill(orphaning.process.pid, signal.SIGKILL)
    orphaning.wait_for(lambda: orphaning.members() == [], seconds=20.0)
    orphaning.end()

    interrupted = Command(root, *run, "2")
    interrupted.wait_for_runs(orphaning.finished_runs() + 7)
    os.killpg(interrupted.process.pid, signal.SIGINT)
    code, _, err = interrupted.end()
    assert code == 130
    assert err.count("\n") == 1
    interrupted.wait_for(lambda: interrupted.members() == [], seconds=20.0)
    kept = interrupted.finished_runs()
    assert 21 <= kept < len(undisturbed)

    code, out, err = Command(root, *shlex.split(err.rpartition(": ")[2])).end()
    assert (code, err) == (0, "")
    assert "The page: " in out.replace("\n", " ")
    assert curves(root) == undisturbed
