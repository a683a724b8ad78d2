"""Started by `torchrun` in two processes: a whole run, and one that is stopped and goes on. The first process prints both."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from batched import Noise

from steepest import distributed
from steepest.optim import Adam
from steepest.runs import checkpoint
from steepest.runs.execute import execute
from steepest.runs.method import Method
from steepest.runs.record import Recorder
from steepest.runs.spec import Spec
from steepest.runs.train import Event

SPEC = Spec(
    problem=Noise(per_update=6, per_chunk=3, dropout=0.3), method=Method(Adam), lr=0.05, steps=12, groups=2, every=4
)


class Stopped(Exception):  # noqa: N818
    """The machine went down."""


def stopped(self: Recorder, event: Event) -> None:
    see(self, event)
    if event.step == 7:
        raise Stopped


if __name__ == "__main__":
    file = Path(sys.argv[1])
    checkpoint.SECONDS_BETWEEN = 0.0
    see = Recorder.see
    with distributed.joined():
        whole = execute(SPEC)
        Recorder.see = stopped  # type: ignore[method-assign]
        try:
            execute(SPEC, file)
        except Stopped:
            Recorder.see = see  # type: ignore[method-assign]
        distributed.wait()
        there = file.exists()
        resumed = execute(SPEC, file)
        if distributed.rank() == 0:
            curves = [outcome.tables["curves"].to_pydict() for outcome in (whole, resumed)]
            print("RESULT", json.dumps({"whole": curves[0], "resumed": curves[1], "checkpoint": there}))
